//! H.264 passes as it is: the page sees its own camera through Asterisk's echo.

use causeway_harness::asterisk::Trunk;
use causeway_harness::picture::{self, Seen};
use causeway_harness::{LossyNetwork, Result};
use std::time::Duration;

use causeway_interop::{PAGE_HZ, SOON, Site, SitePlan, so};

fn plan() -> SitePlan {
    SitePlan {
        trunk: Trunk {
            endpoint: "allow=h264\nmax_video_streams=1".to_owned(),
            ..Trunk::default()
        },
        trunk_extra: "video = \"h264\"\n".to_owned(),
        ..SitePlan::default()
    }
}

/// Calls the echo with a camera, and looks at what comes back.
async fn sees_itself(site: &Site) -> Result<String> {
    let browser = site.phone.browser();
    browser
        .evaluate(
            "(async () => {
                const sent = new MediaStream([...phone.microphone.getTracks(), ...eyes.camera().getTracks()])
                await phone.place({to: '600', audio: sent, video: true})
                return phone.call.id
            })()",
        )
        .await?;
    site.phone.answered().await?;
    browser
        .evaluate("(eyes.watch('remote', phone.call.remoteStream), true)")
        .await?;
    site.call().await
}

/// One packet in twenty is lost on the way to the box, and one in twenty of those that come back on the way from it.
#[tokio::test]
async fn a_lossy_network_between_page_and_box() -> Result<()> {
    let Some(site) = Site::open(plan()).await? else {
        return Ok(());
    };
    let media = site.causeway.plan().media;
    let network = LossyNetwork::start(media).await?;
    let browser = site.phone.browser();
    picture::give_eyes(browser).await?;
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
    let call = sees_itself(&site).await?;
    Seen::moving(browser, "remote", 3, SOON).await?;
    network.lose(50, 50);
    let before = Seen::from(browser, "remote").await?;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let during = Seen::from(browser, "remote").await?;
    network.lose(0, 0);
    let steps = during.steps.len() - before.steps.len();
    let frames = during.frames - before.frames;
    // Twelve changes were shown, ninety frames sent.
    eprintln!("5 % lost each way: {steps} changes seen of 12, {frames} frames of 90");
    so(&format!("{steps} changes seen"), steps >= 9)?;
    Seen::moving(browser, "remote", 2, Duration::from_millis(1_600)).await?;
    site.hangs_up(&call).await?;
    site.close().await
}

#[tokio::test]
async fn the_page_sees_itself_through_the_pbx() -> Result<()> {
    let Some(site) = Site::open(plan()).await? else {
        return Ok(());
    };
    let browser = site.phone.browser();
    picture::give_eyes(browser).await?;
    let call = sees_itself(&site).await?;
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
