//! What a caller's network lacks is named before anybody calls, on the box's own page.

use std::time::Duration;

use causeway_harness::Browser;
use causeway_harness::browser::{BrowserOptions, Kind};
use causeway_harness::network::Lines;
use causeway_harness::place::TempFolder;
use causeway_harness::reach::{Site, WithoutUdp};
use serde_json::{Value, json};

use crate::support::skipped;

const NO_UDP: &str = "table inet walls {\nchain pass { type filter hook forward priority 0; meta l4proto udp drop; }\n}";

/// Presses the page's button; what it found, and the page's verdict.
async fn tried(site: &Site, browser: &mut Browser) -> (Value, String) {
    let page = site.causeway.url("/demo/preflight.html");
    browser.open(&page).await.unwrap();
    let press = "(document.getElementById('try').click(), true)";
    browser.evaluate(press).await.unwrap();
    let report = browser
        .until(
            "a report",
            "window.causewayPreflight",
            Duration::from_secs(30),
        )
        .await
        .unwrap();
    let verdict = browser
        .evaluate("document.getElementById('verdict').textContent")
        .await
        .unwrap();
    (report, verdict.as_str().unwrap_or_default().to_owned())
}

/// Each hop with its result.
fn results(report: &Value) -> Vec<(&str, &str)> {
    let hops = report["hops"].as_array().unwrap();
    let text = |hop: &'_ Value, key: &str| hop[key].as_str().unwrap_or_default().len();
    for hop in hops.iter().filter(|hop| hop["result"] == "failed") {
        assert!(text(hop, "advice") > 20, "nothing to do about it: {hop}");
    }
    hops.iter()
        .map(|hop| {
            (
                hop["hop"].as_str().unwrap(),
                hop["result"].as_str().unwrap(),
            )
        })
        .collect()
}

#[tokio::test]
async fn every_hop_is_tried_and_the_failing_one_named() {
    if skipped() {
        return;
    }
    let lines = Lines::ipv4(false).await.unwrap();
    let site = Site::start(lines, WithoutUdp::All).await.unwrap();
    let folder = TempFolder::new("network").unwrap();
    let mut browser = site.browser(Kind::Chromium, &folder).await.unwrap();

    // An open network.
    let (report, verdict) = tried(&site, &mut browser).await;
    assert_eq!(report["ok"], true, "{report:#}");
    let open = [
        ("microphone", "ok"),
        ("dns", "skipped"),
        ("https", "ok"),
        ("websocket", "ok"),
        ("udp", "ok"),
        ("tcp", "ok"),
        ("tls", "ok"),
        ("dtls", "ok"),
        ("media", "ok"),
    ];
    assert_eq!(results(&report), open);
    assert_eq!(verdict, "You can call from here.");

    // Without UDP calls go over the relay: named, and no obstacle.
    site.lines.access.rules(NO_UDP).await.unwrap();
    let (report, _) = tried(&site, &mut browser).await;
    assert_eq!(report["ok"], true, "{report:#}");
    let blocked = open.map(|(hop, result)| (hop, if hop == "udp" { "failed" } else { result }));
    assert_eq!(results(&report), blocked);

    // Nobody was called, and nothing is left.
    assert_eq!(site.causeway.records().await.unwrap(), Vec::<Value>::new());
    browser.stop().await.unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    loop {
        let legs = site.causeway.metrics().await.unwrap()["causeway_media_legs"];
        if legs == 0.0 {
            break;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "{legs} legs are left"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    site.stop().await.unwrap();
}

#[tokio::test]
async fn a_refused_microphone_and_a_network_without_a_way() {
    if skipped() {
        return;
    }
    let lines = Lines::ipv4(false).await.unwrap();
    lines.access.rules(NO_UDP).await.unwrap();
    let site = Site::start(lines, WithoutUdp::Nothing).await.unwrap();
    let options = |no_microphone| BrowserOptions {
        no_microphone,
        namespace: Some(site.lines.caller.clone()),
        ..BrowserOptions::default()
    };
    let mut browser = Browser::start(Kind::Chromium, options(true)).await.unwrap();
    let (report, verdict) = tried(&site, &mut browser).await;
    assert_eq!(report["ok"], false);
    assert_eq!(report["failing"], "microphone", "{report:#}");
    assert_eq!(verdict, "No call from here: Microphone.");
    // What else is wrong is found all the same.
    let udp = report["hops"]
        .as_array()
        .unwrap()
        .iter()
        .find(|h| h["hop"] == "udp");
    assert_eq!(udp.unwrap()["result"], "failed", "{report:#}");
    browser.stop().await.unwrap();

    let mut browser = Browser::start(Kind::Chromium, options(false))
        .await
        .unwrap();
    let (report, verdict) = tried(&site, &mut browser).await;
    assert_eq!(
        (&report["ok"], &report["failing"]),
        (&json!(false), &json!("udp"))
    );
    let last: Vec<(&str, &str)> = results(&report).split_off(4);
    assert_eq!(
        last,
        [
            ("udp", "failed"),
            ("tcp", "skipped"),
            ("tls", "skipped"),
            ("dtls", "skipped"),
            ("media", "skipped"),
        ]
    );
    assert_eq!(verdict, "No call from here: UDP.");
    browser.stop().await.unwrap();
    site.stop().await.unwrap();
}
