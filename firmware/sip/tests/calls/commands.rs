//! Commands that cannot be carried out say why and change nothing.

use causeway_sip::{EndpointError, Reliable, SessionTimerMode};

use crate::net::{Net, Side::*};

#[test]
fn what_cannot_be_written_is_refused() {
    let net = Net::new();
    let good = net.invite(B);
    let with_header = |name: &str, value: &str| {
        let mut invite = good.clone();
        invite.headers = vec![(name.to_owned(), value.to_owned())];
        invite
    };
    let mut bad_uri = good.clone();
    bad_uri.request_uri = "sip:a b@c".to_owned();
    let mut injected = good.clone();
    injected.from.uri = "sip:a@b>\r\nVia: x".to_owned();
    let mut large = good.clone();
    large.sdp = Some(vec![b'a'; 70_000]);
    let mut net = net;
    for (invite, expected) in [
        (bad_uri, EndpointError::BadUri("sip:a b@c".to_owned())),
        (
            injected,
            EndpointError::BadUri("sip:a@b>\r\nVia: x".to_owned()),
        ),
        (
            with_header("v", "x"),
            EndpointError::ReservedHeader("v".to_owned()),
        ),
        (
            with_header("content-length", "1"),
            EndpointError::ReservedHeader("content-length".to_owned()),
        ),
        (
            with_header("X-A", "1\r\nVia: x"),
            EndpointError::BadHeader("X-A".to_owned()),
        ),
        (
            with_header("X A", "1"),
            EndpointError::BadHeader("X A".to_owned()),
        ),
        (large, EndpointError::TooLarge),
    ] {
        let refused = net.at(A, |a, now| a.invite(invite, now));
        assert_eq!(refused, Err(expected));
    }
    assert_eq!(net.exchange.len(), 0);
    net.assert_nothing_left();
}

#[test]
fn handles_of_ended_calls_do_nothing() {
    let mut net = Net::new();
    let (at_a, _) = net.call();
    net.at(A, |a, now| a.bye(at_a, None, now));
    net.settle();
    net.take_exchange();
    net.at(A, |a, now| {
        a.bye(at_a, None, now);
        a.cancel(at_a, None, now);
        a.accept(at_a, Vec::new(), now);
        a.reject(at_a, 486, None, now);
        a.progress(at_a, 180, None, now);
        assert_eq!(
            a.offer(at_a, Vec::new(), now),
            Err(EndpointError::NoSuchCall)
        );
    });
    assert_eq!(net.exchange.len(), 0);
}

#[test]
fn display_names_cannot_add_headers() {
    let mut net = Net::new();
    let mut invite = net.invite(B);
    invite.from.display = Some("a\r\nVia: b\"\\".to_owned());
    invite.reliable = Reliable::Off;
    invite.session_timer.mode = SessionTimerMode::Off;
    net.at(A, |a, now| a.invite(invite, now).unwrap());
    let text = String::from_utf8(net.wire[0].clone()).unwrap();
    assert!(text.contains("From: \"a  Via: b\\\"\\\\\" <sip:"), "{text}");
    assert!(
        text.contains("Supported: norefersub, replaces\r\n"),
        "{text}"
    );
}
