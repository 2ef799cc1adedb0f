//! The PBX calls the account: with an offer, without one, and gives up.

use std::time::Duration;

use causeway_harness::Result;
use causeway_harness::scene::ACCOUNT;
use causeway_harness::sipp::{Media, Script};
use causeway_interop::stage::Stage;
use causeway_interop::{End, so};

use crate::support::{hangs_up, hung_up};

#[tokio::test]
async fn with_an_offer() -> Result<()> {
    let script = Script::calling()
        .invite(ACCOUNT.1, &[], Some(&Media::usual()))
        .recv_reply_with(200, &["m=audio [0-9]+ RTP/AVP 8 "], &[])
        .ack();
    let Some(mut stage) = Stage::open(hung_up(script)).await? else {
        return Ok(());
    };
    let call = stage.answer().await?;
    stage.caller.hears(&call, 5).await?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("hangup", "local")).await?;
    stage.close().await
}

/// The 200 holds the offer, the ACK their answer (RFC 3264 section 4, RFC 3261 section 13.2.1).
#[tokio::test]
async fn offerless() -> Result<()> {
    let script = Script::calling()
        .invite(ACCOUNT.1, &[], None)
        .recv_reply_with(200, &["m=audio [0-9]+ RTP/AVP [0-9 ]*101"], &[])
        .ack_with(Some(&Media::usual()))
        .pause(800);
    let Some(mut stage) = Stage::open(hangs_up(script)).await? else {
        return Ok(());
    };
    let call = stage.answer().await?;
    stage.caller.hears(&call, 5).await?;
    stage.ends(&call, End::new("hangup", "remote")).await?;
    stage.close().await
}

/// The PBX requires 100rel: our 180 is repeated until its PRACK (RFC 3262 section 3).
#[tokio::test]
async fn with_reliable_ringing() -> Result<()> {
    let script = Script::calling()
        .invite(ACCOUNT.1, &["Require: 100rel"], Some(&Media::usual()))
        .keeping("RSeq:", "[0-9]+", "rseq")
        .recv_reply_with(180, &["Require: 100rel"], &[])
        .pause(700)
        .request_with("PRACK", &["RAck: [$rseq] 101 INVITE"], None)
        .recv_reply_with(200, &["CSeq: 102 PRACK"], &[])
        .recv_reply_with(200, &["CSeq: 101 INVITE"], &["RSeq:"])
        .ack();
    let Some(mut stage) = Stage::open(hung_up(script)).await? else {
        return Ok(());
    };
    let rung = stage.caller.rung().await?;
    let call = rung["call"].as_str().unwrap_or_default().to_owned();
    // Answered only when the PBX has said that it heard the ringing.
    stage.caller.listen(Duration::from_millis(1_200)).await?;
    stage.caller.accept(&call).await?;
    stage.reaches(&call, "answered").await?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("hangup", "local")).await?;
    stage.pbx.done().await?;
    let ringing = stage.pbx.received("SIP/2.0 180").len();
    so(&format!("twice 180, not {ringing} times"), ringing == 2)?;
    stage.close().await
}

#[tokio::test]
async fn the_pbx_gives_up() -> Result<()> {
    let script = Script::calling()
        .invite(ACCOUNT.1, &[], Some(&Media::usual()))
        .recv_reply(180)
        .pause(300)
        .cancel(ACCOUNT.1)
        .recv_reply(200)
        .recv_reply(487)
        .ack_refused_call(ACCOUNT.1);
    let Some(mut stage) = Stage::open(script).await? else {
        return Ok(());
    };
    let rung = stage.caller.rung().await?;
    let call = rung["call"].as_str().unwrap_or_default().to_owned();
    stage.ends(&call, End::new("cancelled", "remote")).await?;
    stage.close().await
}
