//! A phone of the PBX calls the test number and hears itself; no browser is there.

use causeway_harness::config::ECHO;
use causeway_harness::program::Program;
use causeway_harness::scene::ACD_HZ;
use causeway_harness::{Acd, BoxPlan, BoxProcess, place};
use serde_json::Value;
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::mpsc;

const PATIENCE: Duration = Duration::from_secs(10);

/// Calls the echo with further arguments; the phone's report.
async fn call(causeway: &BoxProcess, arguments: &[&str]) -> Value {
    let via = causeway.plan().sip.to_string();
    let to = format!("sip:{ECHO}@{via}");
    let mut command = Command::new(place::program("causeway-phone").unwrap());
    command
        .args([
            "call",
            "--json",
            "--to",
            &to,
            "--via",
            &via,
            "--seconds",
            "2",
        ])
        .args(arguments);
    let (output, mut lines) = mpsc::unbounded_channel();
    let phone = Program::start("causeway-phone call", command, Some(output)).unwrap();
    let mut last = String::new();
    while let Some(line) = lines.recv().await {
        last = line;
    }
    phone.stop().await.unwrap();
    serde_json::from_str(&last).unwrap()
}

#[tokio::test]
async fn the_caller_hears_its_own_tone_in_every_codec_and_after_a_hold() {
    let mut acd = Acd::start(&[]).await.unwrap();
    let causeway = BoxProcess::start(BoxPlan::new(acd.address()).unwrap())
        .await
        .unwrap();
    let before = causeway.holdings().unwrap();
    for (codec, tone) in [("pcmu", "620"), ("pcma", "850")] {
        let wanted = ["--codecs", codec, "--tone", tone, "--expect-hz", tone];
        let report = call(&causeway, &wanted).await;
        assert_eq!(report["heard_ok"], true, "{report}");
        assert_eq!(report["by"], "local", "{report}");
        let record = causeway
            .record("of the echo", |r| {
                r["trunk_codec"] == codec.to_uppercase() && !r["ended_at"].is_null()
            })
            .await
            .unwrap();
        assert_eq!(record["direction"], "echo", "{record}");
        assert_eq!(record["to_number"], ECHO, "{record}");
        assert_eq!(record["cause_code"], "hangup", "{record}");
        assert_eq!(record["cause_by"], "remote", "{record}");
        let packets = &record["trunk_leg"];
        let (came, went) = (&packets["packets_in"], &packets["packets_out"]);
        assert!(came.as_u64().unwrap() > 50, "{record}");
        assert!(went.as_u64().unwrap() > 50, "{record}");
    }

    // Held, nothing comes back; resumed, it does. And a digit is heard as one.
    let via = causeway.plan().sip;
    acd.command(&format!("call sip:{ECHO}@{via}"))
        .await
        .unwrap();
    let call = acd.wait("answered", PATIENCE, |_| true).await.unwrap()["call"].clone();
    let own = |event: &Value| {
        event["hz"]
            .as_f64()
            .is_some_and(|hz| (hz - ACD_HZ).abs() < 20.0)
    };
    acd.wait("heard", PATIENCE, own).await.unwrap();
    acd.command(&format!("hold {call}")).await.unwrap();
    acd.wait("held", PATIENCE, |_| true).await.unwrap();
    tokio::time::sleep(Duration::from_millis(800)).await;
    acd.command(&format!("resume {call}")).await.unwrap();
    acd.wait("resumed", PATIENCE, |_| true).await.unwrap();
    let gap = acd.wait("gap", PATIENCE, |_| true).await.unwrap();
    assert!(gap["ms"].as_f64().unwrap() > 700.0, "{gap}");
    acd.wait("heard", PATIENCE, own).await.unwrap();
    acd.command(&format!("dtmf {call} 7")).await.unwrap();
    acd.wait("dtmf", PATIENCE, |event| event["digit"] == "7")
        .await
        .unwrap();
    acd.command(&format!("hangup {call}")).await.unwrap();
    acd.wait("ended", PATIENCE, |_| true).await.unwrap();
    causeway.nothing_left(before).await.unwrap();
    causeway.stop().await.unwrap();
    acd.stop().await.unwrap();
}
