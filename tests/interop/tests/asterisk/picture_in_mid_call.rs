//! The page brings its camera into a call that stands: Asterisk's echo shows it back, and an Asterisk of sound alone leaves
//! the call as it was.

use causeway_harness::Result;
use causeway_harness::asterisk::Trunk;
use causeway_harness::picture::{self, Seen};
use causeway_interop::{PAGE_HZ, SOON, Site, SitePlan, equal, so};
use serde_json::json;

/// Between two packets of sound at the page, in milliseconds.
/// It is 20 to 60 on a machine that has nothing else to do; a stream that began anew would take half a second.
const MOST_MS: f64 = 250.0;

/// A call to the echo, which is heard.
async fn talking(endpoint: &str) -> Result<Option<(Site, String)>> {
    let plan = SitePlan {
        trunk: Trunk {
            endpoint: endpoint.to_owned(),
            ..Trunk::default()
        },
        trunk_extra: "video = \"h264\"\n".to_owned(),
        ..SitePlan::default()
    };
    let Some(site) = Site::open(plan).await? else {
        return Ok(None);
    };
    picture::give_eyes(site.phone.browser()).await?;
    site.phone.place("600").await?;
    site.phone.answered().await?;
    site.phone.listen().await?;
    site.phone.hears(PAGE_HZ, SOON).await?;
    site.phone.watch_gaps().await?;
    let call = site.call().await?;
    Ok(Some((site, call)))
}

async fn was_heard(site: &Site) -> Result<()> {
    site.phone.hears(PAGE_HZ, SOON).await?;
    let gap = site.phone.longest_gap_ms().await?;
    eprintln!("longest time between two packets of sound: {gap:.0} ms");
    so(&format!("{gap:.0} ms of silence"), gap <= MOST_MS)
}

#[tokio::test]
async fn the_page_sees_itself_and_goes_on() -> Result<()> {
    let Some((site, call)) = talking("allow=h264\nmax_video_streams=1").await? else {
        return Ok(());
    };
    let browser = site.phone.browser();
    let shown = "phone.call.setVideo(eyes.camera()).then(() => phone.now())";
    let shown = browser.evaluate(shown).await?.as_f64().unwrap_or(0.0);
    let watch = "(eyes.watch('remote', phone.call.remoteStream), true)";
    browser.evaluate(watch).await?;
    let seen = Seen::moving(browser, "remote", 4, SOON).await?;
    let known = seen.times.first().map_or(f64::MAX, |at| at - shown);
    eprintln!("the page sees itself {known:.2} s after the answer");
    so(&format!("the camera after {known:.2} s"), known < 1.0)?;
    browser
        .evaluate("phone.call.setVideo(false).then(() => true)")
        .await?;
    was_heard(&site).await?;
    site.hangs_up(&call).await?;
    site.close().await
}

#[tokio::test]
async fn an_asterisk_of_sound_alone() -> Result<()> {
    let Some((site, call)) = talking("").await? else {
        return Ok(());
    };
    let asked = "phone.call.setVideo(eyes.camera()).then(() => 'taken', error => error.code)";
    let answer = site.phone.browser().evaluate(asked).await?;
    equal("the answer", &answer, &json!("refused"))?;
    was_heard(&site).await?;
    // A camera that is there from the beginning is told the same.
    site.hangs_up(&call).await?;
    let place = "(async () => {
        const sent = new MediaStream([...phone.microphone.getTracks(), ...eyes.camera().getTracks()])
        await phone.place({to: '600', audio: sent, video: true})
        return true
    })()";
    site.phone.browser().evaluate(place).await?;
    site.phone.answered().await?;
    let off = "phone.call.localStream.getVideoTracks().length === 0";
    site.phone
        .browser()
        .until("the camera off", off, SOON)
        .await?;
    site.phone.listen().await?;
    site.phone.hears(PAGE_HZ, SOON).await?;
    let call = site.call().await?;
    site.hangs_up(&call).await?;
    site.close().await
}
