//! The load generator against a box played by `webrtc` itself: tokens, socket, offer, echo, errors.

mod stand_in;

use std::time::Duration;

use causeway_phone::load::{Codec, LoadOptions, Secret, Trust, run};
use causeway_phone::media::g711::Law;

use stand_in::StandIn;

fn options(server: &StandIn, to: &str) -> LoadOptions {
    LoadOptions {
        url: format!("https://{}", server.address),
        app: "demo".into(),
        secret: Secret::new("open sesame\n"),
        to: to.into(),
        calls: 1,
        at_once: 1,
        talk: Duration::from_millis(1500),
        ramp: Duration::ZERO,
        origin: None,
        trust: Trust::File(server.certificate.clone()),
        tone: 440.0,
        expect_hz: 440.0,
        codec: Codec::Opus,
        patience: Duration::from_secs(5),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_calls_two_at_a_time_hear_their_echo() {
    let server = StandIn::start().await;
    let summary = run(LoadOptions {
        calls: 3,
        at_once: 2,
        ..options(&server, "600")
    })
    .await
    .expect("set up");
    assert_eq!(
        (summary.connected, summary.heard_ok, summary.failed),
        (3, 3, 0),
        "{}",
        summary.text()
    );
    assert!(summary.setup_ms.p50 > 0.0 && summary.first_audio_ms.p95 < 5000.0);
    assert_eq!(summary.max_sources, 1);
    assert_eq!(server.tokens_minted(), 1, "one token serves all");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g711_is_offered_when_asked_for() {
    let server = StandIn::start().await;
    let options = LoadOptions {
        codec: Codec::G711(Law::Pcmu),
        ..options(&server, "600")
    };
    let summary = run(options).await.expect("set up");
    assert_eq!(summary.failed, 0, "{}", summary.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_tone_than_expected_is_a_failure() {
    let server = StandIn::start().await;
    let summary = run(LoadOptions {
        expect_hz: 1004.0,
        ..options(&server, "600")
    })
    .await
    .expect("set up");
    assert_eq!((summary.connected, summary.failed), (1, 1));
    assert_eq!(
        summary.failures.get("wrong_tone"),
        Some(&1),
        "{}",
        summary.text()
    );
}

#[tokio::test]
async fn every_refusal_keeps_its_own_code() {
    let server = StandIn::start().await;
    for (to, code) in [
        ("forbidden", "destination_forbidden"),
        ("busy", "ended_busy"),
        ("nobody", "timeout"),
    ] {
        let options = LoadOptions {
            patience: Duration::from_secs(1),
            ..options(&server, to)
        };
        let summary = run(options).await.expect("set up");
        assert_eq!(
            summary.failures.get(code),
            Some(&1),
            "{to}: {}",
            summary.text()
        );
    }
    let wrong = LoadOptions {
        secret: Secret::new("wrong"),
        ..options(&server, "600")
    };
    let summary = run(wrong).await.expect("set up");
    assert_eq!(
        summary.failures.get("auth_failed"),
        Some(&1),
        "{}",
        summary.text()
    );
    assert!(
        !format!("{summary:?}").contains("wrong"),
        "the secret is told"
    );
}

#[tokio::test]
async fn a_stranger_is_not_believed() {
    let server = StandIn::start().await;
    let other = StandIn::start().await;
    let options = LoadOptions {
        trust: Trust::File(other.certificate.clone()),
        ..options(&server, "600")
    };
    let summary = run(options).await.expect("set up");
    assert_eq!(
        summary.failures.get("connect"),
        Some(&1),
        "{}",
        summary.text()
    );
}
