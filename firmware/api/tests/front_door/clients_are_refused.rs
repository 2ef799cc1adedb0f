//! A WebSocket that must not open, or must not go on: each with its error and its close code.

use crate::support::{PATIENCE, SHOP, TestServer, key};
use causeway_api::request::Request;
use causeway_api::token::{Claims, mint};
use serde_json::json;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn a_page_of_another_origin() {
    let server = TestServer::start().await;
    for origin in [
        "https://evil.example",
        "null",
        "https://shop.example.evil.example",
    ] {
        let token = server.token().await;
        let mut client = server.socket(Some(origin)).await;
        client.hello(&token).await;
        client.expect_error(Some(1), "origin_forbidden").await;
        assert_eq!(client.closed().await, 4403, "{origin}");
    }
}

#[tokio::test]
async fn the_boxs_own_page_with_another_apps_token() {
    let server = TestServer::start().await;
    let own = format!("https://{}", server.address);
    let token = server.token().await;
    let mut client = server.socket(Some(&own)).await;
    client.hello(&token).await;
    client.expect_error(Some(1), "origin_forbidden").await;
    assert_eq!(client.closed().await, 4403);
}

#[tokio::test]
async fn tokens_that_are_not_good() {
    let server = TestServer::start().await;
    let claims = |app: &str, exp| Claims {
        app: app.into(),
        account: None,
        to: vec![],
        page: None,
        test: false,
        iat: 0,
        exp,
        nonce: String::new(),
    };
    let other_key = causeway_api::TokenKey::new([1; 32]);
    for (token, code) in [
        (mint(&key(), &claims("shop", 1)), "token_expired"),
        (mint(&key(), &claims("gone", u64::MAX)), "auth_failed"),
        (mint(&other_key, &claims("shop", u64::MAX)), "auth_failed"),
        ("nonsense".to_owned(), "auth_failed"),
        (String::new(), "auth_failed"),
    ] {
        let mut client = server.socket(Some(SHOP)).await;
        client.hello(&token).await;
        client.expect_error(Some(1), code).await;
        assert_eq!(client.closed().await, 4401);
    }
}

#[tokio::test]
async fn a_token_whose_account_was_taken_away() {
    let server = TestServer::start().await;
    let claims = Claims {
        app: "shop".into(),
        account: Some("anna@other.example".into()),
        to: vec![],
        page: None,
        test: false,
        iat: 0,
        exp: u64::MAX,
        nonce: String::new(),
    };
    let mut client = server.socket(Some(SHOP)).await;
    client.hello(&mint(&key(), &claims)).await;
    client.expect_error(Some(1), "account_forbidden").await;
    assert_eq!(client.closed().await, 4401);
}

#[tokio::test]
async fn a_first_message_that_is_no_good_hello() {
    let server = TestServer::start().await;
    for (text, id, code) in [
        (r#"{"type":"ping","id":5}"#, Some(5), "bad_request"),
        (
            r#"{"type":"hello","id":6,"version":2,"token":"x"}"#,
            Some(6),
            "unsupported",
        ),
        (
            r#"{"type":"hello","id":7,"version":1}"#,
            Some(7),
            "bad_request",
        ),
        ("garbage", None, "bad_request"),
    ] {
        let mut client = server.socket(Some(SHOP)).await;
        client.send_raw(Message::text(text)).await;
        client.expect_error(id, code).await;
        assert_eq!(client.closed().await, 4400, "{text}");
    }
}

#[tokio::test]
async fn binary_frames() {
    let mut server = TestServer::start().await;
    let mut client = server.socket(Some(SHOP)).await;
    client.send_raw(Message::binary(vec![1, 2])).await;
    assert_eq!(client.closed().await, 4400);
    let mut client = server.session().await;
    client.send_raw(Message::binary(vec![1, 2])).await;
    assert_eq!(client.closed().await, 4400);
    assert!(matches!(server.request().await, Request::Closed { .. }));
}

#[tokio::test]
async fn who_says_nothing_at_first() {
    let server = TestServer::with(|l| l.hello = Duration::from_millis(100)).await;
    let mut client = server.socket(Some(SHOP)).await;
    assert_eq!(client.closed().await, 4401);
}

#[tokio::test]
async fn who_does_not_offer_the_sub_protocol_or_is_no_websocket() {
    let server = TestServer::start().await;
    let answer = server.get("/api/v1/ws").await;
    assert_eq!(answer.error(), (426, "unsupported".into()));
    let request = format!(
        "GET /api/v1/ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: other\r\n\r\n",
        server.address
    );
    let answer = tokio::time::timeout(
        PATIENCE,
        server.raw(&request.replace("Connection: Upgrade", "Connection: Upgrade, close")),
    )
    .await
    .unwrap();
    assert_eq!(answer.error(), (400, "unsupported".into()));
}

#[tokio::test]
async fn a_program_without_an_origin_is_let_in_by_its_token() {
    let mut server = TestServer::start().await;
    let token = server.token().await;
    let mut client = server.socket(None).await;
    client.hello(&token).await;
    assert_eq!(client.receive().await["type"], "welcome");
    assert_eq!(server.opened().await.origin, None);
    client.send(json!({"type": "ping", "id": 2})).await;
    assert_eq!(client.receive().await, json!({"type": "ok", "id": 2}));
}
