//! Hold and resume: five times by the callee, by stdin's cycle, in all spellings, and at once from both sides.

use std::time::Duration;

use causeway_phone::call::script::{HoldStyle, Step};
use causeway_phone::events::{Event, Side};

use crate::support::{answered, pair};

fn by_remote(event: &Event) -> bool {
    matches!(
        event,
        Event::Held {
            by: Side::Remote,
            ..
        } | Event::Resumed {
            by: Side::Remote,
            ..
        }
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_times_in_a_row_and_the_tone_is_back_each_time() {
    let (mut centre, mut caller) = pair().await;
    caller.dial("100", &centre).await;
    centre.expect("answer", 3, answered).await;
    caller.hears(1004.0).await;
    assert!(
        centre
            .agent
            .hold_cycle(1, 5, Duration::from_millis(400), HoldStyle::Silent)
    );
    for cycle in 0..5 {
        let held = caller.expect("hold", 3, by_remote).await;
        assert!(matches!(held.event, Event::Held { .. }), "cycle {cycle}");
        let resumed = caller.expect("resume", 3, by_remote).await;
        assert!(
            matches!(resumed.event, Event::Resumed { .. }),
            "cycle {cycle}"
        );
        // The first packet after the silence closes a gap; it must come at once.
        let gap = caller
            .expect("gap", 3, |e| matches!(e, Event::Gap { .. }))
            .await;
        assert!(
            gap.at - resumed.at < 0.1,
            "cycle {cycle}: back after {} s",
            gap.at - resumed.at
        );
        assert!(
            matches!(gap.event, Event::Gap { ms, .. } if ms > 250.0),
            "{gap:?}"
        );
    }
    caller.hears(1004.0).await;
    centre.hears(440.0).await;
    caller.drain();
    assert_eq!(
        caller.count(|e| matches!(e, Event::Source { .. })),
        1,
        "one source all the time"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn music_goes_on_and_inactive_stops_both_ways() {
    let (mut centre, mut caller) = pair().await;
    let call = caller.dial("100", &centre).await;
    caller.expect("answer", 3, answered).await;
    centre
        .agent
        .order(1, Duration::from_millis(200), Step::Hold(HoldStyle::Music));
    caller.expect("hold", 3, by_remote).await;
    caller.hears(1004.0).await;
    centre.agent.order(1, Duration::ZERO, Step::Resume);
    caller.expect("resume", 3, by_remote).await;
    caller
        .agent
        .order(call, Duration::ZERO, Step::Hold(HoldStyle::Inactive));
    caller
        .expect("own hold", 3, |e| {
            matches!(
                e,
                Event::Held {
                    by: Side::Local,
                    ..
                }
            )
        })
        .await;
    let quiet = |e: &Event| matches!(e, Event::Heard { hz, .. } if *hz == 0.0);
    caller.expect("silence", 3, quiet).await;
    centre.expect("silence", 3, quiet).await;
    caller.agent.order(call, Duration::ZERO, Step::Resume);
    caller.hears(1004.0).await;
    centre.hears(440.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_to_another_port_keeps_the_sound() {
    let (mut centre, mut caller) = pair().await;
    caller.dial("100", &centre).await;
    caller.expect("answer", 3, answered).await;
    centre.hears(440.0).await;
    centre.agent.order(1, Duration::ZERO, Step::Move);
    centre
        .expect("re-INVITE", 3, |e| {
            matches!(
                e,
                Event::Reinvite {
                    status: 200,
                    by: Side::Local,
                    ..
                }
            )
        })
        .await;
    centre.agent.order(1, Duration::ZERO, Step::Update);
    centre
        .expect("UPDATE", 3, |e| {
            matches!(e, Event::Update { status: 200, .. })
        })
        .await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    centre.drain();
    centre.hears(440.0).await;
    caller.hears(1004.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_hold_at_once_and_both_get_through() {
    let (mut centre, mut caller) = pair().await;
    let call = caller.dial("100", &centre).await;
    caller.expect("answer", 3, answered).await;
    centre.expect("answer", 3, answered).await;
    centre
        .agent
        .order(1, Duration::from_millis(100), Step::Hold(HoldStyle::Silent));
    caller.agent.order(
        call,
        Duration::from_millis(100),
        Step::Hold(HoldStyle::Silent),
    );
    let own = |e: &Event| {
        matches!(
            e,
            Event::Held {
                by: Side::Local,
                ..
            }
        )
    };
    centre.expect("own hold", 6, own).await;
    caller.expect("own hold", 6, own).await;
}
