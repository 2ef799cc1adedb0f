//! A browser calls the PBX.

mod exchange;
use causeway_call::*;
use causeway_media::plan::Direction as Flow;
use exchange::*;

#[test]
fn rings_is_answered_and_the_caller_hangs_up() {
    let mut it = Exchange::placed();
    assert_eq!(
        it.send(web_answered()),
        ["tell 1 trying", "INVITE", "bridge"]
    );
    assert_eq!(it.send(Event::WebConnected), [""; 0]);
    assert_eq!(
        it.send(Event::TrunkProgress { early: None }),
        ["tell 1 ringing"]
    );
    assert_eq!(it.send(Event::TrunkProgress { early: None }), [""; 0]);
    assert_eq!(it.send(answer()), ["tell 1 answered"]);
    let hangup = Event::Hangup {
        device: CALLER,
        request: R,
    };
    assert_eq!(
        it.send(hangup),
        ["ok 1", "BYE", "tell 1 ended hangup", "finish hangup"]
    );
    assert_eq!(it.wait(600), [""; 0]);
}

#[test]
fn early_media_is_told_once_and_not_taken_back_by_a_later_180() {
    let mut it = Exchange::placed();
    it.send(web_answered());
    let early = || Event::TrunkProgress {
        early: Some(Flow::SendRecv),
    };
    assert_eq!(it.send(early()), ["tell 1 early_media"]);
    assert_eq!(it.send(early()), [""; 0]);
    assert_eq!(it.send(Event::TrunkProgress { early: None }), [""; 0]);
}

#[test]
fn each_refusal_has_its_cause() {
    for (status, code) in [
        (486, "busy"),
        (503, "unavailable"),
        (404, "not_found"),
        (603, "declined"),
        (488, "incompatible"),
        (403, "not_allowed"),
    ] {
        let mut it = Exchange::placed();
        it.send(web_answered());
        let ended = [format!("tell 1 ended {code}"), format!("finish {code}")];
        assert_eq!(it.send(failed(status)), ended);
    }
}

#[test]
fn a_dead_pbx_is_unreachable() {
    let mut it = Exchange::placed();
    it.send(web_answered());
    let cause = FarCause {
        silent: true,
        ..FarCause::default()
    };
    assert_eq!(
        it.send(Event::TrunkFailed { cause }),
        ["tell 1 ended unreachable", "finish unreachable"]
    );
}

#[test]
fn a_pbx_that_only_rings_is_given_up_after_the_ring_time() {
    let mut it = Exchange::placed();
    it.send(web_answered());
    it.send(Event::WebConnected);
    it.send(Event::TrunkProgress { early: None });
    assert_eq!(it.wait(179), [""; 0]);
    assert_eq!(
        it.wait(1),
        ["CANCEL", "tell 1 ended no_answer", "finish no_answer"]
    );
}

#[test]
fn a_caller_who_gives_up_cancels() {
    let mut it = Exchange::placed();
    it.send(web_answered());
    let hangup = Event::Hangup {
        device: CALLER,
        request: R,
    };
    assert_eq!(
        it.send(hangup.clone()),
        [
            "ok 1",
            "CANCEL",
            "tell 1 ended cancelled",
            "finish cancelled"
        ]
    );
    // What the PBX says to the CANCEL is of no more interest; asking twice is answered twice.
    assert_eq!(it.send(failed(487)), [""; 0]);
    assert_eq!(it.send(hangup), ["ok 1"]);
}

#[test]
fn media_that_never_connects_ends_the_call_with_its_own_cause() {
    let mut it = Exchange::placed();
    it.send(web_answered());
    it.send(answer());
    assert_eq!(
        it.wait(15),
        ["BYE", "tell 1 ended media_failed", "finish media_failed"]
    );
}

#[test]
fn digits_are_answered_when_they_are_out() {
    let mut it = Exchange::answered();
    let press = |digits: &str| Event::Digits {
        device: CALLER,
        request: R,
        digits: digits.into(),
        duration_ms: 100,
        gap_ms: 70,
    };
    assert_eq!(it.send(press("12")), ["digits 12"]);
    assert_eq!(it.send(Event::DigitsSent), ["ok 1"]);
    assert_eq!(
        it.send(Event::TrunkDigit {
            digit: '#',
            duration_ms: 80
        }),
        ["digit #"]
    );
    let mut early = Exchange::placed();
    early.send(web_answered());
    assert_eq!(early.send(press("1")), ["error 1 WrongState"]);
}
