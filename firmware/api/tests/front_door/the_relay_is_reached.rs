//! A media relay on the HTTPS port: the first octet says whose a connection is, in clear and inside TLS.

use crate::support::{PATIENCE, SHOP, TestServer};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How a STUN request and nothing else begins.
const STUN: &[u8] = &[0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42];

/// Says something; what comes back until the end.
async fn said(mut stream: impl AsyncRead + AsyncWrite + Unpin, words: &[u8]) -> Vec<u8> {
    stream.write_all(words).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("the connection stays open");
    answer
}

#[tokio::test]
async fn stun_goes_to_the_relay_whole_and_http_does_not() {
    let server = TestServer::start().await;
    // What the relay of the tests says of a stream: how it came, and its first octets.
    let plain = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(said(plain, STUN).await, [b"tcp ", STUN].concat());
    let inside = server.tls().await;
    assert_eq!(said(inside, STUN).await, [b"tls ", STUN].concat());
    assert_eq!(server.get("/healthz").await.status, 200);
    // Neither is HTTP in clear.
    let plain = TcpStream::connect(server.address).await.unwrap();
    let answer = said(plain, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn the_page_is_told_of_it_and_told_anew_with_every_token() {
    let mut server = TestServer::start().await;
    let token = server.token().await;
    let mut client = server.socket(Some(SHOP)).await;
    client.hello(&token).await;
    let welcome = client.receive().await;
    let host = server.address.to_string();
    let expected = |time: u64| json!({"servers": [{"urls": [&host], "username": time}]});
    assert_eq!(welcome["ice"], expected(1));
    server.opened().await;

    let fresh = server.token().await;
    client
        .send(json!({"type": "token.refresh", "id": 2, "token": fresh}))
        .await;
    assert_eq!(client.receive().await["ice"], expected(2));
}

#[tokio::test]
async fn the_box_stops_although_a_relayed_stream_is_open() {
    let server = TestServer::start().await;
    let mut stream = server.tls().await;
    // The relay waits for more.
    stream.write_all(&STUN[..4]).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    server.stop.send_replace(true);
    timeout(std::time::Duration::from_secs(2), server.serving)
        .await
        .expect("the box waits for the stream")
        .unwrap();
}
