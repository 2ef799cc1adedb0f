//! The SDK, the demo, and the headers every answer carries.

use crate::support::TestServer;
use causeway_directory::{Config, Directory};
use std::sync::Arc;

#[tokio::test]
async fn the_sdk_is_for_pages_of_every_origin() {
    let server = TestServer::start().await;
    for (file, kind) in [
        ("causeway.js", "text/javascript; charset=utf-8"),
        ("causeway.d.ts", "application/typescript; charset=utf-8"),
        ("button.js", "text/javascript; charset=utf-8"),
        ("button.d.ts", "application/typescript; charset=utf-8"),
    ] {
        let path = format!("/sdk/v1/{file}");
        let answer = server.get(&path).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.header("content-type"), Some(kind));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(
            answer.header("cross-origin-resource-policy"),
            Some("cross-origin")
        );
        assert!(answer.body.len() > 1000);
        let tag = answer.header("etag").unwrap();
        let condition = format!("If-None-Match: {tag}");
        let again = server
            .http(&format!("GET {path}"), &[&condition], None)
            .await;
        assert_eq!((again.status, again.body.as_str()), (304, ""));
    }
}

/// The button is what pages of strangers wait for: packed for whoever unpacks it, and each form known by a tag of its own.
#[tokio::test]
async fn the_button_is_packed_for_who_takes_it() {
    let server = TestServer::start().await;
    let path = "GET /sdk/v1/button.js";
    let plain = server.http(path, &[], None).await;
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(plain.header("vary"), Some("accept-encoding"));
    for (accepted, packs) in [
        ("gzip", true),
        ("br, GZIP;q=0.5", true),
        ("deflate, gzip ; q=1.0", true),
        ("br", false),
        ("gzip;q=0", false),
        ("gzip;q=0.000, br", false),
        ("identity", false),
    ] {
        let header = format!("Accept-Encoding: {accepted}");
        let answer = server.http(path, &[&header], None).await;
        let packed = answer.header("content-encoding") == Some("gzip");
        assert_eq!((answer.status, packed), (200, packs), "{accepted}");
        assert_eq!(answer.header("etag") == plain.header("etag"), !packs);
        let length = |a: &str| a.parse::<usize>().unwrap();
        let length = answer.header("content-length").map(length).unwrap();
        assert_eq!(length < 30 * 1024, packs, "{length}");
        let condition = format!("If-None-Match: {}", answer.header("etag").unwrap());
        let again = server.http(path, &[&header, &condition], None).await;
        assert_eq!((again.status, again.body.as_str()), (304, ""));
        assert_eq!(again.header("vary"), Some("accept-encoding"));
    }
}

#[tokio::test]
async fn there_is_no_way_out_of_the_folders() {
    let server = TestServer::start().await;
    for path in [
        "/sdk/v1/../v1/causeway.map",
        "/sdk/v1/..%2f..%2fCargo.toml",
        "/sdk/v1/%2e%2e/%2e%2e/etc/passwd",
        "/demo/..%2fsdk%2fpackage.json",
        "/demo/../../etc/passwd",
        "/sdk/v1/",
    ] {
        assert_eq!(
            server.get(path).await.error(),
            (404, "not_found".into()),
            "{path}"
        );
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let server = TestServer::start().await;
    for path in ["/healthz", "/nowhere", "/sdk/v1/causeway.js", "/demo/"] {
        let answer = server.get(path).await;
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        let policy = answer.header("content-security-policy").unwrap();
        for rule in [
            "default-src 'none'",
            "frame-ancestors 'none'",
            "script-src 'self'",
        ] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert_eq!(answer.header("strict-transport-security"), None);
    }
}

#[tokio::test]
async fn the_demos_token_is_for_its_own_pages() {
    let server = TestServer::start().await;
    let json = "Content-Type: application/json";
    let own = format!("Origin: https://{}", server.address);
    let good = server
        .http("POST /demo/token", &[json, &own], Some("{}"))
        .await;
    assert_eq!(good.status, 200, "{}", good.body);
    let anna = r#"{"account": "anna@example.com"}"#;
    let account = server
        .http("POST /demo/token", &[json, &own], Some(anna))
        .await;
    assert_eq!(account.status, 200, "{}", account.body);
    let bob = r#"{"account": "bob@example.com"}"#;
    let stranger = server
        .http("POST /demo/token", &[json, &own], Some(bob))
        .await;
    assert_eq!(stranger.error(), (403, "account_forbidden".into()));
    for foreign in [
        "Origin: https://evil.example",
        "Origin: null",
        "Sec-Fetch-Site: cross-site",
    ] {
        let answer = server
            .http("POST /demo/token", &[json, foreign], Some("{}"))
            .await;
        assert_eq!(
            answer.error(),
            (403, "origin_forbidden".into()),
            "{foreign}"
        );
        assert!(answer.header("access-control-allow-origin").is_none());
    }
}

#[tokio::test]
async fn without_a_demo_app_there_is_no_demo() {
    let server = TestServer::start().await;
    let text = "[box]\nhttps = \"127.0.0.1:1\"\nmedia = \"127.0.0.1:2\"\n[sip]\nudp = \"127.0.0.1:3\"\n\
                [rtp]\naddress = \"127.0.0.1\"\nports = \"20000-20099\"\n";
    let bare = Arc::new(Directory::new(Config::parse(text).unwrap()));
    server.directory.send(bare).unwrap();
    for path in ["/demo", "/demo/", "/demo/demo.js"] {
        assert_eq!(server.get(path).await.error(), (404, "not_found".into()));
    }
    let json = ["Content-Type: application/json"];
    let answer = server.http("POST /demo/token", &json, Some("{}")).await;
    assert_eq!(answer.error(), (404, "not_found".into()));
}
