//! Who is let in, and for how long.

use crate::support::{BEGIN, Client, LONG, desk};
use causeway_turn::message::{attribute, method};
use causeway_turn::{Issued, Refusal, Secret};

#[test]
fn nothing_but_binding_is_done_without_a_credential() {
    let mut client = Client::allocated();
    for method in [
        method::ALLOCATE,
        method::REFRESH,
        method::CREATE_PERMISSION,
        method::CHANNEL_BIND,
        0x00F,
    ] {
        let bare = client.request(method).finish(None);
        let answer = client.ask(&bare);
        assert_eq!(answer.code(), 401);
        assert!(!answer.known);
    }
    let binding = client.request(method::BINDING).finish(None);
    let answer = client.ask(&binding);
    assert_eq!(
        answer.address(attribute::XOR_MAPPED_ADDRESS),
        client.address
    );
}

#[test]
fn a_wrong_password_is_refused() {
    let mut client = Client::new();
    client.learn_nonce();
    client.issued.password = "guessed".to_owned();
    assert_eq!(client.allocate().refused, Some(Refusal::Unauthorized));
}

#[test]
fn a_credential_that_was_never_issued_is_refused() {
    let mut client = Client::new();
    client.learn_nonce();
    let real = client.issued.clone();
    // A later expiry with the password of the earlier one; another run's; no user name of ours at all.
    let stretched = format!("{}:0011aabb", BEGIN + 86_400);
    let other_run = Secret::new([8; 32]).issue("0011aabb", BEGIN);
    for issued in [
        Issued {
            username: stretched,
            ..real.clone()
        },
        other_run,
        Issued {
            username: "admin".to_owned(),
            ..real
        },
    ] {
        client.issued = issued;
        assert_eq!(client.allocate().code(), 401);
    }
}

#[test]
fn an_expired_credential_makes_no_allocation_but_keeps_one() {
    let mut late = Client::new();
    late.pass(LONG);
    late.learn_nonce();
    assert_eq!(late.allocate().refused, Some(Refusal::Unauthorized));

    let mut talking = Client::allocated();
    for _ in 0..10 {
        talking.pass(500);
        talking.hear();
        let answer = talking.refresh(600);
        if answer.code() == 438 {
            talking.take_nonce(&answer);
            assert!(talking.refresh(600).is_success());
            talking.hear();
        }
    }
    // Given back is given back.
    assert!(talking.refresh(0).is_success());
    assert_eq!(talking.allocate().code(), 401);
}

#[test]
fn an_old_nonce_is_stale_and_the_new_one_is_good() {
    let mut client = Client::allocated();
    client.pass(599);
    client.hear();
    assert!(client.refresh(600).is_success());
    client.pass(2);
    let answer = client.refresh(600);
    assert_eq!(answer.refused, Some(Refusal::StaleNonce));
    client.take_nonce(&answer);
    assert!(client.refresh(600).is_success());
}

#[test]
fn a_nonce_replayed_from_another_address_is_stale() {
    let mut victim = Client::new();
    victim.learn_nonce();
    let writer = victim.allocation();
    let overheard = victim.signed(writer);
    let mut thief = Client::on(desk(), "192.0.2.66:4000");
    assert_eq!(thief.ask(&overheard).code(), 438);
    assert!(!thief.session.has_allocation());
}

#[test]
fn half_a_credential_is_a_bad_request() {
    let mut client = Client::new();
    client.learn_nonce();
    let (username, nonce) = (client.issued.username.clone(), client.nonce.clone());
    for left_out in 0..3 {
        let all = [
            (attribute::USERNAME, username.as_bytes()),
            (attribute::REALM, b"causeway"),
            (attribute::NONCE, nonce.as_bytes()),
        ];
        let mut writer = client.allocation();
        for (_, (kind, value)) in all.iter().enumerate().filter(|(at, _)| *at != left_out) {
            writer = writer.attribute(*kind, value);
        }
        let request = writer.finish(Some((&client.key(), client.integrity)));
        assert_eq!(client.ask(&request).code(), 400);
    }
}

#[test]
fn an_allocation_is_its_makers() {
    let mut client = Client::allocated();
    client.issued = client.desk.secret.issue("99", BEGIN);
    assert_eq!(client.refresh(0).refused, Some(Refusal::WrongCredentials));
    assert_eq!(
        client
            .permit(crate::support::at(crate::support::MEDIA))
            .code(),
        441
    );
}
