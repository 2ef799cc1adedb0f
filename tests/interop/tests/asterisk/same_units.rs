//! H.264 passes as it is: every NAL unit of Chromium's encoder reaches Asterisk octet for octet, and every one that its
//! echo sends reaches Chromium's decoder; so what is shown is what was sent.

use causeway_harness::Result;
use causeway_harness::asterisk::Trunk;
use causeway_harness::capture::Capture;
use causeway_harness::nal_units::{self, note_frames, noted, on_the_wire};
use causeway_harness::picture::{self, Seen};
use causeway_interop::{SOON, Site, SitePlan, picture_ports, skipped, so};
use std::path::Path;
use std::time::Duration;

#[tokio::test]
async fn octets_are_the_same_on_both_sides() -> Result<()> {
    let plan = SitePlan {
        trunk: Trunk {
            endpoint: "allow=h264\nmax_video_streams=1".to_owned(),
            ..Trunk::default()
        },
        trunk_extra: "video = \"h264\"\n".to_owned(),
        ..SitePlan::default()
    };
    let Some(site) = Site::open(plan).await? else {
        return Ok(());
    };
    let ports = site.causeway.plan();
    let Some(capture) = Capture::start(ports.rtp_first, ports.rtp_count)? else {
        skipped("only root may look at what passes");
        return site.close().await;
    };
    let browser = site.phone.browser();
    picture::give_eyes(browser).await?;
    note_frames(browser).await?;
    browser
        .evaluate(
            "(async () => {
                const camera = eyes.camera(640, 480).getTracks()
                const sent = new MediaStream([...phone.microphone.getTracks(), ...camera])
                await phone.place({to: '600', audio: sent, video: true})
                return true
            })()",
        )
        .await?;
    let call = site.call().await?;
    site.phone.answered().await?;
    let watch = "(eyes.watch('remote', phone.call.remoteStream), true)";
    browser.evaluate(watch).await?;
    Seen::moving(browser, "remote", 8, SOON).await?;
    let received = noted(browser, "received").await?;
    let datagrams = capture.stop()?;
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("chromium-asterisk-page.png");
    picture::keep_screenshot(browser, &kept).await?;
    eprintln!("what the page sees of Asterisk's echo: {}", kept.display());
    // What passed last is noted by then.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (box_port, pbx_port) = picture_ports(&site.causeway, &call).await?;
    let sent = noted(browser, "sent").await?;
    let to_pbx = on_the_wire(&datagrams, box_port, pbx_port)?;
    let from_pbx = on_the_wire(&datagrams, pbx_port, box_port)?;
    let there = nal_units::same(&sent, &to_pbx)?;
    let back = nal_units::same(&from_pbx, &received)?;
    eprintln!("page to Asterisk: {there:?}; Asterisk to page: {back:?}");
    for (way, same) in [("to Asterisk", there), ("to the page", back)] {
        so(&format!("{way} {same:?}"), same.units >= 50 && same.key > 0)?;
    }
    site.hangs_up(&call).await?;
    site.close().await
}
