//! Calls that nobody answers: each ends with its own state, cause and record, and nothing is left of it.

use std::time::Duration;

use causeway_harness::config::loopback;
use causeway_harness::{Acd, BoxPlan, BoxProcess, Scene, place};
use serde_json::{Value, json};

/// Long enough for a transaction that nobody answers: 32 s (RFC 3261, timer B).
const PATIENCE: Duration = Duration::from_secs(45);

/// Calls `to`; the cause, once its code and side, and those of the record, were found to be these.
async fn ends(scene: &mut Scene, to: &str, code: &str, by: &str) -> Value {
    let call = scene.phone.place(to).await.unwrap();
    let cause = scene.phone.ended(PATIENCE).await.unwrap();
    assert_eq!(
        (&cause["code"], &cause["by"]),
        (&json!(code), &json!(by)),
        "{cause}"
    );
    assert_eq!(scene.phone.state().await.unwrap(), "ended");
    let record = scene.record(&call).await.unwrap();
    assert_eq!(
        (&record["cause_code"], &record["cause_by"]),
        (&json!(code), &json!(by)),
        "{record}"
    );
    assert!(record["answered_at"].is_null(), "{record}");
    cause
}

#[tokio::test]
async fn the_pbx_refuses_in_every_way() {
    let mut scene = Scene::chromium(|_| {}).await.unwrap();
    for (to, code) in [
        ("486", "busy"),
        ("603", "declined"),
        ("404", "not_found"),
        // With the Q.850 cause 18 the ACD gives along.
        ("480", "no_answer"),
        ("503", "unavailable"),
        ("488", "incompatible"),
        ("500", "unavailable"),
    ] {
        let cause = ends(&mut scene, to, code, "remote").await;
        assert_eq!(cause["sip"]["status"].to_string(), to, "{cause}");
    }
    // The ACD gives a Reason with busy (RFC 3326): it reaches the page.
    let cause = ends(&mut scene, "486", "busy", "remote").await;
    assert_eq!(cause["sip"]["cause"]["value"], 17, "{cause}");
    scene.end().await.unwrap();
}

#[tokio::test]
async fn it_rings_and_the_box_gives_up() {
    let mut scene = Scene::chromium(|plan| plan.ring_s = 10).await.unwrap();
    ends(&mut scene, "702", "no_answer", "box").await;
    let ended = scene.acd.wait("ended", PATIENCE, |_| true).await.unwrap();
    assert_eq!(
        ended["by"], "remote",
        "the ACD was told to stop ringing: {ended}"
    );
    scene.end().await.unwrap();
}

#[tokio::test]
async fn it_rings_and_the_caller_gives_up() {
    let mut scene = Scene::chromium(|_| {}).await.unwrap();
    let call = scene.phone.place("702").await.unwrap();
    scene.phone.reaches("ringing", PATIENCE).await.unwrap();
    let cause = scene.phone.hang_up().await.unwrap();
    assert_eq!(
        (&cause["code"], &cause["by"]),
        (&json!("cancelled"), &json!("local")),
        "{cause}"
    );
    scene.acd.wait("ended", PATIENCE, |_| true).await.unwrap();
    let record = scene.record(&call).await.unwrap();
    assert_eq!(record["cause_code"], "cancelled", "{record}");
    scene.end().await.unwrap();
}

#[tokio::test]
async fn the_pbx_says_nothing() {
    let mut scene = Scene::chromium(|_| {}).await.unwrap();
    ends(&mut scene, "701", "unreachable", "box").await;
    scene.end().await.unwrap();
}

#[tokio::test]
async fn the_pbx_is_dead() {
    // An ACD nobody's trunk leads to; the trunk leads to a port nobody listens on.
    let acd = Acd::start(&[]).await.unwrap();
    let dead = loopback(place::free_port().unwrap());
    let causeway = BoxProcess::start(BoxPlan::new(dead).unwrap())
        .await
        .unwrap();
    let mut scene = Scene::with(acd, causeway, None, json!({})).await.unwrap();
    ends(&mut scene, "100", "unreachable", "box").await;
    scene.end().await.unwrap();
}
