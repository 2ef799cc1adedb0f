//! With `dtx` silence is left out between browser and box, both ways; nobody takes it for a dead line.

use std::time::Duration;

use causeway_harness::BoxProcess;
use causeway_harness::acd::Acd;
use causeway_harness::config::BoxPlan;
use causeway_harness::place::TempFolder;
use causeway_harness::scene::{ACD_HZ, PAGE_HZ, Scene};
use serde_json::{Value, json};
use tokio::time::sleep;

const PATIENCE: Duration = Duration::from_secs(10);
/// Fifty packets a second without it.
const WATCHED: Duration = Duration::from_secs(2);
/// An encoder that is silent says so again every 400 ms.
const A_FEW: i64 = 15;

/// Packets that the page has sent and got.
const PACKETS: &str = "(async () => {
    const stats = [...(await phone.call.peerConnection.getStats()).values()].filter(s => s.kind === 'audio')
    return {
        sent: stats.find(s => s.type === 'outbound-rtp').packetsSent,
        got: stats.find(s => s.type === 'inbound-rtp').packetsReceived,
    }
})()";

/// Packets sent and got in two seconds.
async fn in_two_seconds(scene: &Scene) -> (i64, i64) {
    let browser = scene.phone.browser();
    let before = browser.evaluate(PACKETS).await.unwrap();
    sleep(WATCHED).await;
    let after = browser.evaluate(PACKETS).await.unwrap();
    let passed = |name: &str| after[name].as_i64().unwrap() - before[name].as_i64().unwrap();
    (passed("sent"), passed("got"))
}

/// Three seconds of a tone, and then as much silence as anybody has patience for.
fn speech() -> Vec<u8> {
    let tone = (0..24_000).map(|n| (f64::from(n) * ACD_HZ * std::f64::consts::TAU / 8_000.0).sin());
    let tone = tone.map(|sample| (sample * 10_000.0) as i16);
    tone.chain(std::iter::repeat_n(0, 8_000 * 60))
        .flat_map(i16::to_le_bytes)
        .collect()
}

#[tokio::test]
async fn silence_is_left_out_and_the_call_stands() {
    let folder = TempFolder::new("speech").unwrap();
    let file = folder.path().join("speech.raw");
    std::fs::write(&file, speech()).unwrap();
    let acd = Acd::start(&["--play", file.to_str().unwrap()])
        .await
        .unwrap();
    let mut plan = BoxPlan::new(acd.address()).unwrap();
    plan.app_extra = "dtx = true".to_owned();
    let causeway = BoxProcess::start(plan).await.unwrap();
    let mut scene = Scene::with(acd, causeway, None, json!({})).await.unwrap();
    let call = scene.phone.place("100").await.unwrap();
    scene.phone.answered().await.unwrap();
    scene.phone.listen().await.unwrap();
    scene.phone.hears(ACD_HZ, PATIENCE).await.unwrap();
    scene.acd_hears(PAGE_HZ, PATIENCE).await.unwrap();

    // The page's tone is no silence; the agent has none left.
    sleep(Duration::from_secs(3)).await;
    let (sent, got) = in_two_seconds(&scene).await;
    println!("page speaks, agent silent: {sent} sent, {got} got");
    assert!((90..=110).contains(&sent), "{sent} sent");
    assert!(got <= A_FEW, "{got} got");

    // Both are silent.
    let browser = scene.phone.browser();
    browser.evaluate("phone.call.mute()").await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let (sent, got) = in_two_seconds(&scene).await;
    println!("both silent: {sent} sent, {got} got");
    assert!(sent <= A_FEW && got <= A_FEW, "{sent} sent, {got} got");
    let messages = scene.phone.events("warning").await.unwrap();
    let warned: Vec<&Value> = messages.iter().map(|event| &event["args"][0]).collect();
    assert!(
        warned.iter().all(|w| w["code"] != "media_interrupted"),
        "{warned:?}"
    );

    // Who speaks again is heard again at once.
    scene.acd.forget();
    let browser = scene.phone.browser();
    browser.evaluate("phone.call.mute(false)").await.unwrap();
    scene
        .acd_hears(PAGE_HZ, Duration::from_secs(2))
        .await
        .unwrap();
    scene.phone.hang_up().await.unwrap();
    let record = scene.record(&call).await.unwrap();
    // The PBX got an unbroken stream: as many packets as it sent itself.
    let packets = |name: &str| record["trunk_leg"][name].as_i64().unwrap();
    let (from_pbx, to_pbx) = (packets("packets_in"), packets("packets_out"));
    assert!((to_pbx - from_pbx).abs() <= 10, "{record}");
    let concealed = &record["quality"]["to_pbx"]["concealed"];
    assert_eq!(concealed, 0, "{record}");
    scene.end().await.unwrap();
}
