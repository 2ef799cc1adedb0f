//! An independent implementation reads what we write: rsip, used nowhere else in this crate.

use std::convert::TryFrom;

use rsip::headers::{ToTypedHeader, UntypedHeader};
use rsip::message::{HasHeaders, HeadersExt};

use causeway_sip::{AnswerOffer, ReasonHeader, Reliable};

use crate::net::{ANSWER, Net, OFFER, Side::*};

#[test]
fn everything_a_call_sends_is_read_alike_by_another_stack() {
    let mut net = Net::new();
    let mut invite = net.invite(B);
    invite.reliable = Reliable::Required;
    let at_a = net.at(A, |a, now| a.invite(invite, now).unwrap());
    net.settle();
    let at_b = net.incoming(B);
    net.at(B, |b, now| {
        b.progress(at_b, 183, Some(ANSWER.to_vec()), now);
    });
    net.settle();
    net.at(B, |b, now| b.accept(at_b, ANSWER.to_vec(), now));
    net.settle();
    net.at(B, |b, now| b.offer(at_b, OFFER.to_vec(), now).unwrap());
    net.settle();
    let refuse = AnswerOffer::Reject {
        status: 488,
        warning: None,
    };
    net.at(A, |a, now| a.answer_offer(at_a, refuse, now));
    net.settle();
    net.at(A, |a, now| {
        a.options(
            crate::net::address(B),
            causeway_sip::Transport::Udp,
            "sip:10.0.0.2",
            now,
        );
        a.bye(at_a, Some(ReasonHeader::q850(16, "Normal")), now);
    });
    net.settle();
    assert!(net.wire.len() >= 15, "{:?}", net.exchange);

    for bytes in &net.wire {
        let text = String::from_utf8_lossy(bytes);
        // rsip knows no methods but those of 2022.
        let message = rsip::SipMessage::try_from(bytes.as_slice()).unwrap_or_else(|error| {
            panic!("{error}: {text}");
        });
        let via = message.via_header().unwrap().typed().unwrap();
        let branch = via.branch().unwrap();
        assert!(branch.value().starts_with("z9hG4bK"), "{text}");
        assert!(
            message.from_header().unwrap().tag().unwrap().is_some(),
            "{text}"
        );
        let cseq = message.cseq_header().unwrap().typed().unwrap();
        assert!(cseq.seq >= 1, "{text}");
        assert!(!message.call_id_header().unwrap().value().is_empty());
        let length = message
            .headers()
            .iter()
            .find_map(|header| match header {
                rsip::Header::ContentLength(length) => length.value().parse::<usize>().ok(),
                _ => None,
            })
            .unwrap();
        assert_eq!(length, message.body().len(), "{text}");
        let our = causeway_sip::message::read(bytes).unwrap();
        assert_eq!(message.body(), our.body(), "{text}");
        assert_eq!(
            message.headers().iter().count(),
            our.headers().len() + 1,
            "{text}"
        );
        if let rsip::SipMessage::Response(response) = &message
            && response.status_code != rsip::StatusCode::Trying
        {
            assert!(
                message.to_header().unwrap().tag().unwrap().is_some(),
                "{text}"
            );
        }
    }
}
