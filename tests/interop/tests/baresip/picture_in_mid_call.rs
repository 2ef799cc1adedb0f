//! A call begins with sound alone, the page brings its camera in mid-call and takes it away again: both see while it is
//! there, and both hear all the time. The phone shows back what it sees.

use causeway_harness::Result;
use causeway_harness::capture::{Capture, longest_gap_ms};
use causeway_harness::picture::{self, Seen};
use causeway_interop::{PhonePlan, PhoneSite, SOON, equal, skipped, so};
use serde_json::{Value, json};
use std::time::Duration;

/// Between two packets of sound, in milliseconds, at either side.
/// It is 20 to 60 on a machine that has nothing else to do; a stream that began anew would take half a second.
const MOST_MS: f64 = 250.0;

fn plan() -> PhonePlan {
    PhonePlan {
        video: true,
        picture: true,
        alone: true,
        ..PhonePlan::default()
    }
}

/// What the page knows of its picture: whether there is one, and the tracks that it sends and gets.
async fn pictured(site: &PhoneSite) -> Result<Value> {
    let known = "[phone.call.video, phone.call.localStream.getVideoTracks().length, \
                  phone.call.remoteStream.getVideoTracks().length]";
    site.web.phone.browser().evaluate(known).await
}

/// What page and box counted of pictures, for whoever looks for one that does not come.
async fn figures(site: &PhoneSite) -> Result<String> {
    let of_page = "phone.call.peerConnection.getStats().then(all => [...all.values()]
        .filter(s => s.kind === 'video' && s.type.includes('bound-rtp'))
        .map(({type, ssrc, packetsSent, packetsReceived, packetsLost, framesSent, framesReceived, framesDecoded, pliCount, nackCount}) =>
            ({type, ssrc, packetsSent, packetsReceived, packetsLost, framesSent, framesReceived, framesDecoded, pliCount, nackCount})))";
    let page = site.web.phone.browser().evaluate(of_page).await?;
    let metrics = site.web.causeway.metrics().await?;
    let box_counts = metrics.iter().filter(|(name, _)| {
        ["video", "dropped", "refused"]
            .iter()
            .any(|part| name.contains(part))
    });
    let box_counts: Vec<_> = box_counts.filter(|(_, value)| **value != 0.0).collect();
    Ok(format!("page: {page}\nbox: {box_counts:?}"))
}

/// The page shows its camera, and sees it in what comes back, within a second.
async fn shows(site: &PhoneSite, name: &str) -> Result<()> {
    let browser = site.web.phone.browser();
    let begun = "phone.call.setVideo(eyes.camera()).then(() => phone.now())";
    let begun = browser.evaluate(begun).await?.as_f64().unwrap_or(0.0);
    // Its tracks alone: what is looked at does not wait for a sound card.
    browser
        .evaluate(&format!(
            "(eyes.watch('{name}', new MediaStream(phone.call.remoteStream.getVideoTracks())), true)"
        ))
        .await?;
    let seen = match Seen::moving(browser, name, 4, SOON).await {
        Ok(seen) => seen,
        Err(error) => {
            let figures = figures(site).await?;
            return Err(site.baresip.told(&format!("{error}\n{figures}")));
        }
    };
    let first = seen.first - begun;
    let known = seen.times.first().map_or(f64::MAX, |at| at - begun);
    eprintln!(
        "{name}: first frame {first:.2} s after the answer, the camera known in it after {known:.2} s, {}×{}",
        seen.width, seen.height
    );
    so(&format!("first frame after {first:.2} s"), first < 1.0)?;
    so(&format!("the camera after {known:.2} s"), known < 1.0)?;
    equal(
        "what the page knows",
        &pictured(site).await?,
        &json!([true, 1, 1]),
    )
}

async fn hides(site: &PhoneSite) -> Result<()> {
    let hidden = "phone.call.setVideo(false).then(() => true)";
    site.web.phone.browser().evaluate(hidden).await?;
    equal(
        "what the page knows",
        &pictured(site).await?,
        &json!([false, 0, 0]),
    )
}

async fn comes_and_goes(plan: PhonePlan) -> Result<()> {
    let Some(mut site) = PhoneSite::open(plan).await? else {
        return Ok(());
    };
    let ports = site.web.causeway.plan();
    let capture = Capture::start(ports.rtp_first, ports.rtp_count)?;
    if capture.is_none() {
        skipped("only root may look at what passes: no gaps on the phone's side");
    }
    picture::give_eyes(site.web.phone.browser()).await?;
    let call = site.page_calls().await?;
    site.both_hear().await?;
    site.web.phone.watch_gaps().await?;
    let began = std::time::Instant::now();

    shows(&site, "first").await?;
    let phones = format!("{}/mid-call-phone.png", env!("CARGO_TARGET_TMPDIR"));
    site.baresip.snapshot(phones.as_ref()).await?;
    let browser = site.web.phone.browser();
    let (step, wide, high) = picture::still(browser, phones.as_ref()).await?;
    so(
        &format!("the phone sees {step}, {wide}×{high}"),
        ["rb", "gr", "bg"].contains(&step.as_str()),
    )?;
    hides(&site).await?;
    site.both_hear().await?;
    tokio::time::sleep(Duration::from_millis(500)).await;

    let at_page = site.web.phone.longest_gap_ms().await?;
    let wire = causeway_interop::wire(&site.web.causeway, &call).await?;
    let audio = |sent: bool| -> Option<u16> {
        let port = |text: &str| {
            let (_, media) = text.split_once("\r\nm=audio ")?;
            media.split(' ').next()?.parse().ok()
        };
        let mut said = wire.iter().rev().filter(|m| m.sent == sent);
        said.find_map(|m| port(&m.text))
    };
    let (ours, theirs) = (audio(true).unwrap_or(0), audio(false).unwrap_or(0));
    if let Some(capture) = capture {
        let mut kept = capture.stop_timed()?;
        kept.retain(|(at, _)| *at > began);
        let gap = longest_gap_ms(&kept, ours, theirs).unwrap_or(f64::MAX);
        eprintln!(
            "longest time between two packets of sound: page {at_page:.0} ms, phone {gap:.0} ms"
        );
        so(
            &format!("{gap:.0} ms of silence at the phone"),
            gap <= MOST_MS,
        )?;
    }
    so(
        &format!("{at_page:.0} ms of silence at the page"),
        at_page <= MOST_MS,
    )?;

    // It holds and resumes as ever, and the picture comes back into a call that was held.
    let browser = site.web.phone.browser();
    for what in ["hold", "resume"] {
        let done = format!("phone.call.{what}().then(() => true)");
        browser.evaluate(&done).await?;
    }
    shows(&site, "again").await?;
    let told = site.web.phone.events("video").await?;
    let told: Vec<&Value> = told.iter().map(|event| &event["args"][0]).collect();
    equal(
        "what the page was told",
        &json!(told),
        &json!([true, false, true]),
    )?;
    let record = site.page_hangs_up(&call).await?;
    for way in ["to_browser", "to_pbx"] {
        let frames = record["picture"][way]["frames"].as_u64().unwrap_or(0);
        so(&format!("frames {way}: {}", record["picture"]), frames > 10)?;
    }
    site.close().await
}

#[tokio::test]
async fn the_page_brings_its_camera_and_takes_it_away() -> Result<()> {
    comes_and_goes(plan()).await
}

/// The same with pictures that the box transcodes.
#[tokio::test]
async fn the_same_in_firefox() -> Result<()> {
    let plan = PhonePlan {
        firefox: true,
        ..plan()
    };
    comes_and_goes(plan).await
}

/// The telephone has no picture: the page is told, and goes on with its call.
#[tokio::test]
async fn a_phone_without_pictures() -> Result<()> {
    let plan = PhonePlan {
        video: false,
        ..plan()
    };
    let Some(mut site) = PhoneSite::open(plan).await? else {
        return Ok(());
    };
    picture::give_eyes(site.web.phone.browser()).await?;
    let call = site.page_calls().await?;
    site.both_hear().await?;
    site.web.phone.watch_gaps().await?;
    let asked = "phone.call.setVideo(eyes.camera()).then(() => 'taken', error => error.code)";
    let browser = site.web.phone.browser();
    equal(
        "the answer",
        &browser.evaluate(asked).await?,
        &json!("refused"),
    )?;
    equal(
        "what the page knows",
        &pictured(&site).await?,
        &json!([false, 0, 0]),
    )?;
    site.both_hear().await?;
    let gap = site.web.phone.longest_gap_ms().await?;
    so(
        &format!("{gap:.0} ms of silence at the page"),
        gap <= MOST_MS,
    )?;
    site.page_hangs_up(&call).await?;
    site.close().await
}
