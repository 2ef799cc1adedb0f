//! The PBX calls a test number: the box answers it alone.

mod exchange;
use causeway_call::*;
use causeway_media::plan::Direction as Flow;
use exchange::*;

#[test]
fn an_echo_is_answered_at_once_and_ended_by_the_caller() {
    let mut it = Exchange::echo();
    assert_eq!(it.commands(), ["echo", "200"]);
    assert_eq!(it.send(answer()), [""; 0]);
    assert_eq!(it.call.phase(), Phase::Answered);
    let held = Event::TrunkReplanned {
        direction: Flow::RecvOnly,
    };
    assert_eq!(it.send(held), [""; 0]);
    assert_eq!(it.call.hold().held_by(), Some(HeldBy::Remote));
    let bye = Event::TrunkEnded {
        cause: FarCause::default(),
    };
    assert_eq!(it.send(bye), ["finish hangup"]);
}

#[test]
fn an_echo_that_nobody_ends_ends_after_ten_minutes() {
    let mut it = Exchange::echo();
    it.commands();
    it.send(answer());
    assert_eq!(it.wait(599), [""; 0]);
    assert_eq!(it.wait(1), ["BYE", "finish hangup"]);
}

#[test]
fn an_echo_nobody_sends_to_ends_and_one_on_hold_does_not() {
    let mut it = Exchange::echo();
    it.commands();
    it.send(answer());
    let silent = Event::TrunkSilent { seconds: 60 };
    let (held, resumed) = (Flow::RecvOnly, Flow::SendRecv);
    it.send(Event::TrunkReplanned { direction: held });
    assert_eq!(it.send(silent.clone()), [""; 0]);
    it.send(Event::TrunkReplanned { direction: resumed });
    assert_eq!(it.send(silent), ["BYE", "finish remote_media_lost"]);
}

#[test]
fn an_echo_cannot_be_handed_on_and_ends_when_the_box_stops() {
    let mut it = Exchange::echo();
    it.commands();
    it.send(answer());
    assert_eq!(it.send(Event::TransferAsked), ["refuse transfer"]);
    assert_eq!(it.send(Event::Stopping), ["BYE", "finish box_stopping"]);

    // Between the 200 and its ACK too.
    let mut it = Exchange::echo();
    it.commands();
    assert_eq!(it.send(Event::Stopping), ["BYE", "finish box_stopping"]);
}
