//! The PBX redirects the call (RFC 3261 section 8.1.3.4).

use causeway_harness::Result;
use causeway_harness::sipp::{Media, Script};
use causeway_interop::End;
use causeway_interop::stage::{Stage, StagePlan};

/// To another number of its own: the call goes there. Both INVITEs come to one SIPp, that to 200 another way through
/// the scenario.
#[tokio::test]
async fn followed_within_the_trunk() -> Result<()> {
    let script = Script::called()
        .noting("^INVITE sip:200@", "second")
        .recv("INVITE")
        .raw("<nop next=\"second\" test=\"second\"/>")
        .reply_with(
            "INVITE",
            "302 Moved Temporarily",
            &["Contact: <sip:200@[contact]>"],
            None,
        )
        .recv("ACK")
        .raw("<nop next=\"end\"/>")
        .raw("<label id=\"second\"/>")
        .reply_sdp("200 OK", &Media::usual())
        .recv("ACK")
        .recv("BYE")
        .reply("BYE", "200 OK")
        .raw("<label id=\"end\"/>")
        .raw("<nop/>")
        .times(2);
    let Some(mut stage) = Stage::open(script).await? else {
        return Ok(());
    };
    let call = stage.connect().await?;
    stage.caller.hears(&call, 5).await?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("hangup", "local")).await?;
    stage.close().await
}

/// Where the trunk says so, the 302 is the end of the call.
#[tokio::test]
async fn refused_by_the_trunks_settings() -> Result<()> {
    let script = Script::called()
        .recv("INVITE")
        .reply_with(
            "INVITE",
            "302 Moved Temporarily",
            &["Contact: <sip:200@[contact]>"],
            None,
        )
        .recv("ACK");
    let plan = StagePlan {
        trunk: "redirects = \"refuse\"".to_owned(),
        ..StagePlan::default()
    };
    let Some(mut stage) = Stage::open_with(script, plan).await? else {
        return Ok(());
    };
    let call = stage.caller.place("100").await?;
    stage.ends(&call, End::refused("failed", 302)).await?;
    stage.close().await
}
