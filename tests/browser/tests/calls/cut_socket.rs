//! The WebSocket is cut for 3 s in mid-call: the sound goes on, and the page finds its call again.

use std::time::Duration;

use causeway_harness::relay::Relay;
use causeway_harness::scene::{ACD_HZ, PAGE_HZ, Scene};
use causeway_harness::{Acd, BoxPlan, BoxProcess};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(15);

#[tokio::test]
async fn a_call_survives_its_socket() {
    let acd = Acd::start(&[]).await.unwrap();
    let causeway = BoxProcess::start(BoxPlan::new(acd.address()).unwrap())
        .await
        .unwrap();
    // Only the socket goes through the relay: page and media take their own ways.
    let relay = Relay::start(causeway.https()).await.unwrap();
    let options = json!({"url": format!("wss://{}/api/v1/ws", relay.address())});
    let mut scene = Scene::with(acd, causeway, None, options).await.unwrap();
    let call = scene.connect("100").await.unwrap();
    scene.phone.hears(ACD_HZ, PATIENCE).await.unwrap();
    scene.acd_hears(PAGE_HZ, PATIENCE).await.unwrap();

    scene.acd.forget();
    relay.cut();
    tokio::time::sleep(Duration::from_secs(1)).await;
    // The PBX holds while nobody can tell the page: the snapshot must.
    scene
        .acd
        .command(&format!("hold {call} music"))
        .await
        .unwrap();
    scene.acd.wait("held", PATIENCE, |_| true).await.unwrap();
    scene.acd.command(&format!("resume {call}")).await.unwrap();
    scene.acd.wait("resumed", PATIENCE, |_| true).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    relay.mend();
    scene
        .phone
        .browser()
        .until(
            "the reconnect",
            "phone.events.some(e => e.event === 'reconnected')",
            PATIENCE,
        )
        .await
        .unwrap();

    // Nobody heard a gap meanwhile.
    let gaps = scene.acd.seen("gap");
    assert!(
        gaps.iter().all(|g| g["ms"].as_f64().unwrap() < 500.0),
        "{gaps:?}"
    );
    let heard = scene.acd.seen("heard");
    let right = |e: &&serde_json::Value| {
        e["hz"]
            .as_f64()
            .is_some_and(|hz| (hz - PAGE_HZ).abs() < 9.0)
    };
    assert!(
        heard.len() >= 4 && heard.iter().all(|e| right(&e)),
        "{heard:?}"
    );
    scene.phone.hears(ACD_HZ, PATIENCE).await.unwrap();

    let events = scene
        .phone
        .browser()
        .evaluate("phone.events.filter(e => e.on === 'call').map(e => e.event)")
        .await
        .unwrap();
    let events: Vec<&str> = events
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|e| e.as_str())
        .collect();
    assert!(events.contains(&"reconnecting"), "{events:?}");
    assert_eq!(scene.phone.state().await.unwrap(), "answered");

    // The call is the page's again: digits, hold and the end go through.
    scene
        .phone
        .browser()
        .evaluate("phone.call.sendDigits('7')")
        .await
        .unwrap();
    scene
        .acd
        .wait("dtmf", PATIENCE, |e| e["digit"] == "7")
        .await
        .unwrap();
    scene.phone.hang_up().await.unwrap();
    scene.acd.wait("ended", PATIENCE, |_| true).await.unwrap();
    scene.end().await.unwrap();
}
