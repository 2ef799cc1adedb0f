//! UDP stops passing in mid-call, and passes again: the call goes on over TCP, and back.

use causeway_harness::browser::Kind;
use causeway_harness::network::Lines;
use causeway_harness::place::TempFolder;
use causeway_harness::reach::{Site, WithoutUdp};

use crate::support::{
    PATIENCE, acd_gap, acd_hears, messages, page_hears, page_hz, skipped, talking, untouched,
};

const NO_UDP: &str = "table inet walls {\nchain pass { type filter hook forward priority 0; meta l4proto udp drop; }\n}";
const OVER_TCP: &str = "causeway_ice_tcp_proven_total";

#[tokio::test]
async fn from_udp_to_tcp_and_back() {
    if skipped() {
        return;
    }
    let kind = Kind::Chromium;
    let lines = Lines::ipv4(false).await.unwrap();
    let mut site = Site::start(lines, WithoutUdp::IceTcp).await.unwrap();
    let folder = TempFolder::new("network").unwrap();
    let browser = site.browser(kind, &folder).await.unwrap();
    let (phone, call) = talking(&mut site, browser, kind).await;
    assert_eq!(phone.stats().await.unwrap()["path"], "udp");
    phone.watch_gaps().await.unwrap();
    let before = messages(&site, &call).await;
    site.acd.forget();

    site.lines.access.rules(NO_UDP).await.unwrap();
    let over =
        |path: &str| format!("phone.call.getStats().then(s => s.path === '{path}' && s.rttMs > 0)");
    let browser = phone.browser();
    browser.until("TCP", &over("tcp"), PATIENCE).await.unwrap();
    page_hears(&phone, kind).await;
    acd_hears(&mut site, page_hz(kind)).await;
    let (heard, sent) = (phone.longest_gap_ms().await.unwrap(), acd_gap(&mut site));
    println!("UDP to TCP: gap at the browser {heard:.0} ms, at the ACD {sent:.0} ms");
    // The page restarts ICE after 0.75 s, but Chromium leaves a pair that went silent only when it has given it up: some six
    // seconds.
    assert!(heard <= 8_000.0 && sent <= 8_000.0, "{heard} ms, {sent} ms");
    assert!(site.causeway.metrics().await.unwrap()[OVER_TCP] >= 1.0);

    // Another network, where UDP passes.
    site.lines.access.rules("").await.unwrap();
    site.lines.leave_wifi().await.unwrap();
    browser.until("UDP", &over("udp"), PATIENCE).await.unwrap();
    page_hears(&phone, kind).await;
    acd_hears(&mut site, page_hz(kind)).await;
    untouched(&mut site);
    assert_eq!(messages(&site, &call).await, before, "SIP was spoken");
    phone.hang_up().await.unwrap();

    // What the browser said of its way is in the record; no connection of the call is left.
    let record = site
        .causeway
        .record("of the call", |r| r["id"] == *call)
        .await;
    assert_eq!(record.unwrap()["browser_stats"]["path"], "udp");
    phone.stop().await.unwrap();
    site.stop().await.unwrap();
}
