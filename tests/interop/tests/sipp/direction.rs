//! The PBX holds the call in each way a PBX has, and takes it back (RFC 3264 section 8.4).

use causeway_harness::Result;
use causeway_harness::sipp::{Media, Script};
use causeway_interop::stage::Stage;
use causeway_interop::{End, so};

use crate::support::{answers, hung_up};

async fn held_and_back(hold: &Media, answer: &str) -> Result<()> {
    let change = |script: Script, media: &Media, answer: &str| {
        script
            .request_with("INVITE", &[], Some(media))
            .recv_reply_with(200, &[answer], &[])
            .ack()
    };
    let script = change(answers().pause(200), hold, answer);
    let back = Media::usual().version(3);
    let script = change(script.pause(600), &back, "a=sendrecv");
    let Some(mut stage) = Stage::open(hung_up(script)).await? else {
        return Ok(());
    };
    let call = stage.connect().await?;
    stage.reaches(&call, "held").await?;
    stage.reaches(&call, "answered").await?;
    stage.caller.hears(&call, 5).await?;
    let history = stage.caller.history(&call);
    so(
        &format!("held once, by the PBX: {history:?}"),
        history.iter().filter(|s| s.starts_with("held")).count() == 1
            && history.contains(&"held:remote".to_owned()),
    )?;
    let sources = stage.caller.sources(&call);
    so(&format!("one source of sound, not {sources}"), sources == 1)?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("hangup", "local")).await?;
    stage.close().await
}

#[tokio::test]
async fn sendonly() -> Result<()> {
    let hold = Media::usual().version(2).direction("sendonly");
    held_and_back(&hold, "a=recvonly").await
}

#[tokio::test]
async fn inactive() -> Result<()> {
    let hold = Media::usual().version(2).direction("inactive");
    held_and_back(&hold, "a=inactive").await
}

/// The hold of RFC 2543, which many still send: no address at all.
#[tokio::test]
async fn address_0_0_0_0() -> Result<()> {
    let hold = Media::usual().version(2).address("0.0.0.0");
    held_and_back(&hold, "m=audio [0-9]+ RTP/AVP").await
}
