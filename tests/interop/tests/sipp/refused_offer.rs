//! A session that one side cannot take: 488 with a Warning, and the call goes on as it was (RFC 3261 section 14.2).

use causeway_harness::Result;
use causeway_harness::scene::ACCOUNT;
use causeway_harness::sipp::{Media, Script};
use causeway_interop::stage::{Stage, StagePlan};
use causeway_interop::{End, equal, so};
use serde_json::json;

use crate::support::{answers, hung_up};

fn g729() -> Media {
    Media::usual()
        .version(2)
        .formats("18", &["a=rtpmap:18 G729/8000"])
}

/// The PBX wants a codec we do not have.
#[tokio::test]
async fn theirs_in_mid_call() -> Result<()> {
    let script = answers()
        .pause(200)
        .request_with("INVITE", &[], Some(&g729()))
        .recv_reply_with(488, &["Warning: 3[0-9][0-9] "], &[])
        .ack_refusal();
    let Some(mut stage) = Stage::open(hung_up(script)).await? else {
        return Ok(());
    };
    let call = stage.connect().await?;
    stage
        .caller
        .listen(std::time::Duration::from_millis(600))
        .await?;
    stage.caller.hears(&call, 10).await?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("hangup", "local")).await?;
    stage.close().await
}

/// The same at the beginning: nothing rings.
#[tokio::test]
async fn theirs_at_the_beginning() -> Result<()> {
    let script = Script::calling()
        .invite(ACCOUNT.1, &[], Some(&g729()))
        .recv_reply_with(488, &["Reason: Q.850;cause=88"], &[])
        .ack_refused_call(ACCOUNT.1);
    let Some(mut stage) = Stage::open(script).await? else {
        return Ok(());
    };
    stage.pbx.done().await?;
    let rung = stage
        .caller
        .listen(std::time::Duration::from_millis(200))
        .await;
    so(&format!("nothing rang: {rung:?}"), rung.is_ok())?;
    let records = stage.causeway.records().await?;
    so(&format!("no record: {records:?}"), records.is_empty())?;
    stage.close().await
}

/// The PBX refuses an INVITE because there is a picture in it: the same call goes on without.
#[tokio::test]
async fn our_picture() -> Result<()> {
    let script = Script::called()
        .noting("m=video [1-9]", "picture")
        .recv("INVITE")
        .raw("<nop next=\"1\" test=\"picture\"/>")
        .reply_sdp("200 OK", &Media::usual())
        .recv("ACK")
        .recv("BYE")
        .reply("BYE", "200 OK")
        .raw("<nop next=\"2\"/>\n<label id=\"1\"/>")
        .reply("INVITE", "488 Not Acceptable Here")
        .recv("ACK")
        .raw("<label id=\"2\"/>")
        .times(2);
    let plan = StagePlan {
        trunk: "video = \"h264\"".to_owned(),
        ..StagePlan::default()
    };
    let Some(mut stage) = Stage::open_with(script, plan).await? else {
        return Ok(());
    };
    let call = stage.caller.place_with_picture("100").await?;
    stage.reaches(&call, "answered").await?;
    let invites = stage.pbx.received("INVITE");
    let with: Vec<bool> = invites.iter().map(|m| m.contains("m=video")).collect();
    so(
        &format!("with a picture, then without: {with:?}"),
        with == [true, false],
    )?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("hangup", "local")).await?;
    stage.close().await
}

/// The PBX does not take our hold: the page is told, and nobody is held.
#[tokio::test]
async fn our_hold() -> Result<()> {
    let warning = "Warning: 399 pbx \"no hold here\"";
    let script = answers()
        .recv_with("INVITE", &["a=sendonly"], &[])
        .reply_with("INVITE", "488 Not Acceptable Here", &[warning], None)
        .recv("ACK");
    let Some(mut stage) = Stage::open(hung_up(script)).await? else {
        return Ok(());
    };
    let call = stage.connect().await?;
    let answer = stage
        .caller
        .ask(json!({"type": "call.hold", "call": call}))
        .await?;
    equal("the answer", &answer["code"], &json!("refused"))?;
    equal("its status", &answer["sip"]["status"], &json!(488))?;
    stage.caller.hears(&call, 10).await?;
    let history = stage.caller.history(&call);
    so(
        &format!("nobody is held: {history:?}"),
        !history.iter().any(|s| s.starts_with("held")),
    )?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("hangup", "local")).await?;
    stage.close().await
}
