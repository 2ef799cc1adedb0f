//! Reliable provisional responses (RFC 3262).

use causeway_harness::Result;
use causeway_harness::sipp::{Media, Script};
use causeway_interop::stage::{Stage, StagePlan};
use causeway_interop::{End, so};

use crate::support::hung_up;

const RELIABLE: [&str; 2] = ["Require: 100rel", "RSeq: 77"];

fn plan(reliable: &str) -> StagePlan {
    StagePlan {
        trunk: format!("reliable = \"{reliable}\""),
        ..StagePlan::default()
    }
}

fn progress(script: Script) -> Script {
    let media = Media::usual();
    script.reply_with("INVITE", "183 Session Progress", &RELIABLE, Some(&media))
}

/// The PBX answers after its reliable 183; the PRACKs it saw.
async fn connects(script: Script, plan: StagePlan) -> Result<usize> {
    let script = script.reply_sdp("200 OK", &Media::usual()).recv("ACK");
    let Some(mut stage) = Stage::open_with(hung_up(script), plan).await? else {
        return Ok(1);
    };
    let call = stage.caller.place("100").await?;
    stage.reaches(&call, "early_media").await?;
    stage.reaches(&call, "answered").await?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("hangup", "local")).await?;
    stage.pbx.done().await?;
    let pracks = stage.pbx.received("PRACK ").len();
    stage.close().await?;
    Ok(pracks)
}

#[tokio::test]
async fn supported_and_used() -> Result<()> {
    let script = Script::called().recv_with("INVITE", &["Supported:[^\n]*100rel"], &["Require:"]);
    let script = progress(script)
        .recv_with("PRACK", &["RAck: 77 1 INVITE"], &[])
        .reply("PRACK", "200 OK");
    connects(script, plan("supported")).await.map(|_| ())
}

#[tokio::test]
async fn required() -> Result<()> {
    let script = Script::called().recv_with("INVITE", &["Require:[^\n]*100rel"], &[]);
    let script = progress(script)
        .recv_with("PRACK", &["RAck: 77 1 INVITE"], &[])
        .reply("PRACK", "200 OK");
    connects(script, plan("required")).await.map(|_| ())
}

/// The 183 comes again before our PRACK arrived: the page is told once, and no second PRACK follows.
#[tokio::test]
async fn a_repeated_183_is_told_once() -> Result<()> {
    let script = progress(Script::called().recv("INVITE")).recv("PRACK");
    let script = progress(script)
        .pause(150)
        .reply("PRACK", "200 OK")
        .pause(200);
    let pracks = connects(script, plan("supported")).await?;
    so(&format!("one PRACK, not {pracks}"), pracks == 1)
}

/// The PRACK is lost: it comes again after T1.
#[tokio::test]
async fn a_lost_prack_is_repeated() -> Result<()> {
    let script = progress(Script::called().recv("INVITE"))
        .recv("PRACK")
        .pause(700)
        .reply("PRACK", "200 OK");
    let pracks = connects(script, plan("supported")).await?;
    so(&format!("two PRACKs, not {pracks}"), pracks == 2)
}
