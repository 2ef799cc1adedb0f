//! A call is answered, both hear the other's tone, levels jump when they were made to, and the books agree.

use std::time::Duration;

use causeway_phone::call::script::Step;
use causeway_phone::events::Event;
use causeway_phone::media::g711::Law;
use causeway_phone::sip::transport::Protocol;

use crate::support::{Phone, answered, pair};

async fn talk(mut centre: Phone, mut caller: Phone, codec: &str) {
    let call = caller.dial("100", &centre).await;
    let invite = centre
        .expect("invite", 2, |e| matches!(e, Event::Invite { .. }))
        .await;
    assert!(
        matches!(&invite.event, Event::Invite { from, to, .. } if from == "4711" && to == "100")
    );
    let stood = caller.expect("answer", 3, answered).await;
    assert!(
        matches!(stood.event, Event::Answered { codec: agreed, dtmf: true, .. } if agreed == codec)
    );
    caller.hears(1004.0).await;
    centre.hears(440.0).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;

    assert!(caller.agent.order(call, Duration::ZERO, Step::Hangup));
    let (status, cause, there) = centre.ended().await;
    let (_, _, here) = caller.ended().await;
    assert_eq!((status, cause.as_str()), (None, "bye"));
    assert!(
        here.sent > 80 && there.received.abs_diff(here.sent) <= 2,
        "{here:?} {there:?}"
    );
    assert_eq!((here.lost, there.lost), (0, 0));

    // Every jump the caller made is heard by the centre, and soon: this is one machine.
    centre.drain();
    caller.drain();
    let marks: Vec<f64> = caller
        .log
        .iter()
        .filter(|s| matches!(s.event, Event::Marker { .. }))
        .map(|s| s.at)
        .collect();
    let onsets: Vec<f64> = centre
        .log
        .iter()
        .filter(|s| matches!(s.event, Event::Onset { .. }))
        .map(|s| s.at)
        .collect();
    assert!(marks.len() >= 2, "{marks:?}");
    for mark in &marks[1..] {
        let near = onsets
            .iter()
            .map(|onset| onset - mark)
            .find(|d| d.abs() < 0.02);
        assert!(near.is_some(), "no onset at {mark}: {onsets:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_udp_with_mu_law() {
    let (centre, caller) = pair().await;
    talk(centre, caller, "PCMU").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tcp_with_a_law() {
    let centre = Phone::start(|config| config.laws = vec![Law::Pcma]).await;
    let caller = Phone::start(|config| {
        config.tone = 440.0;
        config.protocol = Protocol::Tcp;
    })
    .await;
    talk(centre, caller, "PCMA").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_echo_returns_the_callers_own_tone() {
    let (centre, mut caller) = pair().await;
    caller.dial("600", &centre).await;
    caller.hears(440.0).await;
}
