//! The PBX says little or nothing: the call has an end all the same.

use causeway_harness::Result;
use causeway_harness::sipp::Script;
use causeway_interop::End;
use causeway_interop::stage::{Stage, StagePlan};

async fn nobody_answers(script: Script, end: End<'_>) -> Result<()> {
    let plan = StagePlan {
        // The shortest there is.
        ring_s: 10,
        lingers: true,
        ..StagePlan::default()
    };
    let Some(mut stage) = Stage::open_with(script, plan).await? else {
        return Ok(());
    };
    let call = stage.caller.place("100").await?;
    stage.ends(&call, end).await?;
    stage.close().await
}

/// No word at all: the INVITE is repeated, no CANCEL follows (RFC 3261 section 9.1).
#[tokio::test]
async fn no_answer_at_all() -> Result<()> {
    let script = Script::called().recv("INVITE").pause(11_000);
    nobody_answers(script, End::new("no_answer", "box")).await
}

/// 100 and nothing more: CANCEL when the time is up.
#[tokio::test]
async fn only_100() -> Result<()> {
    let script = Script::called()
        .recv("INVITE")
        .reply("INVITE", "100 Trying")
        .recv("CANCEL")
        .reply("CANCEL", "200 OK")
        .reply("INVITE", "487 Request Terminated")
        .recv("ACK");
    nobody_answers(script, End::new("no_answer", "box")).await
}
