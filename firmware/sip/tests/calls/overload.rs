//! An endpoint with too much to do refuses new calls and keeps nothing of them; calls that stand are served.

use causeway_sip::{AnswerOffer, Event, ReasonHeader};

use crate::net::{ANSWER, CHANGED, Net, Side::*};

#[test]
fn new_calls_are_refused_without_a_trace_and_a_call_that_stands_goes_on() {
    let mut net = Net::new();
    let (at_a, at_b) = net.call();
    net.take_exchange();
    let before = net.endpoint(B).counts();
    net.at(B, |b, _| b.refuse_calls(true));
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
    net.expect_none(B);
    assert_eq!(net.take_exchange(), ["A INVITE", "B 503 INVITE", "A ACK"]);
    let after = net.endpoint(B).counts();
    assert_eq!(after.dialogs, before.dialogs);
    assert_eq!(after.server_transactions, before.server_transactions);
    assert_eq!(after.overloaded, before.overloaded + 1);

    // A re-INVITE is no new call.
    net.at(A, |a, now| a.offer(at_a, CHANGED.to_vec(), now).unwrap());
    net.settle();
    assert!(matches!(net.expect(B), Event::Offer { .. }));
    let sdp = ANSWER.to_vec();
    net.at(B, |b, now| {
        b.answer_offer(at_b, AnswerOffer::Accept { sdp }, now);
    });
    net.settle();
    assert!(matches!(net.expect(A), Event::OfferAnswered { .. }));

    // And then a new one is taken again.
    net.at(B, |b, _| b.refuse_calls(false));
    let invite = net.invite(B);
    net.at(A, |a, now| a.invite(invite, now).unwrap());
    net.settle();
    assert!(matches!(net.expect(B), Event::Incoming { .. }));
}

#[test]
fn an_invite_sent_again_belongs_to_its_call_however_busy_it_is() {
    let mut dropped = false;
    // The first 100 is lost, so the INVITE comes again.
    let mut net = Net::new().losing(move |_, label| {
        let lost = label == "100 INVITE" && !dropped;
        dropped |= lost;
        lost
    });
    let invite = net.invite(B);
    net.at(A, |a, now| a.invite(invite, now).unwrap());
    net.run(std::time::Duration::from_millis(100));
    let _ = net.incoming(B);
    net.at(B, |b, _| b.refuse_calls(true));
    net.run(std::time::Duration::from_secs(1));
    net.expect_none(A);
    let exchange = net.take_exchange();
    assert!(
        !exchange.iter().any(|line| line.contains("503")),
        "{exchange:?}"
    );
    assert_eq!(
        exchange.iter().filter(|line| *line == "A INVITE").count(),
        2
    );
}

#[test]
fn a_call_for_which_there_is_no_line_is_told_when_to_come_again() {
    let mut net = Net::new();
    let invite = net.invite(B);
    net.at(A, |a, now| a.invite(invite, now).unwrap());
    net.settle();
    let at_b = net.incoming(B);
    let reason = ReasonHeader::q850(34, "No circuit available");
    net.at(B, |b, now| {
        b.reject_busy(at_b, 2, Some(reason.clone()), now);
    });
    net.settle();
    let Event::Failed { failure, .. } = net.expect(A) else {
        panic!("not refused");
    };
    assert_eq!(
        (failure.status, failure.retry_after_s),
        (Some(503), Some(2))
    );
    assert_eq!(failure.cause, Some(reason));
}
