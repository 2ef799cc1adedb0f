//! The ACK or the 200 is lost on the way (RFC 3261 sections 13.2.2.4 and 13.3.1.4).

use std::time::Duration;

use causeway_harness::Result;
use causeway_harness::scene::ACCOUNT;
use causeway_harness::sipp::{Media, Script};
use causeway_interop::stage::Stage;
use causeway_interop::{End, so};

use crate::support::{hangs_up, hung_up};

/// The 200 comes again: the same ACK again.
#[tokio::test]
async fn a_repeated_200_gets_its_ack_again() -> Result<()> {
    let script = Script::called()
        .recv("INVITE")
        .reply_sdp("200 OK", &Media::usual())
        .recv("ACK")
        .reply_sdp("200 OK", &Media::usual());
    let Some(mut stage) = Stage::open(hung_up(script)).await? else {
        return Ok(());
    };
    let call = stage.connect().await?;
    stage.caller.listen(Duration::from_millis(100)).await?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("hangup", "local")).await?;
    stage.pbx.done().await?;
    let acks = stage.pbx.received("ACK ");
    // SIPp, for its part, takes the second for the first again and repeats its 200: there may be more than two.
    let branch = |ack: &String| ack.lines().nth(1).map(str::to_owned);
    so(
        &format!(
            "the same ACK at least twice: {:#?}",
            &acks[..acks.len().min(3)]
        ),
        acks.len() >= 2 && acks.iter().all(|ack| branch(ack) == branch(&acks[0])),
    )?;
    stage.close().await
}

/// Our 200 is lost: it is repeated until the ACK comes, and not after.
#[tokio::test]
async fn our_200_is_repeated_until_its_ack() -> Result<()> {
    let script = Script::calling()
        .invite(ACCOUNT.1, &[], Some(&Media::usual()))
        .recv_reply(200)
        .pause(1_800)
        .ack()
        .pause(1_500);
    let Some(mut stage) = Stage::open(hangs_up(script)).await? else {
        return Ok(());
    };
    let call = stage.answer().await?;
    stage.ends(&call, End::new("hangup", "remote")).await?;
    stage.pbx.done().await?;
    // At 0, 0.5 and 1.5 s; the next would be at 3.5 s. And one more to BYE.
    let answers = stage.pbx.received("SIP/2.0 200 ");
    let invites = answers
        .iter()
        .filter(|a| a.contains(" INVITE\r\n") || a.contains(" INVITE\n"));
    let times = invites.count();
    so(&format!("three times, not {times}"), times == 3)?;
    stage.close().await
}
