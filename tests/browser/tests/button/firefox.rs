//! The same in Firefox, whose microphone gives 1 kHz.

use causeway_harness::browser::Kind;
use causeway_harness::place;
use serde_json::Value;

use crate::support::{BUTTON, PATIENCE, Stage};

#[tokio::test]
async fn a_call_from_firefox() {
    let Some(address) = place::own_address() else {
        eprintln!(
            "SKIPPED: this machine has no default route, without which Firefox gathers no candidates"
        );
        return;
    };
    let mut stage = Stage::start(Kind::Firefox, false, |plan| plan.media.set_ip(address)).await;
    stage.open(BUTTON).await;
    stage.browser.press("Tab").await.unwrap();
    let focused = "button().shadowRoot.activeElement.getAttribute('part')";
    assert_eq!(stage.value(focused).await, "call-button");
    // The window of a headless Firefox is never the system's active one: Enter is left to Chromium's test.
    stage.click("call-button").await;
    stage.reaches("talking").await;
    stage.page_hears_the_acd().await;
    let right = |event: &Value| {
        event["purity"].as_f64().is_some_and(|p| p > 0.5)
            && event["hz"]
                .as_f64()
                .is_some_and(|hz| (hz - 1000.0).abs() < 20.0)
    };
    stage.acd.wait("heard", PATIENCE, right).await.unwrap();
    stage.picture("firefox-talking").await;
    stage.click("mute-button").await;
    assert_eq!(
        stage
            .value("inside('mute-button').getAttribute('aria-pressed')")
            .await,
        "true"
    );
    // Firefox has the loudspeakers' choice too by now.
    stage.click("devices-button").await;
    stage.until("inside('select').options.length > 0").await;
    stage.click("call-button").await;
    stage.reaches("ended").await;
    stage.picture("firefox-ended").await;
    stage.end().await;
}
