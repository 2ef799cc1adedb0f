//! What an INVITE of the PBX demands and the box cannot give, and the other way round.

use causeway_harness::Result;
use causeway_harness::scene::ACCOUNT;
use causeway_harness::sipp::{Media, Script};
use causeway_interop::stage::{Stage, StagePlan};
use causeway_interop::{End, so};

use crate::support::hung_up;

/// The box refuses the call as it comes: nothing rings, nothing is recorded.
async fn refused(script: Script) -> Result<()> {
    let Some(mut stage) = Stage::open(script).await? else {
        return Ok(());
    };
    stage.pbx.done().await?;
    let records = stage.causeway.records().await?;
    so(&format!("no record: {records:?}"), records.is_empty())?;
    stage.close().await
}

/// An extension nobody has (RFC 3261 section 8.2.2.3).
#[tokio::test]
async fn an_unknown_extension_420() -> Result<()> {
    let script = Script::calling()
        .invite(
            ACCOUNT.1,
            &["Require: teleportation"],
            Some(&Media::usual()),
        )
        .recv_reply_with(420, &["Unsupported: teleportation"], &[])
        .ack_refused_call(ACCOUNT.1);
    refused(script).await
}

/// The call went around too often (RFC 3261 section 16.3).
#[tokio::test]
async fn too_many_hops_483() -> Result<()> {
    let script = Script::calling()
        .hops(0)
        .invite(ACCOUNT.1, &[], Some(&Media::usual()))
        .recv_reply(483)
        .ack_refused_call(ACCOUNT.1);
    refused(script).await
}

/// A number nobody has.
#[tokio::test]
async fn an_unknown_number_404() -> Result<()> {
    let script = Script::calling()
        .invite("+4999", &[], Some(&Media::usual()))
        .recv_reply_with(404, &["Reason: Q.850;cause=1;"], &[])
        .ack_refused_call("+4999");
    refused(script).await
}

/// Their session timer is too short for us: 422, and the next try is good (RFC 4028 section 6).
#[tokio::test]
async fn their_session_timer_is_too_short_422() -> Result<()> {
    let media = Media::usual();
    let timer = ["Supported: timer", "Session-Expires: 30"];
    let longer = ["Supported: timer", "Session-Expires: 1800", "Min-SE: 90"];
    let script = Script::calling()
        .invite(ACCOUNT.1, &timer, Some(&media))
        .recv_reply_with(422, &["Min-SE: 90"], &[])
        .ack_refused_call(ACCOUNT.1)
        .invite(ACCOUNT.1, &longer, Some(&media))
        .recv_reply_with(200, &["Session-Expires: 1800;refresher=ua[cs]"], &[])
        .ack();
    let Some(mut stage) = Stage::open(hung_up(script)).await? else {
        return Ok(());
    };
    let call = stage.answer().await?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("hangup", "local")).await?;
    stage.close().await
}

/// Ours is too short for the PBX: we ask for what it wants (RFC 4028 section 7.3).
#[tokio::test]
async fn our_session_timer_is_too_short_422() -> Result<()> {
    let script = Script::called()
        .recv_with("INVITE", &["Session-Expires: 120"], &[])
        .reply_with(
            "INVITE",
            "422 Session Interval Too Small",
            &["Min-SE: 3600"],
            None,
        )
        .recv("ACK")
        .recv_with("INVITE", &["Session-Expires: 3600", "Min-SE: 3600"], &[])
        .reply_with(
            "INVITE",
            "200 OK",
            &["Session-Expires: 3600;refresher=uac", "Require: timer"],
            Some(&Media::usual()),
        )
        .recv("ACK");
    let plan = StagePlan {
        trunk: "session_expires_s = 120".to_owned(),
        ..StagePlan::default()
    };
    let Some(mut stage) = Stage::open_with(hung_up(script), plan).await? else {
        return Ok(());
    };
    let call = stage.connect().await?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("hangup", "local")).await?;
    stage.close().await
}
