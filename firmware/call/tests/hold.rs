//! Holds of both sides, and what happens when the far side does not agree.

mod exchange;
use causeway_call::*;
use causeway_media::plan::Direction as Flow;
use exchange::*;

fn hold() -> Event {
    Event::Hold {
        device: CALLER,
        request: R,
    }
}

fn resume() -> Event {
    Event::Resume {
        device: CALLER,
        request: R,
    }
}

fn agreed(direction: Flow) -> Event {
    Event::TrunkAgreed {
        direction,
        has_picture: false,
    }
}

fn replanned(direction: Flow) -> Event {
    Event::TrunkReplanned { direction }
}

#[test]
fn the_page_holds_and_resumes() {
    let mut it = Exchange::answered();
    assert_eq!(it.send(hold()), ["re-INVITE SendOnly"]);
    assert_eq!(it.send(hold()), ["error 1 WrongState"]);
    assert_eq!(
        it.send(agreed(Flow::SendOnly)),
        ["web Inactive", "ok 1", "tell 1 held by local"]
    );
    assert_eq!(it.send(hold()), ["ok 1"]);
    assert_eq!(it.send(resume()), ["re-INVITE SendRecv"]);
    assert_eq!(
        it.send(agreed(Flow::SendRecv)),
        ["web SendRecv", "ok 1", "tell 1 answered"]
    );
}

#[test]
fn a_refused_hold_leaves_the_call_as_it_was() {
    let mut it = Exchange::answered();
    it.send(hold());
    let refused = |status| Event::TrunkRefused {
        cause: FarCause {
            status: Some(status),
            ..FarCause::default()
        },
    };
    assert_eq!(it.send(refused(488)), ["error 1 Refused"]);
    assert_eq!(it.call.hold(), Hold::default());
    it.send(hold());
    assert_eq!(it.send(refused(408)), ["error 1 TimedOut"]);
}

#[test]
fn both_hold_independently() {
    let mut it = Exchange::answered();
    assert_eq!(
        it.send(replanned(Flow::RecvOnly)),
        ["tell 1 held by remote"]
    );
    it.send(hold());
    assert_eq!(
        it.send(agreed(Flow::Inactive)),
        ["web Inactive", "ok 1", "tell 1 held by both"]
    );
    assert_eq!(it.send(replanned(Flow::SendOnly)), ["tell 1 held by local"]);
    it.send(resume());
    assert_eq!(
        it.send(agreed(Flow::SendRecv)),
        ["web SendRecv", "ok 1", "tell 1 answered"]
    );
}

#[test]
fn a_session_refresh_is_not_told() {
    let mut it = Exchange::answered();
    for _ in 0..5 {
        assert_eq!(it.send(replanned(Flow::SendRecv)), [""; 0]);
    }
}

#[test]
fn a_hold_under_way_is_answered_when_the_call_ends() {
    let mut it = Exchange::answered();
    it.send(hold());
    let bye = Event::TrunkEnded {
        cause: FarCause::default(),
    };
    assert_eq!(
        it.send(bye),
        ["error 1 WrongState", "tell 1 ended hangup", "finish hangup"]
    );
}

#[test]
fn a_far_side_gone_silent_ends_the_call_but_not_on_hold_and_not_before_the_answer() {
    let silent = || Event::TrunkSilent { seconds: 60 };
    let mut it = Exchange::answered();
    it.send(replanned(Flow::RecvOnly));
    it.send(replanned(Flow::SendRecv));
    it.send(hold());
    it.send(agreed(Flow::SendOnly));
    assert_eq!(it.send(silent()), [""; 0]);
    it.send(resume());
    it.send(agreed(Flow::SendRecv));
    assert_eq!(
        it.send(silent()),
        [
            "BYE",
            "tell 1 ended remote_media_lost",
            "finish remote_media_lost"
        ]
    );
}
