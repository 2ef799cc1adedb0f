//! A caller leaves the Wi-Fi for the mobile network in mid-call.

use std::time::Duration;

use causeway_harness::browser::Kind;
use serde_json::json;

use crate::support::{
    LONGEST_GAP_MS, PATIENCE, acd_gap, acd_hears, messages, open_site, page_hears, page_hz,
    skipped, talking, untouched,
};

#[tokio::test]
async fn from_one_network_to_another() {
    leaves(Kind::Chromium).await;
}

#[tokio::test]
async fn from_one_network_to_another_in_firefox() {
    leaves(Kind::Firefox).await;
}

async fn leaves(kind: Kind) {
    if skipped() {
        return;
    }
    let (mut site, browser, _folder) = open_site(kind).await;
    let (phone, call) = talking(&mut site, browser, kind).await;
    phone.watch_gaps().await.unwrap();
    let before = messages(&site, &call).await;
    site.acd.forget();

    site.lines.leave_wifi().await.unwrap();
    phone
        .browser()
        .until(
            "the way through the other network",
            "phone.events.some(e => e.event === 'reconnected')",
            PATIENCE,
        )
        .await
        .unwrap();
    page_hears(&phone, kind).await;
    acd_hears(&mut site, page_hz(kind)).await;
    tokio::time::sleep(Duration::from_secs(2)).await;

    let (heard, sent) = (phone.longest_gap_ms().await.unwrap(), acd_gap(&mut site));
    println!("{kind:?}: gap at the browser {heard:.0} ms, at the ACD {sent:.0} ms");
    let events = phone.browser().evaluate("phone.events").await.unwrap();
    assert!(
        heard <= LONGEST_GAP_MS && heard > 0.0,
        "{heard} ms at the browser: {events:#}"
    );
    assert!(sent <= LONGEST_GAP_MS, "{sent} ms at the ACD: {events:#}");
    untouched(&mut site);
    assert_eq!(messages(&site, &call).await, before, "SIP was spoken");
    // The call is the page's as before.
    phone.press("5").await.unwrap();
    site.acd
        .wait("dtmf", PATIENCE, |e| e["digit"] == "5")
        .await
        .unwrap();
    let cause = phone.hang_up().await.unwrap();
    assert_eq!(cause["code"], json!("hangup"));
    phone.stop().await.unwrap();
    site.stop().await.unwrap();
}
