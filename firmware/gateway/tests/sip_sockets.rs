//! SIP's sockets with plain peers at the other end.

use causeway_gateway::io::inbox::{SipInbox, inbox};
use causeway_gateway::io::sip::{SipAddresses, SipInput, SipSockets};
use causeway_sip::endpoint::{Transmit, Transport};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;

const LOOPBACK: &str = "127.0.0.1:0";
const OPTIONS: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n";

async fn sockets() -> (SipSockets, SipInbox) {
    let (to_switch, inputs) = inbox(16);
    let any: SocketAddr = LOOPBACK.parse().unwrap();
    let at = SipAddresses {
        udp: any,
        tcp: any,
        tls: None,
    };
    (SipSockets::bind(at, None, None, to_switch).unwrap(), inputs)
}

async fn next(inputs: &mut SipInbox) -> SipInput {
    timeout(Duration::from_secs(5), inputs.recv())
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn a_datagram_comes_and_one_goes_back() {
    let (sockets, mut inputs) = sockets().await;
    let peer = UdpSocket::bind(LOOPBACK).await.unwrap();
    peer.send_to(OPTIONS, sockets.udp_addr()).await.unwrap();
    let SipInput::Message {
        transport,
        remote,
        bytes,
        ..
    } = next(&mut inputs).await
    else {
        panic!("no message");
    };
    assert_eq!((transport, bytes.as_slice()), (Transport::Udp, OPTIONS));
    sockets.send(Transmit {
        transport,
        remote,
        bytes: b"SIP/2.0 200 OK\r\n\r\n".to_vec(),
    });
    let mut buffer = [0; 100];
    let (length, _) = timeout(Duration::from_secs(5), peer.recv_from(&mut buffer))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&buffer[..length], b"SIP/2.0 200 OK\r\n\r\n");
    sockets.shutdown().await;
}

#[tokio::test]
async fn a_stream_is_dialled_once_framed_and_answered_on() {
    let (sockets, mut inputs) = sockets().await;
    let listener = TcpListener::bind(LOOPBACK).await.unwrap();
    let remote = listener.local_addr().unwrap();
    for _ in 0..2 {
        sockets.send(Transmit {
            transport: Transport::Tcp,
            remote,
            bytes: OPTIONS.to_vec(),
        });
    }
    let (mut peer, _) = timeout(Duration::from_secs(5), listener.accept())
        .await
        .unwrap()
        .unwrap();
    let mut both = vec![0; 2 * OPTIONS.len()];
    timeout(Duration::from_secs(5), peer.read_exact(&mut both))
        .await
        .unwrap()
        .unwrap();
    // Two messages and a half in one write; a keep-alive is answered.
    let half = OPTIONS.len() / 2;
    peer.write_all(&[OPTIONS, OPTIONS, &OPTIONS[..half]].concat())
        .await
        .unwrap();
    for _ in 0..2 {
        assert!(
            matches!(next(&mut inputs).await, SipInput::Message { bytes, .. } if bytes == OPTIONS)
        );
    }
    peer.write_all(&[&OPTIONS[half..], b"\r\n\r\n"].concat())
        .await
        .unwrap();
    assert!(matches!(next(&mut inputs).await, SipInput::Message { bytes, .. } if bytes == OPTIONS));
    let mut pong = [0; 2];
    timeout(Duration::from_secs(5), peer.read_exact(&mut pong))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&pong, b"\r\n");
    drop(peer);
    assert!(matches!(
        next(&mut inputs).await,
        SipInput::TransportFailed { .. }
    ));
    sockets.shutdown().await;
}

#[tokio::test]
async fn a_peer_that_is_not_there_is_reported() {
    let (sockets, mut inputs) = sockets().await;
    let remote = TcpListener::bind(LOOPBACK)
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    sockets.send(Transmit {
        transport: Transport::Tcp,
        remote,
        bytes: OPTIONS.to_vec(),
    });
    assert!(
        matches!(next(&mut inputs).await, SipInput::TransportFailed { remote: r, .. } if r == remote)
    );
    sockets.shutdown().await;
}

#[tokio::test]
async fn nonsense_on_a_stream_closes_it() {
    let (sockets, _inputs) = sockets().await;
    let mut peer = TcpStream::connect(sockets.tcp_addr()).await.unwrap();
    peer.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut rest = Vec::new();
    let end = timeout(Duration::from_secs(5), peer.read_to_end(&mut rest)).await;
    assert!(end.is_ok(), "the stream stayed open");
    sockets.shutdown().await;
}

#[tokio::test]
async fn what_came_before_nonsense_on_a_stream_is_still_answered() {
    let (sockets, mut inputs) = sockets().await;
    let mut peer = TcpStream::connect(sockets.tcp_addr()).await.unwrap();
    // A message, and what a peer without Content-Length would leave behind it.
    let mut bytes = OPTIONS.to_vec();
    bytes.extend_from_slice(b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n\r\n");
    peer.write_all(&bytes).await.unwrap();
    let SipInput::Message {
        transport, remote, ..
    } = next(&mut inputs).await
    else {
        panic!("no message");
    };
    let answer = b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec();
    for _ in 0..2 {
        sockets.send(Transmit {
            transport,
            remote,
            bytes: answer.clone(),
        });
    }
    let mut rest = Vec::new();
    timeout(Duration::from_secs(5), peer.read_to_end(&mut rest))
        .await
        .expect("the stream stayed open")
        .unwrap();
    assert_eq!(rest, [answer.clone(), answer].concat());
    sockets.shutdown().await;
}

#[tokio::test]
async fn a_last_word_for_a_connection_that_was_reset_goes_over_a_new_one() {
    const ACK: &[u8] = b"ACK sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n";
    let (sockets, mut inputs) = sockets().await;
    let listener = TcpListener::bind(LOOPBACK).await.unwrap();
    let remote = listener.local_addr().unwrap();
    let send = |bytes: &[u8]| {
        sockets.send(Transmit {
            transport: Transport::Tcp,
            remote,
            bytes: bytes.to_vec(),
        });
    };
    send(ACK);
    // At which moment the reset is noticed is chance.
    for round in 0..20 {
        let (mut peer, _) = timeout(Duration::from_secs(5), listener.accept())
            .await
            .unwrap_or_else(|_| panic!("round {round}: the ACK is lost"))
            .unwrap();
        let mut read = vec![0; ACK.len()];
        timeout(Duration::from_secs(5), peer.read_exact(&mut read))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(read, ACK);
        peer.write_all(OPTIONS).await.unwrap();
        peer.set_zero_linger().unwrap();
        drop(peer);
        loop {
            match next(&mut inputs).await {
                SipInput::Message { .. } => break,
                SipInput::TransportFailed { .. } => {}
            }
        }
        send(ACK);
    }
    sockets.shutdown().await;
}

/// What the next message came by, from and to.
async fn came(inputs: &mut SipInbox) -> (Transport, SocketAddr, SocketAddr) {
    let SipInput::Message {
        transport,
        local,
        remote,
        ..
    } = next(inputs).await
    else {
        panic!("no message");
    };
    (transport, local, remote)
}

#[tokio::test]
async fn peers_of_both_ip_families_are_answered_from_sockets_of_their_own() {
    let (to_switch, mut inputs) = inbox(16);
    let at = |any: SocketAddr| SipAddresses {
        udp: any,
        tcp: any,
        tls: None,
    };
    let [four, six] = [LOOPBACK, "[::1]:0"].map(|any| any.parse().unwrap());
    let sockets = SipSockets::bind(at(four), Some(at(six)), None, to_switch).unwrap();
    let further = sockets.further().unwrap();
    // A connection that ends is told of, which is another test.
    let mut open = Vec::new();
    for (any, udp, tcp) in [
        (four, sockets.udp_addr(), sockets.tcp_addr()),
        (six, further.udp, further.tcp),
    ] {
        let peer = UdpSocket::bind(any).await.unwrap();
        peer.send_to(OPTIONS, udp).await.unwrap();
        let (transport, local, remote) = came(&mut inputs).await;
        assert_eq!((transport, local), (Transport::Udp, udp));
        let answer = |transport, remote| Transmit {
            transport,
            remote,
            bytes: b"SIP/2.0 200 OK\r\n\r\n".to_vec(),
        };
        sockets.send(answer(transport, remote));
        let mut buffer = [0; 100];
        let (_, from) = timeout(Duration::from_secs(5), peer.recv_from(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(from, udp);

        let mut peer = TcpStream::connect(tcp).await.unwrap();
        peer.write_all(OPTIONS).await.unwrap();
        let (transport, local, remote) = came(&mut inputs).await;
        assert_eq!((transport, local), (Transport::Tcp, tcp));
        sockets.send(answer(transport, remote));
        let length = timeout(Duration::from_secs(5), peer.read(&mut buffer));
        assert!(length.await.unwrap().unwrap() > 0);
        open.push(peer);
    }
    assert_eq!(sockets.dropped(), 0);
    sockets.shutdown().await;
}
