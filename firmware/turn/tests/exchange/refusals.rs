//! What is asked wrongly.

use crate::support::Client;
use causeway_turn::message::{Writer, attribute, method};
use causeway_turn::{Drop, Refusal, Step};

fn allocate_with(add: impl FnOnce(Writer) -> Writer) -> u16 {
    let mut client = Client::new();
    client.learn_nonce();
    let writer = add(client.allocation());
    client.put(writer).code()
}

#[test]
fn what_must_be_understood_and_is_not_is_named() {
    let mut client = Client::new();
    client.learn_nonce();
    let writer = client
        .allocation()
        .attribute(0x7F01, b"what")
        .attribute(0x8F01, b"may be left alone")
        .attribute(0x0030, b"");
    let answer = client.put(writer);
    assert_eq!(answer.refused, Some(Refusal::UnknownAttribute));
    let named = [0x7F, 0x01, 0x00, 0x30];
    let message = answer.message();
    assert_eq!(
        message.attribute(attribute::UNKNOWN_ATTRIBUTES),
        Some(&named[..])
    );
}

#[test]
fn only_udp_is_relayed() {
    let mut client = Client::new();
    client.learn_nonce();
    let tcp = client
        .request(method::ALLOCATE)
        .attribute(attribute::REQUESTED_TRANSPORT, &[6, 0, 0, 0]);
    assert_eq!(client.put(tcp).code(), 442);
    let none = client.request(method::ALLOCATE);
    assert_eq!(client.put(none).code(), 400);
}

#[test]
fn what_the_box_has_not_is_refused_politely() {
    let even = |w: Writer| w.attribute(attribute::EVEN_PORT, &[0x80]);
    assert_eq!(allocate_with(even), 508);
    let just_even = |w: Writer| w.attribute(attribute::EVEN_PORT, &[0]);
    assert_eq!(allocate_with(just_even), 0, "it can be had");
    let reserved = |w: Writer| w.attribute(attribute::RESERVATION_TOKEN, &[1; 8]);
    assert_eq!(allocate_with(reserved), 508);
    let family = |w: Writer| w.attribute(attribute::REQUESTED_ADDRESS_FAMILY, &[9, 0, 0, 0]);
    assert_eq!(allocate_with(family), 440);
    let whole = |w: Writer| w.attribute(attribute::DONT_FRAGMENT, &[]);
    assert_eq!(allocate_with(whole), 0, "it is taken");
}

#[test]
fn requests_without_their_attributes_are_bad() {
    let mut client = Client::allocated();
    for method in [method::CREATE_PERMISSION, method::CHANNEL_BIND, 0x00F] {
        let writer = client.request(method);
        assert_eq!(client.put(writer).code(), 400);
    }
    let writer = client
        .request(method::CREATE_PERMISSION)
        .attribute(attribute::XOR_PEER_ADDRESS, &[0, 3, 0, 0]);
    assert_eq!(client.put(writer).code(), 400);
}

#[test]
fn what_is_no_request_is_dropped() {
    let mut client = Client::allocated();
    let malformed = Step::Dropped(Drop::Malformed);
    for octets in [
        &b""[..],
        b"GET / HTTP/1.1\r\n\r\n",
        &[22, 3, 1, 0, 5],
        &[0x80, 111, 0, 0],
        &[0, 1, 0, 0],
    ] {
        assert_eq!(client.hand(octets), malformed, "{octets:?}");
    }
    // Answers that nobody asked for.
    use causeway_turn::message::Class;
    for class in [Class::Success, Class::Error] {
        let octets = client.writer(class, method::ALLOCATE).finish(None);
        assert_eq!(client.hand(&octets), malformed);
    }
}

#[test]
fn a_stranger_gets_little_for_what_he_sends() {
    let mut client = Client::new();
    let smallest = client.request(method::ALLOCATE).finish(None);
    let answer = client.ask(&smallest);
    assert_eq!((answer.code(), answer.known), (401, false));
    // Beyond this the pace of strangers (`rate`) is what bounds it.
    let times = answer.bytes.len() as f64 / smallest.len() as f64;
    assert!(times <= 4.5, "{times}");
    let binding = client.request(method::BINDING).finish(None);
    assert!(client.ask(&binding).bytes.len() <= 32);
}
