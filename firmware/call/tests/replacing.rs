//! A new dialog of the far side takes the place of the trunk leg.

mod exchange;
use causeway_call::*;
use causeway_media::plan::Direction as Flow;
use exchange::*;

fn replaced(direction: Flow) -> Event {
    Event::TrunkReplaced {
        direction: Some(direction),
    }
}

#[test]
fn the_page_hears_of_nothing() {
    let mut it = Exchange::answered();
    assert_eq!(it.send(Event::ReplaceAsked), ["accept replacement"]);
    assert_eq!(it.send(replaced(Flow::SendRecv)), ["bridge"]);
    assert_eq!(it.call.phase(), Phase::Answered);
    // Who came may hold.
    assert_eq!(it.send(Event::ReplaceAsked), ["accept replacement"]);
    assert_eq!(
        it.send(replaced(Flow::RecvOnly)),
        ["bridge", "tell 1 held by remote"]
    );
}

#[test]
fn a_call_that_rings_is_answered_elsewhere() {
    let mut it = Exchange::placed();
    it.send(web_answered());
    it.send(Event::WebConnected);
    it.send(Event::TrunkProgress { early: None });
    assert_eq!(it.send(Event::ReplaceAsked), ["accept replacement"]);
    assert_eq!(
        it.send(replaced(Flow::SendRecv)),
        ["bridge", "tell 1 answered"]
    );
    assert_eq!(it.wait(1_000), Vec::<String>::new());
}

#[test]
fn what_was_under_way_with_the_old_leg_is_over() {
    let mut it = Exchange::answered();
    it.send(Event::Hold {
        device: CALLER,
        request: R,
    });
    it.send(Event::Transfer {
        device: CALLER,
        request: R,
        target: TransferTarget::Number("600".to_owned()),
    });
    it.send(Event::ReplaceAsked);
    assert_eq!(
        it.send(replaced(Flow::SendRecv)),
        ["error 1 Refused", "error 1 Refused", "bridge"]
    );
    let mut it = Exchange::answered();
    it.send(Event::TransferAsked);
    it.send(Event::ReplaceAsked);
    assert_eq!(
        it.send(replaced(Flow::SendRecv)),
        ["abandon transfer", "bridge"]
    );
    assert_eq!(it.wait(1_000), Vec::<String>::new());
}

#[test]
fn a_call_that_rings_in_browsers_is_not_replaced() {
    let mut it = Exchange::came_in(&[ANNA]);
    it.commands();
    assert_eq!(it.send(Event::ReplaceAsked), ["refuse replacement"]);
}
