//! No way for sound at all: the caller is told soon, and can ask to be called.

use std::time::Duration;

use causeway_harness::browser::Kind;
use causeway_harness::reach::{Site, WithoutUdp};
use causeway_harness::{WebPhone, network::Lines, place::TempFolder};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

use crate::support::{PATIENCE, skipped};

/// The next event of this name that the box tells.
async fn told(lines: &mut UnboundedReceiver<String>, name: &str) -> Value {
    let found = async {
        loop {
            let line = lines.recv().await.expect("the stream ended");
            let event: Option<Value> = line
                .strip_prefix("data: ")
                .and_then(|data| serde_json::from_str(data).ok());
            if let Some(event) = event.filter(|event| event["type"] == name) {
                return event;
            }
        }
    };
    timeout(PATIENCE, found).await.expect("not told in time")
}

#[tokio::test]
async fn a_caller_without_a_path_asks_to_be_called() {
    if skipped() {
        return;
    }
    let lines = Lines::ipv4(false).await.unwrap();
    lines
        .access
        .rules("table inet walls {\nchain pass { type filter hook forward priority 0; meta l4proto udp drop; }\n}")
        .await
        .unwrap();
    let site = Site::start(lines, WithoutUdp::Nothing).await.unwrap();
    let folder = TempFolder::new("network").unwrap();
    let browser = site.browser(Kind::Chromium, &folder).await.unwrap();
    let page = site.causeway.url("/demo/");
    let phone = WebPhone::on(browser, &page, &site.causeway, None, json!({}))
        .await
        .unwrap();

    // click ─▶ 100 … no_path, the offer, the end
    let options = json!({"to": "100", "context": {"cart": 3}});
    let call = phone.place_with(options).await.unwrap();
    let cause = phone.ended(PATIENCE).await.unwrap();
    assert_eq!(cause["code"], "media_failed", "{cause}");
    let events = phone.browser().evaluate("phone.events").await.unwrap();
    let order: Vec<&str> = events
        .as_array()
        .unwrap()
        .iter()
        .filter(|e| e["on"] == "call")
        .filter_map(|e| e["event"].as_str())
        .filter(|name| ["error", "callbackOffered", "disconnect"].contains(name))
        .collect();
    assert_eq!(order, ["error", "callbackOffered", "disconnect"]);
    let error = &phone.events("error").await.unwrap()[0];
    assert_eq!(error["args"][0]["code"], "no_path", "{error}");
    let placed = phone.browser().evaluate("phone.placedAt").await.unwrap();
    let after = error["at"].as_f64().unwrap() - placed.as_f64().unwrap();
    assert!(after <= 5.0, "told after {after} s");

    // Nobody listens: nothing is promised.
    let ask = "phone.call.requestCallback('+49 (30) 555-7', {name: 'Mira'}).then(id => ({id}), e => ({code: e.code}))";
    let refused = phone.browser().evaluate(ask).await.unwrap();
    assert_eq!(refused["code"], "refused", "{refused}");

    // The contact centre listens, and is told number, page and context.
    let mut lines = site.causeway.listen().await.unwrap();
    told(&mut lines, "trunk").await;
    let taken = phone.browser().evaluate(ask).await.unwrap();
    let wish = told(&mut lines, "callback").await;
    assert_eq!(wish["id"], taken["id"], "{wish} {taken}");
    assert_eq!(wish["number"], "+49305557");
    assert_eq!(wish["name"], "Mira");
    assert_eq!(wish["to"], "100");
    assert_eq!(wish["call"], json!(call));
    assert_eq!(wish["page"], json!(page));
    assert_eq!(wish["context"]["cart"], 3);

    // What is no number is refused by name.
    let bad = "phone.device.requestCallback({number: 'call me'}).then(() => 'taken', e => e.code)";
    assert_eq!(phone.browser().evaluate(bad).await.unwrap(), "bad_request");

    let record = site
        .causeway
        .record("of the call", |r| r["id"] == json!(call))
        .await
        .unwrap();
    assert_eq!(record["cause_code"], "media_failed", "{record}");
    drop(lines);
    tokio::time::sleep(Duration::from_millis(100)).await;
    phone.stop().await.unwrap();
    site.stop().await.unwrap();
}
