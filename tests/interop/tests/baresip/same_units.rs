//! H.264 passes as it is: every NAL unit that Chromium's encoder makes reaches the phone octet for octet, and every one
//! of the phone's encoder reaches Chromium's decoder.

use causeway_harness::Result;
use causeway_harness::capture::Capture;
use causeway_harness::nal_units::{self, Unit, note_frames, noted, on_the_wire};
use causeway_harness::picture::{self, Seen};
use causeway_interop::{PhonePlan, PhoneSite, SOON, picture_ports, skipped, so};
use std::path::Path;
use std::time::Duration;

/// A sequence parameter set (ITU-T H.264 table 7-1).
const SPS: u8 = 7;
const SENT: &str =
    "new MediaStream([...phone.microphone.getTracks(), ...eyes.camera(640, 480).getTracks()])";

#[tokio::test]
async fn octets_are_the_same_on_both_sides() -> Result<()> {
    let plan = PhonePlan {
        video: true,
        picture: true,
        alone: true,
        ..PhonePlan::default()
    };
    let Some(mut site) = PhoneSite::open(plan).await? else {
        return Ok(());
    };
    let ports = site.web.causeway.plan();
    let Some(capture) = Capture::start(ports.rtp_first, ports.rtp_count)? else {
        skipped("only root may look at what passes");
        return site.close().await;
    };
    let browser = site.web.phone.browser();
    picture::give_eyes(browser).await?;
    note_frames(browser).await?;
    let from = site.baresip.mark();
    let place = format!("phone.place({{to: '100', audio: {SENT}, video: true}})");
    browser.evaluate(&place).await?;
    let call = site.web.call().await?;
    site.web.phone.answered().await?;
    site.baresip.event("CALL_ESTABLISHED", from, SOON).await?;
    let browser = site.web.phone.browser();
    let watch = "(eyes.watch('remote', phone.call.remoteStream), true)";
    browser.evaluate(watch).await?;
    Seen::moving(browser, "remote", 8, SOON).await?;
    let received = noted(browser, "received").await?;
    let datagrams = capture.stop()?;
    let browser = site.web.phone.browser();
    let kept = |name: &str| Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    picture::keep_screenshot(browser, &kept("chromium-baresip-page.png")).await?;
    let phone = kept("chromium-baresip-phone.png");
    site.baresip.snapshot(&phone).await?;
    let browser = site.web.phone.browser();
    let (step, wide, high) = picture::still(browser, &phone).await?;
    eprintln!("{wide}×{high} with {step}: see {}", phone.display());
    so(&format!("the phone sees {step}"), !step.is_empty())?;
    // What passed last is noted by then.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (box_port, phone_port) = picture_ports(&site.web.causeway, &call).await?;
    let sent = noted(browser, "sent").await?;
    let to_phone = on_the_wire(&datagrams, box_port, phone_port)?;
    let from_phone = on_the_wire(&datagrams, phone_port, box_port)?;
    let there = nal_units::same(&sent, &to_phone)?;
    eprintln!("page to phone: {there:?}");
    // Chromium itself writes the SPS anew before its decoder is given it: how many frames may be reordered is more
    // than x264 says there. Everything else has to be as it was.
    let pictures = |units: Vec<Unit>| Vec::from_iter(units.into_iter().filter(|u| u.kind != SPS));
    let back = nal_units::same(&pictures(from_phone), &pictures(received))?;
    eprintln!("phone to page: {back:?}");
    for (way, same) in [("to the phone", there), ("to the page", back)] {
        so(&format!("{way} {same:?}"), same.units >= 50 && same.key > 0)?;
    }
    site.page_hangs_up(&call).await?;
    site.close().await
}
