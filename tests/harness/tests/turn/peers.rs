//! Nothing is reached through the box but its own media port.

use std::net::SocketAddr;

use causeway_harness::config::loopback;
use causeway_harness::place;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::client::{Client, SILENCE, WAYS, metric, start};

/// What an attacker would name; `{}` is the port of a socket that listens on this machine.
const FORBIDDEN: [&str; 36] = [
    "127.0.0.1:{}",
    "[::ffff:127.0.0.1]:{}",
    "[64:ff9b::127.0.0.1]:{}",
    "[2002:7f00:1::1]:{}",
    "[::1]:{}",
    "0.0.0.0:{}",
    "[::]:{}",
    "127.0.0.2:{}",
    "127.255.255.254:{}",
    "[::127.0.0.1]:{}",
    "[::ffff:0:127.0.0.1]:{}",
    "[64:ff9b:1::7f00:1]:{}",
    "127.0.0.1:22",
    "127.0.0.1:53",
    "127.0.0.1:0",
    "127.0.0.53:53",
    "[::1]:22",
    "10.0.0.1:80",
    "172.16.0.1:80",
    "172.31.255.255:80",
    "192.168.1.1:80",
    "100.64.0.1:80",
    "169.254.169.254:80",
    "[fe80::1]:80",
    "[fc00::1]:80",
    "[fd00:ec2::254]:80",
    "[::ffff:10.0.0.1]:80",
    "[::ffff:169.254.169.254]:80",
    "[64:ff9b::a9fe:a9fe]:80",
    "[2002:a00:1::1]:80",
    "224.0.0.1:5353",
    "239.255.255.250:1900",
    "255.255.255.255:67",
    "[ff02::fb]:5353",
    "198.51.100.1:8444",
    "[2001:db8::1]:8444",
];

#[tokio::test]
async fn every_other_peer_is_refused_and_counted() {
    let (causeway, udp) = start().await;
    let victim = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = victim.local_addr().unwrap().port();
    let mut peers: Vec<SocketAddr> = FORBIDDEN
        .iter()
        .map(|peer| peer.replace("{}", &port.to_string()).parse().unwrap())
        .collect();
    // The box's other ports.
    peers.extend([causeway.https(), udp, causeway.plan().sip]);
    let mut named = 0;
    for way in WAYS {
        let mut client = Client::allocated(&causeway, udp, way).await;
        for peer in &peers {
            assert_eq!(client.permit(*peer).await.code(), 403, "{way:?} {peer}");
            assert_eq!(
                client.bind(0x4000, *peer).await.code(),
                403,
                "{way:?} {peer}"
            );
            client.indicate(*peer, b"through the back door").await;
            named += 3;
            // Something good between: who is only refused is closed.
            assert_eq!(client.permit(causeway.plan().media).await.code(), 0);
        }
    }
    let counted = metric(&causeway, "causeway_turn_forbidden_peers_total").await;
    assert_eq!(counted, f64::from(named));
    let relayed = "causeway_turn_bytes_total{direction=\"to_box\"}";
    assert_eq!(metric(&causeway, relayed).await, 0.0);
    let mut buffer = [0; 99];
    let heard = timeout(SILENCE, victim.recv_from(&mut buffer)).await;
    assert!(heard.is_err(), "the victim was reached: {heard:?}");
    causeway.stop().await.unwrap();
}

#[tokio::test]
async fn a_relayed_address_hears_nobody_but_the_media_port() {
    use causeway_turn::message::attribute;
    let (causeway, udp) = start().await;
    for way in WAYS {
        let mut client = Client::open(&causeway, udp, way).await;
        client.learn_nonce().await;
        let relayed = client
            .allocate()
            .await
            .address(attribute::XOR_RELAYED_ADDRESS);
        assert_eq!(client.permit(causeway.plan().media).await.code(), 0);
        let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        stranger.send_to(b"let me in", relayed).await.unwrap();
        assert_eq!(client.receive(SILENCE).await, None, "{way:?}");
        // A datagram of the client arrives at the media port, where nobody knows it.
        client
            .indicate(causeway.plan().media, &[22, 254, 253])
            .await;
        assert_eq!(client.receive(SILENCE).await, None, "{way:?}");
    }
    let foreign = metric(&causeway, "causeway_media_dropped_foreign").await;
    assert_eq!(foreign, 3.0);
    causeway.stop().await.unwrap();
}

#[tokio::test]
async fn a_box_without_turn_answers_nobody_and_names_no_server() {
    let mut plan = causeway_harness::BoxPlan::new(loopback(place::free_port().unwrap())).unwrap();
    plan.extra = "turn = false".to_owned();
    let causeway = causeway_harness::BoxProcess::start(plan).await.unwrap();
    assert!(
        causeway_harness::ice::server(&causeway)
            .await
            .unwrap()
            .is_none()
    );
    let nobody = causeway_harness::ice::IceServer {
        urls: Vec::new(),
        username: String::new(),
        credential: String::new(),
    };
    for way in [crate::client::Way::Tcp, crate::client::Way::Tls] {
        let mut client = Client::with(&causeway, causeway.https(), way, nobody.clone()).await;
        let bare = client.allocation().finish(None);
        client.send(&bare).await;
        let answer = client.receive(SILENCE).await;
        let turn = answer.is_some_and(|a| causeway_turn::message::Message::parse(&a).is_ok());
        assert!(!turn, "{way:?}");
    }
    causeway.stop().await.unwrap();
}
