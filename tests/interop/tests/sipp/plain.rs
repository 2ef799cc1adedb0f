//! The usual call: 100, 180, 200, sound both ways, and either side hangs up.

use causeway_harness::Result;
use causeway_interop::stage::Stage;
use causeway_interop::{End, equal};

use crate::support::answers;

#[tokio::test]
async fn the_caller_hangs_up() -> Result<()> {
    let script = answers()
        .recv_with("BYE", &["Reason: Q.850;cause=16"], &[])
        .reply("BYE", "200 OK");
    let Some(mut stage) = Stage::open(script).await? else {
        return Ok(());
    };
    let call = stage.connect().await?;
    stage.caller.hears(&call, 5).await?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("hangup", "local")).await?;
    stage.close().await
}

/// A BYE with a Reason of Q.850 (RFC 3326): page and record have it.
#[tokio::test]
async fn the_pbx_hangs_up_and_says_why() -> Result<()> {
    let why = "Reason: Q.850;cause=31;text=\"Normal, unspecified\"";
    let script = answers().request_with("BYE", &[why], None).recv_reply(200);
    let Some(mut stage) = Stage::open(script).await? else {
        return Ok(());
    };
    let call = stage.connect().await?;
    stage.ends(&call, End::new("hangup", "remote")).await?;
    let told = stage.reaches(&call, "ended").await?;
    let cause = &told["cause"]["sip"]["cause"];
    equal("the Q.850 cause", &cause["value"], &31.into())?;
    equal("its text", &cause["text"], &"Normal, unspecified".into())?;
    stage.close().await
}
