//! Digits go both ways.

use std::time::Duration;

use causeway_harness::Scene;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn digits_pressed_on_either_side_arrive_on_the_other() {
    Box::pin(digits("preferred")).await;
}

#[tokio::test]
async fn digits_arrive_in_a_call_without_transcoding() {
    Box::pin(digits("g711")).await;
}

async fn digits(codec: &str) {
    let mut scene = Scene::chromium(|plan| plan.codec = codec.to_owned())
        .await
        .unwrap();
    let call = scene.connect("100").await.unwrap();

    scene
        .phone
        .browser()
        .evaluate("phone.call.sendDigits('15#*A')")
        .await
        .unwrap();
    let mut pressed = String::new();
    while pressed.len() < 5 {
        let event = scene.acd.wait("dtmf", PATIENCE, |_| true).await.unwrap();
        pressed.push_str(event["digit"].as_str().unwrap());
        let ms = event["duration_ms"].as_u64().unwrap();
        assert!((60..=200).contains(&ms), "a tone of 100 ms took {ms}");
    }
    assert_eq!(pressed, "15#*A");

    scene
        .acd
        .command(&format!("dtmf {call} 290"))
        .await
        .unwrap();
    scene
        .phone
        .browser()
        .until(
            "three digits",
            "phone.events.filter(e => e.event === 'dtmf').length >= 3",
            PATIENCE,
        )
        .await
        .unwrap();
    let events = scene.phone.events("dtmf").await.unwrap();
    let heard: Vec<&Value> = events.iter().map(|e| &e["args"][0]).collect();
    assert_eq!(heard, ["2", "9", "0"]);
    scene.phone.hang_up().await.unwrap();
    scene.end().await.unwrap();
}
