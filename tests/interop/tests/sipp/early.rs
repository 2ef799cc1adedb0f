//! What a PBX says before it answers, and another answer than it promised (RFC 3261 section 13.2.2, RFC 3960).

use causeway_harness::Result;
use causeway_harness::sipp::{Media, Script};
use causeway_interop::stage::Stage;
use causeway_interop::{End, so};

use crate::support::hung_up;

/// The call of a script that answers after it was heard early.
async fn heard_early(script: Script) -> Result<()> {
    let Some(mut stage) = Stage::open(hung_up(script)).await? else {
        return Ok(());
    };
    let call = stage.caller.place("100").await?;
    stage.reaches(&call, "early_media").await?;
    stage.reaches(&call, "answered").await?;
    stage.caller.hears(&call, 5).await?;
    let sources = stage.caller.sources(&call);
    so(&format!("one source of sound, not {sources}"), sources == 1)?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("hangup", "local")).await?;
    stage.close().await
}

/// 180 without a session description, then the 200 with one.
#[tokio::test]
async fn ringing_without_sound() -> Result<()> {
    let script = Script::called()
        .recv("INVITE")
        .reply("INVITE", "180 Ringing")
        .pause(300)
        .reply_sdp("200 OK", &Media::usual())
        .recv("ACK");
    let Some(mut stage) = Stage::open(hung_up(script)).await? else {
        return Ok(());
    };
    let call = stage.connect().await?;
    let history = stage.caller.history(&call);
    so(
        &format!("it rang and was never heard early: {history:?}"),
        history.contains(&"ringing".to_owned()) && !history.contains(&"early_media".to_owned()),
    )?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("hangup", "local")).await?;
    stage.close().await
}

/// 183 with a session description: the caller hears the PBX before it answers, and the 200 repeats it.
#[tokio::test]
async fn early_media() -> Result<()> {
    let script = Script::called()
        .recv("INVITE")
        .reply_sdp("183 Session Progress", &Media::usual())
        .pause(700)
        .reply_sdp("200 OK", &Media::usual())
        .recv("ACK");
    heard_early(script).await
}

/// The 200 has another session description than the 183: the last word counts.
#[tokio::test]
async fn the_200_says_something_else() -> Result<()> {
    let early = Media::usual().port(9).formats("8", &[]);
    let answer = Media::usual().version(2).formats("0", &[]);
    let script = Script::called()
        .recv("INVITE")
        .reply_sdp("183 Session Progress", &early)
        .pause(300)
        .reply_sdp("200 OK", &answer)
        .recv("ACK");
    heard_early(script).await
}

/// Two early dialogs, and the second answers: it gets the ACK and the BYE.
#[tokio::test]
async fn two_forks_and_the_second_answers() -> Result<()> {
    let script = Script::called()
        .recv("INVITE")
        .fork("one")
        .reply_sdp("183 Session Progress", &Media::usual().port(9))
        .fork("two")
        .reply("INVITE", "180 Ringing")
        .pause(300)
        .reply_sdp("200 OK", &Media::usual())
        .recv_with("ACK", &["\nTo:[^\n]*tag=two"], &[])
        .recv_with("BYE", &["\nTo:[^\n]*tag=two"], &["tag=one"])
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

/// The fork that was heard did not answer; the one that did says nothing new in its 200, having said it before.
#[tokio::test]
async fn the_fork_that_answers_said_its_media_before() -> Result<()> {
    let script = Script::called()
        .recv("INVITE")
        .fork("one")
        .reply_sdp("183 Session Progress", &Media::usual())
        .fork("two")
        .reply_sdp("183 Session Progress", &Media::usual().port(9))
        .pause(300)
        .fork("one")
        .reply("INVITE", "200 OK")
        .recv_with("ACK", &["\nTo:[^\n]*tag=one"], &[]);
    heard_early(script).await
}
