//! A picture begins and ends in mid-call, by either side's re-INVITE; whatever becomes of it, the sound goes on.

use causeway_harness::Result;
use causeway_harness::sipp::{Media, Script};
use causeway_interop::stage::{Stage, StagePlan};
use causeway_interop::{End, so};
use serde_json::{Value, json};

use crate::support::{answers, hung_up};

const OFFERED: &str = "m=video [1-9][0-9]* RTP/AVP";
const ENDED: &str = "m=video 0 ";
/// Where nobody listens.
const PORT: &str = "9";

/// A call over a trunk with pictures.
async fn talking(script: Script) -> Result<Option<(Stage, String)>> {
    let plan = StagePlan {
        trunk: "video = \"h264\"".to_owned(),
        ..StagePlan::default()
    };
    let Some(mut stage) = Stage::open_with(script, plan).await? else {
        return Ok(None);
    };
    let call = stage.connect().await?;
    Ok(Some((stage, call)))
}

/// The page asks for a picture, or for its end.
async fn asks(stage: &mut Stage, call: &str, video: bool) -> Result<Value> {
    let request = json!({"type": "call.video", "call": call, "video": video});
    let answer = stage.caller.ask(request).await;
    answer.map_err(|error| stage.pbx.told(&error.to_string()))
}

fn is_ok(answer: &Value) -> Result<()> {
    so(&format!("ok: {answer}"), answer["type"] == "ok")
}

fn is_refused(answer: &Value) -> Result<()> {
    so(&format!("refused: {answer}"), answer["code"] == "refused")
}

/// The sound goes on, and the call ends in order.
async fn goes_on(mut stage: Stage, call: String) -> Result<()> {
    stage.caller.hears(&call, 10).await?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("hangup", "local")).await?;
    stage.close().await
}

/// Waits for the box's word on whether there is a picture.
async fn told(stage: &mut Stage, call: &str, video: bool) -> Result<()> {
    let about = |m: &Value| m["video"] == video;
    let told = stage.caller.told_so(call, "call.video", about).await;
    told.map(|_| ())
        .map_err(|error| stage.pbx.told(&error.to_string()))
}

#[tokio::test]
async fn the_page_begins_it_and_ends_it() -> Result<()> {
    let with = Media::usual().version(2).video(PORT, "sendrecv");
    let without = Media::usual().version(3).video("0", "inactive");
    let script = answers()
        .recv_with("INVITE", &[OFFERED, "H264/90000", "a=sendrecv"], &[])
        .reply_sdp("200 OK", &with)
        .recv("ACK")
        .recv_with("INVITE", &[ENDED], &[])
        .reply_sdp("200 OK", &without)
        .recv("ACK");
    let Some((mut stage, call)) = talking(hung_up(script)).await? else {
        return Ok(());
    };
    is_ok(&asks(&mut stage, &call, true).await?)?;
    told(&mut stage, &call, true).await?;
    is_ok(&asks(&mut stage, &call, false).await?)?;
    told(&mut stage, &call, false).await?;
    goes_on(stage, call).await
}

/// The line is refused, and stays so in the next offer, which is of a hold.
#[tokio::test]
async fn a_pbx_of_sound_alone_refuses_the_line() -> Result<()> {
    let refused = |version, direction| {
        let media = Media::usual().version(version).direction(direction);
        media.video("0", "inactive")
    };
    let script = answers()
        .recv_with("INVITE", &[OFFERED], &[])
        .reply_sdp("200 OK", &refused(2, "sendrecv"))
        .recv("ACK")
        .recv_with("INVITE", &["a=sendonly", ENDED], &[])
        .reply_sdp("200 OK", &refused(3, "recvonly"))
        .recv("ACK")
        .recv_with("INVITE", &["a=sendrecv", ENDED], &[])
        .reply_sdp("200 OK", &refused(4, "sendrecv"))
        .recv("ACK");
    let Some((mut stage, call)) = talking(hung_up(script)).await? else {
        return Ok(());
    };
    is_refused(&asks(&mut stage, &call, true).await?)?;
    for what in ["call.hold", "call.resume"] {
        let request = json!({"type": what, "call": call});
        stage.caller.must(request).await?;
    }
    goes_on(stage, call).await
}

/// The whole offer is refused: the session stays as it was (RFC 3261 section 14.1).
async fn refuses_altogether(status: u16, reason: &str) -> Result<()> {
    let script = answers()
        .recv_with("INVITE", &[OFFERED], &[])
        .reply("INVITE", &format!("{status} {reason}"))
        .recv("ACK")
        .recv_with("INVITE", &["a=sendonly"], &["m=video"])
        .reply_sdp("200 OK", &Media::usual().version(2).direction("recvonly"))
        .recv("ACK")
        .recv_with("INVITE", &["a=sendrecv"], &["m=video"])
        .reply_sdp("200 OK", &Media::usual().version(3))
        .recv("ACK");
    let Some((mut stage, call)) = talking(hung_up(script)).await? else {
        return Ok(());
    };
    let answer = asks(&mut stage, &call, true).await?;
    is_refused(&answer)?;
    let said = answer["sip"]["status"] == json!(status);
    so(&format!("SIP's own word: {answer}"), said)?;
    for what in ["call.hold", "call.resume"] {
        let request = json!({"type": what, "call": call});
        stage.caller.must(request).await?;
    }
    goes_on(stage, call).await
}

#[tokio::test]
async fn a_pbx_refuses_it_with_488() -> Result<()> {
    refuses_altogether(488, "Not Acceptable Here").await
}

#[tokio::test]
async fn a_pbx_refuses_it_with_415() -> Result<()> {
    refuses_altogether(415, "Unsupported Media Type").await
}

/// The PBX brings a picture and takes it away again. Nobody is seen in the page, so the answer says that it looks on;
/// when the page is to be seen as well, the box says so.
#[tokio::test]
async fn the_pbx_begins_it_and_ends_it() -> Result<()> {
    let with = Media::usual().version(2).video(PORT, "sendrecv");
    let without = Media::usual().version(3).video("0", "inactive");
    let script = answers()
        .pause(200)
        .request_with("INVITE", &[], Some(&with))
        .recv_reply_with(200, &[OFFERED, "a=recvonly"], &[])
        .ack()
        .recv_with("INVITE", &[OFFERED, "a=sendrecv"], &["a=recvonly"])
        .reply_sdp("200 OK", &with)
        .recv("ACK")
        .pause(200)
        .request_with("INVITE", &[], Some(&without))
        .recv_reply_with(200, &["m=audio [1-9]", ENDED], &[])
        .ack();
    let Some((mut stage, call)) = talking(hung_up(script)).await? else {
        return Ok(());
    };
    told(&mut stage, &call, true).await?;
    // No offer of ours before the ACK of theirs.
    let settled = std::time::Duration::from_millis(200);
    stage.caller.listen(settled).await?;
    is_ok(&asks(&mut stage, &call, true).await?)?;
    told(&mut stage, &call, false).await?;
    goes_on(stage, call).await
}

/// Ours crosses theirs: both are refused, and both come through later (RFC 3261 section 14.1).
#[tokio::test]
async fn it_crosses_an_offer_of_the_pbx() -> Result<()> {
    let again = Media::usual().version(2);
    let with = Media::usual().version(3).video(PORT, "sendrecv");
    let script = answers()
        .recv_with("INVITE", &[OFFERED], &[])
        .request_with("INVITE", &[], Some(&again))
        .recv_reply(491)
        .ack_refusal()
        .reply("INVITE", "491 Request Pending")
        .recv("ACK")
        .pause(200)
        .request_with("INVITE", &[], Some(&again))
        .recv_reply_with(200, &["m=audio [1-9]"], &["m=video [1-9]"])
        .ack()
        .recv_with("INVITE", &[OFFERED], &[])
        .reply_sdp("200 OK", &with)
        .recv("ACK");
    let Some((mut stage, call)) = talking(hung_up(script)).await? else {
        return Ok(());
    };
    // No offer before the ACK of the call itself.
    let settled = std::time::Duration::from_millis(200);
    stage.caller.listen(settled).await?;
    is_ok(&asks(&mut stage, &call, true).await?)?;
    told(&mut stage, &call, true).await?;
    goes_on(stage, call).await
}

/// Without `video` in its settings a trunk is asked for nothing, and what its PBX brings is refused in its place.
#[tokio::test]
async fn a_trunk_without_pictures() -> Result<()> {
    let with = Media::usual().version(2).video(PORT, "sendrecv");
    let script = answers()
        .pause(200)
        .request_with("INVITE", &[], Some(&with))
        .recv_reply_with(200, &["m=audio [1-9]", ENDED], &[])
        .ack();
    let Some(mut stage) = Stage::open(hung_up(script)).await? else {
        return Ok(());
    };
    let call = stage.connect().await?;
    is_refused(&asks(&mut stage, &call, true).await?)?;
    // The PBX has its turn before the page hangs up.
    stage.caller.hears(&call, 50).await?;
    goes_on(stage, call).await
}
