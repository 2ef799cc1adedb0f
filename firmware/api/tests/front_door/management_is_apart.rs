//! A door for administrators of their own: callers' says 404 to everything that is theirs.

use crate::support::TestServer;
use causeway_api::Audience;

const CALLERS: [&str; 3] = ["/sdk/v1/causeway.js", "/preflight", "/demo/"];
const ADMINISTRATORS: [&str; 6] = [
    "/healthz",
    "/metrics",
    "/api/v1/calls",
    "/api/v1/status",
    "/api/v1/trunks",
    "/api/v1/openapi.json",
];

#[tokio::test]
async fn callers_find_their_pages_and_nothing_of_the_administrators() {
    let mut server = TestServer::start().await;
    server.turn_to(Audience::Callers).await;
    for path in CALLERS {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
    for path in ADMINISTRATORS {
        assert_eq!(server.admin(path).await.status, 404, "{path}");
    }
    let token = server.token().await;
    let mut client = server.socket(Some(crate::support::SHOP)).await;
    client.hello(&token).await;
    assert_eq!(client.receive().await["type"], "welcome");
}

#[tokio::test]
async fn administrators_find_theirs_and_callers_are_not_served_there() {
    let mut server = TestServer::start().await;
    server.turn_to(Audience::Administrators).await;
    assert_eq!(server.admin("/metrics").await.status, 200);
    assert_eq!(server.get("/healthz").await.status, 200);
    assert_eq!(server.get("/metrics").await.status, 401);
    for path in CALLERS {
        assert_eq!(server.get(path).await.status, 404, "{path}");
    }
    let token = server.post("/api/v1/tokens", &serde_json::json!({})).await;
    assert_eq!(token.status, 404);
    // Media over TCP is callers' as well: STUN is no TLS, and nobody takes it.
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut plain = tokio::net::TcpStream::connect(server.address)
        .await
        .unwrap();
    let stun = [0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42];
    plain.write_all(&stun).await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"tcp"), "{answer:?}");
}

#[tokio::test]
async fn a_door_that_is_looked_at_ticks() {
    let server = TestServer::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let door = causeway_api::Door::new(listener, Audience::Administrators);
    let ticks = door.ticks.clone();
    let count = || ticks.load(std::sync::atomic::Ordering::Relaxed);
    server.serve(door);
    let looked_at = async {
        while count() < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, looked_at)
        .await
        .expect("it ticks");
}
