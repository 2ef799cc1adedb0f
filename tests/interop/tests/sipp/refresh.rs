//! A session refresh changes nothing: it is answered with the session as it is, its version unchanged
//! (RFC 4028 section 7.4, RFC 3264 section 8).

use causeway_harness::Result;
use causeway_harness::sipp::{Media, Script};
use causeway_interop::stage::Stage;
use causeway_interop::{End, equal, so};
use serde_json::json;

use crate::support::{answers, hangs_up, version};

const TIMER: [&str; 2] = ["Supported: timer", "Session-Expires: 1800;refresher=uac"];

async fn unchanged(script: Script, answers: usize) -> Result<()> {
    let Some(mut stage) = Stage::open(hangs_up(script)).await? else {
        return Ok(());
    };
    let call = stage.connect().await?;
    stage.ends(&call, End::new("hangup", "remote")).await?;
    stage.pbx.done().await?;
    let offer = stage.pbx.received("INVITE ");
    let offered = offer.first().and_then(|text| version(text));
    so("the INVITE has a version", offered.is_some())?;
    let said = stage.pbx.received("SIP/2.0 200 ");
    let versions: Vec<_> = said.iter().filter_map(|text| version(text)).collect();
    equal(
        "answers with a session",
        &json!(versions.len()),
        &json!(answers),
    )?;
    for found in versions {
        equal("the version", &json!(found), &json!(offered))?;
    }
    let history = stage.caller.history(&call);
    so(
        &format!("the caller was told nothing: {history:?}"),
        history.iter().filter(|s| *s == "answered").count() == 1,
    )?;
    stage.close().await
}

#[tokio::test]
async fn by_reinvite() -> Result<()> {
    let script = answers()
        .pause(200)
        .request_with("INVITE", &TIMER, Some(&Media::usual()))
        .recv_reply_with(200, &["Session-Expires: 1800;refresher=uac"], &[])
        .ack();
    unchanged(script, 1).await
}

#[tokio::test]
async fn by_update() -> Result<()> {
    let script = answers()
        .pause(200)
        .request_with("UPDATE", &TIMER, Some(&Media::usual()))
        .recv_reply_with(200, &["Session-Expires: 1800;refresher=uac"], &[]);
    unchanged(script, 1).await
}

#[tokio::test]
async fn by_update_without_a_session() -> Result<()> {
    let script = answers()
        .pause(200)
        .request_with("UPDATE", &TIMER, None)
        .recv_reply_with(200, &["Session-Expires: 1800;refresher=uac"], &["m=audio"]);
    unchanged(script, 0).await
}
