//! A phone with H.264: what the box does not take is refused line by line, and the call is heard.

use causeway_harness::Result;
use causeway_interop::{End, PhonePlan, PhoneSite, so};

#[tokio::test]
async fn an_offer_of_h264_leaves_the_sound_as_it_is() -> Result<()> {
    let plan = PhonePlan {
        video: true,
        ..PhonePlan::default()
    };
    let Some(mut site) = PhoneSite::open(plan).await? else {
        return Ok(());
    };
    let call = site.baresip_calls().await?;
    site.both_hear().await?;
    let offer = site
        .web
        .said(&call, "an INVITE with H.264", |m| {
            !m.sent && m.is("INVITE") && m.text.contains("H264/90000")
        })
        .await?;
    let answer = site
        .web
        .said(&call, "our answer", |m| m.sent && m.answers("INVITE", 200))
        .await?;
    // As many media lines as were offered, in their order (RFC 3264 section 6).
    let media = |text: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix("m="));
        lines
            .map(|line| line.split(' ').next().unwrap_or_default().to_owned())
            .collect()
    };
    so(
        &format!("media line for media line: {}", answer.text),
        media(&offer.text) == ["audio", "video"] && media(&answer.text) == ["audio", "video"],
    )?;
    so(
        &format!("the sound has a port: {}", answer.text),
        answer.text.contains("m=audio ") && !answer.text.contains("m=audio 0 "),
    )?;
    site.baresip.command("hangup", "").await?;
    site.web.ends(&call, End::new("hangup", "remote")).await?;

    // And the other way: what we do not offer is not answered.
    let call = site.page_calls().await?;
    site.both_hear().await?;
    site.page_hangs_up(&call).await?;
    site.close().await
}
