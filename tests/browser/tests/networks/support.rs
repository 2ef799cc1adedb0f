//! A call from a browser in a namespace, and what the PBX's side of it saw.

use std::time::Duration;

use causeway_harness::browser::Kind;
use causeway_harness::network::{self, Lines};
use causeway_harness::place::TempFolder;
use causeway_harness::reach::{Site, WithoutUdp};
use causeway_harness::scene::{ACD_HZ, PAGE_HZ};
use causeway_harness::{Browser, WebPhone};
use serde_json::{Value, json};

pub const PATIENCE: Duration = Duration::from_secs(15);
/// No pause that a caller notices may be longer, in milliseconds.
pub const LONGEST_GAP_MS: f64 = 2_000.0;

/// Says so and is true when this machine cannot make networks of its own.
pub fn skipped() -> bool {
    let missing = network::missing();
    if let Some(missing) = missing {
        eprintln!("SKIPPED: {missing}");
    }
    missing.is_some()
}

/// An open network and a browser in it.
pub async fn open_site(kind: Kind) -> (Site, Browser, TempFolder) {
    let lines = Lines::ipv4(false).await.unwrap();
    let site = Site::start(lines, WithoutUdp::All).await.unwrap();
    let folder = TempFolder::new("network").unwrap();
    let browser = site.browser(kind, &folder).await.unwrap();
    (site, browser, folder)
}

/// What the browser's microphone hears: Firefox makes a tone of its own.
pub const fn page_hz(kind: Kind) -> f64 {
    match kind {
        Kind::Chromium => PAGE_HZ,
        Kind::Firefox => 1000.0,
    }
}

/// Waits until the page hears the ACD now. In Firefox the box's policy for its pages, which nothing turns off, lets no
/// ears in: there the browser's own count of the energy it has played has to grow.
pub async fn page_hears(phone: &WebPhone, kind: Kind) {
    const GROWS: &str = "(async () => {
        const energy = async () => [...(await phone.connection.getStats()).values()]
            .find(s => s.type === 'inbound-rtp' && s.kind === 'audio')?.totalAudioEnergy ?? 0
        const before = await energy()
        await new Promise(resolve => setTimeout(resolve, 300))
        return (await energy()) > before + 1e-4
    })()";
    match kind {
        Kind::Chromium => phone.hears(ACD_HZ, PATIENCE).await.unwrap(),
        Kind::Firefox => {
            let sound = phone.browser().until("sound", GROWS, PATIENCE).await;
            sound.unwrap();
        }
    }
}

/// A page that has called, and both hear each other; the call's id.
pub async fn talking(site: &mut Site, browser: Browser, kind: Kind) -> (WebPhone, String) {
    let page = site.causeway.url("/demo/");
    let phone = WebPhone::on(browser, &page, &site.causeway, None, json!({}))
        .await
        .unwrap();
    let id = phone.place("100").await.unwrap();
    phone.answered().await.unwrap();
    if kind == Kind::Chromium {
        phone.listen().await.unwrap();
    }
    page_hears(&phone, kind).await;
    acd_hears(site, page_hz(kind)).await;
    (phone, id)
}

/// Waits until the ACD hears `hz` within 2 %.
pub async fn acd_hears(site: &mut Site, hz: f64) {
    let right = |event: &Value| {
        event["hz"]
            .as_f64()
            .is_some_and(|heard| (heard - hz).abs() < hz * 0.02)
    };
    site.acd.wait("heard", PATIENCE, right).await.unwrap();
}

/// The first lines of the call's SIP messages, in order. One that was sent again (a PBX repeats its 200 until it has the ACK)
/// is the same octet for octet (RFC 3261 section 17), and counts once; a new one differs at least in its CSeq or branch.
pub async fn messages(site: &Site, call: &str) -> Vec<Value> {
    let path = format!("/api/v1/calls/{call}/ladder");
    let ladder = site.causeway.admin(&path).await.unwrap();
    let messages = ladder["messages"].as_array().cloned().unwrap_or_default();
    assert_eq!(ladder["omitted"], 0, "not all of them were kept");
    let same = |a: &Value, b: &Value| ["direction", "text"].iter().all(|key| a[*key] == b[*key]);
    let first = |(at, message): &(usize, &Value)| !messages[..*at].iter().any(|m| same(m, message));
    let distinct = messages.iter().enumerate().filter(first);
    distinct.map(|(_, m)| m["first_line"].clone()).collect()
}

/// The longest pause that the ACD has reported, in milliseconds; none is 0.
pub fn acd_gap(site: &mut Site) -> f64 {
    let gaps = site.acd.seen("gap");
    gaps.iter()
        .filter_map(|gap| gap["ms"].as_f64())
        .fold(0.0, f64::max)
}

/// The PBX's side has noticed nothing: one source, no new offer, no end.
pub fn untouched(site: &mut Site) {
    for event in ["source", "reinvite", "update", "held", "ended"] {
        let seen = site.acd.seen(event);
        assert!(seen.is_empty(), "{event}: {seen:?}");
    }
}
