//! A clean call from Chromium is judged good in both ways, by what both sides count and Chromium reports.

use causeway_harness::Scene;
use std::time::Duration;

#[tokio::test]
async fn a_clean_opus_call_scores_well_both_ways() {
    let mut scene = Scene::chromium(|plan| plan.codec = "opus".to_owned())
        .await
        .unwrap();
    scene.connect("100").await.unwrap();
    // Chromium reports for the first time within 7.5 s; the opinion after that knows.
    tokio::time::sleep(Duration::from_secs(13)).await;
    scene.phone.hang_up().await.unwrap();
    let record = scene
        .causeway
        .record("of the end", |r| !r["ended_at"].is_null())
        .await
        .unwrap();
    for way in ["to_pbx", "to_browser"] {
        let quality = &record["quality"][way];
        let worst = quality["mos"]["worst"].as_f64();
        assert!(worst.is_some_and(|mos| mos >= 4.2), "{way} of {record:#}");
        assert!(quality["samples"].as_u64().unwrap() >= 2, "{record:#}");
    }
    let to_browser = &record["quality"]["to_browser"];
    assert!(
        to_browser["mos_out"]["worst"].as_f64().unwrap() > 4.2,
        "{record:#}"
    );
    assert_eq!(to_browser["lost_out_percent"], 0.0, "{record:#}");
    scene.end().await.unwrap();
}
