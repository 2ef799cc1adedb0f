//! The preflight page is anybody's; its token tests the way to the box and does nothing else.

use crate::support::{SHOP, TestServer};
use causeway_api::request::Request;
use causeway_api::wire::ClientMessage;
use causeway_directory::{Config, Directory};
use serde_json::json;
use std::sync::Arc;

async fn token(server: &TestServer) -> String {
    let own = format!("Origin: https://{}", server.address);
    let answer = server.http("POST /preflight/token", &[&own], None).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer = answer.json();
    assert_eq!(answer["expires_in_s"], 60);
    answer["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_page_is_served_without_a_demo() {
    let server = TestServer::start().await;
    for (path, kind) in [
        ("/preflight", "text/html; charset=utf-8"),
        ("/preflight/page.js", "text/javascript; charset=utf-8"),
        ("/preflight/page.css", "text/css; charset=utf-8"),
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), Some(kind));
        assert!(answer.body.len() > 500);
    }
    assert_eq!(server.get("/preflight/").await.status, 308);
    assert_eq!(server.get("/preflight/token.js").await.status, 404);
}

#[tokio::test]
async fn its_token_is_for_the_boxs_own_page_and_for_tests_alone() {
    let mut server = TestServer::start().await;
    let token = token(&server).await;
    for foreign in [SHOP, "null"] {
        let mut client = server.socket(Some(foreign)).await;
        client.hello(&token).await;
        assert_eq!(client.receive().await["code"], "origin_forbidden");
    }
    let own = format!("https://{}", server.address);
    let mut client = server.socket(Some(&own)).await;
    client.hello(&token).await;
    let welcome = client.receive().await;
    assert_eq!(welcome["type"], "welcome", "{welcome}");
    assert!(welcome["ice"]["servers"].is_array());
    let identity = server.opened().await;
    assert!(identity.only_tests && identity.account.is_none());

    for refused in [
        json!({"type": "call.place", "id": 5, "to": "100", "sdp": "v=0"}),
        json!({"type": "callback.request", "id": 5, "number": "030555"}),
        json!({"type": "call.reattach", "id": 5, "call": "c", "resume": "r"}),
        json!({"type": "call.accept", "id": 5, "call": "c", "sdp": "v=0"}),
    ] {
        client.send(refused.clone()).await;
        let answer = client.receive().await;
        assert_eq!(
            (&answer["id"], &answer["code"]),
            (&json!(5), &json!("refused")),
            "{refused}"
        );
    }
    client
        .send(json!({"type": "media.test", "id": 6, "sdp": "v=0"}))
        .await;
    // Nothing of the refused came before it.
    let Request::Message { message, .. } = server.request().await else {
        panic!("no message");
    };
    assert!(matches!(message, ClientMessage::MediaTest { id: 6, .. }));

    // It is not made into an app's by a refresh, nor an app's into this.
    let shop = server.token().await;
    client
        .send(json!({"type": "token.refresh", "id": 7, "token": shop}))
        .await;
    assert_eq!(client.receive().await["code"], "account_forbidden");
    let mut shopper = server.session().await;
    shopper
        .send(json!({"type": "token.refresh", "id": 8, "token": token}))
        .await;
    assert_eq!(shopper.receive().await["code"], "account_forbidden");
}

#[tokio::test]
async fn other_sites_and_the_impatient_get_no_token() {
    let server = TestServer::start().await;
    for foreign in [
        "Origin: https://evil.example",
        "Origin: null",
        "Sec-Fetch-Site: cross-site",
    ] {
        let answer = server.http("POST /preflight/token", &[foreign], None).await;
        assert_eq!(
            answer.error(),
            (403, "origin_forbidden".into()),
            "{foreign}"
        );
    }
    let mut given = 0;
    loop {
        let answer = server.http("POST /preflight/token", &[], None).await;
        if answer.status != 200 {
            assert_eq!(answer.error(), (429, "rate_limited".into()));
            break;
        }
        given += 1;
        assert!(given < 60, "{given} tokens and no end");
    }
    assert!(given >= 30, "{given}");
    // Others of this address still get what they have a secret for.
    server.token().await;
}

#[tokio::test]
async fn where_it_is_switched_off_there_is_no_page_and_its_tokens_are_worth_nothing() {
    let server = TestServer::start().await;
    let token = token(&server).await;
    let text = "[box]\nhttps = \"127.0.0.1:1\"\nmedia = \"127.0.0.1:2\"\npreflight = false\n[sip]\nudp = \"127.0.0.1:3\"\n\
                [rtp]\naddress = \"127.0.0.1\"\nports = \"20000-20099\"\n";
    let bare = Arc::new(Directory::new(Config::parse(text).unwrap()));
    server.directory.send(bare).unwrap();
    for path in ["/preflight", "/preflight/page.js"] {
        assert_eq!(server.get(path).await.error(), (404, "not_found".into()));
    }
    let answer = server.http("POST /preflight/token", &[], None).await;
    assert_eq!(answer.error(), (404, "not_found".into()));
    let mut client = server.socket(None).await;
    client.hello(&token).await;
    assert_eq!(client.receive().await["code"], "auth_failed");
}
