//! Sound before the answer, plainly and reliably.

use causeway_phone::events::{Event, Side};

use crate::support::{Phone, answered, pair};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tone_is_heard_three_seconds_before_the_answer() {
    let (centre, mut caller) = pair().await;
    caller.dial("early", &centre).await;
    caller
        .expect("183", 2, |e| {
            matches!(
                e,
                Event::Progress {
                    status: 183,
                    sdp: true,
                    reliable: false,
                    ..
                }
            )
        })
        .await;
    let heard = caller.hears(1004.0).await;
    assert_eq!(caller.count(answered), 0);
    let stood = caller.expect("answer", 4, answered).await;
    assert!(stood.at - heard > 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reliable_183_is_acknowledged_by_prack() {
    let (mut centre, mut caller) = pair().await;
    caller.dial("reliable", &centre).await;
    caller
        .expect("183", 2, |e| {
            matches!(
                e,
                Event::Progress {
                    status: 183,
                    sdp: true,
                    reliable: true,
                    ..
                }
            )
        })
        .await;
    centre
        .expect("PRACK", 2, |e| {
            matches!(
                e,
                Event::Prack {
                    by: Side::Remote,
                    ..
                }
            )
        })
        .await;
    caller.expect("answer", 3, answered).await;
    caller.hears(1004.0).await;
    centre.hears(440.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_is_reliable_when_told_so() {
    let mut centre = Phone::start(|config| config.prack = true).await;
    let mut caller = Phone::start(|_| {}).await;
    caller.dial("100", &centre).await;
    centre
        .expect("PRACK", 2, |e| matches!(e, Event::Prack { .. }))
        .await;
    caller.expect("answer", 3, answered).await;
}
