//! A token ends while its session runs.

use crate::support::{SECRET, SHOP, TestServer, key};
use causeway_api::request::Request;
use causeway_api::token::{Claims, mint};
use serde_json::json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn short_token(lifetime_s: u64) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let claims = Claims {
        app: "shop".into(),
        account: None,
        to: vec![],
        page: None,
        test: false,
        iat: now,
        exp: now + lifetime_s,
        nonce: "0".into(),
    };
    mint(&key(), &claims)
}

#[tokio::test]
async fn the_page_is_warned_then_refused_new_calls_until_it_refreshes() {
    let mut server = TestServer::start().await;
    let mut client = server.socket(Some(SHOP)).await;
    client.hello(&short_token(3)).await;
    assert_eq!(client.receive().await["type"], "welcome");
    server.opened().await;
    let warning = client.receive().await;
    assert_eq!(warning["type"], "token.expiring");
    assert!(warning["expires_in_s"].as_u64().unwrap() <= 3);

    client.sleep(Duration::from_millis(3100)).await;
    let place = json!({"type": "call.place", "id": 2, "to": "100", "sdp": "v=0"});
    client.send(place.clone()).await;
    client.expect_error(Some(2), "token_expired").await;
    client
        .send(json!({"type": "call.accept", "id": 3, "call": "c", "sdp": "v=0"}))
        .await;
    client.expect_error(Some(3), "token_expired").await;
    // What runs goes on.
    client
        .send(json!({"type": "call.hold", "id": 4, "call": "c"}))
        .await;
    assert!(matches!(server.request().await, Request::Message { .. }));

    let fresh = server.token().await;
    client
        .send(json!({"type": "token.refresh", "id": 5, "token": fresh}))
        .await;
    let answer = client.receive().await;
    assert_eq!((&answer["type"], &answer["id"]), (&json!("ok"), &json!(5)));
    client.send(place).await;
    assert!(matches!(server.request().await, Request::Message { .. }));
}

#[tokio::test]
async fn a_refresh_cannot_change_who_speaks() {
    let mut server = TestServer::start().await;
    let mut client = server.session().await;
    let anna = server
        .token_with(json!({"account": "anna@example.com"}))
        .await;
    client
        .send(json!({"type": "token.refresh", "id": 2, "token": anna}))
        .await;
    client.expect_error(Some(2), "account_forbidden").await;
    let demo = server
        .post("/api/v1/tokens", &json!({"app": "demo", "secret": SECRET}))
        .await;
    let demo = demo.json()["token"].clone();
    client
        .send(json!({"type": "token.refresh", "id": 3, "token": demo}))
        .await;
    client.expect_error(Some(3), "account_forbidden").await;
    client
        .send(json!({"type": "token.refresh", "id": 4, "token": "nonsense"}))
        .await;
    client.expect_error(Some(4), "auth_failed").await;
}
