//! What the PBX plays before it answers is heard.

use std::time::Duration;

use causeway_harness::scene::{ACD_HZ, Scene};

#[tokio::test]
async fn an_announcement_before_the_answer_is_heard() {
    let scene = Scene::chromium(|_| {}).await.unwrap();
    // 183 with sound, answered after 3 s.
    scene.phone.place("703").await.unwrap();
    scene
        .phone
        .reaches("early_media", Duration::from_secs(5))
        .await
        .unwrap();
    scene.phone.listen().await.unwrap();
    scene
        .phone
        .hears(ACD_HZ, Duration::from_secs(5))
        .await
        .unwrap();
    assert_eq!(
        scene.phone.state().await.unwrap(),
        "early_media",
        "heard before the answer"
    );
    scene.phone.answered().await.unwrap();
    scene
        .phone
        .hears(ACD_HZ, Duration::from_secs(5))
        .await
        .unwrap();
    scene.phone.hang_up().await.unwrap();
    scene.end().await.unwrap();
}

#[tokio::test]
async fn a_reliable_announcement_is_acknowledged_and_heard() {
    let mut scene = Scene::chromium(|_| {}).await.unwrap();
    // 183 with Require: 100rel; the ACD answers only after PRACK.
    scene.phone.place("704").await.unwrap();
    scene
        .acd
        .wait("prack", Duration::from_secs(5), |e| e["by"] == "remote")
        .await
        .unwrap();
    scene.phone.answered().await.unwrap();
    scene.phone.listen().await.unwrap();
    scene
        .phone
        .hears(ACD_HZ, Duration::from_secs(5))
        .await
        .unwrap();
    scene.phone.hang_up().await.unwrap();
    scene.end().await.unwrap();
}
