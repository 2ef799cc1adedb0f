//! Requests too large for a datagram (RFC 3261 §18.1.1), and what leaves the box over which transport.

use causeway_sip::{
    AcceptFrom, EndpointConfig, Event, FailureKind, Identity, Invite, Peers, Reliable, Transmit,
    Transport,
};
use std::net::SocketAddr;
use std::time::Duration;

use crate::script::{Script, header, local, request, response, starts};

/// An INVITE that no datagram of 1300 octets holds, when `padding` is large.
fn invite(script: &Script, transport: Transport, padding: usize) -> Invite {
    Invite {
        remote: script.peer,
        transport,
        request_uri: "sip:100@pbx.example".to_owned(),
        from: Identity {
            display: None,
            uri: "sip:+4930@box.example".to_owned(),
        },
        to: "sip:100@pbx.example".to_owned(),
        headers: vec![("X-Padding".to_owned(), "x".repeat(padding))],
        sdp: Some(b"v=0\r\noffer".to_vec()),
        credentials: None,
        reliable: Reliable::Supported,
        ..crate::net::Net::new().invite(crate::net::Side::B)
    }
}

fn place(script: &mut Script, padding: usize) -> (Transmit, String) {
    let invite = invite(script, Transport::Udp, padding);
    script.endpoint.invite(invite, script.now).unwrap();
    only(script)
}

#[track_caller]
fn only(script: &mut Script) -> (Transmit, String) {
    let mut sent = script.transmits();
    assert_eq!(sent.len(), 1, "{sent:?}");
    let transmit = sent.remove(0);
    let text = String::from_utf8(transmit.bytes.clone()).unwrap();
    (transmit, text)
}

#[test]
fn a_small_request_stays_a_datagram() {
    let mut script = Script::new();
    let (transmit, text) = place(&mut script, 10);
    assert_eq!(transmit.transport, Transport::Udp);
    assert!(header(&text, "Via").starts_with("SIP/2.0/UDP "));
}

#[test]
fn a_large_request_goes_over_tcp_and_is_not_repeated_there() {
    let mut script = Script::new();
    let (transmit, text) = place(&mut script, 1_300);
    assert_eq!(transmit.transport, Transport::Tcp);
    assert!(header(&text, "Via").starts_with("SIP/2.0/TCP "), "{text}");
    // The dialog stays on UDP: only this request was too large.
    assert!(!header(&text, "Contact").contains("transport="), "{text}");
    script.wait(Duration::from_secs(10));
    assert_eq!(script.sent().len(), 0);
}

#[test]
fn tcp_refused_means_udp_after_all_with_the_same_branch() {
    let mut script = Script::new();
    let (over_tcp, first) = place(&mut script, 1_300);
    script
        .endpoint
        .handle_transport_failed(Transport::Tcp, over_tcp.remote, script.now);
    let (over_udp, second) = only(&mut script);
    assert_eq!(over_udp.transport, Transport::Udp);
    assert_eq!(
        header(&second, "Via"),
        header(&first, "Via").replace("/TCP ", "/UDP ")
    );
    // There it is repeated, as UDP wants, and answered.
    script.wait(Duration::from_millis(500));
    assert_eq!(starts(&script.sent()), ["INVITE"]);
    script.receive(&response(&second, "486 Busy Here", "x", "", ""));
    assert_eq!(starts(&script.sent()), ["ACK"]);
    let Some(Event::Failed { failure, .. }) = script.event() else {
        panic!("not failed");
    };
    assert_eq!(failure.status, Some(486));
    // The refusal is remembered for ten minutes.
    assert_eq!(place(&mut script, 1_300).0.transport, Transport::Udp);
    script.wait(Duration::from_secs(601));
    script.sent();
    assert_eq!(place(&mut script, 1_300).0.transport, Transport::Tcp);
}

#[test]
fn a_connection_lost_after_an_answer_is_a_failure() {
    let mut script = Script::new();
    let (over_tcp, text) = place(&mut script, 1_300);
    script.receive(&response(&text, "100 Trying", "", "", ""));
    script
        .endpoint
        .handle_transport_failed(Transport::Tcp, over_tcp.remote, script.now);
    assert_eq!(script.sent().len(), 0);
    let Some(Event::Failed { failure, .. }) = script.event() else {
        panic!("not failed");
    };
    assert_eq!(failure.kind, FailureKind::Transport);
}

fn secure() -> EndpointConfig {
    let mut config = EndpointConfig::new([5; 32], local(), local());
    config.contact_tls = Some("10.0.0.1:5061".parse().unwrap());
    config
}

/// The BYE of a call whose INVITE came over `transport` with this Contact.
fn bye_after(config: EndpointConfig, transport: Transport, uri: &str, contact: &str) -> Transmit {
    let mut script = Script::with(config);
    let via = format!("SIP/2.0/{transport} ");
    let of_peer = |text: String| text.replace("SIP/2.0/UDP ", &via);
    let text = of_peer(request("INVITE", 1, "", "", "v=0\r\noffer"))
        .replace("<sip:100@10.0.0.2:5060>", contact)
        .replace("INVITE sip:causeway", &format!("INVITE {uri}:causeway"));
    let (peer, now) = (script.peer, script.now);
    let hear = |script: &mut Script, text: &str| {
        script
            .endpoint
            .handle_message(transport, local(), peer, text.as_bytes(), now);
    };
    hear(&mut script, &text);
    script.transmits();
    let Some(Event::Incoming { call, .. }) = script.event() else {
        panic!("no call");
    };
    script
        .endpoint
        .accept(call, b"v=0\r\nanswer".to_vec(), script.now);
    let (_, accepted) = only(&mut script);
    let ours = header(&accepted, "Contact");
    match (transport, uri) {
        (Transport::Tls, "sips") => assert_eq!(ours, "<sips:causeway@10.0.0.1:5061>"),
        (Transport::Tls, _) => assert_eq!(ours, "<sip:causeway@10.0.0.1:5061;transport=tls>"),
        _ => {}
    }
    let tag = crate::script::tag(&accepted);
    hear(&mut script, &of_peer(request("ACK", 1, &tag, "", "")));
    script.transmits();
    script.endpoint.bye(call, None, script.now);
    let (bye, text) = only(&mut script);
    let via = header(&text, "Via");
    assert!(via.starts_with(&format!("SIP/2.0/{} ", bye.transport)));
    bye
}

#[test]
fn what_came_over_tls_stays_on_tls() {
    for (uri, contact, remote) in [
        (
            "sip",
            "<sip:100@10.0.0.2:5071;transport=tls>",
            "10.0.0.2:5071",
        ),
        ("sip", "<sip:100@10.0.0.2>", "10.0.0.2:5061"),
        ("sips", "<sips:100@10.0.0.2>", "10.0.0.2:5061"),
        // A Contact in clear is not followed: the connection the call came by is.
        (
            "sip",
            "<sip:100@10.0.0.2:5062;transport=udp>",
            "10.0.0.2:5060",
        ),
        (
            "sip",
            "<sip:100@10.0.0.2:5062;transport=tcp>",
            "10.0.0.2:5060",
        ),
    ] {
        let bye = bye_after(secure(), Transport::Tls, uri, contact);
        assert_eq!(bye.transport, Transport::Tls, "{contact}");
        assert_eq!(bye.remote.to_string(), remote, "{contact}");
    }
}

#[test]
fn a_contact_over_tls_is_followed_only_by_a_box_that_speaks_it() {
    let contact = "<sip:100@10.0.0.2:5071;transport=tls>";
    let bye = bye_after(secure(), Transport::Udp, "sip", contact);
    assert_eq!((bye.transport, bye.remote.port()), (Transport::Tls, 5071));
    let plain = EndpointConfig::new([5; 32], local(), local());
    let bye = bye_after(plain, Transport::Udp, "sip", contact);
    assert_eq!((bye.transport, bye.remote.port()), (Transport::Udp, 5060));
}

#[test]
fn a_peer_of_tls_is_not_heard_in_clear_and_a_stranger_not_at_all() {
    let mut config = secure();
    let mut peers = Peers::default();
    peers.allow_tls("10.0.0.2".parse().unwrap());
    config.accept_from = AcceptFrom::Only(peers);
    let mut script = Script::with(config);
    let options = request("OPTIONS", 1, "", "", "");
    let stranger: SocketAddr = "10.0.0.9:5060".parse().unwrap();
    let peer = script.peer;
    let mut answers = |transport, remote| {
        let now = script.now;
        script
            .endpoint
            .handle_message(transport, local(), remote, options.as_bytes(), now);
        script.transmits().len()
    };
    for transport in [Transport::Udp, Transport::Tcp] {
        assert_eq!(answers(transport, peer), 0);
        assert_eq!(answers(transport, stranger), 0);
    }
    assert_eq!(answers(Transport::Tls, stranger), 0);
    assert_eq!(answers(Transport::Tls, peer), 1);
    assert_eq!(script.endpoint.counts().not_accepted, 5);
}

#[test]
fn each_peer_sees_our_address_of_its_own_family() {
    let mut config = secure();
    config.contact_others = vec![(Transport::Udp, "[2001:db8::1]:5060".parse().unwrap())];
    let mut script = Script::with(config);
    script.peer = "[2001:db8::2]:5060".parse().unwrap();
    let (_, text) = place(&mut script, 0);
    assert!(
        header(&text, "Via").starts_with("SIP/2.0/UDP [2001:db8::1]:5060;"),
        "{text}"
    );
    assert_eq!(
        header(&text, "Contact"),
        "<sip:causeway@[2001:db8::1]:5060>"
    );
}

#[test]
fn a_contact_of_a_family_that_the_box_has_not_is_not_followed() {
    let contact = "<sip:100@[2001:db8::2]:5070>";
    let bye = bye_after(secure(), Transport::Udp, "sip", contact);
    assert_eq!(bye.remote.to_string(), "10.0.0.2:5060");
    let mut both = secure();
    both.contact_others = vec![(Transport::Udp, "[2001:db8::1]:5060".parse().unwrap())];
    let bye = bye_after(both, Transport::Udp, "sip", contact);
    assert_eq!(bye.remote.to_string(), "[2001:db8::2]:5070");
}
