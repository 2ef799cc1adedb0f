//! Reliable provisional responses (RFC 3262).

use std::time::Duration;

use causeway_sip::{Event, Reliable};

use crate::net::{ANSWER, Net, Side::*};

#[test]
fn early_media_is_acknowledged_before_the_answer() {
    for mut net in [Net::new(), Net::tcp()] {
        let mut invite = net.invite(B);
        invite.reliable = Reliable::Required;
        let call = net.at(A, |a, now| a.invite(invite, now).unwrap());
        net.settle();
        let at_b = net.incoming(B);
        // Three at once: each waits for the PRACK of the one before, the answer for them all that were sent.
        net.at(B, |b, now| b.progress(at_b, 180, None, now));
        net.at(B, |b, now| {
            b.progress(at_b, 183, Some(ANSWER.to_vec()), now);
        });
        net.settle();
        net.at(B, |b, now| b.accept(at_b, ANSWER.to_vec(), now));
        net.settle();
        assert!(matches!(net.expect(A), Event::Progress { status: 180, .. }));
        assert!(matches!(
            net.expect(A),
            Event::Progress {
                status: 183,
                sdp: Some(_),
                ..
            }
        ));
        assert_eq!(
            net.expect(A),
            Event::Answered {
                call,
                sdp: Some(ANSWER.to_vec())
            }
        );
        assert!(matches!(net.expect(B), Event::Confirmed { .. }));
        assert_eq!(
            net.take_exchange(),
            [
                "A INVITE",
                "B 100 INVITE",
                "B 180 INVITE",
                "A PRACK",
                "B 200 PRACK",
                "B 183 INVITE",
                "A PRACK",
                "B 200 PRACK",
                "B 200 INVITE",
                "A ACK"
            ]
        );
        net.at(A, |a, now| a.bye(call, None, now));
        net.assert_nothing_left();
    }
}

#[test]
fn an_answer_waits_for_the_prack() {
    let mut net = Net::new();
    let mut invite = net.invite(B);
    invite.reliable = Reliable::Required;
    net.at(A, |a, now| a.invite(invite, now).unwrap());
    net.settle();
    let at_b = net.incoming(B);
    net.at(B, |b, now| {
        b.progress(at_b, 183, Some(ANSWER.to_vec()), now);
    });
    net.at(B, |b, now| b.accept(at_b, ANSWER.to_vec(), now));
    assert!(!net.exchange.contains(&"B 200 INVITE".to_owned()));
    net.settle();
    assert_eq!(
        net.take_exchange(),
        [
            "A INVITE",
            "B 100 INVITE",
            "B 183 INVITE",
            "A PRACK",
            "B 200 PRACK",
            "B 200 INVITE",
            "A ACK"
        ]
    );
}

#[test]
fn a_repeated_one_is_told_once() {
    let mut net = Net::new().losing({
        let mut seen = 0;
        move |side, label| {
            let prack = side == A && label == "PRACK";
            seen += u32::from(prack);
            prack && seen <= 2
        }
    });
    let mut invite = net.invite(B);
    invite.reliable = Reliable::Required;
    net.at(A, |a, now| a.invite(invite, now).unwrap());
    net.settle();
    let at_b = net.incoming(B);
    net.at(B, |b, now| {
        b.progress(at_b, 183, Some(ANSWER.to_vec()), now);
    });
    net.run(Duration::from_secs(5));
    assert!(matches!(net.expect(A), Event::Progress { .. }));
    net.expect_none(A);
    assert!(
        net.exchange
            .iter()
            .filter(|line| *line == "B 183 INVITE")
            .count()
            > 1
    );
}

#[test]
fn without_prack_the_call_fails_with_504() {
    let mut net = Net::new().losing(|side, label| side == A && label == "PRACK");
    let mut invite = net.invite(B);
    invite.reliable = Reliable::Required;
    net.at(A, |a, now| a.invite(invite, now).unwrap());
    net.settle();
    let at_b = net.incoming(B);
    net.at(B, |b, now| b.progress(at_b, 180, None, now));
    net.run(Duration::from_secs(33));
    net.expect(A);
    let Event::Failed { failure, .. } = net.expect(A) else {
        panic!("not failed");
    };
    assert_eq!(failure.status, Some(504));
    assert!(matches!(net.expect(B), Event::Ended { .. }));
    net.assert_nothing_left();
}
