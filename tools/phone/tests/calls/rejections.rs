//! Numbers that name a status are rejected with it, and with the ISDN cause where there is one.

use std::time::Duration;

use causeway_phone::call::script::Step;
use causeway_phone::events::Event;

use crate::support::pair;

#[tokio::test]
async fn every_rejection_arrives_as_it_was_meant() {
    let (mut centre, mut caller) = pair().await;
    let cases = [
        ("486", 486, "Q.850;cause=17;text=\"User busy\""),
        ("busy", 486, "Q.850;cause=17;text=\"User busy\""),
        ("480", 480, "Q.850;cause=18;text=\"No user responding\""),
        ("404", 404, "Q.850;cause=1;text=\"Unallocated number\""),
        ("503", 503, "Q.850;cause=41;text=\"Temporary failure\""),
        ("603", 603, "Q.850;cause=21;text=\"Call rejected\""),
        ("500", 500, "Server Internal Error"),
    ];
    for (number, status, cause) in cases {
        caller.dial(number, &centre).await;
        let (ended, said, _) = caller.ended().await;
        assert_eq!((ended, said.as_str()), (Some(status), cause), "{number}");
        assert_eq!(centre.ended().await.0, Some(status));
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(centre.agent.live().is_empty() && caller.agent.live().is_empty());
}

#[tokio::test]
async fn a_ringing_call_is_cancelled() {
    let (mut centre, mut caller) = pair().await;
    let call = caller.dial("ring", &centre).await;
    caller
        .expect("180", 2, |e| {
            matches!(e, Event::Progress { status: 180, .. })
        })
        .await;
    caller.agent.order(call, Duration::ZERO, Step::Hangup);
    assert_eq!(caller.ended().await.0, Some(487));
    assert_eq!(centre.ended().await.0, Some(487));
}

#[tokio::test]
async fn a_silent_number_says_nothing_at_all() {
    let (mut centre, mut caller) = pair().await;
    caller.dial("silent", &centre).await;
    centre
        .expect("invite", 2, |e| matches!(e, Event::Invite { .. }))
        .await;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    caller.drain();
    centre.drain();
    assert_eq!(
        caller.count(|e| matches!(e, Event::Progress { .. } | Event::Ended { .. })),
        0
    );
    assert_eq!(
        centre.count(|e| matches!(e, Event::Invite { .. })),
        1,
        "the repeats are one call"
    );
    assert!(centre.agent.live().is_empty());
}
