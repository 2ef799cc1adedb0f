//! Clients that are too many, too fast, too slow or too large.

use crate::support::{PATIENCE, SHOP, TestServer};
use causeway_api::limits::Rate;
use causeway_api::request::Request;
use causeway_api::wire::ServerMessage;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

fn ping(id: u64) -> serde_json::Value {
    json!({"type": "ping", "id": id})
}

#[tokio::test]
async fn a_message_that_is_too_large() {
    let mut server = TestServer::start().await;
    for size in [64 * 1024 + 1, 100 * 1024] {
        let mut client = server.session().await;
        client.send_raw(Message::text("x".repeat(size))).await;
        assert_eq!(client.closed().await, 4413);
        assert!(matches!(server.request().await, Request::Closed { .. }));
    }
    // A message of just the limit is judged by its content.
    let mut client = server.session().await;
    client.send_raw(Message::text("x".repeat(64 * 1024))).await;
    client.expect_error(None, "bad_request").await;
}

#[tokio::test]
async fn a_message_larger_than_anything_ends_the_session() {
    let mut server = TestServer::start().await;
    let mut client = server.session().await;
    // The connection may break before all of it is sent: nobody reads it.
    client.try_send(json!("x".repeat(4 * 1024 * 1024))).await;
    assert!(matches!(server.request().await, Request::Closed { .. }));
}

#[tokio::test]
async fn a_body_that_is_too_large() {
    let server = TestServer::start().await;
    let body = json!({"app": "shop", "secret": "x".repeat(17 * 1024)});
    let answer = server.post("/api/v1/tokens", &body).await;
    assert_eq!(answer.error(), (413, "too_large".into()));
}

#[tokio::test]
async fn a_body_that_never_comes() {
    let server = TestServer::with(|l| l.body = Duration::from_millis(200)).await;
    let request = format!(
        "POST /api/v1/tokens HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
         Content-Length: 100\r\nConnection: close\r\n\r\n{{",
        server.address
    );
    let answer = server.raw(&request).await;
    assert_eq!(answer.error(), (408, "timed_out".into()));
}

#[tokio::test]
async fn a_head_that_never_ends_and_a_connection_that_says_nothing_are_closed() {
    let server = TestServer::with(|l| l.header = Duration::from_millis(200)).await;
    for said in [
        "",
        "GET /healthz HTTP/1.1\r\nHost:",
        "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        let mut stream = server.tls().await;
        stream.write_all(said.as_bytes()).await.unwrap();
        let start = Instant::now();
        let mut rest = Vec::new();
        let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest))
            .await
            .expect("the connection stays open");
        assert!(start.elapsed() < Duration::from_secs(3), "{said}");
    }
}

#[tokio::test]
async fn a_head_that_is_too_large() {
    let server = TestServer::start().await;
    let header = format!("X: {}", "y".repeat(64 * 1024));
    let answer = server.http("GET /healthz", &[&header], None).await;
    assert_eq!(answer.status, 431);
}

#[tokio::test]
async fn a_handshake_that_is_not_made() {
    let server = TestServer::with(|l| l.handshake = Duration::from_millis(200)).await;
    let mut tcp = TcpStream::connect(server.address).await.unwrap();
    let mut byte = [0];
    let read = tokio::time::timeout(PATIENCE, tcp.read(&mut byte))
        .await
        .unwrap();
    assert!(matches!(read, Ok(0) | Err(_)));
    let mut plain = TcpStream::connect(server.address).await.unwrap();
    plain
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, plain.read_to_end(&mut rest))
        .await
        .unwrap();
    assert_eq!(server.api.metrics().handshakes_failed.value(), 2);
}

#[tokio::test]
async fn too_many_connections_of_one_peer() {
    let server = TestServer::with(|l| l.connections_per_peer = 2).await;
    let first = server.socket(Some(SHOP)).await;
    let _second = server.socket(Some(SHOP)).await;
    let mut third = TcpStream::connect(server.address).await.unwrap();
    let mut byte = [0];
    let read = tokio::time::timeout(PATIENCE, third.read(&mut byte))
        .await
        .unwrap();
    assert!(matches!(read, Ok(0) | Err(_)));
    assert_eq!(server.api.metrics().connections_refused.value(), 1);
    // A place is free again when a WebSocket has gone.
    drop(first);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut again = TcpStream::connect(server.address).await.unwrap();
        let alive = tokio::time::timeout(Duration::from_millis(200), again.read(&mut byte));
        if alive.await.is_err() {
            break;
        }
        assert!(Instant::now() < deadline, "the place is never free again");
    }
}

#[tokio::test]
async fn a_client_that_sends_too_fast() {
    let mut server = TestServer::with(|l| {
        l.session_rate = Rate::new(0, 5);
        l.session_faults = Rate::new(0, 3);
    })
    .await;
    let mut client = server.session().await;
    for id in 0..20 {
        client.try_send(ping(id)).await;
    }
    for id in 0..5 {
        assert_eq!(client.receive().await, json!({"type": "ok", "id": id}));
    }
    for id in 5..8 {
        client.expect_error(Some(id), "rate_limited").await;
    }
    assert_eq!(client.closed().await, 4429);
}

#[tokio::test]
async fn a_client_that_says_nothing_for_long() {
    let mut server = TestServer::with(|l| {
        l.idle = Duration::from_millis(300);
        l.ping = Duration::from_secs(100);
    })
    .await;
    let mut client = server.session().await;
    assert_eq!(client.closed().await, 4408);
    assert!(matches!(server.request().await, Request::Closed { .. }));
}

#[tokio::test]
async fn a_sleeping_page_lives_by_its_browsers_pongs() {
    let mut server = TestServer::with(|l| {
        l.idle = Duration::from_millis(1500);
        l.ping = Duration::from_millis(200);
    })
    .await;
    let mut client = server.session().await;
    // Reading answers the pings; the page itself sends nothing for longer than the idle time.
    let silence = tokio::time::timeout(Duration::from_millis(2500), client.receive()).await;
    assert!(silence.is_err(), "{silence:?}");
    client.send(ping(9)).await;
    assert_eq!(client.receive().await, json!({"type": "ok", "id": 9}));
}

#[tokio::test]
async fn a_client_that_does_not_read() {
    let mut server = TestServer::with(|l| {
        l.write = Duration::from_millis(300);
        l.out_queue = 8;
    })
    .await;
    let token = server.token().await;
    let mut client = server.socket(Some(SHOP)).await;
    client.hello(&token).await;
    let Request::Opened { out, .. } = server.request().await else {
        panic!("not opened");
    };
    let large = ServerMessage::Answer {
        call: "c".into(),
        sdp: "x".repeat(60 * 1024),
    };
    // Until the kernel's buffers are full, the session's queue is, and the switch lets go.
    let deadline = Instant::now() + PATIENCE;
    while out.try_send(large.clone()).is_ok() || !out.is_closed() {
        assert!(Instant::now() < deadline, "the queue never fills");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(matches!(server.request().await, Request::Closed { .. }));
    client.sleep(Duration::from_millis(1)).await;
}

#[tokio::test]
async fn a_switch_that_lets_go_of_a_slow_client() {
    let mut server = TestServer::start().await;
    let token = server.token().await;
    let mut client = server.socket(Some(SHOP)).await;
    client.hello(&token).await;
    assert_eq!(client.receive().await["type"], "welcome");
    let Request::Opened { out, .. } = server.request().await else {
        panic!("not opened");
    };
    drop(out);
    assert_eq!(client.closed().await, 4429);
}

#[tokio::test]
async fn a_switch_that_does_not_keep_up() {
    let server = TestServer::with(|l| l.switch_wait = Duration::from_millis(50)).await;
    let token = server.token().await;
    let mut client = server.socket(Some(SHOP)).await;
    client.hello(&token).await;
    assert_eq!(client.receive().await["type"], "welcome");
    // 64 fit into the queue, of which nobody takes any; `Opened` is one of them.
    for id in 0..64 {
        client
            .send(json!({"type": "call.hold", "id": id, "call": "c"}))
            .await;
    }
    client.expect_error(Some(63), "rate_limited").await;
}
