//! Firefox has VP8 and no H.264, the phone H.264 and no VP8: the box stands between. The phone shows back what it sees, so
//! what the page sees of its camera was decoded by the phone, and by the box in both directions.

use causeway_harness::picture::{self, Seen};
use causeway_harness::{LossyNetwork, Result};
use causeway_interop::{PhonePlan, PhoneSite, SOON, so};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the page sends: its microphone, and a camera that can be recognised.
const CAMERA: &str = "(window.sent = new MediaStream([...phone.microphone.getTracks(), ...eyes.camera(640, 360).getTracks()]), true)";
/// The camera changes its colours twice a second.
const COLOURS_S: f64 = 0.5;

async fn site() -> Result<Option<PhoneSite>> {
    let plan = PhonePlan {
        video: true,
        picture: true,
        firefox: true,
        alone: true,
        ..PhonePlan::default()
    };
    let site = PhoneSite::open(plan).await?;
    if let Some(site) = &site {
        let browser = site.web.phone.browser();
        picture::give_eyes(browser).await?;
        browser.evaluate(CAMERA).await?;
    }
    Ok(site)
}

/// The page calls, and looks at what comes back; the box's name for the call.
async fn page_calls(site: &mut PhoneSite) -> Result<String> {
    let browser = site.web.phone.browser();
    let from = site.baresip.mark();
    let place = "phone.place({to: '100', audio: sent, video: true})";
    browser.evaluate(place).await?;
    let call = site.web.call().await?;
    site.web.phone.answered().await?;
    watch(site).await?;
    site.baresip.event("CALL_ESTABLISHED", from, SOON).await?;
    Ok(call)
}

async fn watch(site: &PhoneSite) -> Result<()> {
    let watch = "(eyes.watch('remote', phone.call.remoteStream), true)";
    site.web.phone.browser().evaluate(watch).await.map(|_| ())
}

/// A file to be looked at afterwards.
fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Page and phone see and hear each other: the page within a second of the answer, and from then on what moves. The
/// phone has no picture but the page's own, so all of it has gone there and back by then.
async fn both_see(site: &mut PhoneSite, name: &str) -> Result<()> {
    let browser = site.web.phone.browser();
    let seen = Seen::moving(browser, "remote", 5, SOON).await;
    let seen = seen.map_err(|error| site.baresip.told(&error.to_string()))?;
    let answered = browser.evaluate("phone.answered").await?.as_f64();
    let answered = answered.unwrap_or(0.0);
    let shown = seen.first - answered;
    let known = |n: usize| seen.times.get(n).map_or(f64::MAX, |at| at - answered);
    let (first, moves) = (known(0), known(1));
    let (width, height) = (seen.width, seen.height);
    let pictures = ["page", "phone"].map(|side| kept(&format!("{name}-{side}.png")));
    let [page, phone] = &pictures;
    picture::keep_screenshot(browser, page).await?;
    site.baresip.snapshot(phone).await?;
    let (step, wide, high) = picture::still(site.web.phone.browser(), phone).await?;
    eprintln!(
        "{name}: first frame shown {shown:.2} s after the answer, known after {first:.2} s, another after {moves:.2} s; the page sees \
         {width}×{height}, the phone {wide}×{high} with {step}; see {} and {}",
        page.display(),
        phone.display()
    );
    so(&format!("first frame after {first:.2} s"), first < 1.0)?;
    so(
        &format!("it moves after {moves:.2} s"),
        moves < 1.0 + COLOURS_S,
    )?;
    so(
        &format!("the phone sees {step}"),
        ["rb", "gr", "bg"].contains(&step.as_str()),
    )?;
    site.web.phone.listen().await?;
    site.both_hear().await
}

#[tokio::test]
async fn the_page_calls_and_both_see() -> Result<()> {
    let Some(mut site) = site().await? else {
        return Ok(());
    };
    let call = page_calls(&mut site).await?;
    let offered = |m: &causeway_interop::Said| {
        m.sent && m.is("INVITE") && m.text.contains("H264/90000") && !m.text.contains("VP8")
    };
    site.web
        .said(&call, "an INVITE with H.264", offered)
        .await?;
    both_see(&mut site, "firefox-calls").await?;
    let record = site.page_hangs_up(&call).await?;
    for way in ["to_browser", "to_pbx"] {
        let picture = &record["picture"][way];
        let is_transcoded = |field: &str| picture[field].as_u64().is_some_and(|figure| figure > 0);
        so(
            &format!("the record has the picture {way}: {picture}"),
            ["frames", "key_frames", "transcode_ms"]
                .into_iter()
                .all(is_transcoded),
        )?;
    }
    let metrics = site.web.causeway.metrics().await?;
    let transcoded = metrics.get("causeway_media_video_transcode_frames_in");
    so(
        &format!("{transcoded:?} frames were transcoded"),
        transcoded.is_some_and(|frames| *frames > 10.0),
    )?;
    site.close().await
}

#[tokio::test]
async fn the_phone_calls_and_both_see() -> Result<()> {
    let Some(mut site) = site().await? else {
        return Ok(());
    };
    site.web.phone.register().await?;
    site.baresip.command("dial", &site.account.clone()).await?;
    site.web.phone.rung(SOON).await?;
    let call = site.web.call().await?;
    let browser = site.web.phone.browser();
    let accept = "phone.call.accept({audio: sent, video: true}).then(() => true)";
    browser.evaluate(accept).await?;
    site.web.phone.answered().await?;
    watch(&site).await?;
    both_see(&mut site, "firefox-is-called").await?;
    // A hold stops the picture, and its end brings it back whole.
    let browser = site.web.phone.browser();
    for what in ["hold", "resume"] {
        let done = format!("phone.call.{what}().then(() => true)");
        browser.evaluate(&done).await?;
    }
    Seen::moving(browser, "remote", 4, SOON).await?;
    site.page_hangs_up(&call).await?;
    site.close().await
}

/// One packet in twenty is lost each way between page and box.
#[tokio::test]
async fn a_lossy_network_between_page_and_box() -> Result<()> {
    let Some(mut site) = site().await? else {
        return Ok(());
    };
    let media = site.web.causeway.plan().media;
    let network = LossyNetwork::start(media).await?;
    let browser = site.web.phone.browser();
    // The page finds the box behind the network.
    let (box_port, network_port) = (media.port(), network.address().port());
    browser
        .evaluate(&format!(
            "(() => {{
                const set = RTCPeerConnection.prototype.setRemoteDescription
                RTCPeerConnection.prototype.setRemoteDescription = function ({{type, sdp}}) {{
                    return set.call(this, {{type, sdp: sdp.replaceAll(' {box_port} typ', ' {network_port} typ')}})
                }}
                return true
            }})()"
        ))
        .await?;
    let call = page_calls(&mut site).await?;
    let browser = site.web.phone.browser();
    Seen::moving(browser, "remote", 3, SOON).await?;
    network.lose(50, 50);
    let before = Seen::from(browser, "remote").await?;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let during = Seen::from(browser, "remote").await?;
    network.lose(0, 0);
    let over = browser.evaluate("phone.now()").await?.as_f64();
    let over = over.unwrap_or(f64::MAX);
    let steps = during.steps.len() - before.steps.len();
    let frames = during.frames - before.frames;
    Seen::moving(browser, "remote", 3, SOON).await?;
    let after = Seen::from(browser, "remote").await?;
    let back = after.times.iter().find(|at| **at > over);
    let back = back.map_or(f64::MAX, |at| at - over);
    // Twelve changes were shown, ninety frames sent.
    eprintln!(
        "5 % lost each way: {steps} changes seen of 12, {frames} frames of 90; the next change {back:.2} s after the end"
    );
    so(&format!("{steps} changes seen"), steps >= 8)?;
    // The camera itself changes twice a second.
    so(&format!("whole again after {back:.2} s"), back <= 1.0)?;
    site.page_hangs_up(&call).await?;
    site.close().await
}
