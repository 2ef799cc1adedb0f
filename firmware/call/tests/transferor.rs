//! The page hands the far side on.

mod exchange;
use causeway_call::*;
use exchange::*;

fn transfer(device: DeviceId) -> Event {
    Event::Transfer {
        device,
        request: R,
        target: TransferTarget::Number("600".to_owned()),
    }
}

fn refused(status: u16) -> Event {
    Event::ReferFailed {
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
fn the_call_ends_when_the_new_party_has_answered() {
    let mut it = Exchange::answered();
    assert_eq!(it.send(transfer(CALLER)), ["REFER 600"]);
    assert_eq!(it.send(Event::ReferAccepted), ["transfer 1 100"]);
    let ringing = Event::ReferProgress { status: 180 };
    assert_eq!(it.send(ringing), ["transfer 1 180"]);
    assert_eq!(
        it.send(Event::ReferDone),
        [
            "ok 1",
            "BYE",
            "tell 1 ended transferred",
            "finish transferred"
        ]
    );
}

#[test]
fn a_refused_or_failed_transfer_leaves_the_call_as_it_was() {
    let mut it = Exchange::answered();
    it.send(transfer(CALLER));
    assert_eq!(it.send(refused(603)), ["error 1 Refused"]);
    it.send(transfer(CALLER));
    it.send(Event::ReferAccepted);
    assert_eq!(it.send(refused(486)), ["error 1 Refused"]);
    // Nobody says anything.
    it.send(transfer(CALLER));
    assert_eq!(it.wait(240), ["error 1 TimedOut"]);
    assert_eq!(it.send(Event::ReferDone), Vec::<String>::new());
    assert_eq!(it.call.phase(), Phase::Answered);
    assert_eq!(it.wait(1_000), Vec::<String>::new());
}

#[test]
fn a_far_side_that_hangs_up_after_it_accepted_has_taken_the_call() {
    let mut it = Exchange::answered();
    it.send(transfer(CALLER));
    it.send(Event::ReferAccepted);
    assert_eq!(
        it.send(ended()),
        ["ok 1", "tell 1 ended transferred", "finish transferred"]
    );

    let mut it = Exchange::answered();
    it.send(transfer(CALLER));
    assert_eq!(
        it.send(ended()),
        ["error 1 WrongState", "tell 1 ended hangup", "finish hangup"]
    );
}

#[test]
fn one_transfer_at_a_time_of_an_answered_call_of_ones_own() {
    let mut it = Exchange::placed();
    assert_eq!(it.send(transfer(CALLER)), ["error 1 WrongState"]);
    let mut it = Exchange::answered();
    assert_eq!(it.send(transfer(ANNA)), ["error 2 WrongState"]);
    it.send(transfer(CALLER));
    assert_eq!(it.send(transfer(CALLER)), ["error 1 WrongState"]);
    assert_eq!(it.send(Event::TransferAsked), ["refuse transfer"]);
    let mut it = Exchange::answered();
    it.send(Event::TransferAsked);
    assert_eq!(it.send(transfer(CALLER)), ["error 1 WrongState"]);
}

#[test]
fn the_answer_finds_the_page_that_came_back() {
    let mut it = Exchange::answered();
    it.send(transfer(CALLER));
    it.send(Event::DeviceGone { device: CALLER });
    it.send(Event::DeviceBack { device: ANNA });
    assert_eq!(it.send(refused(405)), ["error 2 Refused"]);
}

#[test]
fn the_call_that_was_consulted_ends_as_transferred() {
    let consulted = Event::Consulted { begins: true };
    let mut it = Exchange::answered();
    it.send(consulted.clone());
    assert_eq!(
        it.send(ended()),
        ["tell 1 ended transferred", "finish transferred"]
    );
    let mut it = Exchange::answered();
    it.send(consulted.clone());
    assert_eq!(
        it.send(Event::HandedOn),
        ["BYE", "tell 1 ended transferred", "finish transferred"]
    );
    // It came to nothing.
    let mut it = Exchange::answered();
    it.send(consulted);
    it.send(Event::Consulted { begins: false });
    assert_eq!(it.send(ended()), ["tell 1 ended hangup", "finish hangup"]);
}
