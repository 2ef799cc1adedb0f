//! Calls that are not answered.

use std::time::Duration;

use causeway_sip::{
    AcceptFrom, Event, Failure, FailureKind, Peers, ReasonHeader, Side as By, Transport,
};

use crate::net::{ANSWER, Net, Side::*, address};

#[test]
fn busy_with_a_cause() {
    for mut net in [Net::new(), Net::tcp()] {
        let invite = net.invite(B);
        let call = net.at(A, |a, now| a.invite(invite, now).unwrap());
        net.settle();
        let at_b = net.incoming(B);
        let reason = ReasonHeader::q850(17, "User busy");
        let sent = reason.clone();
        net.at(B, |b, now| b.reject(at_b, 486, Some(sent), now));
        net.settle();
        assert_eq!(
            net.expect(A),
            Event::Failed {
                call,
                failure: Failure {
                    status: Some(486),
                    reason: "Busy Here".to_owned(),
                    cause: Some(reason),
                    retry_after_s: None,
                    warning: None,
                    contacts: Vec::new(),
                    kind: FailureKind::Rejected,
                }
            }
        );
        assert!(matches!(net.expect(B), Event::Ended { by: By::Local, .. }));
        assert_eq!(
            net.take_exchange(),
            ["A INVITE", "B 100 INVITE", "B 486 INVITE", "A ACK"]
        );
        net.assert_nothing_left();
    }
}

#[test]
fn cancelled_while_ringing() {
    let mut net = Net::new();
    let invite = net.invite(B);
    let call = net.at(A, |a, now| a.invite(invite, now).unwrap());
    net.settle();
    let at_b = net.incoming(B);
    net.at(B, |b, now| b.progress(at_b, 180, None, now));
    net.settle();
    net.expect(A);
    let reason = ReasonHeader::sip(200, "Call completed elsewhere");
    let sent = reason.clone();
    net.at(A, |a, now| a.cancel(call, Some(sent), now));
    net.settle();
    assert_eq!(
        net.expect(B),
        Event::Cancelled {
            call: at_b,
            reason: Some(reason)
        }
    );
    let Event::Failed { failure, .. } = net.expect(A) else {
        panic!("not failed");
    };
    assert_eq!(failure.status, Some(487));
    assert_eq!(
        net.take_exchange(),
        [
            "A INVITE",
            "B 100 INVITE",
            "B 180 INVITE",
            "A CANCEL",
            "B 200 CANCEL",
            "B 487 INVITE",
            "A ACK"
        ]
    );
    net.assert_nothing_left();
}

#[test]
fn a_cancel_waits_for_the_first_provisional_response() {
    let mut net = Net::new().losing({
        let mut lost = 0;
        move |side, label| {
            let lose = side == B && label == "100 INVITE" && lost < 1;
            lost += u32::from(lose);
            lose
        }
    });
    let invite = net.invite(B);
    let call = net.at(A, |a, now| a.invite(invite, now).unwrap());
    net.settle();
    net.incoming(B);
    net.at(A, |a, now| a.cancel(call, None, now));
    net.settle();
    assert!(!net.exchange.contains(&"A CANCEL".to_owned()));
    net.run(Duration::from_secs(1));
    assert!(matches!(net.expect(B), Event::Cancelled { .. }));
    assert!(matches!(net.expect(A), Event::Failed { .. }));
    assert_eq!(
        net.take_exchange(),
        [
            "A INVITE",
            "B 100 INVITE (lost)",
            "A INVITE",
            "B 100 INVITE",
            "A CANCEL",
            "B 200 CANCEL",
            "B 487 INVITE",
            "A ACK"
        ]
    );
    net.assert_nothing_left();
}

#[test]
fn a_cancel_that_crosses_the_200_ends_the_answered_call() {
    let mut net = Net::new();
    let invite = net.invite(B);
    let call = net.at(A, |a, now| a.invite(invite, now).unwrap());
    net.settle();
    let at_b = net.incoming(B);
    net.at(B, |b, now| b.accept(at_b, ANSWER.to_vec(), now));
    net.at(A, |a, now| a.cancel(call, None, now));
    net.settle();
    assert!(matches!(net.expect(A), Event::Ended { by: By::Local, .. }));
    net.expect_none(A);
    assert!(matches!(net.expect(B), Event::Confirmed { .. }));
    assert!(matches!(net.expect(B), Event::Ended { by: By::Remote, .. }));
    net.assert_nothing_left();
}

#[test]
fn nobody_is_there() {
    let mut net = Net::new().losing(|side, _| side == A);
    let invite = net.invite(B);
    net.at(A, |a, now| a.invite(invite, now).unwrap());
    net.run(Duration::from_millis(31_900));
    net.expect_none(A);
    net.run(Duration::from_millis(200));
    let Event::Failed { failure, .. } = net.expect(A) else {
        panic!("not failed");
    };
    assert_eq!((failure.status, failure.kind), (None, FailureKind::Timeout));
    assert_eq!(net.take_exchange().len(), 7);
    net.assert_nothing_left();
}

#[test]
fn a_request_that_is_forgotten_is_neither_sent_again_nor_told_of() {
    let mut net = Net::new().losing(|_, _| true);
    let request = net.at(A, |a, now| {
        a.options(address(B), Transport::Udp, "sip:b", now)
    });
    net.run(Duration::from_secs(2));
    assert_eq!(net.take_exchange().len(), 3);
    net.at(A, |a, _| a.forget_request(request));
    net.run(Duration::from_secs(40));
    assert_eq!(net.take_exchange().len(), 0);
    net.expect_none(A);
    net.assert_nothing_left();
}

#[test]
fn whether_a_call_is_heard_of_is_known_before_it_fails() {
    let mut net = Net::new();
    let invite = net.invite(B);
    let call = net.at(A, |a, now| a.invite(invite, now).unwrap());
    net.at(A, |a, _| assert!(!a.is_proceeding(call)));
    // The 100 of the far side is no event, and shows all the same.
    net.settle();
    net.expect_none(A);
    net.at(A, |a, _| assert!(a.is_proceeding(call)));
}

#[test]
fn the_transport_fails_at_once() {
    let mut net = Net::tcp().losing(|_, _| true);
    let invite = net.invite(B);
    net.at(A, |a, now| a.invite(invite, now).unwrap());
    let request = net.at(A, |a, now| {
        a.options(address(B), Transport::Tcp, "sip:b", now)
    });
    net.at(A, |a, now| {
        a.handle_transport_failed(Transport::Tcp, address(B), now);
    });
    let mut kinds = Vec::new();
    while let Some(event) = net.event(A) {
        match event {
            Event::Failed { failure, .. } => kinds.push(format!("{:?}", failure.kind)),
            Event::RequestFailed { request: failed } => {
                assert_eq!(failed, request);
                kinds.push("options".to_owned());
            }
            other => panic!("{other:?}"),
        }
    }
    kinds.sort();
    assert_eq!(kinds, ["Transport", "options"]);
    net.assert_nothing_left();
}

#[test]
fn ringing_without_end_is_given_up_after_three_minutes() {
    let mut net = Net::new();
    let invite = net.invite(B);
    net.at(A, |a, now| a.invite(invite, now).unwrap());
    net.settle();
    let at_b = net.incoming(B);
    net.at(B, |b, now| b.progress(at_b, 180, None, now));
    net.settle();
    net.expect(A);
    // The called side repeats its 180 each minute, and the call stays.
    net.run(Duration::from_secs(400));
    assert!(matches!(net.event(A), Some(Event::Progress { .. })));
    net.take_exchange();
    // From now on none arrives.
    let mut net = net.losing(|side, label| side == B && label == "180 INVITE");
    net.run(Duration::from_secs(200));
    let mut last = None;
    while let Some(event) = net.event(A) {
        last = Some(event);
    }
    let Some(Event::Failed { failure, .. }) = last else {
        panic!("{last:?}");
    };
    assert_eq!(
        (failure.status, failure.kind),
        (Some(487), FailureKind::Timeout)
    );
    assert!(matches!(net.expect(B), Event::Cancelled { .. }));
    net.assert_nothing_left();
}

#[test]
fn too_many_calls_are_refused_and_the_rest_goes_on() {
    let mut small = crate::net::config(B);
    small.max_dialogs = 1;
    let mut net = Net::with(crate::net::config(A), small, Transport::Udp);
    net.call();
    let invite = net.invite(B);
    net.at(A, |a, now| a.invite(invite, now).unwrap());
    net.settle();
    let Event::Failed { failure, .. } = net.expect(A) else {
        panic!("not refused");
    };
    assert_eq!(
        (failure.status, failure.retry_after_s),
        (Some(503), Some(5))
    );
    assert_eq!(net.endpoint(B).counts().overloaded, 1);
    assert_eq!(net.endpoint(B).counts().dialogs, 1);
}

#[test]
fn strangers_are_not_answered() {
    let mut strict = crate::net::config(B);
    let mut peers = Peers::default();
    peers.allow_clear("10.9.9.9".parse().unwrap());
    strict.accept_from = AcceptFrom::Only(peers);
    let mut net = Net::with(crate::net::config(A), strict, Transport::Udp);
    net.at(A, |a, now| {
        a.options(address(B), Transport::Udp, "sip:b", now)
    });
    net.settle();
    assert_eq!(net.take_exchange(), ["A OPTIONS"]);
    assert_eq!(net.endpoint(B).counts().not_accepted, 1);
    net.expect_none(B);
}
