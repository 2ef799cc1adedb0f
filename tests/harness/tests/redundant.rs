//! Two web callers behind networks that lose a tenth: one sends each packet twice, as Chromium does, and is heard.

use causeway_harness::{Acd, BoxPlan, BoxProcess, LossyNetwork, WebCaller};
use serde_json::Value;
use std::time::Duration;

async fn heard(causeway: &BoxProcess, redundant: bool) -> Value {
    let network = LossyNetwork::start(causeway.plan().media).await.unwrap();
    let mut caller = WebCaller::open(causeway, None).await.unwrap();
    caller.tone_in_opus(redundant).unwrap();
    caller.go_through(network.address());
    let call = caller.place("100").await.unwrap();
    caller.reaches(&call, "answered").await.unwrap();
    caller.hears(&call, 10).await.unwrap();
    network.lose(100, 0);
    // Three opinions.
    caller.listen(Duration::from_secs(16)).await.unwrap();
    caller.hang_up(&call).await.unwrap();
    caller.close().await;
    causeway
        .record("of the call", |r| {
            r["id"] == call && !r["ended_at"].is_null()
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn a_tenth_lost_is_not_heard_where_packets_are_sent_twice() {
    let acd = Acd::start(&[]).await.unwrap();
    let mut plan = BoxPlan::new(acd.address()).unwrap();
    plan.codec = "opus".to_owned();
    let causeway = BoxProcess::start(plan).await.unwrap();
    let (once, twice) = tokio::join!(heard(&causeway, false), heard(&causeway, true));
    let worst = |record: &Value| {
        let worst = &record["quality"]["to_pbx"]["mos"]["worst"];
        worst.as_f64().unwrap_or_else(|| panic!("none in {record}"))
    };
    // Of Opus at 10 %: 92 · 10 / (10 + 20) = 30.7 besides its own 3 → about 3.0; at the 1 % of two in a row 4.4 → 4.2.
    let (once, twice) = (worst(&once), worst(&twice));
    assert!(once < 3.6, "{once}");
    assert!(twice > 3.9, "{twice}");
    causeway.stop().await.unwrap();
    acd.stop().await.unwrap();
}
