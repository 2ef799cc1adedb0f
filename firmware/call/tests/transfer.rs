//! The far side hands the call on; the page keeps its one call.

mod exchange;
use causeway_call::*;
use causeway_media::plan::Direction as Flow;
use exchange::*;

fn answered() -> Event {
    Event::TransferAnswered {
        direction: Flow::SendRecv,
    }
}

fn failed(status: u16) -> Event {
    Event::TransferFailed {
        cause: FarCause {
            status: Some(status),
            ..FarCause::default()
        },
    }
}

fn ended() -> Event {
    Event::TrunkEnded {
        cause: FarCause::default(),
    }
}

#[test]
fn a_transfer_is_reported_and_the_browser_changes_sides() {
    let mut it = Exchange::answered();
    assert_eq!(it.send(Event::TransferAsked), ["place transfer"]);
    assert_eq!(it.send(Event::TransferAsked), ["refuse transfer"]);
    let ringing = Event::TransferProgress { status: 180 };
    assert_eq!(it.send(ringing), ["report 180"]);
    assert_eq!(
        it.send(answered()),
        ["report 200", "complete transfer", "bridge"]
    );
    assert_eq!(it.wait(1_000), Vec::<String>::new());
    // From now on the new leg is the call's trunk leg.
    assert_eq!(it.send(ended()), ["tell 1 ended hangup", "finish hangup"]);
}

#[test]
fn a_transfer_that_fails_leaves_the_call_as_it_was() {
    let mut it = Exchange::answered();
    it.send(Event::TransferAsked);
    assert_eq!(it.send(failed(486)), ["report 486"]);
    assert_eq!(it.call.phase(), Phase::Answered);
    it.send(Event::TransferAsked);
    assert_eq!(it.wait(180), ["abandon transfer", "report 408"]);
    assert_eq!(it.call.phase(), Phase::Answered);
}

#[test]
fn who_asked_may_hang_up_at_once() {
    let mut it = Exchange::answered();
    it.send(Event::TransferAsked);
    assert_eq!(it.send(ended()), Vec::<String>::new());
    assert_eq!(it.send(answered()), ["complete transfer", "bridge"]);
    assert_eq!(it.call.phase(), Phase::Answered);

    let mut it = Exchange::answered();
    it.send(Event::TransferAsked);
    it.send(ended());
    assert_eq!(it.send(failed(486)), ["tell 1 ended busy", "finish busy"]);
}

#[test]
fn the_page_hangs_up_during_a_transfer() {
    let mut it = Exchange::answered();
    it.send(Event::TransferAsked);
    let hangup = Event::Hangup {
        device: CALLER,
        request: R,
    };
    assert_eq!(
        it.send(hangup),
        [
            "ok 1",
            "BYE",
            "abandon transfer",
            "tell 1 ended hangup",
            "finish hangup"
        ]
    );
}

#[test]
fn only_an_answered_call_is_transferred() {
    let mut it = Exchange::placed();
    assert_eq!(it.send(Event::TransferAsked), ["refuse transfer"]);
}

#[test]
fn a_hold_under_way_does_not_wait_for_the_leg_that_left() {
    let mut it = Exchange::answered();
    it.send(Event::TransferAsked);
    it.send(Event::Hold {
        device: CALLER,
        request: R,
    });
    assert_eq!(
        it.send(answered()),
        [
            "report 200",
            "error 1 Refused",
            "complete transfer",
            "bridge"
        ]
    );
}
