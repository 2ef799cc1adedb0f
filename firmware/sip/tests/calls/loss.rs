//! A bad network.

use std::time::Duration;

use causeway_sip::{Event, Side as By};

use crate::net::{ANSWER, Net, OFFER, Side, Side::*};

/// Loses the first `count` messages of this label.
fn first(count: u32, sender: Side, wanted: &'static str) -> impl FnMut(Side, &str) -> bool {
    let mut seen = 0;
    move |side, label| {
        let fits = side == sender && label == wanted;
        seen += u32::from(fits);
        fits && seen <= count
    }
}

#[test]
fn a_lost_200_comes_again() {
    let mut net = Net::new().losing(first(3, B, "200 INVITE"));
    let invite = net.invite(B);
    net.at(A, |a, now| a.invite(invite, now).unwrap());
    net.settle();
    let at_b = net.incoming(B);
    net.at(B, |b, now| b.accept(at_b, ANSWER.to_vec(), now));
    net.run(Duration::from_secs(4));
    assert!(matches!(net.expect(A), Event::Answered { .. }));
    assert!(matches!(net.expect(B), Event::Confirmed { .. }));
}

#[test]
fn a_lost_ack_comes_again_with_the_200() {
    let mut net = Net::new().losing(first(2, A, "ACK"));
    net.at(A, |_, _| ());
    let invite = net.invite(B);
    net.at(A, |a, now| a.invite(invite, now).unwrap());
    net.settle();
    let at_b = net.incoming(B);
    net.at(B, |b, now| b.accept(at_b, ANSWER.to_vec(), now));
    net.run(Duration::from_secs(5));
    assert!(matches!(net.expect(A), Event::Answered { .. }));
    net.expect_none(A);
    assert!(matches!(net.expect(B), Event::Confirmed { .. }));
    assert_eq!(
        net.exchange
            .iter()
            .filter(|line| line.ends_with("A ACK"))
            .count(),
        1
    );
}

#[test]
fn without_any_ack_the_call_ends_after_32_s() {
    let mut net = Net::new().losing(|side, label| side == A && label == "ACK");
    let invite = net.invite(B);
    net.at(A, |a, now| a.invite(invite, now).unwrap());
    net.settle();
    let at_b = net.incoming(B);
    net.at(B, |b, now| b.accept(at_b, ANSWER.to_vec(), now));
    net.run(Duration::from_secs(33));
    let Event::Ended { by: By::Fault, .. } = net.expect(B) else {
        panic!("not ended");
    };
    assert!(matches!(net.expect(A), Event::Answered { .. }));
    assert!(matches!(net.expect(A), Event::Ended { by: By::Remote, .. }));
    net.assert_nothing_left();
}

#[test]
fn a_bye_before_the_ack_is_held_back() {
    let mut net = Net::new().losing(first(1, A, "ACK"));
    let invite = net.invite(B);
    net.at(A, |a, now| a.invite(invite, now).unwrap());
    net.settle();
    let at_b = net.incoming(B);
    net.at(B, |b, now| b.accept(at_b, ANSWER.to_vec(), now));
    net.settle();
    net.at(B, |b, now| b.bye(at_b, None, now));
    net.settle();
    assert!(
        !net.exchange.contains(&"B BYE".to_owned()),
        "{:?}",
        net.exchange
    );
    net.run(Duration::from_secs(1));
    assert!(matches!(net.expect(B), Event::Ended { by: By::Local, .. }));
    net.assert_nothing_left();
}

#[test]
fn a_bye_nobody_answers_still_ends_the_call() {
    let mut net = Net::new();
    let (at_a, _) = net.call();
    let mut net = net.losing(|side, _| side == A);
    net.at(A, |a, now| a.bye(at_a, None, now));
    net.run(Duration::from_secs(33));
    assert!(matches!(net.expect(A), Event::Ended { by: By::Local, .. }));
    assert_eq!(net.endpoint(A).counts().dialogs, 0);
}

/// Each message is lost with a chance of three in ten, by seed; every call must still come to one end at both sides.
#[test]
fn lives_under_thirty_percent_loss() {
    for seed in 0..60u64 {
        let mut state = seed + 1;
        let mut net = Net::new().losing(move |_, _| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % 10 < 3
        });
        let mut invite = net.invite(B);
        invite.reliable = if seed % 2 == 0 {
            causeway_sip::Reliable::Required
        } else {
            causeway_sip::Reliable::Off
        };
        let at_a = net.at(A, |a, now| a.invite(invite, now).unwrap());
        let mut closed = Vec::new();
        for second in 0..300u32 {
            net.run(Duration::from_secs(1));
            for side in [A, B] {
                while let Some(event) = net.event(side) {
                    match event {
                        Event::Incoming { call, .. } => {
                            net.at(B, |b, now| {
                                b.progress(call, 183, Some(ANSWER.to_vec()), now);
                            });
                            if seed % 5 != 0 {
                                net.at(B, |b, now| b.accept(call, ANSWER.to_vec(), now));
                            }
                        }
                        Event::Answered { .. } => {
                            let _ = net.at(A, |a, now| a.offer(at_a, OFFER.to_vec(), now));
                        }
                        Event::Offer { call, .. } => {
                            let sdp = ANSWER.to_vec();
                            let answer = causeway_sip::AnswerOffer::Accept { sdp };
                            net.at(side, |e, now| e.answer_offer(call, answer, now));
                        }
                        Event::Failed { .. } | Event::Cancelled { .. } | Event::Ended { .. } => {
                            closed.push(side);
                        }
                        _ => {}
                    }
                }
            }
            if second == 60 {
                net.at(A, |a, now| a.bye(at_a, None, now));
            }
        }
        closed.sort();
        // When every INVITE was lost B never heard of the call.
        assert!(
            closed == [A, B] || closed == [A],
            "seed {seed}: {closed:?}\n{:#?}",
            net.exchange
        );
        net.assert_nothing_left();
    }
}
