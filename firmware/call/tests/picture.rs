//! A picture that begins and ends in an answered call, and what happens when the far side does not agree.

mod exchange;
use causeway_call::*;
use causeway_media::plan::Direction as Flow;
use exchange::*;

fn picture(begins: bool) -> Event {
    Event::Picture {
        device: CALLER,
        request: R,
        begins,
    }
}

fn agreed(direction: Flow, has_picture: bool) -> Event {
    Event::TrunkAgreed {
        direction,
        has_picture,
    }
}

fn refused(status: u16) -> Event {
    Event::TrunkRefused {
        cause: FarCause {
            status: Some(status),
            ..FarCause::default()
        },
    }
}

#[test]
fn the_page_begins_a_picture_and_ends_it() {
    let mut it = Exchange::answered();
    assert_eq!(it.send(picture(true)), ["re-INVITE with a picture"]);
    assert!(it.call.awaits_picture());
    assert_eq!(it.send(agreed(Flow::SendRecv, true)), ["ok 1"]);
    assert!(!it.call.awaits_picture());
    assert_eq!(it.send(picture(false)), ["re-INVITE without a picture"]);
    assert_eq!(it.send(agreed(Flow::SendRecv, false)), ["ok 1"]);
}

#[test]
fn a_far_side_without_pictures_leaves_the_call_as_it_was() {
    let mut it = Exchange::answered();
    it.send(picture(true));
    assert_eq!(it.send(agreed(Flow::SendRecv, false)), ["error 1 Refused"]);
    for (status, told) in [(488, "error 1 Refused"), (408, "error 1 TimedOut")] {
        it.send(picture(true));
        assert_eq!(it.send(refused(status)), [told]);
    }
    assert_eq!(it.call.phase(), Phase::Answered);
}

#[test]
fn holds_and_pictures_are_offered_one_at_a_time() {
    let mut it = Exchange::answered();
    let hold = || Event::Hold {
        device: CALLER,
        request: R,
    };
    it.send(picture(true));
    assert_eq!(it.send(hold()), ["error 1 WrongState"]);
    assert_eq!(it.send(picture(false)), ["error 1 WrongState"]);
    it.send(agreed(Flow::SendRecv, true));
    assert_eq!(it.send(hold()), ["re-INVITE SendOnly"]);
    assert_eq!(it.send(picture(false)), ["error 1 WrongState"]);
    it.send(agreed(Flow::SendOnly, true));
    // While we hold, a far side that only listens is not holding us.
    assert_eq!(it.send(picture(false)), ["re-INVITE without a picture"]);
    assert_eq!(it.send(agreed(Flow::SendOnly, false)), ["ok 1"]);
}

#[test]
fn a_far_side_that_holds_meanwhile_is_told_of() {
    let mut it = Exchange::answered();
    it.send(picture(true));
    assert_eq!(
        it.send(agreed(Flow::RecvOnly, true)),
        ["ok 1", "tell 1 held by remote"]
    );
}

#[test]
fn only_an_answered_call_can_have_one_and_its_end_answers_who_waits() {
    let mut it = Exchange::placed();
    assert_eq!(it.send(picture(true)), ["error 1 WrongState"]);
    let mut it = Exchange::answered();
    it.send(picture(true));
    let end = it.send(Event::TrunkEnded {
        cause: FarCause::default(),
    });
    assert!(end.contains(&"error 1 WrongState".to_owned()), "{end:?}");
    assert_eq!(it.send(picture(true)), ["error 1 WrongState"]);
}
