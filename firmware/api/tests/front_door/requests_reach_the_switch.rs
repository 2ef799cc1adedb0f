//! A good session: what the switch is told, and what comes back.

use crate::support::{SHOP, TestServer};
use causeway_api::request::Request;
use causeway_api::wire::{ClientMessage, ErrorCode, ServerMessage};
use serde_json::{Map, json};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn a_call_is_asked_for_and_answered() {
    let mut server = TestServer::start().await;
    let asked =
        json!({"account": "anna@example.com", "to": ["100"], "page": "https://shop.example/a"});
    let token = server.token_with(asked).await;
    let mut client = server.socket(Some(SHOP)).await;
    client
        .send(
            json!({"type": "hello", "id": 1, "version": 1, "token": token,
                     "client": {"sdk": "0.1", "page": "https://shop.example/b"}}),
        )
        .await;
    let welcome = client.receive().await;
    assert_eq!(welcome["type"], "welcome");
    assert_eq!(welcome["id"], 1);
    assert_eq!(welcome["account"], "anna@example.com");
    assert_eq!(welcome["box"]["name"], "test box");
    assert_eq!(welcome["resume_s"], 30);
    assert_eq!(welcome["ping_s"], 20);
    assert!(welcome["ice"]["servers"].is_array());

    let Request::Opened {
        session,
        identity,
        out,
    } = server.request().await
    else {
        panic!("not opened");
    };
    assert_eq!(welcome["session"], session.0.to_string());
    assert_eq!(identity.app.0, "shop");
    assert_eq!(identity.account.unwrap().as_str(), "anna@example.com");
    assert_eq!(identity.to.len(), 1);
    assert_eq!(identity.origin.as_deref(), Some(SHOP));
    // The app's server knows better than the page.
    assert_eq!(identity.page.as_deref(), Some("https://shop.example/a"));

    client
        .send(json!({"type": "call.place", "id": 2, "to": "100", "sdp": "v=0"}))
        .await;
    let Request::Message {
        session: from,
        message: ClientMessage::Place { id, to, .. },
    } = server.request().await
    else {
        panic!("no call.place");
    };
    assert_eq!((from, id, to.as_str()), (session, 2, "100"));
    let mut fields = Map::new();
    fields.insert("call".into(), "c1".into());
    out.send(ServerMessage::Ok { id, fields }).await.unwrap();
    assert_eq!(
        client.receive().await,
        json!({"type": "ok", "id": 2, "call": "c1"})
    );

    client.send_raw(Message::Close(None)).await;
    let Request::Closed { session: closed } = server.request().await else {
        panic!("not closed");
    };
    assert_eq!(closed, session);
    assert!(out.is_closed());
}

#[tokio::test]
async fn bad_messages_are_answered_and_the_session_goes_on() {
    let mut server = TestServer::start().await;
    let mut client = server.session().await;
    client.send_raw(Message::text("garbage")).await;
    client.expect_error(None, "bad_request").await;
    client.send(json!({"type": "call.fly", "id": 3})).await;
    client.expect_error(Some(3), "unsupported").await;
    client
        .send(json!({"type": "call.dtmf", "id": 4, "call": "c", "digits": "1z"}))
        .await;
    let sentence = client.expect_error(Some(4), "bad_request").await;
    assert!(sentence.starts_with("`digits`"), "{sentence}");
    client
        .send(json!({"type": "call.place", "id": 5, "to": "1", "sdp": "v", "context": {"x": "y".repeat(9000)}}))
        .await;
    client.expect_error(Some(5), "too_large").await;
    client
        .send(json!({"type": "hello", "id": 6, "version": 1, "token": "x"}))
        .await;
    client.expect_error(Some(6), "bad_request").await;
    client.send(json!({"type": "ping", "id": 7})).await;
    assert_eq!(client.receive().await, json!({"type": "ok", "id": 7}));
    let metrics = server.api.metrics();
    assert_eq!(metrics.errors(ErrorCode::BadRequest), 3);
    assert_eq!(metrics.errors(ErrorCode::Unsupported), 1);
}

#[tokio::test]
async fn sessions_are_told_when_the_box_stops_after_what_the_switch_still_says() {
    let mut server = TestServer::start().await;
    let token = server.token().await;
    let mut client = server.socket(Some(SHOP)).await;
    client.hello(&token).await;
    assert_eq!(client.receive().await["type"], "welcome");
    let Request::Opened { out, .. } = server.request().await else {
        panic!("not opened");
    };
    server.stop.send(true).unwrap();
    let warning = ServerMessage::Warning {
        call: "c".into(),
        code: "last".into(),
        message: "words".into(),
    };
    out.send(warning).await.unwrap();
    drop(out);
    assert_eq!(client.receive().await["code"], "last");
    assert_eq!(client.closed().await, 1001);
    assert!(matches!(server.request().await, Request::Closed { .. }));
    tokio::time::timeout(crate::support::PATIENCE, server.serving)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(server.api.metrics().sessions.value(), 0);
}

#[tokio::test]
async fn the_demos_own_page_may_use_its_app() {
    let mut server = TestServer::start().await;
    let own = format!("https://{}", server.address);
    let headers = [
        &format!("Origin: {own}")[..],
        "Content-Type: application/json",
    ];
    let answer = server.http("POST /demo/token", &headers, Some("{}")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    let mut client = server.socket(Some(&own)).await;
    client.hello(&token).await;
    assert_eq!(client.receive().await["type"], "welcome");
    let Request::Opened { identity, .. } = server.request().await else {
        panic!("not opened");
    };
    assert_eq!(identity.app.0, "demo");
    assert_eq!(identity.page, Some(own));
}
