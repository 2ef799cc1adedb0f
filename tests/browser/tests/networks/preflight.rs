//! What a caller's network lacks is named before anybody calls, on the box's own page.

use std::time::Duration;

use causeway_harness::Browser;
use causeway_harness::browser::{BrowserOptions, Kind};
use causeway_harness::network::{Lines, Middlebox, Passing};
use causeway_harness::place::TempFolder;
use causeway_harness::reach::{Site, WithoutUdp};
use serde_json::{Value, json};

use crate::support::skipped;

const NO_UDP: &str = "table inet walls {\nchain pass { type filter hook forward priority 0; meta l4proto udp drop; }\n}";
/// Whatever goes to 443 is the middlebox's, and nothing else passes.
const LOOKED_INTO: &str = "table inet walls { chain pass { type filter hook forward priority 0; policy drop; }\n}\n\
    table ip nat { chain in { type nat hook prerouting priority dstnat; \
    iifname \"wifi\" tcp dport 443 redirect to :8443; }\n}";

/// Every hop where nothing is in the way; the box has an address and no name.
const OPEN: [(&str, &str); 9] = [
    ("microphone", "ok"),
    ("dns", "skipped"),
    ("https", "ok"),
    ("websocket", "ok"),
    ("udp", "ok"),
    ("tcp", "ok"),
    ("turn", "ok"),
    ("dtls", "ok"),
    ("media", "ok"),
];

/// The same but for some.
fn but(others: &[(&'static str, &'static str)]) -> [(&'static str, &'static str); 9] {
    OPEN.map(|(hop, usual)| {
        let other = others.iter().find(|(name, _)| *name == hop);
        (hop, other.map_or(usual, |(_, result)| *result))
    })
}

async fn site(without_udp: WithoutUdp) -> Site {
    let lines = Lines::ipv4(false).await.unwrap();
    Site::start(lines, without_udp).await.unwrap()
}

/// Presses the page's button; what it found, and the page's verdict.
async fn tried(site: &Site, browser: &mut Browser) -> (Value, String) {
    let page = site.causeway.url("/preflight");
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
    let text = |id: &str| format!("document.getElementById('{id}').textContent");
    let verdict = browser.evaluate(&text("verdict")).await.unwrap();
    let verdict = verdict.as_str().unwrap_or_default().to_owned();
    // What a support desk is sent says the same, and each hop.
    let sent = browser.evaluate(&text("report")).await.unwrap();
    let sent = sent.as_str().unwrap_or_default();
    assert!(sent.starts_with(&verdict), "{sent}");
    for word in ["Microphone", "WebSocket", "Relay (TURN)", "Sound"] {
        assert!(sent.contains(word), "{word}: {sent}");
    }
    (report, verdict)
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

async fn well_and_without_udp(kind: Kind) {
    if skipped() {
        return;
    }
    let site = site(WithoutUdp::All).await;
    let folder = TempFolder::new("network").unwrap();
    let mut browser = site.browser(kind, &folder).await.unwrap();
    // Firefox takes no certificate that nobody vouches for inside `turns:`, and finds the relay over TCP.
    let (report, verdict) = tried(&site, &mut browser).await;
    assert_eq!(report["ok"], true, "{report:#}");
    assert_eq!(results(&report), OPEN);
    assert_eq!(verdict, "You can call from here.");

    // Without UDP calls go over TCP: named, and no obstacle.
    site.lines.access.rules(NO_UDP).await.unwrap();
    let (report, verdict) = tried(&site, &mut browser).await;
    assert_eq!(report["ok"], true, "{report:#}");
    assert_eq!(results(&report), but(&[("udp", "failed")]));
    assert_eq!(verdict, "You can call from here, without UDP.");

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
async fn all_is_well_and_then_udp_is_blocked() {
    well_and_without_udp(Kind::Chromium).await;
}

#[tokio::test]
async fn all_is_well_and_then_udp_is_blocked_in_firefox() {
    well_and_without_udp(Kind::Firefox).await;
}

#[tokio::test]
async fn a_proxy_without_websockets_is_named() {
    if skipped() {
        return;
    }
    let site = site(WithoutUdp::All).await;
    let (access, target) = (&site.lines.access, site.lines.https());
    let middlebox = Middlebox::start(access, target, Passing::HttpWithoutWebSocket);
    let middlebox = middlebox.await.unwrap();
    access.rules(LOOKED_INTO).await.unwrap();
    let folder = TempFolder::new("network").unwrap();
    let mut browser = site.browser(Kind::Chromium, &folder).await.unwrap();
    let (report, verdict) = tried(&site, &mut browser).await;
    assert_eq!(report["failing"], "websocket", "{report:#}");
    let skipped = ["udp", "tcp", "turn", "dtls", "media"].map(|hop| (hop, "skipped"));
    let expected = [&skipped[..], &[("websocket", "failed")]].concat();
    assert_eq!(results(&report), but(&expected));
    assert_eq!(verdict, "No call from here: WebSocket.");
    assert!(middlebox.refused() > 0);
    browser.stop().await.unwrap();
    site.stop().await.unwrap();
}

#[tokio::test]
async fn a_box_without_a_relay_is_no_obstacle_and_one_without_any_way_is() {
    if skipped() {
        return;
    }
    let ice_tcp = site(WithoutUdp::IceTcp).await;
    let folder = TempFolder::new("network").unwrap();
    let mut browser = ice_tcp.browser(Kind::Chromium, &folder).await.unwrap();
    let (report, verdict) = tried(&ice_tcp, &mut browser).await;
    assert_eq!(results(&report), but(&[("turn", "skipped")]));
    assert_eq!(verdict, "You can call from here.");
    browser.stop().await.unwrap();
    ice_tcp.stop().await.unwrap();

    let nothing = site(WithoutUdp::Nothing).await;
    nothing.lines.access.rules(NO_UDP).await.unwrap();
    let options = |no_microphone| BrowserOptions {
        no_microphone,
        namespace: Some(nothing.lines.caller.clone()),
        ..BrowserOptions::default()
    };
    let mut browser = Browser::start(Kind::Chromium, options(true)).await.unwrap();
    let (report, verdict) = tried(&nothing, &mut browser).await;
    assert_eq!(report["ok"], false);
    assert_eq!(report["failing"], "microphone", "{report:#}");
    assert_eq!(verdict, "No call from here: Microphone.");
    // What else is wrong is found all the same.
    let ways = [
        ("udp", "failed"),
        ("tcp", "skipped"),
        ("turn", "skipped"),
        ("dtls", "skipped"),
        ("media", "skipped"),
    ];
    let expected = [&ways[..], &[("microphone", "failed")]].concat();
    assert_eq!(results(&report), but(&expected));
    browser.stop().await.unwrap();

    let mut browser = Browser::start(Kind::Chromium, options(false))
        .await
        .unwrap();
    let (report, verdict) = tried(&nothing, &mut browser).await;
    assert_eq!(
        (&report["ok"], &report["failing"]),
        (&json!(false), &json!("udp"))
    );
    assert_eq!(results(&report), but(&ways));
    assert_eq!(verdict, "No call from here: UDP.");
    browser.stop().await.unwrap();
    nothing.stop().await.unwrap();
}
