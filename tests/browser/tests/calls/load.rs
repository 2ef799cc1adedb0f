//! Many calls, one after another and at once: all connect, and the box is afterwards as it was.

use std::time::Duration;

use causeway_harness::load::Load;
use causeway_harness::{Acd, BoxPlan, BoxProcess};
use serde_json::Value;

/// Memory may grow by this much over a run: what an allocator keeps for next time.
const SLACK_KIB: u64 = 8 * 1024;

/// The whole of it with `CAUSEWAY_FULL=1`; otherwise enough to see a leak that every call has.
fn full() -> bool {
    std::env::var("CAUSEWAY_FULL").is_ok_and(|v| v == "1")
}

#[tokio::test]
async fn many_calls_leave_nothing_behind() {
    let (sequence, at_once) = if full() { (200, 30) } else { (20, 10) };
    let acd = Acd::start(&[]).await.unwrap();
    let causeway = BoxProcess::start(BoxPlan::new(acd.address()).unwrap())
        .await
        .unwrap();

    // The first calls warm caches and pools; what counts is what comes after.
    all_connect(
        &Load::new(at_once, at_once, 1.0)
            .run(&causeway)
            .await
            .unwrap(),
    );
    settle(&causeway).await;
    let before = causeway.holdings().unwrap();

    let report = Load::new(sequence, 1, 1.0).run(&causeway).await.unwrap();
    all_connect(&report);
    eprintln!("{sequence} in sequence: {}", report["setup_ms"]);
    let report = Load::new(at_once, at_once, 5.0)
        .run(&causeway)
        .await
        .unwrap();
    all_connect(&report);
    eprintln!("{at_once} at once: {}", report["setup_ms"]);

    causeway.nothing_left(before).await.unwrap();
    settle(&causeway).await;
    let after = causeway.holdings().unwrap();
    eprintln!("before {before:?}\nafter  {after:?}");
    assert!(
        after.memory_kib <= before.memory_kib + SLACK_KIB,
        "memory grew: {before:?} {after:?}"
    );
    assert_eq!(after.threads, before.threads);
    causeway.stop().await.unwrap();
    acd.stop().await.unwrap();
}

/// Every call was answered and heard itself.
fn all_connect(report: &Value) {
    assert_eq!(report["connected"], report["calls"], "{report}");
    assert_eq!(report["heard_ok"], report["calls"], "{report}");
    assert_eq!(report["failed"], 0, "{report}");
}

/// Waits until the transactions of the last calls are forgotten too (RFC 3261 keeps them for 32 s).
async fn settle(causeway: &BoxProcess) {
    for _ in 0..80 {
        let metrics = causeway.metrics().await.unwrap();
        let busy = [
            "causeway_sip_client_transactions",
            "causeway_sip_server_transactions",
        ];
        if busy
            .iter()
            .all(|name| metrics.get(*name).is_none_or(|n| *n < 3.0))
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
