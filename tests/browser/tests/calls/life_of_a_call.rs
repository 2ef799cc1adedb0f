//! `firmware/LIFE_OF_A_CALL.md` with real parts: permission, click, ringing, sound, hold, a lost socket, the end.

use std::time::Duration;

use causeway_harness::relay::Relay;
use causeway_harness::scene::{ACD_HZ, PAGE_HZ, Scene};
use causeway_harness::{Acd, BoxPlan, BoxProcess};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(15);

#[tokio::test]
async fn the_life_of_a_call() {
    let acd = Acd::start(&[]).await.unwrap();
    let plan = BoxPlan::new(acd.address()).unwrap();
    let causeway = BoxProcess::start(plan).await.unwrap();
    let relay = Relay::start(causeway.https()).await.unwrap();

    // 1. Permission; 2. the click; 3. the browser is answered; 4. the PBX rings and answers.
    let options = json!({"url": format!("wss://{}/api/v1/ws", relay.address())});
    let mut scene = Scene::with(acd, causeway, None, options).await.unwrap();
    let id = scene
        .phone
        .place_with(json!({"to": "100", "context": {"cart": 3}}))
        .await
        .unwrap();
    scene.phone.answered().await.unwrap();
    let answered = scene
        .acd
        .wait("answered", PATIENCE, |_| true)
        .await
        .unwrap();
    let call = answered["call"].as_u64().unwrap();
    assert_eq!(states(&scene).await, ["trying", "ringing", "accept"]);

    // 5. Sound, both ways.
    scene.phone.listen().await.unwrap();
    scene.phone.hears(ACD_HZ, PATIENCE).await.unwrap();
    scene.acd_hears(PAGE_HZ, PATIENCE).await.unwrap();
    let ssrc = scene.phone.stats().await.unwrap()["inboundSsrc"].clone();

    // 6. The PBX holds, and resumes: the page is told, its stream goes on.
    scene.acd.command(&format!("hold {call}")).await.unwrap();
    scene.phone.reaches("held", PATIENCE).await.unwrap();
    scene.acd.command(&format!("resume {call}")).await.unwrap();
    scene.phone.reaches("answered", PATIENCE).await.unwrap();
    scene.phone.hears(ACD_HZ, PATIENCE).await.unwrap();
    assert_eq!(scene.phone.stats().await.unwrap()["inboundSsrc"], ssrc);

    // 7. The socket drops and comes back.
    relay.cut();
    tokio::time::sleep(Duration::from_millis(500)).await;
    relay.mend();
    let back = "phone.events.some(e => e.event === 'reconnected')";
    scene
        .phone
        .browser()
        .until("the reconnect", back, PATIENCE)
        .await
        .unwrap();
    assert_eq!(scene.phone.state().await.unwrap(), "answered");

    // 8. The end, and what stays of it.
    scene.phone.hang_up().await.unwrap();
    let record = scene.record(&id).await.unwrap();
    assert_eq!(record["cause_code"], "hangup", "{record}");
    for mark in ["placed_at", "ringing_at", "answered_at", "ended_at"] {
        assert!(record[mark].is_number(), "{mark}: {record}");
    }
    scene.end().await.unwrap();
}

/// What the call told the page until it was answered, in order.
async fn states(scene: &Scene) -> Vec<String> {
    let told = "phone.events.filter(e => ['trying', 'ringing', 'accept'].includes(e.event)).map(e => e.event)";
    let told = scene.phone.browser().evaluate(told).await.unwrap();
    let told = told.as_array().cloned().unwrap_or_default();
    told.iter()
        .filter_map(|e| e.as_str().map(str::to_owned))
        .collect()
}
