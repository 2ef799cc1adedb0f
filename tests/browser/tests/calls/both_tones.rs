//! A page calls, both hear each other, the page hangs up, and the record tells it.

use std::time::Duration;

use causeway_harness::config::CALLER_ID;
use causeway_harness::scene::{ACD_HZ, PAGE_HZ, Scene};
use serde_json::json;

#[tokio::test]
async fn a_page_and_the_acd_hear_each_other() {
    let mut scene = Scene::chromium(|_| {}).await.unwrap();

    let call = scene
        .phone
        .place_with(json!({"to": "100", "context": {"cart": 3}}))
        .await
        .unwrap();
    let setup_ms = scene.phone.answered().await.unwrap();
    assert!(
        setup_ms < 3000.0,
        "{setup_ms} ms, of which the ACD rings 300"
    );
    let invite = scene
        .acd
        .wait("invite", Duration::from_secs(5), |_| true)
        .await
        .unwrap();
    assert!(
        invite["from"].as_str().unwrap().contains(CALLER_ID),
        "{invite}"
    );
    let uui = invite["uui"].as_str().expect("a User-to-User header");

    // The token of that header leads to what the page said, and where it was.
    let token = uui.split(';').next().unwrap();
    let context = scene
        .causeway
        .admin(&format!("/api/v1/contexts/{}", spelled(token)))
        .await
        .unwrap();
    assert_eq!(context["context"]["cart"], 3, "{context}");

    scene.phone.listen().await.unwrap();
    scene
        .phone
        .hears(ACD_HZ, Duration::from_secs(10))
        .await
        .unwrap();
    scene
        .acd_hears(PAGE_HZ, Duration::from_secs(10))
        .await
        .unwrap();
    assert_eq!(scene.phone.state().await.unwrap(), "answered");
    assert_eq!(scene.phone.stats().await.unwrap()["codec"], "opus");

    let cause = scene.phone.hang_up().await.unwrap();
    assert_eq!(
        (&cause["code"], &cause["by"]),
        (&json!("hangup"), &json!("local")),
        "{cause}"
    );
    let ended = scene
        .acd
        .wait("ended", Duration::from_secs(5), |_| true)
        .await
        .unwrap();
    assert_eq!(ended["by"], "remote", "{ended}");

    let record = scene.record(&call).await.unwrap();
    assert_eq!(record["to_number"], "100", "{record}");
    assert_eq!(record["from_number"], CALLER_ID, "{record}");
    assert_eq!(
        (&record["web_codec"], &record["trunk_codec"]),
        (&json!("opus"), &json!("PCMU")),
        "{record}"
    );
    assert_eq!(
        (&record["cause_code"], &record["cause_by"]),
        (&json!("hangup"), &json!("local")),
        "{record}"
    );
    assert!(
        record["web"]["packets_in"].as_u64().unwrap() > 25,
        "{record}"
    );
    assert!(
        record["trunk_leg"]["packets_in"].as_u64().unwrap() > 25,
        "{record}"
    );
    assert!(
        record["page"]
            .as_str()
            .unwrap()
            .contains("http://127.0.0.1"),
        "{record}"
    );
    scene.end().await.unwrap();
}

#[tokio::test]
async fn the_acd_hangs_up_and_the_page_is_told() {
    let mut scene = Scene::chromium(|_| {}).await.unwrap();
    scene.connect("705").await.unwrap();
    let cause = scene.phone.ended(Duration::from_secs(15)).await.unwrap();
    assert_eq!(
        (&cause["code"], &cause["by"]),
        (&json!("hangup"), &json!("remote")),
        "{cause}"
    );
    let record = scene
        .causeway
        .record("of the end", |r| !r["ended_at"].is_null())
        .await
        .unwrap();
    assert_eq!(record["cause_by"], "remote", "{record}");
    scene.end().await.unwrap();
}

/// What the header's hexadecimal spells, where it is hexadecimal.
fn spelled(token: &str) -> String {
    let bytes: Option<Vec<u8>> = token
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.filter(|text| text.chars().all(|c| c.is_ascii_graphic()))
        .unwrap_or_else(|| token.to_owned())
}
