//! Every method on every transport from a stranger: no octet comes back, whatever it is, and all of it is counted.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use causeway_harness::config::ECHO;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::script::{OTHER_PBX, PBX, Peer, SDP, STRANGER, causeway, metric, request_with};

const METHODS: [&str; 14] = [
    "INVITE",
    "REGISTER",
    "MESSAGE",
    "SUBSCRIBE",
    "OPTIONS",
    "PUBLISH",
    "NOTIFY",
    "REFER",
    "BYE",
    "CANCEL",
    "UPDATE",
    "INFO",
    "PRACK",
    "EVIL",
];

fn messages(from: SocketAddr, to: SocketAddr) -> Vec<String> {
    let uri = format!("sip:{ECHO}@{to}");
    let refer = format!("Refer-To: <sip:900@{from}>\r\nEvent: presence\r\nExpires: 60\r\n");
    let mut messages: Vec<String> = METHODS
        .iter()
        .map(|method| {
            let body = if *method == "INVITE" { SDP } else { "" };
            request_with(method, &uri, from, "stranger", ["s", ""], 1, &refer, body)
        })
        .collect();
    // What is broken, and what a server answers before it looks.
    messages.push(format!("OPTIONS {uri} SIP/9.0\r\n\r\n"));
    messages.push("GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned());
    messages.push("\r\n\r\n".to_owned());
    messages.push(format!(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP {to};branch=z9hG4bKx\r\n\r\n"
    ));
    messages
}

async fn connect(from: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((IpAddr::from(from), 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

#[tokio::test]
async fn a_stranger_hears_nothing_and_is_counted() {
    let (pbx, other) = (Peer::at(PBX, 0).await, Peer::at(OTHER_PBX, 0).await);
    let causeway = causeway(&pbx, &other, "").await;
    let sip = causeway.plan().sip;

    // UDP.
    let stranger = Peer::at(STRANGER, 0).await;
    let all = messages(stranger.address(), sip);
    for message in &all {
        stranger.send(sip, message).await;
    }
    let heard = stranger.receive(Duration::from_millis(500)).await;
    assert_eq!(
        heard, None,
        "an answer is an invitation, and can be sent to somebody else"
    );
    let refused = metric(&causeway, "causeway_sip_not_accepted_total").await;
    assert_eq!(refused, all.len() as u64);

    // TCP and TLS: the connection is closed unread.
    let tls = causeway.plan().sip_tls.unwrap();
    let mut connections = 0;
    for door in [sip, tls] {
        for message in &all {
            let mut stream = connect(STRANGER, door).await;
            connections += 1;
            let _ = stream.write_all(message.as_bytes()).await;
            let mut heard = Vec::new();
            let end = timeout(Duration::from_secs(5), stream.read_to_end(&mut heard)).await;
            assert!(end.is_ok(), "{door} stays open for {message}");
            assert!(
                heard.is_empty(),
                "{door} says {:?}",
                String::from_utf8_lossy(&heard)
            );
        }
    }
    let refused = metric(&causeway, "causeway_sip_connections_refused_total").await;
    assert_eq!(refused, connections);

    // Nothing came of any of it.
    let metrics = causeway.metrics().await.unwrap();
    for gauge in [
        "causeway_calls_running",
        "causeway_sip_dialogs",
        "causeway_sip_server_transactions",
        "causeway_sip_client_transactions",
        "causeway_calls_incoming_total",
    ] {
        assert_eq!(metrics.get(gauge), Some(&0.0), "{gauge}");
    }
    causeway.stop().await.unwrap();
}

#[tokio::test]
async fn idle_connections_of_strangers_do_not_shut_a_trunk_out() {
    let (pbx, other) = (Peer::at(PBX, 0).await, Peer::at(OTHER_PBX, 0).await);
    let causeway = causeway(&pbx, &other, "").await;
    let sip = causeway.plan().sip;
    let mut idle = Vec::new();
    for _ in 0..300 {
        idle.push(connect(STRANGER, sip).await);
    }
    let mut trunk = connect(PBX, sip).await;
    let from = trunk.local_addr().unwrap();
    let uri = format!("sip:{sip}");
    let ask = request_with("OPTIONS", &uri, from, "alive", ["t", ""], 1, "", "");
    trunk
        .write_all(ask.replace("SIP/2.0/UDP", "SIP/2.0/TCP").as_bytes())
        .await
        .unwrap();
    let mut buffer = [0; 2_000];
    let length = timeout(Duration::from_secs(5), trunk.read(&mut buffer))
        .await
        .unwrap()
        .unwrap();
    let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
    assert!(answer.starts_with("SIP/2.0 200 "), "{answer}");
    drop(idle);
    causeway.stop().await.unwrap();
}
