//! The trunk has two targets: what the first cannot take, the second gets.

use std::time::Duration;

use causeway_harness::Result;
use causeway_harness::sipp::Script;
use causeway_interop::End;
use causeway_interop::stage::{Stage, StagePlan};

use crate::support::{answers, hung_up};

async fn the_second_answers(first: Script, within: Duration) -> Result<()> {
    let plan = StagePlan {
        second: Some(hung_up(answers())),
        // An INVITE that nobody answered is remembered until timer B.
        lingers: true,
        ..StagePlan::default()
    };
    let Some(mut stage) = Stage::open_with(first, plan).await? else {
        return Ok(());
    };
    let call = stage.caller.place("100").await?;
    stage.reaches_within(&call, "answered", within).await?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("hangup", "local")).await?;
    stage.close().await
}

#[tokio::test]
async fn after_503_with_retry_after() -> Result<()> {
    let first = Script::called()
        .recv("INVITE")
        .reply_with(
            "INVITE",
            "503 Service Unavailable",
            &["Retry-After: 60"],
            None,
        )
        .recv("ACK");
    the_second_answers(first, Duration::from_secs(3)).await
}

#[tokio::test]
async fn after_silence() -> Result<()> {
    let first = Script::called().recv("INVITE").pause(6_000);
    the_second_answers(first, Duration::from_secs(8)).await
}
