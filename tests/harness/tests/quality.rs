//! Two web callers, one behind a bad network: the record, the page, the metrics and the command line tell which.

use std::time::Duration;

use causeway_harness::cli::causeway_says;
use causeway_harness::{Acd, BoxPlan, BoxProcess, LossyNetwork, WebCaller};
use serde_json::Value;

/// Two opinions in a row take ten seconds, and the first is not due at once.
const JUDGED: Duration = Duration::from_secs(20);

async fn ended(causeway: &BoxProcess, call: &str) -> Value {
    causeway
        .record("of the call", |r| {
            r["id"] == call && !r["ended_at"].is_null()
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn a_call_over_a_bad_network_is_told_from_a_clean_one() {
    let acd = Acd::start(&[]).await.unwrap();
    let causeway = BoxProcess::start(BoxPlan::new(acd.address()).unwrap())
        .await
        .unwrap();
    let before = causeway.holdings().unwrap();
    let network = LossyNetwork::start(causeway.plan().media).await.unwrap();
    let mut clean = WebCaller::open(&causeway, None).await.unwrap();
    let mut lossy = WebCaller::open(&causeway, None).await.unwrap();
    lossy.go_through(network.address());
    let good = clean.place("100").await.unwrap();
    let bad = lossy.place("100").await.unwrap();
    clean.reaches(&good, "answered").await.unwrap();
    lossy.reaches(&bad, "answered").await.unwrap();
    clean.hears(&good, 10).await.unwrap();
    lossy.hears(&bad, 10).await.unwrap();

    // A fifth is lost: 95 · 20 / (20 + 25.1) = 42.1, 93.2 − 42.1 − 1.5 = 49.6 → 2.56.
    network.lose(200, 0);
    let (warned, ()) = tokio::join!(lossy.warned(&bad, "low_quality", JUDGED), async {
        clean.listen(Duration::from_secs(11)).await.unwrap();
    });
    let warned = warned.unwrap();
    let message = warned["message"].as_str().unwrap();
    assert_eq!(message, "What the far side hears sounds bad.");
    let shown = causeway_says(&causeway, &["call", &bad]).await.unwrap();
    assert!(shown.contains("browser speaks  [====="), "{shown}");
    assert!(shown.contains("worst"), "{shown}");

    network.lose(0, 0);
    lossy
        .warned(&bad, "quality_restored", JUDGED)
        .await
        .unwrap();

    clean.hang_up(&good).await.unwrap();
    lossy.hang_up(&bad).await.unwrap();
    let (good, bad) = (ended(&causeway, &good).await, ended(&causeway, &bad).await);
    let score = |record: &Value, way: &str, of: &str, which: &str| {
        let scores = &record["quality"][way][of];
        scores[which]
            .as_f64()
            .unwrap_or_else(|| panic!("no {which} of {of} {way} in {record}"))
    };
    // G.711 all the way: 93.2 − 0.024 · 60 → 4.37.
    for way in ["to_pbx", "to_browser"] {
        assert!(score(&good, way, "mos", "worst") >= 4.3, "{good}");
    }
    assert!(score(&bad, "to_pbx", "mos", "worst") < 3.1, "{bad}");
    assert!(score(&bad, "to_pbx", "mos_in", "worst") < 3.1, "{bad}");
    assert!(score(&bad, "to_pbx", "mos", "mean") < score(&good, "to_pbx", "mos", "mean") - 0.3);
    assert!(score(&bad, "to_pbx", "mos", "last") > 4.3, "{bad}");
    // Nothing was lost on the way to the browser.
    assert!(score(&bad, "to_browser", "mos", "worst") >= 4.3, "{bad}");

    let metrics = causeway_says(&causeway, &["metrics"]).await.unwrap();
    let value = |name: &str| -> f64 {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name} in {metrics}"))
            .trim()
            .parse()
            .unwrap()
    };
    let labels = "{trunk=\"pbx\",way=\"to_pbx\"}";
    let lost = value(&format!("causeway_call_packets_lost_total{labels}"));
    let expected = value(&format!("causeway_call_packets_expected_total{labels}"));
    assert!(lost > 50.0 && lost < expected / 4.0, "{lost} of {expected}");
    assert!(value(&format!("causeway_call_mos_count{labels}")) >= 6.0);

    clean.close().await;
    lossy.close().await;
    causeway.nothing_left(before).await.unwrap();
    causeway.stop().await.unwrap();
    acd.stop().await.unwrap();
}
