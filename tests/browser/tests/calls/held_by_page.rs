//! The page holds: the far side is asked, hears nothing, and hears again.

use std::time::Duration;

use causeway_harness::scene::{ACD_HZ, PAGE_HZ, Scene};

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn the_page_holds_and_resumes() {
    let mut scene = Scene::chromium(|_| {}).await.unwrap();
    scene.connect("100").await.unwrap();
    scene.acd_hears(PAGE_HZ, PATIENCE).await.unwrap();
    let ssrc = scene.phone.stats().await.unwrap()["inboundSsrc"].clone();

    scene
        .phone
        .browser()
        .evaluate("phone.call.hold()")
        .await
        .unwrap();
    assert_eq!(scene.phone.state().await.unwrap(), "held");
    assert_eq!(
        scene
            .phone
            .browser()
            .evaluate("phone.call.heldBy")
            .await
            .unwrap(),
        "local"
    );
    scene
        .acd
        .wait("held", PATIENCE, |e| e["by"] == "remote")
        .await
        .unwrap();
    scene.phone.hears_nothing(PATIENCE).await.unwrap();

    scene
        .phone
        .browser()
        .evaluate("phone.call.resume()")
        .await
        .unwrap();
    assert_eq!(scene.phone.state().await.unwrap(), "answered");
    scene
        .acd
        .wait("resumed", PATIENCE, |e| e["by"] == "remote")
        .await
        .unwrap();
    scene.acd_hears(PAGE_HZ, PATIENCE).await.unwrap();
    scene.phone.hears(ACD_HZ, PATIENCE).await.unwrap();
    assert_eq!(scene.phone.stats().await.unwrap()["inboundSsrc"], ssrc);
    scene.phone.hang_up().await.unwrap();
    scene.end().await.unwrap();
}
