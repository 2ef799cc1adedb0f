//! `POST /api/v1/tokens`: who gets one, and who is told why not.

use crate::support::{SECRET, TestServer, key};
use causeway_api::limits::Rate;
use causeway_api::token;
use serde_json::{Value, json};

fn asked(change: Value) -> Value {
    let mut body = json!({"app": "shop", "secret": SECRET});
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn an_app_with_its_secret_gets_a_token_that_says_what_was_asked() {
    let server = TestServer::start().await;
    let body = asked(json!({
        "account": "Anna@example.com", "to": ["+4930*", "+49 30 12-34"],
        "page": "https://shop.example/help", "lifetime_s": 60
    }));
    let answer = server.post("/api/v1/tokens", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let answer = answer.json();
    assert_eq!(answer["expires_in_s"], 60);
    assert!(answer["expires_at"].as_str().unwrap().ends_with('Z'));
    let claims = token::verify(&key(), answer["token"].as_str().unwrap(), 0).unwrap();
    assert_eq!(claims.account.as_deref(), Some("anna@example.com"));
    assert_eq!(claims.to, ["+4930*", "+49301234"]);
    assert_eq!(claims.exp - claims.iat, 60);
    assert_eq!(server.api.metrics().tokens_minted.value(), 1);
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_app_look_the_same() {
    let server = TestServer::start().await;
    let wrong = server
        .post("/api/v1/tokens", &asked(json!({"secret": "wrong"})))
        .await;
    let unknown = server
        .post("/api/v1/tokens", &asked(json!({"app": "nobody"})))
        .await;
    assert_eq!(wrong.error(), (401, "auth_failed".into()));
    assert_eq!(wrong.body, unknown.body);
}

#[tokio::test]
async fn guessing_is_slowed_down_even_for_a_right_guess() {
    let server = TestServer::with(|l| l.peer_rate = Rate::new(0, 100)).await;
    for _ in 0..5 {
        server
            .post("/api/v1/tokens", &asked(json!({"secret": "wrong"})))
            .await;
    }
    let right = server.post("/api/v1/tokens", &asked(json!({}))).await;
    assert_eq!(right.error(), (429, "rate_limited".into()));
    assert_eq!(right.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn an_account_that_is_not_the_apps_is_refused() {
    let server = TestServer::start().await;
    for account in ["anna@other.example", "nobody@example.com"] {
        let answer = server
            .post("/api/v1/tokens", &asked(json!({"account": account})))
            .await;
        assert_eq!(
            answer.error(),
            (403, "account_forbidden".into()),
            "{account}"
        );
    }
}

#[tokio::test]
async fn a_bad_field_is_named() {
    let server = TestServer::start().await;
    for (change, field) in [
        (json!({"lifetime_s": 9}), "`lifetime_s`"),
        (json!({"lifetime_s": 601}), "`lifetime_s`"),
        (json!({"lifetime_s": "x"}), "`lifetime_s`"),
        (json!({"account": "anna"}), "`account`"),
        (json!({"to": ["a b"]}), "`to`"),
        (json!({"to": vec!["1"; 33]}), "`to`"),
        (json!({"to": [1]}), "`to[0]`"),
        (json!({"page": "x".repeat(2049)}), "`page`"),
        (json!({"sekret": "1"}), "`sekret`"),
    ] {
        let answer = server.post("/api/v1/tokens", &asked(change.clone())).await;
        assert_eq!(answer.error(), (422, "bad_request".into()), "{change}");
        let message = answer.json()["error"]["message"].to_string();
        assert!(message.contains(field), "{change}: {message}");
    }
    let missing = server.post("/api/v1/tokens", &json!({"app": "shop"})).await;
    assert_eq!(missing.error(), (422, "bad_request".into()));
    assert!(missing.body.contains("`secret`"), "{}", missing.body);
}

#[tokio::test]
async fn what_is_no_json_is_refused_and_never_repeated() {
    let server = TestServer::start().await;
    let garbage = format!("{{\"secret\": \"{SECRET}");
    let json = &["Content-Type: application/json"];
    let answer = server
        .http("POST /api/v1/tokens", json, Some(&garbage))
        .await;
    assert_eq!(answer.error(), (422, "bad_request".into()));
    assert!(!answer.body.contains(SECRET));
    let misplaced = asked(json!({"lifetime_s": SECRET}));
    let answer = server.post("/api/v1/tokens", &misplaced).await;
    assert_eq!(answer.error(), (422, "bad_request".into()));
    assert!(!answer.body.contains(SECRET), "{}", answer.body);
    let trailing = format!("{} x", asked(json!({})));
    let answer = server
        .http("POST /api/v1/tokens", json, Some(&trailing))
        .await;
    assert_eq!(answer.error(), (422, "bad_request".into()));
    let form = ["Content-Type: application/x-www-form-urlencoded"];
    let answer = server
        .http("POST /api/v1/tokens", &form, Some("app=shop"))
        .await;
    assert_eq!(answer.error(), (415, "unsupported".into()));
}

#[tokio::test]
async fn a_browsers_preflight_is_refused() {
    let server = TestServer::start().await;
    let headers = [
        "Origin: https://shop.example",
        "Access-Control-Request-Method: POST",
    ];
    let answer = server.http("OPTIONS /api/v1/tokens", &headers, None).await;
    assert_eq!(answer.error(), (405, "unsupported".into()));
    assert!(answer.header("access-control-allow-origin").is_none());
}
