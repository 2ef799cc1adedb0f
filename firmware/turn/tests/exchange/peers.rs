//! Whom nobody reaches through the box.

use crate::support::{Client, MEDIA, MEDIA6, at};
use causeway_turn::{Drop, Refusal, Step};

/// Neither the box's candidates nor anything else: what an attacker would name.
const FORBIDDEN: [&str; 44] = [
    // The box's own addresses, at other ports.
    "203.0.113.10:0",
    "203.0.113.10:22",
    "203.0.113.10:443",
    "203.0.113.10:5060",
    "203.0.113.10:8443",
    "203.0.113.10:8445",
    "203.0.113.10:20000",
    "203.0.113.10:50000",
    "[2001:db8::10]:5060",
    "[2001:db8::10]:8445",
    // Loopback, at the media port and at others.
    "127.0.0.1:8444",
    "127.0.0.1:22",
    "127.0.0.53:53",
    "127.255.255.254:8444",
    "[::1]:8444",
    "[::1]:22",
    // Every address, no address, everybody.
    "0.0.0.0:8444",
    "0.0.0.0:0",
    "255.255.255.255:8444",
    "[::]:8444",
    // Private networks, carriers', link-local, a cloud's metadata.
    "10.0.0.1:8444",
    "172.16.0.1:80",
    "192.168.0.1:80",
    "100.64.0.1:8444",
    "169.254.169.254:80",
    "[fe80::1]:8444",
    "[fc00::1]:8444",
    "[fd00:ec2::254]:80",
    // Many at once.
    "224.0.0.1:8444",
    "239.255.255.250:1900",
    "[ff02::1]:8444",
    // The box's own address, and others, in another dress.
    "[::ffff:203.0.113.10]:8444",
    "[::ffff:127.0.0.1]:8444",
    "[::ffff:10.0.0.1]:22",
    "[::203.0.113.10]:8444",
    "[64:ff9b::203.0.113.10]:8444",
    "[64:ff9b::127.0.0.1]:8444",
    "[64:ff9b:1::10.0.0.1]:8444",
    "[2002:cb00:710a::1]:8444",
    "[2002:7f00:1::1]:8444",
    // Neighbours, and the internet.
    "203.0.113.11:8444",
    "[2001:db8::11]:8444",
    "8.8.8.8:53",
    "[2001:4860:4860::8888]:53",
];

#[test]
fn no_permission_no_channel_and_no_datagram_for_any_of_them() {
    for peer in FORBIDDEN.map(at) {
        let mut client = Client::allocated();
        assert_eq!(
            client.permit(peer).refused,
            Some(Refusal::Forbidden),
            "{peer}"
        );
        assert_eq!(
            client.bind(0x4000, peer).refused,
            Some(Refusal::Forbidden),
            "{peer}"
        );
        let indication = client.indication(peer, b"hello");
        assert_eq!(
            client.hand(&indication),
            Step::Dropped(Drop::Forbidden),
            "{peer}"
        );
    }
}

#[test]
fn one_forbidden_peer_spoils_the_whole_request() {
    use causeway_turn::message::{attribute, method};
    let mut client = Client::allocated();
    let writer = client
        .request(method::CREATE_PERMISSION)
        .address(attribute::XOR_PEER_ADDRESS, at(MEDIA))
        .address(attribute::XOR_PEER_ADDRESS, at("127.0.0.1:22"));
    assert_eq!(client.put(writer).code(), 403);
    assert_eq!(client.gets(0, b"x"), None, "the good one neither");
}

#[test]
fn the_boxes_candidates_are_the_only_peers() {
    let mut client = Client::allocated();
    assert!(client.permit(at(MEDIA)).is_success());
    assert!(client.bind(0x4000, at(MEDIA)).is_success());
    // A peer of the other family is the box's, and not for this allocation.
    assert_eq!(
        client.permit(at(MEDIA6)).refused,
        Some(Refusal::FamilyMismatch)
    );
}
