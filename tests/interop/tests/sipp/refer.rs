//! The PBX hands the call on by REFER, to a SIP and to a tel URI (RFC 3515, RFC 5589): the box calls the new party on
//! the same trunk, reports with NOTIFY, and the browser changes sides.

use causeway_harness::Result;
use causeway_harness::sipp::{Media, Script};
use causeway_interop::End;
use causeway_interop::stage::Stage;

use crate::support::answers;

/// Both calls are of one SIPp: the second INVITE, to 200, goes another way through the scenario.
async fn handed_on(refer_to: &str) -> Result<()> {
    let refer_to = format!("Refer-To: {refer_to}");
    let first = Script::called()
        .recv("INVITE")
        .raw("<nop><action><ereg regexp=\"sip:200@\" search_in=\"var\" variable=\"to_INVITE\" assign_to=\"second\"/></action></nop>")
        .raw("<nop next=\"second\" test=\"second\"/>");
    let first = first
        .reply_sdp("200 OK", &Media::usual())
        .recv("ACK")
        .pause(200)
        .request_with(
            "REFER",
            &[&refer_to, "Referred-By: <sip:agent@127.0.0.1>"],
            None,
        )
        .recv_reply(202)
        .recv_with("NOTIFY", &["Event: refer", "SIP/2.0 100"], &[])
        .reply("NOTIFY", "200 OK")
        .recv_with(
            "NOTIFY",
            &["Subscription-State: terminated", "SIP/2.0 200"],
            &[],
        )
        .reply("NOTIFY", "200 OK")
        .recv("BYE")
        .reply("BYE", "200 OK")
        .raw("<nop next=\"end\"/>");
    let both = first
        .raw("<label id=\"second\"/>")
        .reply_with("INVITE", "200 OK", &[], Some(&Media::usual()))
        .recv("ACK")
        .recv("BYE")
        .reply("BYE", "200 OK")
        .raw("<label id=\"end\"/>")
        .raw("<nop/>");
    let Some(mut stage) = Stage::open(both.times(2)).await? else {
        return Ok(());
    };
    let call = stage.connect().await?;
    for _ in 0..100 {
        if stage.pbx.received("BYE ").len() == 1 {
            break;
        }
        stage
            .caller
            .listen(std::time::Duration::from_millis(50))
            .await?;
    }
    stage.caller.hears(&call, 10).await?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("hangup", "local")).await?;
    stage.close().await
}

#[tokio::test]
async fn to_a_sip_uri() -> Result<()> {
    handed_on("<sip:200@127.0.0.1>").await
}

#[tokio::test]
async fn to_a_tel_uri() -> Result<()> {
    handed_on("<tel:200>").await
}

/// To nobody the box could call.
#[tokio::test]
async fn to_a_web_page() -> Result<()> {
    let script = answers()
        .request_with("REFER", &["Refer-To: <https://example.com/>"], None)
        .recv_reply(416);
    crate::support::call_that_the_pbx_ends(crate::support::hangs_up(script)).await
}
