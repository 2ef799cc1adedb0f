//! The PBX holds and resumes five times: the browser's stream is never broken, and the sound is back at once.

use std::time::Duration;

use causeway_harness::scene::{ACD_HZ, Scene};

const PATIENCE: Duration = Duration::from_secs(10);
/// How long after the resume the sound may take to be heard.
const BACK_WITHIN_MS: f64 = 200.0;

#[tokio::test]
async fn sound_is_back_within_200_ms_five_times_in_a_row() {
    let mut scene = Scene::chromium(|_| {}).await.unwrap();
    let call = scene.connect("100").await.unwrap();
    scene.phone.hears(ACD_HZ, PATIENCE).await.unwrap();
    let ssrc = scene.phone.stats().await.unwrap()["inboundSsrc"].clone();
    assert!(ssrc.is_number());

    for turn in 1..=5 {
        scene.acd.command(&format!("hold {call}")).await.unwrap();
        scene.acd.wait("held", PATIENCE, |_| true).await.unwrap();
        scene.phone.reaches("held", PATIENCE).await.unwrap();
        assert_eq!(
            scene
                .phone
                .browser()
                .evaluate("phone.call.heldBy")
                .await
                .unwrap(),
            "remote"
        );
        scene.phone.hears_nothing(PATIENCE).await.unwrap();

        scene.acd.command(&format!("resume {call}")).await.unwrap();
        let resumed = scene.acd.wait("resumed", PATIENCE, |_| true).await.unwrap()["at"]
            .as_f64()
            .unwrap();
        scene.phone.hears(ACD_HZ, PATIENCE).await.unwrap();
        scene.phone.reaches("answered", PATIENCE).await.unwrap();
        let heard = scene.phone.remote().await.unwrap();
        let back = heard
            .onsets
            .iter()
            .find(|onset| **onset > resumed - 0.1)
            .expect("an onset after the resume");
        let ms = (back - resumed) * 1000.0;
        eprintln!("turn {turn}: back after {ms:.0} ms");
        assert!(
            ms <= BACK_WITHIN_MS,
            "turn {turn}: the sound was back only after {ms:.0} ms"
        );
        assert_eq!(
            scene.phone.stats().await.unwrap()["inboundSsrc"],
            ssrc,
            "turn {turn}: another source"
        );
    }
    let sources = scene
        .phone
        .browser()
        .evaluate("phone.call.peerConnection.getStats().then(s => [...s.values()].filter(r => r.type === 'inbound-rtp').map(r => r.ssrc))")
        .await
        .unwrap();
    assert_eq!(sources.as_array().unwrap().len(), 1, "{sources}");
    scene.phone.hang_up().await.unwrap();
    scene.end().await.unwrap();
}
