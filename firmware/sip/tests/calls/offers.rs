//! Hold, resume, refresh: offers inside a call.

use std::time::Duration;

use causeway_sip::{AnswerOffer, CallId, EndpointError, Event, Info, Side as By, Warning};

use crate::net::{ANSWER, CHANGED, Net, OFFER, Side, Side::*};

fn accept(net: &mut Net, side: Side, call: CallId, sdp: &str) {
    let answer = AnswerOffer::Accept {
        sdp: sdp.as_bytes().to_vec(),
    };
    net.at(side, |endpoint, now| {
        endpoint.answer_offer(call, answer, now);
    });
}

#[test]
fn five_in_a_row_from_the_far_side() {
    let mut net = Net::new();
    let (at_a, at_b) = net.call();
    for round in 0..5 {
        let offer = format!("v=0\r\no=- 1 {round} IN IP4 10.0.0.2\r\n");
        let sent = offer.clone().into_bytes();
        net.at(B, |b, now| b.offer(at_b, sent, now).unwrap());
        net.settle();
        assert_eq!(
            net.expect(A),
            Event::Offer {
                call: at_a,
                sdp: Some(offer.into_bytes())
            }
        );
        accept(&mut net, A, at_a, "v=0\r\nanswer");
        net.settle();
        assert_eq!(
            net.expect(B),
            Event::OfferAnswered {
                call: at_b,
                sdp: b"v=0\r\nanswer".to_vec()
            }
        );
    }
    net.at(B, |b, now| b.bye(at_b, None, now));
    net.assert_nothing_left();
}

#[test]
fn two_back_to_back_without_waiting_for_the_ack() {
    // What a PBX does when a queue agent answers; here the first ACK is even lost.
    let mut net = Net::new().losing({
        let mut acks = 0;
        move |side, label| {
            let is_ack = side == A && label == "ACK";
            acks += u32::from(is_ack);
            is_ack && acks == 2
        }
    });
    let (at_a, at_b) = net.call();
    net.at(A, |a, now| a.offer(at_a, CHANGED.to_vec(), now).unwrap());
    net.settle();
    assert!(matches!(net.expect(B), Event::Offer { .. }));
    accept(&mut net, B, at_b, "v=0\r\none");
    net.run(Duration::from_millis(15));
    assert!(matches!(net.expect(A), Event::OfferAnswered { .. }));
    net.at(A, |a, now| a.offer(at_a, OFFER.to_vec(), now).unwrap());
    net.settle();
    assert!(matches!(net.expect(B), Event::Offer { .. }));
    accept(&mut net, B, at_b, "v=0\r\ntwo");
    net.settle();
    assert_eq!(
        net.expect(A),
        Event::OfferAnswered {
            call: at_a,
            sdp: b"v=0\r\ntwo".to_vec()
        }
    );
    net.run(Duration::from_secs(60));
    net.expect_none(A);
    net.expect_none(B);
    assert_eq!(net.endpoint(A).counts().dialogs, 1);
}

#[test]
fn glare_is_resolved_by_waiting() {
    let mut net = Net::new();
    let (at_a, at_b) = net.call();
    net.at(A, |a, now| {
        a.offer(at_a, b"v=0\r\nfrom a".to_vec(), now).unwrap();
    });
    net.at(B, |b, now| {
        b.offer(at_b, b"v=0\r\nfrom b".to_vec(), now).unwrap();
    });
    net.settle();
    assert_eq!(
        net.exchange
            .iter()
            .filter(|line| line.contains("491"))
            .count(),
        2,
        "{:?}",
        net.exchange
    );
    // Whose turn it is depends on the jitter; both get through. Who comes second offers anew: what it had to say is
    // older than what was agreed meanwhile.
    let (mut answered, mut offered) = (Vec::new(), Vec::new());
    for _ in 0..100 {
        net.run(Duration::from_millis(100));
        for (side, call) in [(A, at_a), (B, at_b)] {
            while let Some(event) = net.event(side) {
                match event {
                    Event::Offer { sdp, .. } => {
                        offered.push(sdp.unwrap_or_default());
                        accept(&mut net, side, call, "v=0\r\nanswer");
                    }
                    Event::OfferDue { .. } => net.at(side, |endpoint, now| {
                        let anew = b"v=0\r\nanew".to_vec();
                        endpoint.offer(call, anew, now).unwrap();
                    }),
                    Event::OfferAnswered { .. } => answered.push(side),
                    other => panic!("{other:?}"),
                }
            }
        }
    }
    answered.sort();
    assert_eq!(answered, [A, B]);
    assert_eq!(offered.len(), 2);
    assert_eq!(offered[1], b"v=0\r\nanew");
}

#[test]
fn a_refused_offer_leaves_the_call_alone() {
    let mut net = Net::new();
    let (at_a, at_b) = net.call();
    net.at(A, |a, now| a.offer(at_a, CHANGED.to_vec(), now).unwrap());
    assert_eq!(
        net.at(A, |a, now| a.offer(at_a, CHANGED.to_vec(), now)),
        Err(EndpointError::OfferPending)
    );
    net.settle();
    net.expect(B);
    let refusal = AnswerOffer::Reject {
        status: 488,
        warning: Some(Warning {
            code: 305,
            text: "Incompatible media format".to_owned(),
        }),
    };
    net.at(B, |b, now| b.answer_offer(at_b, refusal, now));
    net.settle();
    let Event::OfferRejected { failure, .. } = net.expect(A) else {
        panic!("not refused");
    };
    assert_eq!(failure.status, Some(488));
    let sent = net
        .wire
        .iter()
        .rev()
        .map(|bytes| String::from_utf8_lossy(bytes));
    let refusal = sent
        .into_iter()
        .find(|text| text.starts_with("SIP/2.0 488"))
        .unwrap();
    assert!(
        refusal.contains("Warning: 305 causeway \"Incompatible media format\"\r\n"),
        "{refusal}"
    );
    net.at(A, |a, now| a.offer(at_a, CHANGED.to_vec(), now).unwrap());
    net.settle();
    assert!(matches!(net.expect(B), Event::Offer { .. }));
}

#[test]
fn an_offer_nobody_answers_is_refused_after_32_s() {
    let mut net = Net::new();
    let (at_a, _) = net.call();
    net.at(A, |a, now| a.offer(at_a, CHANGED.to_vec(), now).unwrap());
    net.run(Duration::from_secs(33));
    assert!(matches!(net.expect(B), Event::Offer { .. }));
    let Event::OfferRejected { failure, .. } = net.expect(A) else {
        panic!("not refused");
    };
    assert_eq!(failure.status, Some(500));
}

#[test]
fn a_far_side_that_forgot_the_call_ends_it() {
    let mut net = Net::new();
    let (at_a, at_b) = net.call();
    // B hangs up and A hears nothing of it.
    let mut net = net.losing(|side, label| side == B && label == "BYE");
    net.at(B, |b, now| b.bye(at_b, None, now));
    net.run(Duration::from_secs(40));
    net.expect(B);
    net.at(A, |a, now| a.offer(at_a, ANSWER.to_vec(), now).unwrap());
    net.settle();
    let Event::Ended {
        by: By::Fault,
        reason: Some(reason),
        ..
    } = net.expect(A)
    else {
        panic!("not ended");
    };
    assert_eq!(reason.cause, Some(481));
    net.assert_nothing_left();
}

#[test]
fn hanging_up_in_the_middle_of_an_offer() {
    for hangs_up in [A, B] {
        let mut net = Net::new();
        let (at_a, at_b) = net.call();
        net.at(A, |a, now| a.offer(at_a, CHANGED.to_vec(), now).unwrap());
        net.settle();
        net.expect(B);
        let call = if hangs_up == A { at_a } else { at_b };
        net.at(hangs_up, |endpoint, now| endpoint.bye(call, None, now));
        net.settle();
        if hangs_up == B {
            // Its unanswered re-INVITE is refused with 487 first.
            assert!(matches!(net.expect(A), Event::OfferRejected { .. }));
        }
        for side in [A, B] {
            assert!(matches!(net.expect(side), Event::Ended { .. }));
            net.expect_none(side);
        }
        net.assert_nothing_left();
    }
}

#[test]
fn we_ask_for_an_offer_and_answer_it_in_the_ack() {
    let mut net = Net::new();
    let (at_a, at_b) = net.call();
    net.at(A, |a, now| a.ask_offer(at_a, now).unwrap());
    net.settle();
    assert!(matches!(net.expect(B), Event::Offer { sdp: None, .. }));
    accept(&mut net, B, at_b, "v=0\r\ntheirs");
    net.settle();
    assert!(matches!(
        net.expect(A),
        Event::Offer { sdp: Some(sdp), .. } if sdp == b"v=0\r\ntheirs"
    ));
    accept(&mut net, A, at_a, "v=0\r\nours");
    net.settle();
    assert!(matches!(
        net.expect(B),
        Event::OfferAnswered { sdp, .. } if sdp == b"v=0\r\nours"
    ));
    net.at(A, |a, now| a.bye(at_a, None, now));
    net.assert_nothing_left();
}

#[test]
fn digits_and_key_frames_go_as_info() {
    let mut net = Net::new();
    let (at_a, at_b) = net.call();
    let digit = Info::Digit {
        digit: '#',
        duration_ms: 160,
    };
    net.at(A, |a, now| {
        a.info(at_a, digit, now).unwrap();
        a.info(at_a, Info::PictureFastUpdate, now).unwrap();
    });
    net.settle();
    assert_eq!(
        net.expect(B),
        Event::Dtmf {
            call: at_b,
            digit: '#',
            duration_ms: 160
        }
    );
    assert_eq!(net.expect(B), Event::PictureFastUpdate { call: at_b });
}

#[test]
fn an_offer_in_an_update_is_answered_in_its_200() {
    let mut net = Net::new();
    let (at_a, at_b) = net.call();
    net.take_exchange();
    net.at(A, |a, now| a.update(at_a, CHANGED.to_vec(), now).unwrap());
    net.settle();
    assert!(matches!(net.expect(B), Event::Offer { sdp: Some(_), .. }));
    assert_eq!(
        net.at(A, |a, now| a.update(at_a, CHANGED.to_vec(), now)),
        Err(EndpointError::OfferPending)
    );
    accept(&mut net, B, at_b, "v=0\r\nupdated");
    net.settle();
    assert!(matches!(
        net.expect(A),
        Event::OfferAnswered { sdp, .. } if sdp == b"v=0\r\nupdated"
    ));
    assert_eq!(net.take_exchange(), ["A UPDATE", "B 200 UPDATE"]);
    net.at(A, |a, now| a.bye(at_a, None, now));
    net.assert_nothing_left();
}
