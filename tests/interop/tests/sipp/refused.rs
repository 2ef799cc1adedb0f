//! Every refusal a PBX has, and what the caller and the record are told of it.

use causeway_harness::Result;
use causeway_harness::sipp::Script;
use causeway_interop::stage::Stage;
use causeway_interop::{End, equal};
use serde_json::Value;

/// The PBX refuses with this status line and these headers.
async fn refusal(status: &str, headers: &[&str], code: &str) -> Result<()> {
    let script = Script::called()
        .recv("INVITE")
        .reply("INVITE", "100 Trying")
        .reply_with("INVITE", status, headers, None)
        .recv("ACK");
    let Some(mut stage) = Stage::open(script).await? else {
        return Ok(());
    };
    let call = stage.caller.place("100").await?;
    let number = status.get(..3).and_then(|s| s.parse().ok());
    let end = End {
        code,
        by: "remote",
        status: number,
    };
    let record = stage.ends(&call, end).await?;
    equal("answered_at", &record["answered_at"], &Value::Null)?;
    stage.close().await
}

/// A challenge to a box without credentials.
#[tokio::test]
async fn not_authorized_401() -> Result<()> {
    refusal(
        "401 Unauthorized",
        &["WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n1\""],
        "not_allowed",
    )
    .await
}

#[tokio::test]
async fn forbidden_403() -> Result<()> {
    refusal("403 Forbidden", &[], "not_allowed").await
}

#[tokio::test]
async fn not_found_404() -> Result<()> {
    refusal("404 Not Found", &[], "not_found").await
}

#[tokio::test]
async fn timed_out_408() -> Result<()> {
    refusal("408 Request Timeout", &[], "no_answer").await
}

#[tokio::test]
async fn unavailable_480() -> Result<()> {
    refusal("480 Temporarily Unavailable", &[], "unavailable").await
}

/// The same status with a Reason that says more (RFC 3326).
#[tokio::test]
async fn no_answer_480() -> Result<()> {
    refusal(
        "480 Temporarily Unavailable",
        &["Reason: Q.850;cause=19;text=\"No answer\""],
        "no_answer",
    )
    .await
}

#[tokio::test]
async fn incomplete_484() -> Result<()> {
    refusal("484 Address Incomplete", &[], "not_found").await
}

#[tokio::test]
async fn busy_486() -> Result<()> {
    refusal("486 Busy Here", &[], "busy").await
}

#[tokio::test]
async fn incompatible_488() -> Result<()> {
    refusal(
        "488 Not Acceptable Here",
        &["Warning: 305 pbx \"Incompatible media format\""],
        "incompatible",
    )
    .await
}

#[tokio::test]
async fn broken_500() -> Result<()> {
    refusal("500 Server Internal Error", &[], "unavailable").await
}

/// With no other target the call ends with it.
#[tokio::test]
async fn no_circuit_503() -> Result<()> {
    refusal(
        "503 Service Unavailable",
        &["Retry-After: 2"],
        "unavailable",
    )
    .await
}

#[tokio::test]
async fn busy_everywhere_600() -> Result<()> {
    refusal("600 Busy Everywhere", &[], "busy").await
}

#[tokio::test]
async fn declined_603() -> Result<()> {
    refusal("603 Decline", &[], "declined").await
}

#[tokio::test]
async fn not_acceptable_606() -> Result<()> {
    refusal("606 Not Acceptable", &[], "incompatible").await
}
