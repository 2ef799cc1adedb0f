//! Datagrams on their way through.

use crate::support::{Client, MEDIA, MEDIA6, at};
use causeway_turn::frame::{Frame, read, write_channel};
use causeway_turn::message::{Class, Message, attribute, method, read_address};
use causeway_turn::{Drop, Step};

const DROPPED: Step<'static> = Step::Dropped(Drop::NotPermitted);

fn channel(number: u16, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_channel(number, data, &mut out);
    out
}

#[test]
fn indications_pass_both_ways_with_a_permission() {
    let mut client = Client::allocated();
    assert!(client.permit(at(MEDIA)).is_success());
    let indication = client.indication(at(MEDIA), b"check");
    let datagram = &b"check"[..];
    assert_eq!(client.hand(&indication), Step::Relay { peer: 0, datagram });
    let back = client.gets(0, b"answer").unwrap();
    let back = Message::parse(&back).unwrap();
    assert_eq!((back.class, back.method), (Class::Indication, method::DATA));
    assert_eq!(back.attribute(attribute::DATA), Some(&b"answer"[..]));
    let peer = back.attribute(attribute::XOR_PEER_ADDRESS).unwrap();
    assert_eq!(read_address(peer, &back.transaction), Some(at(MEDIA)));
}

#[test]
fn nothing_passes_without_one() {
    let mut client = Client::allocated();
    let indication = client.indication(at(MEDIA), b"check");
    assert_eq!(client.hand(&indication), DROPPED);
    assert_eq!(client.hand(&channel(0x4000, b"x")), DROPPED);
    assert_eq!(client.gets(0, b"answer"), None);
    // A permission is for one peer.
    assert!(client.permit(at(MEDIA)).is_success());
    assert_eq!(client.gets(1, b"answer"), None);
}

#[test]
fn a_permission_ends_after_five_minutes() {
    let mut client = Client::allocated();
    assert!(client.permit(at(MEDIA)).is_success());
    client.pass(299);
    assert!(client.gets(0, b"x").is_some());
    client.pass(1);
    assert_eq!(client.gets(0, b"x"), None);
    let indication = client.indication(at(MEDIA), b"x");
    assert_eq!(client.hand(&indication), DROPPED);
}

#[test]
fn channel_data_passes_both_ways() {
    let mut client = Client::allocated();
    assert!(client.bind(0x4000, at(MEDIA)).is_success());
    let frame = channel(0x4000, b"sound");
    let datagram = &b"sound"[..];
    assert_eq!(client.hand(&frame), Step::Relay { peer: 0, datagram });
    let back = client.gets(0, b"answer").unwrap();
    let expected = Frame::Channel {
        number: 0x4000,
        data: b"answer",
    };
    assert_eq!(read(&back), Some(expected));
    assert_eq!(back.len() % 4, 0, "a stream's frames are padded");
    assert_eq!(client.hand(&channel(0x4001, b"x")), DROPPED);
}

#[test]
fn a_channel_ends_after_ten_minutes_unless_bound_again() {
    let mut client = Client::allocated();
    assert!(client.bind(0x4000, at(MEDIA)).is_success());
    client.pass(500);
    assert!(client.gets(0, b"x").is_some());
    assert!(client.refresh(600).is_success());
    assert!(client.bind(0x4000, at(MEDIA)).is_success());
    client.pass(400);
    // The permission is over; a channel is one.
    let back = client.gets(0, b"x").unwrap();
    assert!(matches!(read(&back), Some(Frame::Channel { .. })));
    let answer = client.refresh(600);
    client.take_nonce(&answer);
    assert!(client.refresh(600).is_success());
    client.pass(200);
    assert_eq!(client.hand(&channel(0x4000, b"x")), DROPPED);
    assert_eq!(client.gets(0, b"x"), None);
}

#[test]
fn a_channel_is_one_peers_and_a_peer_has_one_channel() {
    let mut client = Client::allocated();
    assert!(client.bind(0x4000, at(MEDIA)).is_success());
    assert_eq!(client.bind(0x4001, at(MEDIA)).code(), 400);
    assert_eq!(client.bind(0x4000, at(MEDIA6)).code(), 443);
    for number in [0, 0x3FFF, 0x5000, 0x7FFF, 0xFFFF] {
        assert_eq!(client.bind(number, at(MEDIA)).code(), 400);
    }
}

#[test]
fn nothing_passes_after_the_end() {
    let mut client = Client::allocated();
    assert!(client.bind(0x4000, at(MEDIA)).is_success());
    client.pass(600);
    assert_eq!(client.gets(0, b"x"), None);
    assert_eq!(client.hand(&channel(0x4000, b"x")), DROPPED);
}
