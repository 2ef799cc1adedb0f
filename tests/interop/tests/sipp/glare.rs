//! Both sides change the session at once: 491 both ways, and both come through later (RFC 3261 section 14.1).

use causeway_harness::Result;
use causeway_harness::scene::ACCOUNT;
use causeway_harness::sipp::{Media, Script};
use causeway_interop::stage::Stage;
use causeway_interop::{End, so};
use serde_json::json;

use crate::support::{answers, hung_up};

/// Our hold crosses theirs; each is refused, the PBX tries again after `theirs` ms, we in our own time.
fn glare(script: Script, theirs: u32) -> Script {
    let media = Media::usual().version(2);
    let script = script
        .recv_with("INVITE", &["a=sendonly"], &[])
        .request_with("INVITE", &[], Some(&media))
        .recv_reply(491)
        .ack_refusal()
        .reply("INVITE", "491 Request Pending")
        .recv("ACK");
    let again = |script: Script| {
        script
            .request_with("INVITE", &[], Some(&media))
            .recv_reply(200)
            .ack()
    };
    let ours = |script: Script| {
        let answer = Media::usual().version(3).direction("recvonly");
        script
            .recv_with("INVITE", &["a=sendonly"], &[])
            .reply_sdp("200 OK", &answer)
            .recv("ACK")
    };
    let script = if theirs < 2_000 {
        ours(again(script.pause(theirs)))
    } else {
        again(ours(script))
    };
    hung_up(script)
}

async fn held_in_the_end(mut stage: Stage, call: String) -> Result<()> {
    // No offer before the ACK of the call itself (RFC 3261 section 14.1).
    stage
        .caller
        .listen(std::time::Duration::from_millis(200))
        .await?;
    stage
        .caller
        .must(json!({"type": "call.hold", "call": call}))
        .await?;
    stage.reaches(&call, "held").await?;
    stage
        .caller
        .listen(std::time::Duration::from_millis(500))
        .await?;
    let history = stage.caller.history(&call);
    so(
        &format!("held by the page: {history:?}"),
        history.last().is_some_and(|s| s == "held:local"),
    )?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("hangup", "local")).await?;
    stage.close().await
}

/// We made the Call-ID, so we wait longer (2.1 to 4 s) than the PBX.
#[tokio::test]
async fn the_box_called() -> Result<()> {
    let Some(mut stage) = Stage::open(glare(answers(), 300)).await? else {
        return Ok(());
    };
    let call = stage.connect().await?;
    held_in_the_end(stage, call).await
}

/// The PBX made the Call-ID: we come first (0 to 2 s).
#[tokio::test]
async fn the_pbx_called() -> Result<()> {
    let script = Script::calling()
        .invite(ACCOUNT.1, &[], Some(&Media::usual()))
        .recv_reply(200)
        .ack();
    let Some(mut stage) = Stage::open(glare(script, 3_000)).await? else {
        return Ok(());
    };
    let call = stage.answer().await?;
    held_in_the_end(stage, call).await
}
