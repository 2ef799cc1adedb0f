//! With G.711 towards the browser nothing is transcoded, and both hear each other all the same.

use std::time::Duration;

use causeway_harness::scene::{ACD_HZ, PAGE_HZ, Scene};

#[tokio::test]
async fn g711_passes_from_end_to_end() {
    let mut scene = Scene::chromium(|plan| plan.codec = "g711".to_owned())
        .await
        .unwrap();
    scene.connect("100").await.unwrap();
    scene
        .phone
        .hears(ACD_HZ, Duration::from_secs(10))
        .await
        .unwrap();
    scene
        .acd_hears(PAGE_HZ, Duration::from_secs(10))
        .await
        .unwrap();
    assert_eq!(scene.phone.stats().await.unwrap()["codec"], "PCMU");
    scene.phone.hang_up().await.unwrap();
    let record = scene
        .causeway
        .record("of the end", |r| !r["ended_at"].is_null())
        .await
        .unwrap();
    assert_eq!(
        (record["web_codec"].as_str(), record["trunk_codec"].as_str()),
        (Some("PCMU"), Some("PCMU")),
        "{record}"
    );
    scene.end().await.unwrap();
}
