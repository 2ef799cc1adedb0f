//! A phone with H.264 that shows back what it sees: the page's picture goes there, is decoded, and comes back encoded by
//! another encoder than the browser's.

use causeway_harness::Result;
use causeway_harness::picture::{self, Seen};
use causeway_interop::{PhonePlan, PhoneSite, SOON, so};

#[tokio::test]
async fn the_page_calls_and_both_see() -> Result<()> {
    both_see(false).await
}

#[tokio::test]
async fn the_same_through_srtp() -> Result<()> {
    both_see(true).await
}

#[tokio::test]
async fn the_phone_calls_and_both_see() -> Result<()> {
    let Some(mut site) = PhoneSite::open(plan(false)).await? else {
        return Ok(());
    };
    picture::give_eyes(site.web.phone.browser()).await?;
    site.web.phone.register().await?;
    site.baresip.command("dial", &site.account.clone()).await?;
    site.web.phone.rung(SOON).await?;
    let call = site.web.call().await?;
    let accept = format!("phone.call.accept({{audio: {SENT}, video: true}}).then(() => true)");
    site.web.phone.browser().evaluate(&accept).await?;
    site.web.phone.answered().await?;
    sees(&mut site).await?;
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

/// What the page sends: its microphone, and a camera that can be recognised.
const SENT: &str =
    "new MediaStream([...phone.microphone.getTracks(), ...eyes.camera().getTracks()])";

fn plan(srtp: bool) -> PhonePlan {
    PhonePlan {
        video: true,
        picture: true,
        srtp,
        // With keys for both an INVITE is too large for UDP (RFC 3261 section 18.1.1).
        kept_open: usize::from(srtp),
        ..PhonePlan::default()
    }
}

async fn both_see(srtp: bool) -> Result<()> {
    let Some(mut site) = PhoneSite::open(plan(srtp)).await? else {
        return Ok(());
    };
    let browser = site.web.phone.browser();
    picture::give_eyes(browser).await?;
    let from = site.baresip.mark();
    let place = format!("phone.place({{to: '100', audio: {SENT}, video: true}})");
    browser.evaluate(&place).await?;
    let call = site.web.call().await?;
    site.web.phone.answered().await?;
    site.baresip.event("CALL_ESTABLISHED", from, SOON).await?;
    sees(&mut site).await?;
    site.page_hangs_up(&call).await?;
    site.close().await
}

/// The page sees its own camera in the phone's picture, and both hear each other.
async fn sees(site: &mut PhoneSite) -> Result<()> {
    let browser = site.web.phone.browser();
    browser
        .evaluate("(eyes.watch('remote', phone.call.remoteStream), true)")
        .await?;
    let seen = Seen::moving(browser, "remote", 5, SOON).await;
    let seen = seen.map_err(|error| site.baresip.told(&error.to_string()))?;
    let answered = browser.evaluate("phone.answered").await?.as_f64();
    let first = seen.first - answered.unwrap_or(0.0);
    let (width, height) = (seen.width, seen.height);
    eprintln!(
        "first frame {first:.2} s after the answer, {width}×{height}, {} frames",
        seen.frames
    );
    so(&format!("first frame after {first:.2} s"), first < 1.0)?;
    site.web.phone.listen().await?;
    site.both_hear().await
}
