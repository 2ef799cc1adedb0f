//! The PBX calls an account.

mod exchange;
use causeway_call::*;
use exchange::*;

fn accept(device: DeviceId) -> Event {
    Event::Accept { device, request: R }
}

fn reject(device: DeviceId, busy: bool) -> Event {
    Event::Reject {
        device,
        request: R,
        busy,
    }
}

#[test]
fn the_pbx_is_answered_only_when_the_browser_can_be_heard() {
    let mut it = Exchange::came_in(&[ANNA, ANNA_TOO]);
    assert_eq!(it.commands(), ["180", "ring 2", "ring 3"]);
    assert_eq!(
        it.send(accept(ANNA)),
        ["tell 3 ended answered_elsewhere", "open web 2"]
    );
    assert_eq!(it.send(accept(ANNA_TOO)), ["error 3 WrongState"]);
    assert_eq!(it.send(web_answered()), ["bridge", "ok 2"]);
    assert_eq!(it.send(Event::WebConnected), ["200"]);
    assert_eq!(it.send(answer()), ["tell 2 answered"]);
    let bye = Event::TrunkEnded {
        cause: FarCause::default(),
    };
    assert_eq!(it.send(bye), ["tell 2 ended hangup", "finish hangup"]);
}

#[test]
fn nobody_is_there() {
    let mut it = Exchange::came_in(&[]);
    assert_eq!(it.commands(), ["reject 480", "finish unavailable"]);
}

#[test]
fn the_last_to_decline_decides() {
    let mut it = Exchange::came_in(&[ANNA, ANNA_TOO]);
    it.commands();
    assert_eq!(it.send(reject(ANNA, true)), ["ok 2", "tell 2 ended busy"]);
    assert_eq!(
        it.send(reject(ANNA_TOO, false)),
        ["ok 3", "tell 3 ended busy", "reject 486", "finish busy"]
    );
}

#[test]
fn the_caller_gives_up() {
    let mut it = Exchange::came_in(&[ANNA]);
    it.commands();
    let cancel = Event::TrunkCancelled {
        cause: FarCause::default(),
    };
    assert_eq!(
        it.send(cancel),
        ["tell 2 ended cancelled", "finish cancelled"]
    );
}

#[test]
fn a_browser_that_reloads_while_it_rings_rings_again() {
    let mut it = Exchange::came_in(&[ANNA]);
    it.commands();
    assert_eq!(it.send(Event::DeviceGone { device: ANNA }), [""; 0]);
    assert_eq!(it.wait(3), [""; 0]);
    assert_eq!(
        it.send(Event::DeviceJoined { device: ANNA_TOO }),
        ["ring 3"]
    );
    assert_eq!(it.wait(60), [""; 0]);
    it.send(Event::DeviceGone { device: ANNA_TOO });
    assert_eq!(it.wait(5), ["reject 480", "finish unavailable"]);
}

#[test]
fn media_that_fails_after_accepting_refuses_the_pbx() {
    let mut it = Exchange::came_in(&[ANNA]);
    it.commands();
    it.send(accept(ANNA));
    let failed = Event::WebFailed {
        reason: "no path".into(),
    };
    assert_eq!(
        it.send(failed),
        [
            "reject 480",
            "error 2 WrongState",
            "tell 2 ended media_failed",
            "finish media_failed"
        ]
    );
}
