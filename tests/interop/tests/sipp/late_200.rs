//! A final answer crosses our CANCEL (RFC 3261 sections 9.1 and 15).

use causeway_harness::Result;
use causeway_harness::sipp::{Media, Script};
use causeway_interop::End;
use causeway_interop::stage::Stage;

async fn given_up_while_it_rings(script: Script) -> Result<()> {
    let Some(mut stage) = Stage::open(script).await? else {
        return Ok(());
    };
    let call = stage.caller.place("100").await?;
    stage.reaches(&call, "ringing").await?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("cancelled", "local")).await?;
    stage.close().await
}

/// It is acknowledged and ended with BYE.
#[tokio::test]
async fn a_late_200_is_acknowledged_and_ended() -> Result<()> {
    let script = Script::called()
        .recv("INVITE")
        .reply("INVITE", "180 Ringing")
        .recv("CANCEL")
        .reply("CANCEL", "200 OK")
        .reply_sdp("200 OK", &Media::usual())
        .recv("ACK")
        .recv("BYE")
        .reply("BYE", "200 OK");
    given_up_while_it_rings(script).await
}

/// The 486 was on its way already; the CANCEL finds no transaction any more.
#[tokio::test]
async fn cancel_crosses_486() -> Result<()> {
    let script = Script::called()
        .recv("INVITE")
        .reply("INVITE", "180 Ringing")
        .recv("CANCEL")
        .reply("INVITE", "486 Busy Here")
        .recv("ACK")
        .reply("CANCEL", "481 Call/Transaction Does Not Exist");
    given_up_while_it_rings(script).await
}

/// No CANCEL before the first provisional response (RFC 3261 section 9.1): it waits for it.
#[tokio::test]
async fn cancel_waits_for_the_first_response() -> Result<()> {
    let script = Script::called()
        .recv("INVITE")
        .pause(1_200)
        .reply("INVITE", "100 Trying")
        .recv("CANCEL")
        .reply("CANCEL", "200 OK")
        .reply("INVITE", "487 Request Terminated")
        .recv("ACK");
    let Some(mut stage) = Stage::open(script).await? else {
        return Ok(());
    };
    let call = stage.caller.place("100").await?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("cancelled", "local")).await?;
    stage.close().await
}
