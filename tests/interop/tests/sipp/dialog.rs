//! Requests out of order, for no dialog, twice, and crossing each other (RFC 3261 sections 12.2.2 and 15).

use causeway_harness::Result;
use causeway_interop::End;
use causeway_interop::stage::Stage;
use serde_json::json;

use crate::support::{answers, call_that_the_pbx_ends, hangs_up};

/// A lower CSeq than the last: 500, and the call goes on.
#[tokio::test]
async fn a_lower_cseq() -> Result<()> {
    let script = answers()
        .cseq(200)
        .request("OPTIONS")
        .recv_reply(200)
        .cseq(150)
        .request("OPTIONS")
        .recv_reply(500)
        .cseq(300);
    call_that_the_pbx_ends(hangs_up(script)).await
}

/// The right Call-ID and a To tag nobody has.
#[tokio::test]
async fn an_unknown_dialog() -> Result<()> {
    let stray = "BYE [$target] SIP/2.0\r\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-stray\r\n\
                 From:[$own];tag=pbx\r\nTo: <sip:box@127.0.0.1>;tag=nobody\r\nCall-ID: [call_id]\r\nCSeq: 150 BYE\r\n\
                 Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
    let script = answers()
        .pause(200)
        .send(stray, true)
        .recv_reply(481)
        .cseq(200);
    call_that_the_pbx_ends(hangs_up(script)).await
}

/// The second BYE finds nothing: 481; the call ended once.
#[tokio::test]
async fn a_second_bye() -> Result<()> {
    let script = hangs_up(answers()).request("BYE").recv_reply(481);
    call_that_the_pbx_ends(script).await
}

/// The PBX hangs up while our re-INVITE is under way: both are answered, nothing stays.
#[tokio::test]
async fn bye_during_our_reinvite() -> Result<()> {
    let script = hangs_up(answers().recv_with("INVITE", &["a=sendonly"], &[]))
        .reply("INVITE", "487 Request Terminated")
        .recv("ACK");
    let Some(mut stage) = Stage::open(script).await? else {
        return Ok(());
    };
    let call = stage.connect().await?;
    let answer = stage
        .caller
        .ask(json!({"type": "call.hold", "call": call}))
        .await?;
    causeway_interop::equal("the hold", &answer["type"], &json!("error"))?;
    stage.ends(&call, End::new("hangup", "remote")).await?;
    stage.close().await
}

/// Both hang up at once: each BYE is answered.
#[tokio::test]
async fn both_hang_up() -> Result<()> {
    let script = answers()
        .recv("BYE")
        .request("BYE")
        .recv_reply(200)
        .reply("BYE", "200 OK");
    let Some(mut stage) = Stage::open(script).await? else {
        return Ok(());
    };
    let call = stage.connect().await?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("hangup", "local")).await?;
    stage.close().await
}

/// 481 to our re-INVITE: the PBX has lost the call, so it ends (RFC 3261 section 12.2.1.2).
#[tokio::test]
async fn the_pbx_has_forgotten_the_call() -> Result<()> {
    let script = answers()
        .recv("INVITE")
        .reply("INVITE", "481 Call/Transaction Does Not Exist")
        .recv("ACK")
        .recv("BYE")
        .reply("BYE", "481 Call/Transaction Does Not Exist");
    let Some(mut stage) = Stage::open(script).await? else {
        return Ok(());
    };
    let call = stage.connect().await?;
    let answer = stage
        .caller
        .ask(json!({"type": "call.hold", "call": call}))
        .await?;
    causeway_interop::equal("the hold", &answer["type"], &json!("error"))?;
    stage.reaches(&call, "ended").await?;
    stage.close().await
}
