//! What else a PBX sends inside a call, and the right answer to each.

use causeway_harness::Result;
use causeway_harness::sipp::Script;
use causeway_interop::stage::Stage;
use causeway_interop::{End, equal};
use serde_json::json;

use crate::support::{answers, call_that_the_pbx_ends, hangs_up};

fn info(script: Script, kind: &str, body: &str, status: u16) -> Script {
    let kind = format!("Content-Type: {kind}");
    let body = format!("Content-Length: [len]\r\n\r\n{body}");
    script
        .request_text("INFO", &[&kind], &body)
        .recv_reply(status)
}

/// Digits as `application/dtmf-relay`: the page is told each with its length.
#[tokio::test]
async fn digits_by_info() -> Result<()> {
    let script = info(
        answers(),
        "application/dtmf-relay",
        "Signal=5\r\nDuration=160\r\n",
        200,
    );
    let script = info(
        script,
        "application/dtmf-relay",
        "Signal=#\r\nDuration=120\r\n",
        200,
    );
    // And one that nobody understands.
    let script = info(script, "application/x-nonsense", "what", 415);
    let Some(mut stage) = Stage::open(hangs_up(script)).await? else {
        return Ok(());
    };
    let call = stage.connect().await?;
    let first = stage.caller.told(&call, "call.dtmf").await?;
    equal("the digit", &first["digit"], &json!("5"))?;
    equal("its length", &first["duration_ms"], &json!(160))?;
    stage.ends(&call, End::new("hangup", "remote")).await?;
    stage.close().await
}

#[tokio::test]
async fn options() -> Result<()> {
    let script = answers().request("OPTIONS").recv_reply_with(
        200,
        &[
            "Allow:[^\n]*INVITE",
            "Accept: application/sdp",
            "Supported:",
        ],
        &[],
    );
    call_that_the_pbx_ends(hangs_up(script)).await
}

/// Each is refused with the status its standard has for it, and the call goes on.
#[tokio::test]
async fn methods_nobody_asked_for() -> Result<()> {
    let script = answers()
        .request_text(
            "MESSAGE",
            &["Content-Type: text/plain"],
            "Content-Length: [len]\r\n\r\nhello\r\n",
        )
        .recv_reply_with(405, &["Allow:"], &[])
        .request_with("SUBSCRIBE", &["Event: dialog", "Expires: 60"], None)
        .recv_reply_with(405, &["Allow:"], &[])
        .request_with(
            "NOTIFY",
            &["Event: presence", "Subscription-State: active"],
            None,
        )
        .recv_reply_with(489, &["Allow-Events:"], &[])
        .request_with(
            "NOTIFY",
            &["Event: refer", "Subscription-State: active"],
            None,
        )
        .recv_reply(481)
        .request("FROBNICATE")
        .recv_reply_with(501, &["Allow:"], &[]);
    call_that_the_pbx_ends(hangs_up(script)).await
}
