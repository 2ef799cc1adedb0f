//! `openapi.json` is what the code says. `UPDATE_OPENAPI=1` rewrites it.

use crate::support::TestServer;
use std::path::Path;

#[test]
fn the_committed_document_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let generated = causeway_api::http::document();
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "openapi.json is out of date: run this test with UPDATE_OPENAPI=1 and commit the file"
    );
}

#[tokio::test]
async fn the_box_serves_it() {
    let server = TestServer::start().await;
    let answer = server.get("/api/v1/openapi.json").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let document = answer.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    for path in ["/api/v1/tokens", "/api/v1/calls/{id}", "/healthz"] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
}
