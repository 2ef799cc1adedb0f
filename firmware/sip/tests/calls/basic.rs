//! Calls that go well, over both transports.

use causeway_sip::{AnswerOffer, Event, ReasonHeader, Side as By};

use crate::net::{ANSWER, Net, OFFER, Side::*};

#[test]
fn a_call_rings_is_answered_and_ends() {
    for mut net in [Net::new(), Net::tcp()] {
        let invite = net.invite(B);
        let call = net.at(A, |a, now| a.invite(invite, now).unwrap());
        net.settle();
        let Event::Incoming {
            call: at_b,
            from,
            sdp,
            user_to_user,
            ..
        } = net.expect(B)
        else {
            panic!("no call");
        };
        assert_eq!(from.display.as_deref(), Some("Anna \"A\" Ünal"));
        assert_eq!(from.user, "+4930123");
        assert_eq!(sdp.as_deref(), Some(OFFER));
        assert_eq!(user_to_user.as_deref(), Some("00abcd;encoding=hex"));

        net.at(B, |b, now| b.progress(at_b, 180, None, now));
        net.at(B, |b, now| {
            b.progress(at_b, 183, Some(ANSWER.to_vec()), now);
        });
        net.settle();
        assert!(matches!(
            net.expect(A),
            Event::Progress {
                status: 180,
                sdp: None,
                ..
            }
        ));
        assert!(matches!(
            net.expect(A),
            Event::Progress { status: 183, sdp: Some(sdp), .. } if sdp == ANSWER
        ));

        net.at(B, |b, now| b.accept(at_b, ANSWER.to_vec(), now));
        net.settle();
        assert_eq!(
            net.expect(A),
            Event::Answered {
                call,
                sdp: Some(ANSWER.to_vec())
            }
        );
        assert_eq!(
            net.expect(B),
            Event::Confirmed {
                call: at_b,
                sdp: None
            }
        );

        let reason = ReasonHeader::q850(16, "Normal call clearing");
        let sent = reason.clone();
        net.at(A, |a, now| a.bye(call, Some(sent), now));
        net.settle();
        assert_eq!(
            net.expect(B),
            Event::Ended {
                call: at_b,
                by: By::Remote,
                reason: Some(reason.clone())
            }
        );
        assert_eq!(
            net.expect(A),
            Event::Ended {
                call,
                by: By::Local,
                reason: Some(reason)
            }
        );
        assert_eq!(
            net.take_exchange(),
            [
                "A INVITE",
                "B 100 INVITE",
                "B 180 INVITE",
                "B 183 INVITE",
                "B 200 INVITE",
                "A ACK",
                "A BYE",
                "B 200 BYE"
            ]
        );
        net.assert_nothing_left();
    }
}

#[test]
fn the_called_side_hangs_up() {
    let mut net = Net::new();
    let (_, at_b) = net.call();
    net.at(B, |b, now| b.bye(at_b, None, now));
    net.settle();
    assert!(matches!(net.expect(A), Event::Ended { by: By::Remote, .. }));
    assert!(matches!(net.expect(B), Event::Ended { by: By::Local, .. }));
    net.assert_nothing_left();
}

#[test]
fn both_hang_up_at_once() {
    let mut net = Net::new();
    let (at_a, at_b) = net.call();
    net.at(A, |a, now| a.bye(at_a, None, now));
    net.at(B, |b, now| b.bye(at_b, None, now));
    net.settle();
    for side in [A, B] {
        assert!(matches!(net.expect(side), Event::Ended { .. }));
        net.expect_none(side);
    }
    net.assert_nothing_left();
}

#[test]
fn our_offer_may_come_in_the_200() {
    let mut net = Net::new();
    let mut invite = net.invite(B);
    invite.sdp = None;
    let at_a = net.at(A, |a, now| a.invite(invite, now).unwrap());
    net.settle();
    let at_b = net.incoming(B);
    net.at(B, |b, now| b.accept(at_b, OFFER.to_vec(), now));
    net.settle();
    assert_eq!(
        net.expect(A),
        Event::Answered {
            call: at_a,
            sdp: Some(OFFER.to_vec())
        }
    );
    net.expect_none(B);
    let accept = AnswerOffer::Accept {
        sdp: ANSWER.to_vec(),
    };
    net.at(A, |a, now| a.answer_offer(at_a, accept, now));
    net.settle();
    assert_eq!(
        net.expect(B),
        Event::Confirmed {
            call: at_b,
            sdp: Some(ANSWER.to_vec())
        }
    );
}

#[test]
fn options_are_answered() {
    let mut net = Net::new();
    let request = net.at(A, |a, now| {
        a.options(
            crate::net::address(B),
            causeway_sip::Transport::Udp,
            "sip:10.0.0.2",
            now,
        )
    });
    net.settle();
    assert_eq!(
        net.expect(A),
        Event::RequestAnswered {
            request,
            status: 200,
            retry_after_s: None
        }
    );
    net.assert_nothing_left();
}
