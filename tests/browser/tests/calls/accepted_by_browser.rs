//! The PBX calls a virtual number: the account's browser rings, and takes the call or refuses it.

use std::time::Duration;

use causeway_harness::scene::{ACCOUNT, ACD_HZ, PAGE_HZ, Scene};
use causeway_harness::{Acd, BoxPlan, BoxProcess};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(10);

/// A page that is registered for the account.
async fn registered() -> Scene {
    let acd = Acd::start(&[]).await.unwrap();
    let causeway = BoxProcess::start(BoxPlan::new(acd.address()).unwrap())
        .await
        .unwrap();
    let scene = Scene::with(acd, causeway, Some(ACCOUNT.0), json!({}))
        .await
        .unwrap();
    scene
        .phone
        .browser()
        .evaluate("phone.device.register()")
        .await
        .unwrap();
    scene
}

/// The ACD calls the account's number.
async fn dial(scene: &mut Scene) {
    let uri = format!("sip:{}@{}", ACCOUNT.1, scene.causeway.plan().sip);
    scene
        .acd
        .command(&format!("call {uri} +4930555"))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_browser_rings_and_answers_and_both_hear() {
    let mut scene = registered().await;
    dial(&mut scene).await;
    scene.phone.reaches("incoming", PATIENCE).await.unwrap();
    scene
        .acd
        .wait("progress", PATIENCE, |e| e["status"] == 180)
        .await
        .unwrap();
    assert_eq!(
        scene
            .phone
            .browser()
            .evaluate("phone.call.from")
            .await
            .unwrap(),
        "+4930555"
    );

    scene
        .phone
        .browser()
        .evaluate("phone.call.accept({audio: phone.microphone})")
        .await
        .unwrap();
    scene
        .acd
        .wait("answered", PATIENCE, |_| true)
        .await
        .unwrap();
    scene.phone.reaches("answered", PATIENCE).await.unwrap();
    scene.phone.listen().await.unwrap();
    scene.phone.hears(ACD_HZ, PATIENCE).await.unwrap();
    scene.acd_hears(PAGE_HZ, PATIENCE).await.unwrap();

    scene.phone.hang_up().await.unwrap();
    scene
        .acd
        .wait("ended", PATIENCE, |e| e["by"] == "remote")
        .await
        .unwrap();
    let record = scene
        .causeway
        .record("of the call", |r| !r["ended_at"].is_null())
        .await
        .unwrap();
    assert_eq!(record["direction"], "to_browser", "{record}");
    assert_eq!(record["account"], ACCOUNT.0, "{record}");
    assert_eq!(record["from_number"], "+4930555", "{record}");
    assert_eq!(record["cause_code"], "hangup", "{record}");
    scene.end().await.unwrap();
}

#[tokio::test]
async fn the_browser_refuses() {
    let mut scene = registered().await;
    dial(&mut scene).await;
    scene.phone.reaches("incoming", PATIENCE).await.unwrap();
    scene
        .phone
        .browser()
        .evaluate("phone.call.reject('busy')")
        .await
        .unwrap();
    let ended = scene.acd.wait("ended", PATIENCE, |_| true).await.unwrap();
    assert_eq!(ended["status"], 486, "{ended}");
    scene.end().await.unwrap();
}

#[tokio::test]
async fn the_caller_gives_up_while_it_rings() {
    let mut scene = registered().await;
    dial(&mut scene).await;
    scene.phone.reaches("incoming", PATIENCE).await.unwrap();
    scene.acd.command("hangup 1").await.unwrap();
    let cause = scene.phone.ended(PATIENCE).await.unwrap();
    assert_eq!(
        (&cause["code"], &cause["by"]),
        (&json!("cancelled"), &json!("remote")),
        "{cause}"
    );
    scene.end().await.unwrap();
}

#[tokio::test]
async fn nobody_is_registered() {
    let acd = Acd::start(&[]).await.unwrap();
    let causeway = BoxProcess::start(BoxPlan::new(acd.address()).unwrap())
        .await
        .unwrap();
    let mut scene = Scene::with(acd, causeway, None, json!({})).await.unwrap();
    dial(&mut scene).await;
    let ended = scene.acd.wait("ended", PATIENCE, |_| true).await.unwrap();
    assert_eq!(ended["status"], 480, "{ended}");
    scene.end().await.unwrap();
}
