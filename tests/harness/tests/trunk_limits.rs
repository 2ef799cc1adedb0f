//! A trunk with one line: the next call goes over the next trunk, then nowhere, and the PBX is told 503; and what the
//! administrator sees of it.

use std::time::Duration;

use causeway_harness::cli::causeway_says;
use causeway_harness::config::{ADMIN_KEY, ECHO, TrunkPlan};
use causeway_harness::https::lines;
use causeway_harness::load::Load;
use causeway_harness::program::Program;
use causeway_harness::{Acd, BoxPlan, BoxProcess, place};
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::mpsc;

const PATIENCE: Duration = Duration::from_secs(15);

#[tokio::test]
async fn calls_over_a_limit_overflow_or_are_refused_and_those_that_stand_go_on() {
    let mut first = Acd::start(&[]).await.unwrap();
    let mut second = Acd::start(&[]).await.unwrap();
    let mut plan = BoxPlan::new(first.address()).unwrap();
    plan.trunks[0].extra = "max_calls = 1\n".to_owned();
    plan.trunks.push(TrunkPlan {
        name: "other".to_owned(),
        address: second.address(),
        extra: "max_calls = 1\ncalls_per_second = 1\n".to_owned(),
    });
    let causeway = BoxProcess::start(plan).await.unwrap();
    let before = causeway.holdings().unwrap();

    let mut talking = Load::new(2, 2, 8.0);
    talking.codec = "pcmu".to_owned();
    let meanwhile = async {
        for acd in [&mut first, &mut second] {
            acd.wait("answered", PATIENCE, |_| true).await.unwrap();
        }
        // A third page is told at once, and the PBX too.
        let report = Load::new(1, 1, 1.0).run(&causeway).await.unwrap();
        assert_eq!(report["failures"]["rate_limited"], 1, "{report}");
        // The box tells trunks apart by their addresses, and both ACDs have the same: the call is of the first.
        let report = call(&causeway).await;
        assert_eq!(report["status"], 503, "{report}");
        let answer = causeway.admin("/api/v1/trunks").await.unwrap();
        for (at, name) in ["pbx", "other"].into_iter().enumerate() {
            let trunk = &answer["trunks"][at];
            assert_eq!(trunk["name"], name, "{answer}");
            assert_eq!(
                (&trunk["calls"], &trunk["max_calls"]),
                (&1.into(), &1.into()),
                "{answer}"
            );
            assert_eq!(trunk["targets"][0]["last_status"], 200, "{answer}");
        }
        assert_eq!(answer["trunks"][1]["calls_per_second"], 1, "{answer}");
        let refused = answer["trunks"][0]["refused"].as_array().unwrap();
        let count = |way: &str| {
            let found = refused
                .iter()
                .find(|r| r["way"] == way && r["limit"] == "max_calls");
            found.map_or(0, |r| r["count"].as_u64().unwrap())
        };
        // Two pages found the first trunk full: one went over the other, one nowhere.
        assert_eq!((count("out"), count("in")), (2, 1), "{answer}");
        let table = causeway_says(&causeway, &["trunks"]).await.unwrap();
        let line = table.lines().find(|l| l.starts_with("pbx ")).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[..5], ["pbx", "up", "1/1", "-", "3"], "{table}");
    };
    let (talked, ()) = tokio::join!(talking.run(&causeway), meanwhile);
    let talked = talked.unwrap();
    assert_eq!(
        (&talked["connected"], &talked["failed"]),
        (&2.into(), &0.into()),
        "{talked}"
    );
    assert_eq!(first.seen("invite").len(), 1);
    assert_eq!(second.seen("invite").len(), 1);

    // The line is free again.
    let report = call(&causeway).await;
    assert_eq!(report["answered"], true, "{report}");
    let metrics = causeway.metrics().await.unwrap();
    let name = "causeway_trunk_refused_total{trunk=\"pbx\",way=\"in\",limit=\"max_calls\"}";
    assert_eq!(metrics.get(name), Some(&1.0));

    // Whoever listens is told when a PBX goes.
    let mut events = lines(causeway.https(), "/api/v1/events", ADMIN_KEY)
        .await
        .unwrap();
    event(&mut events, |e| {
        e["type"] == "trunk" && e["trunk"] == "other" && e["to"] == "up"
    })
    .await;
    let gone = second.address().to_string();
    second.kill().await.unwrap();
    event(&mut events, |e| {
        e["type"] == "target" && e["target"] == gone.as_str() && e["to"] == "down"
    })
    .await;
    event(&mut events, |e| {
        e["type"] == "trunk" && e["trunk"] == "other" && e["to"] == "down"
    })
    .await;
    drop(events);
    causeway.nothing_left(before).await.unwrap();
    causeway.stop().await.unwrap();
    first.stop().await.unwrap();
}

/// A phone's call to the echo; its report.
async fn call(causeway: &BoxProcess) -> Value {
    let via = causeway.plan().sip.to_string();
    let to = format!("sip:{ECHO}@{via}");
    let mut command = Command::new(place::program("causeway-phone").unwrap());
    command.args([
        "call",
        "--json",
        "--to",
        &to,
        "--via",
        &via,
        "--seconds",
        "1",
    ]);
    let (output, mut lines) = mpsc::unbounded_channel();
    let phone = Program::start("causeway-phone call", command, Some(output)).unwrap();
    let mut last = String::new();
    while let Some(line) = lines.recv().await {
        last = line;
    }
    phone.stop().await.unwrap();
    serde_json::from_str(&last).unwrap()
}

/// Waits for an event of the box.
async fn event(events: &mut mpsc::UnboundedReceiver<String>, wanted: impl Fn(&Value) -> bool) {
    let found = async {
        loop {
            let line = events.recv().await.expect("the stream goes on");
            let data = line.strip_prefix("data: ").map(serde_json::from_str);
            if let Some(event) = data
                && wanted(&event.unwrap())
            {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, found)
        .await
        .expect("an event");
}
