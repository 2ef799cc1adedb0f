//! H.264 passes as it is: the page sees its own camera through Asterisk's echo.

use causeway_harness::Result;
use causeway_harness::asterisk::Trunk;
use causeway_harness::picture::{self, Seen};
use causeway_interop::{PAGE_HZ, SOON, Site, SitePlan, so};

#[tokio::test]
async fn the_page_sees_itself_through_the_pbx() -> Result<()> {
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
    let browser = site.phone.browser();
    picture::give_eyes(browser).await?;
    browser
        .evaluate(
            "(async () => {
                const sent = new MediaStream([...phone.microphone.getTracks(), ...eyes.camera().getTracks()])
                await phone.place({to: '600', audio: sent, video: true})
                return phone.call.id
            })()",
        )
        .await?;
    let call = site.call().await?;
    site.phone.answered().await?;
    browser
        .evaluate("(eyes.watch('remote', phone.call.remoteStream), true)")
        .await?;
    site.said(&call, "an INVITE with H.264", |m| {
        m.sent && m.is("INVITE") && m.text.contains("H264/90000")
    })
    .await?;
    let seen = Seen::moving(browser, "remote", 5, SOON).await?;
    let answered = browser.evaluate("phone.answered").await?.as_f64();
    let first = seen.first - answered.unwrap_or(0.0);
    let size = format!("{}×{}", seen.width, seen.height);
    eprintln!(
        "first frame {first:.2} s after the answer, {size}, {} frames",
        seen.frames
    );
    so(&format!("first frame after {first:.2} s"), first < 1.0)?;
    so(&format!("as it was sent, {size}"), size == "320×240")?;

    // Asterisk agrees on no feedback in RTCP, so whole pictures are asked for in SIP (RFC 5168).
    site.said(&call, "our INFO for a whole picture", |m| {
        m.sent && m.is("INFO") && m.text.contains("picture_fast_update")
    })
    .await?;
    site.phone.listen().await?;
    site.phone.hears(PAGE_HZ, SOON).await?;
    site.hangs_up(&call).await?;
    site.close().await
}
