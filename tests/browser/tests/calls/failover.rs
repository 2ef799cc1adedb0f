//! A PBX that dies under its calls: the trunk's next target takes over, callers hear why their calls ended, and the
//! PBX is used again when it is back.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use causeway_harness::load::Load;
use causeway_harness::{Acd, BoxPlan, BoxProcess};
use serde_json::Value;
use tokio::time::sleep;

/// Calls that stand when the PBX dies.
const CALLS: u32 = 50;
/// What the box promises for a target that died.
const DOWN_WITHIN: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_pbx_dies_under_its_calls_and_comes_back() {
    let mut first = Acd::start(&[]).await.unwrap();
    let mut second = Acd::start(&[]).await.unwrap();
    let (at_first, at_second) = (first.address(), second.address());
    let mut plan = BoxPlan::new(at_first).unwrap();
    plan.trunks[0].extra = format!("targets = [\"{at_second}\"]");
    let causeway = BoxProcess::start(plan).await.unwrap();
    for target in [at_first, at_second] {
        becomes(&causeway, target, 1.0, DOWN_WITHIN).await;
    }

    // Fifty talk over the first. They would for long.
    let mut talking = Load::new(CALLS, CALLS, 120.0);
    talking.codec = "pcmu".to_owned();
    let dying = async {
        for _ in 0..CALLS {
            let answered = first.wait("answered", Duration::from_secs(30), |_| true);
            answered.await.unwrap();
        }
        assert_eq!(second.seen("invite").len(), 0);
        first.kill().await.unwrap();

        // Nobody knows yet: the call waits for the first, and then goes to the second.
        let (report, took) = tokio::join!(
            one_call(&causeway),
            becomes(&causeway, at_first, 0.0, DOWN_WITHIN)
        );
        eprintln!(
            "down after {took:?}; a call meanwhile: {}",
            report["setup_ms"]
        );
        assert_eq!(report["connected"], 1, "{report}");
        assert_eq!(second.seen("answered").len(), 1);

        // Known: the second gets the call at once.
        let report = one_call(&causeway).await;
        let setup_ms = report["setup_ms"]["max"].as_f64();
        assert!(setup_ms.is_some_and(|ms| ms < 3_900.0), "{report}");
        assert_eq!(second.seen("answered").len(), 2);

        // With both gone a call is refused at once, and says why.
        second.kill().await.unwrap();
        becomes(&causeway, at_second, 0.0, DOWN_WITHIN).await;
        let report = one_call(&causeway).await;
        assert_eq!(report["failures"]["ended_unreachable"], 1, "{report}");
        assert!(
            report["seconds"].as_f64().is_some_and(|s| s < 3.9),
            "{report}"
        );
    };
    let (talked, ()) = tokio::join!(talking.run(&causeway), dying);

    // The fifty were told too: neither SIP nor sound came any more.
    let talked = talked.unwrap();
    assert_eq!(talked["connected"], CALLS, "{talked}");
    assert_eq!(talked["failures"]["ended_unreachable"], CALLS, "{talked}");
    let records = causeway.records().await.unwrap();
    assert!(
        records.iter().all(|r| !r["ended_at"].is_null()),
        "{records:#?}"
    );
    let unreachable = records
        .iter()
        .filter(|r| r["cause_code"] == "unreachable" && r["cause_by"] == "box");
    assert_eq!(unreachable.count(), CALLS as usize + 1);

    // Back again, it is used again.
    let mut first = Acd::start_on(at_first.port(), &[]).await.unwrap();
    becomes(&causeway, at_first, 1.0, DOWN_WITHIN).await;
    let report = one_call(&causeway).await;
    assert_eq!(report["failed"], 0, "{report}");
    assert_eq!(first.seen("answered").len(), 1);
    causeway.stop().await.unwrap();
    first.stop().await.unwrap();
}

/// One short call; what became of it.
async fn one_call(causeway: &BoxProcess) -> Value {
    Load::new(1, 1, 1.5).run(causeway).await.unwrap()
}

/// Waits until a target is up (1) or down (0); how long it took.
async fn becomes(causeway: &BoxProcess, target: SocketAddr, up: f64, within: Duration) -> Duration {
    let name = format!("causeway_trunk_target_up{{trunk=\"pbx\",target=\"{target}\"}}");
    let begun = Instant::now();
    loop {
        let metrics = causeway.metrics().await.unwrap();
        if metrics.get(&name) == Some(&up) {
            return begun.elapsed();
        }
        assert!(
            begun.elapsed() < within,
            "{name} is not {up}:\n{}",
            causeway.program().tail(20)
        );
        sleep(Duration::from_millis(100)).await;
    }
}
