//! SIP over TCP on a bad day: connections reset in every state of a call, messages in pieces and several in one.
//!
//! A reset is no end of a call (RFC 3261 section 18): what stands goes on over a new connection. A call that is being
//! placed has lost the way its answer would come, and ends with a cause.

use std::time::Duration;

use causeway_harness::Result;
use causeway_harness::sipp::{Media, Script, Transport};
use causeway_harness::tap::{Manners, Passes};
use causeway_interop::stage::{Stage, StagePlan};
use causeway_interop::{End, so};

use crate::support::{hangs_up, hung_up};

fn plan(manners: Manners) -> StagePlan {
    StagePlan {
        transport: Transport::Tcp,
        tap: Some(manners),
        ..StagePlan::default()
    }
}

fn answers() -> Script {
    Script::called()
        .over_tcp()
        .recv("INVITE")
        .reply("INVITE", "100 Trying")
        .reply("INVITE", "180 Ringing")
        .reply_sdp("200 OK", &Media::usual())
        .recv("ACK")
}

/// A call with these manners of the wire that is answered and hung up.
async fn connects(script: Script, manners: Manners) -> Result<()> {
    let Some(mut stage) = Stage::open_with(hung_up(script), plan(manners)).await? else {
        return Ok(());
    };
    let call = stage.connect().await?;
    stage.caller.hears(&call, 5).await?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("hangup", "local")).await?;
    let resets = stage.tap.as_ref().map_or(0, |tap| tap.resets());
    let wanted = u32::from(matches!(manners, Manners::ResetAfter(_)));
    so(&format!("{wanted} resets, not {resets}"), resets == wanted)?;
    stage.close().await
}

#[tokio::test]
async fn an_ordinary_call() -> Result<()> {
    connects(answers(), Manners::Plain).await
}

#[tokio::test]
async fn messages_in_pieces_of_seven_octets() -> Result<()> {
    connects(answers(), Manners::Pieces(7)).await
}

/// 100, 180 and 200 come in one piece.
#[tokio::test]
async fn several_messages_in_one_piece() -> Result<()> {
    connects(answers(), Manners::Glued(Duration::from_millis(300))).await
}

/// The connection is gone before anything came back.
#[tokio::test]
async fn reset_after_the_invite() -> Result<()> {
    let script = Script::called().over_tcp().recv("INVITE").pause(1_000);
    let manners = Manners::ResetAfter(Passes::FromBox("INVITE "));
    let Some(mut stage) = Stage::open_with(script, plan(manners)).await? else {
        return Ok(());
    };
    let call = stage.caller.place("100").await?;
    stage.ends(&call, End::new("unreachable", "box")).await?;
    stage.close().await
}

/// It rings, and the connection is gone: the answer could not come any more.
#[tokio::test]
async fn reset_while_it_rings() -> Result<()> {
    let script = Script::called()
        .over_tcp()
        .recv("INVITE")
        .reply("INVITE", "180 Ringing")
        .pause(1_000);
    let manners = Manners::ResetAfter(Passes::FromPbx("SIP/2.0 180"));
    let Some(mut stage) = Stage::open_with(script, plan(manners)).await? else {
        return Ok(());
    };
    let call = stage.caller.place("100").await?;
    stage.ends(&call, End::new("unreachable", "box")).await?;
    stage.close().await
}

/// The 200 came and the connection is gone before its ACK: that goes over a new one, or lies in the old one when it
/// breaks (a PBX sends its 200 again then, SIPp does not). The call stands, and its BYE goes over a new one.
#[tokio::test]
async fn reset_between_200_and_ack() -> Result<()> {
    let script = Script::called()
        .recv("INVITE")
        .reply("INVITE", "100 Trying")
        .reply("INVITE", "180 Ringing")
        .reply_sdp("200 OK", &Media::usual())
        .raw("<recv request=\"ACK\" optional=\"true\"></recv>");
    connects(script, Manners::ResetAfter(Passes::FromPbx("m=audio"))).await
}

/// In the middle of the call: the BYE goes over a new connection.
#[tokio::test]
async fn reset_in_mid_call() -> Result<()> {
    connects(answers(), Manners::ResetAfter(Passes::FromBox("ACK "))).await
}

/// The same, and the PBX is first to say something: a request over a connection of its own.
#[tokio::test]
async fn reset_in_mid_call_and_the_pbx_hangs_up() -> Result<()> {
    let manners = Manners::ResetAfter(Passes::FromBox("ACK "));
    let script = hangs_up(answers().pause(600));
    let Some(mut stage) = Stage::open_with(script, plan(manners)).await? else {
        return Ok(());
    };
    let call = stage.connect().await?;
    stage.ends(&call, End::new("hangup", "remote")).await?;
    stage.close().await
}

/// During our BYE: the call has ended all the same, once.
#[tokio::test]
async fn reset_during_bye() -> Result<()> {
    let script = answers().recv("BYE").pause(300);
    let manners = Manners::ResetAfter(Passes::FromBox("BYE "));
    let Some(mut stage) = Stage::open_with(script, plan(manners)).await? else {
        return Ok(());
    };
    let call = stage.connect().await?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("hangup", "local")).await?;
    stage.close().await
}
