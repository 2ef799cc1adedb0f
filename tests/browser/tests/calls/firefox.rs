//! The same first call from Firefox, whose microphone gives 1 kHz.

use std::time::Duration;

use causeway_harness::{Acd, BoxPlan, BoxProcess, Browser, WebPhone, place};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(15);

#[tokio::test]
async fn firefox_and_the_acd_hear_each_other() {
    // Firefox leaves loopback out of its candidates.
    let Some(address) = place::own_address() else {
        eprintln!(
            "SKIPPED: this machine has no default route, without which Firefox gathers no candidates"
        );
        return;
    };
    // A tone that cannot be taken for Firefox's own.
    let mut acd = Acd::start(&["--tone", "700"]).await.unwrap();
    let mut plan = BoxPlan::new(acd.address()).unwrap();
    plan.media.set_ip(address);
    let causeway = BoxProcess::start(plan).await.unwrap();
    let before = causeway.holdings().unwrap();
    let phone = WebPhone::start(
        Browser::firefox().await.unwrap(),
        &causeway,
        None,
        json!({}),
    )
    .await
    .unwrap();

    let call = phone.place("100").await.unwrap();
    phone.answered().await.unwrap();
    phone.listen().await.unwrap();
    phone.hears(700.0, PATIENCE).await.unwrap();
    let right = |e: &Value| {
        e["hz"]
            .as_f64()
            .is_some_and(|hz| (hz - 1000.0).abs() < 20.0)
    };
    acd.wait("heard", PATIENCE, right).await.unwrap();

    let cause = phone.hang_up().await.unwrap();
    assert_eq!(cause["code"], "hangup", "{cause}");
    let record = causeway
        .record("of the call", |r| {
            r["id"] == call.as_str() && !r["ended_at"].is_null()
        })
        .await
        .unwrap();
    assert_eq!(record["web_codec"], "opus", "{record}");
    phone.stop().await.unwrap();
    causeway.nothing_left(before).await.unwrap();
    causeway.stop().await.unwrap();
    acd.stop().await.unwrap();
}
