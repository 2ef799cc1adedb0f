//! Callers whose network passes only TCP, only TLS, or UDP to nowhere but the TURN port: heard by way of the box's own
//! relay.

use std::time::Duration;

use causeway_harness::scene::{ACD_HZ, PAGE_HZ, Scene};
use causeway_harness::udp_relay::UdpRelay;
use causeway_harness::{Acd, BoxPlan, BoxProcess, Browser, WebPhone, place};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

const PATIENCE: Duration = Duration::from_secs(15);

/// An address that is no machine's: what a browser finds in the answer when the box is behind a NAT that passes TCP alone.
const OUTSIDE: &str = "203.0.113.10";

/// A page that may use nothing but the relay, and of its ways only the one of these two words.
async fn relayed(way: &str, change: impl FnOnce(&mut BoxPlan)) -> Scene {
    let acd = Acd::start(&[]).await.unwrap();
    let mut plan = BoxPlan::new(acd.address()).unwrap();
    change(&mut plan);
    let causeway = BoxProcess::start(plan).await.unwrap();
    let options = json!({"iceTransportPolicy": "relay"});
    let scene = Scene::with(acd, causeway, None, options).await.unwrap();
    scene.phone.narrow_ice(way).await.unwrap();
    scene
}

/// Makes a call and hears both tones; what the browser says of its pair.
async fn heard(scene: &mut Scene) -> Value {
    scene.connect("100").await.unwrap();
    scene.phone.hears(ACD_HZ, PATIENCE).await.unwrap();
    scene.acd_hears(PAGE_HZ, PATIENCE).await.unwrap();
    scene.phone.pair().await.unwrap()
}

async fn metric(scene: &Scene, name: &str) -> f64 {
    let metrics = scene.causeway.metrics().await.unwrap();
    metrics.get(name).copied().unwrap_or(-1.0)
}

/// Ends the call and finds the relay empty.
async fn leaves_nothing(scene: Scene) {
    assert!(metric(&scene, "causeway_turn_allocations").await >= 1.0);
    for direction in ["to_box", "from_box"] {
        let name = format!("causeway_turn_bytes_total{{direction=\"{direction}\"}}");
        let octets = metric(&scene, &name).await;
        assert!(octets > 2_000.0, "{name} {octets}");
    }
    assert_eq!(
        metric(&scene, "causeway_turn_forbidden_peers_total").await,
        0.0
    );
    scene.phone.hang_up().await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    while metric(&scene, "causeway_turn_allocations").await > 0.0 {
        assert!(Instant::now() < deadline, "allocations are left");
        sleep(Duration::from_millis(50)).await;
    }
    scene.end().await.unwrap();
}

#[tokio::test]
async fn over_tls() {
    let mut scene = relayed("turns", |_| {}).await;
    let pair = heard(&mut scene).await;
    assert_eq!(pair["relay"], "tls", "{pair}");
    // A browser asks from each network it is in.
    let streams = "causeway_turn_streams{transport=\"tls\"}";
    assert!(metric(&scene, streams).await >= 1.0);
    leaves_nothing(scene).await;
}

#[tokio::test]
async fn over_tcp() {
    let mut scene = relayed("transport=tcp", |_| {}).await;
    let pair = heard(&mut scene).await;
    assert_eq!(pair["relay"], "tcp", "{pair}");
    leaves_nothing(scene).await;
}

#[tokio::test]
async fn over_udp() {
    let port = place::free_port().unwrap();
    let mut scene = relayed("transport=udp", |plan| {
        plan.extra = format!("turn_udp = \"127.0.0.1:{port}\"");
    })
    .await;
    let pair = heard(&mut scene).await;
    assert_eq!(pair["relay"], "udp", "{pair}");
    leaves_nothing(scene).await;
}

#[tokio::test]
async fn to_a_box_whose_media_port_cannot_be_reached_at_all() {
    // The page may use every way; only the relay leads anywhere.
    let acd = Acd::start(&[]).await.unwrap();
    let mut plan = BoxPlan::new(acd.address()).unwrap();
    plan.media.set_ip([0, 0, 0, 0].into());
    plan.extra = format!("public = [\"{OUTSIDE}\"]");
    let causeway = BoxProcess::start(plan).await.unwrap();
    let mut scene = Scene::with(acd, causeway, None, json!({})).await.unwrap();
    let pair = heard(&mut scene).await;
    assert!(
        ["tcp", "tls"].contains(&pair["relay"].as_str().unwrap_or_default()),
        "{pair}"
    );
    leaves_nothing(scene).await;
}

#[tokio::test]
async fn a_network_that_stops_passing_udp_in_the_middle_of_a_call() {
    // The box's candidate is a way that can be cut; the relay inside the box does not need it.
    let acd = Acd::start(&[]).await.unwrap();
    let mut plan = BoxPlan::new(acd.address()).unwrap();
    let shown = plan.media;
    plan.media.set_ip([127, 0, 0, 2].into());
    plan.extra = "public = [\"127.0.0.1\"]".to_owned();
    let way = UdpRelay::start(shown, plan.media).await.unwrap();
    let causeway = BoxProcess::start(plan).await.unwrap();
    let mut scene = Scene::with(acd, causeway, None, json!({})).await.unwrap();
    let pair = heard(&mut scene).await;
    assert_eq!(
        pair["relay"],
        Value::Null,
        "the direct way is better: {pair}"
    );

    way.cut();
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let pair = scene.phone.pair().await.unwrap();
        if !pair["relay"].is_null() {
            break;
        }
        assert!(Instant::now() < deadline, "{pair}");
        sleep(Duration::from_millis(200)).await;
    }
    scene.phone.hears(ACD_HZ, PATIENCE).await.unwrap();
    let before = metric(&scene, "causeway_turn_bytes_total{direction=\"to_box\"}").await;
    scene.acd_hears(PAGE_HZ, PATIENCE).await.unwrap();
    sleep(Duration::from_secs(2)).await;
    let after = metric(&scene, "causeway_turn_bytes_total{direction=\"to_box\"}").await;
    assert!(after - before > 5_000.0, "{before} {after}");
    scene.phone.hears(ACD_HZ, PATIENCE).await.unwrap();
    assert_eq!(scene.phone.state().await.unwrap(), "answered");
    leaves_nothing(scene).await;
}

#[tokio::test]
async fn firefox_over_tcp() {
    // As in the first call from Firefox, nothing is on loopback. Its TLS takes no certificate that nobody vouches for.
    let Some(address) = place::own_address() else {
        eprintln!(
            "SKIPPED: this machine has no default route, without which Firefox gathers no candidates"
        );
        return;
    };
    let mut acd = Acd::start(&["--tone", "700"]).await.unwrap();
    let mut plan = BoxPlan::new(acd.address()).unwrap();
    plan.media.set_ip(address);
    plan.https.set_ip(address);
    let causeway = BoxProcess::start(plan).await.unwrap();
    let before = causeway.holdings().unwrap();
    let options = json!({"iceTransportPolicy": "relay"});
    let browser = Browser::firefox().await.unwrap();
    let phone = WebPhone::start(browser, &causeway, None, options)
        .await
        .unwrap();
    phone.narrow_ice("transport=tcp").await.unwrap();
    phone.place("100").await.unwrap();
    phone.answered().await.unwrap();
    phone.listen().await.unwrap();
    phone.hears(700.0, PATIENCE).await.unwrap();
    let right = |e: &Value| {
        e["hz"]
            .as_f64()
            .is_some_and(|hz| (hz - 1000.0).abs() < 20.0)
    };
    acd.wait("heard", PATIENCE, right).await.unwrap();
    let pair = phone.pair().await.unwrap();
    assert_eq!(pair["relay"], "tcp", "{pair}");
    phone.hang_up().await.unwrap();
    phone.stop().await.unwrap();
    causeway.nothing_left(before).await.unwrap();
    causeway.stop().await.unwrap();
    acd.stop().await.unwrap();
}
