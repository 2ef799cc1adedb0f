//! An allocation from its beginning to its end.

use crate::support::{Client, RELAYED, at};
use causeway_turn::message::{Integrity, attribute, method};
use causeway_turn::{Refusal, Step};

#[test]
fn a_client_is_challenged_and_gets_its_address() {
    let mut client = Client::new();
    client.learn_nonce();
    let answer = client.allocate();
    assert!(answer.is_success());
    assert_eq!(answer.address(attribute::XOR_RELAYED_ADDRESS), at(RELAYED));
    assert_eq!(
        answer.address(attribute::XOR_MAPPED_ADDRESS),
        client.address
    );
    assert_eq!(answer.message().number(attribute::LIFETIME), Some(600));
}

#[test]
fn sha_256_is_answered_with_sha_256() {
    let mut client = Client::new();
    client.integrity = Integrity::Sha256;
    client.learn_nonce();
    assert!(client.allocate().is_success());
    assert!(client.refresh(600).is_success());
}

#[test]
fn a_repeated_request_is_answered_again_and_another_is_not() {
    let mut client = Client::new();
    client.learn_nonce();
    let writer = client.allocation();
    let request = client.signed(writer);
    let first = client.ask(&request);
    let again = client.ask(&request);
    assert_eq!(first.bytes, again.bytes);
    assert_eq!(client.allocate().refused, Some(Refusal::AllocationMismatch));
}

#[test]
fn it_ends_when_it_is_not_refreshed() {
    let mut client = Client::allocated();
    client.pass(500);
    assert!(client.refresh(600).is_success());
    client.hear();
    client.pass(599);
    assert!(!client.session.handle_timeout(client.now().clock));
    client.pass(1);
    assert_eq!(
        client.session.poll_timeout(),
        Some(client.now().clock),
        "that is when it asked to be woken"
    );
    assert!(client.session.handle_timeout(client.now().clock));
    assert!(!client.session.has_allocation());
}

#[test]
fn nobody_gets_more_than_ten_minutes_at_once() {
    let mut client = Client::allocated();
    let answer = client.refresh(86_400);
    assert_eq!(answer.message().number(attribute::LIFETIME), Some(600));
}

#[test]
fn it_ends_when_it_is_given_back_and_can_be_made_anew() {
    let mut client = Client::allocated();
    let writer = client
        .request(method::REFRESH)
        .attribute(attribute::LIFETIME, &[0; 4]);
    let request = client.signed(writer);
    let step = client.hand(&request);
    assert!(matches!(step, Step::Freed(_)), "{step:?}");
    assert_eq!(client.refresh(600).code(), 437);
    assert!(client.allocate().is_success());
}

#[test]
fn no_room_is_told() {
    let mut client = Client::new();
    client.learn_nonce();
    for refusal in [Refusal::QuotaReached, Refusal::InsufficientCapacity] {
        let writer = client.allocation();
        let request = client.signed(writer);
        let step = client.hand(&request);
        assert!(matches!(step, Step::Open(_)), "{step:?}");
        let reply = client.session.not_opened(refusal);
        let read = causeway_turn::message::Message::parse(&reply).unwrap();
        assert!(read.is_whole(&client.key()));
        let value = read.attribute(attribute::ERROR_CODE).unwrap();
        assert_eq!(
            u16::from(value[2]) * 100 + u16::from(value[3]),
            refusal.code()
        );
        assert!(!client.session.has_allocation());
    }
}

#[test]
fn a_family_can_be_asked_for() {
    for (family, relayed) in [(1, RELAYED), (2, "[2001:db8::10]:50000")] {
        let mut client = Client::new();
        client.learn_nonce();
        let writer = client
            .allocation()
            .attribute(attribute::REQUESTED_ADDRESS_FAMILY, &[family, 0, 0, 0]);
        let answer = client.put(writer);
        assert_eq!(answer.address(attribute::XOR_RELAYED_ADDRESS), at(relayed));
    }
}

#[test]
fn a_box_of_ipv6_alone_gives_it_unasked() {
    let mut desk = crate::support::desk();
    desk.peers = causeway_turn::Peers::new(vec![at("[2001:db8::10]:8444")]);
    let mut client = Client::on(desk, "192.0.2.1:4000");
    client.learn_nonce();
    // The only peer is the first now, whatever address the support gives it.
    assert!(client.allocate().is_success());
    assert!(client.permit(at("[2001:db8::10]:8444")).is_success());
}

#[test]
fn it_ends_when_nothing_was_heard_for_ten_minutes_however_often_it_is_refreshed() {
    let mut client = Client::allocated();
    for _ in 0..5 {
        client.pass(100);
        // What the client says itself does not count.
        assert!(client.refresh(600).is_success());
    }
    client.pass(100);
    assert_eq!(client.session.poll_timeout(), Some(client.now().clock));
    assert!(client.session.handle_timeout(client.now().clock));
}
