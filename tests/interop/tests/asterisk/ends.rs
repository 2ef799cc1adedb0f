//! Every way a call to Asterisk can end: the right state, cause and record, and nothing left behind.

use std::time::Duration;

use causeway_interop::{Pbx, available};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(45);

/// Calls `to` and waits for the end; cause and record agree on these.
async fn ends(pbx: &Pbx, to: &str, code: &str, by: &str) -> (Value, Value) {
    let call = pbx.phone.place(to).await.unwrap();
    let cause = pbx.phone.ended(PATIENCE).await.unwrap();
    assert_eq!(
        (&cause["code"], &cause["by"]),
        (&json!(code), &json!(by)),
        "{to}: {cause}"
    );
    assert_eq!(pbx.phone.state().await.unwrap(), "ended", "{to}");
    let record = pbx.record(&call).await.unwrap();
    assert_eq!(
        (&record["cause_code"], &record["cause_by"]),
        (&json!(code), &json!(by)),
        "{to}: {record}"
    );
    (cause, record)
}

#[tokio::test]
async fn asterisk_hangs_up() {
    if !available() {
        return;
    }
    let mut pbx = Pbx::start(None).await.unwrap();
    let (_, record) = ends(&pbx, "300", "hangup", "remote").await;
    assert!(!record["answered_at"].is_null(), "{record}");
    pbx.quiet().await.unwrap();
    pbx.end().await.unwrap();
}

#[tokio::test]
async fn asterisk_refuses() {
    if !available() {
        return;
    }
    let mut pbx = Pbx::start(None).await.unwrap();
    for (to, code, status) in [
        ("701", "busy", 486),
        ("703", "unavailable", 480),
        ("704", "unavailable", 503),
        ("706", "not_found", 404),
    ] {
        let (cause, record) = ends(&pbx, to, code, "remote").await;
        assert_eq!(cause["sip"]["status"], status, "{to}: {cause}");
        assert_eq!(record["sip_status"], status, "{to}: {record}");
        assert!(record["answered_at"].is_null(), "{to}: {record}");
        pbx.quiet().await.unwrap();
    }
    pbx.end().await.unwrap();
}

#[tokio::test]
async fn asterisk_rings_until_the_caller_gives_up() {
    if !available() {
        return;
    }
    let mut pbx = Pbx::start(None).await.unwrap();
    let call = pbx.phone.place("702").await.unwrap();
    pbx.phone.reaches("ringing", PATIENCE).await.unwrap();
    let cause = pbx.phone.hang_up().await.unwrap();
    assert_eq!(cause["code"], "cancelled", "{cause}");
    assert_eq!(pbx.record(&call).await.unwrap()["cause_code"], "cancelled");
    pbx.quiet().await.unwrap();
    pbx.end().await.unwrap();
}

#[tokio::test]
async fn asterisk_dies() {
    if !available() {
        return;
    }
    let pbx = Pbx::start(None).await.unwrap();
    pbx.connect("100").await.unwrap();
    pbx.phone
        .hears(1004.0, Duration::from_secs(10))
        .await
        .unwrap();
    let pid = pbx.asterisk.pid().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-KILL", &pid])
        .status()
        .unwrap();
    assert!(killed.success());

    // The call under way is silent now; hanging up ends it here although nobody answers the BYE.
    pbx.phone
        .hears_nothing(Duration::from_secs(10))
        .await
        .unwrap();
    let cause = pbx.phone.hang_up().await.unwrap();
    assert_eq!(
        (&cause["code"], &cause["by"]),
        (&json!("hangup"), &json!("local")),
        "{cause}"
    );
    // A new call finds nobody.
    ends(&pbx, "100", "unreachable", "box").await;
    pbx.end_without_asterisk().await.unwrap();
}
