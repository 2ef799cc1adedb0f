//! The PBX changes the session before it answers: UPDATE in the early dialog (RFC 3311).

use causeway_harness::Result;
use causeway_harness::sipp::{Media, Script};
use causeway_interop::End;
use causeway_interop::stage::{Stage, StagePlan};

use crate::support::hung_up;

#[tokio::test]
async fn the_announcement_moves() -> Result<()> {
    let early = Media::usual().port(9);
    let script = Script::called()
        .recv_with("INVITE", &["Allow:[^\n]*UPDATE"], &[])
        .reply_with(
            "INVITE",
            "183 Session Progress",
            &[
                "Require: 100rel",
                "RSeq: 1",
                "Allow: INVITE, ACK, CANCEL, BYE, PRACK, UPDATE",
            ],
            Some(&early),
        )
        .recv("PRACK")
        .reply("PRACK", "200 OK")
        .request_with("UPDATE", &[], Some(&Media::usual().version(2)))
        .recv_reply_with(200, &["m=audio [0-9]+ RTP/AVP 8"], &[])
        .pause(600)
        .reply("INVITE", "200 OK")
        .recv("ACK");
    let plan = StagePlan {
        trunk: "reliable = \"supported\"".to_owned(),
        ..StagePlan::default()
    };
    let Some(mut stage) = Stage::open_with(hung_up(script), plan).await? else {
        return Ok(());
    };
    let call = stage.caller.place("100").await?;
    stage.reaches(&call, "early_media").await?;
    stage.reaches(&call, "answered").await?;
    // Sound comes back only from where the UPDATE led.
    stage.caller.hears(&call, 5).await?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("hangup", "local")).await?;
    stage.close().await
}
