//! A connection on a pipe; the media port is the test's.

use super::IceTcp;
use bytes::BytesMut;
use causeway_media::framing::{self, First};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::UdpSocket;
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(5);
const REQUEST: u16 = 0x0001;
const SUCCESS: u16 = 0x0101;
const SOUND: [u8; 3] = [0x80, 111, 7];

fn stun(kind: u16) -> Vec<u8> {
    let mut message = kind.to_be_bytes().to_vec();
    message.extend([0, 0, 0x21, 0x12, 0xA4, 0x42]);
    message.extend([7; 12]);
    message
}

struct Talk {
    ice_tcp: IceTcp,
    media: UdpSocket,
    pipe: DuplexStream,
    read: Vec<u8>,
    serving: tokio::task::JoinHandle<()>,
}

impl Talk {
    /// A connection on a pipe that holds `octets`.
    async fn begin(octets: usize) -> Self {
        let media = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = media.local_addr().unwrap();
        let ice_tcp = IceTcp::new(at, &[at.ip()]);
        let (pipe, far) = tokio::io::duplex(octets);
        let peer = "192.0.2.1:4000".parse().unwrap();
        let carried = ice_tcp.clone().carry(Box::new(far), BytesMut::new(), peer);
        Self {
            serving: tokio::spawn(carried),
            ice_tcp,
            media,
            pipe,
            read: Vec::new(),
        }
    }

    /// One whose check has passed, and where the media port sees it.
    async fn proven(octets: usize) -> (Self, SocketAddr) {
        let mut talk = Self::begin(octets).await;
        talk.say(&stun(REQUEST)).await;
        let (check, from) = talk.taken().await;
        assert_eq!(check, stun(REQUEST));
        talk.media.send_to(&stun(SUCCESS), from).await.unwrap();
        assert_eq!(talk.heard().await.unwrap(), stun(SUCCESS));
        (talk, from)
    }

    async fn say(&mut self, datagram: &[u8]) {
        let mut frame = Vec::new();
        assert!(framing::write(datagram, &mut frame));
        self.pipe.write_all(&frame).await.unwrap();
    }

    /// The next datagram at the media port.
    async fn taken(&self) -> (Vec<u8>, SocketAddr) {
        let mut buffer = [0; 4096];
        let received = timeout(PATIENCE, self.media.recv_from(&mut buffer)).await;
        let (length, from) = received.expect("nothing comes").unwrap();
        (buffer[..length].to_vec(), from)
    }

    /// The next datagram at the browser; none when the connection has ended.
    async fn heard(&mut self) -> Option<Vec<u8>> {
        loop {
            if let First::Frame { datagram, octets } = framing::first(&self.read).unwrap() {
                let datagram = datagram.to_vec();
                self.read.drain(..octets);
                return Some(datagram);
            }
            let read = timeout(PATIENCE, self.pipe.read_buf(&mut self.read)).await;
            if read.expect("neither sound nor end").unwrap() == 0 {
                return None;
            }
        }
    }

    fn metric(&self, name: &str) -> u64 {
        let mut text = String::new();
        self.ice_tcp.write_metrics(&mut text);
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|value| value.trim().parse().ok()).unwrap()
    }
}

#[tokio::test]
async fn nothing_but_a_check_reaches_the_media_port_before_one_has_passed() {
    let mut talk = Talk::begin(4096).await;
    talk.say(&SOUND).await;
    talk.say(&[22, 254, 253]).await;
    talk.say(&[]).await;
    talk.say(&stun(REQUEST)).await;
    let (check, from) = talk.taken().await;
    assert_eq!(check, stun(REQUEST), "what came before it was dropped");
    let unproven = "causeway_ice_tcp_dropped_total{reason=\"unproven\"}";
    assert_eq!(talk.metric(unproven), 2);
    assert_eq!(talk.metric("causeway_ice_tcp_proven_total"), 0);

    talk.media.send_to(&stun(SUCCESS), from).await.unwrap();
    assert_eq!(talk.heard().await.unwrap(), stun(SUCCESS));
    // In two pieces: a stream knows no datagrams.
    talk.pipe.write_all(&[0, 3, 0x80]).await.unwrap();
    sleep(Duration::from_millis(20)).await;
    talk.pipe.write_all(&SOUND[1..]).await.unwrap();
    assert_eq!(talk.taken().await, (SOUND.to_vec(), from));
    assert_eq!(talk.metric("causeway_ice_tcp_proven_total"), 1);

    talk.pipe.shutdown().await.unwrap();
    timeout(PATIENCE, &mut talk.serving).await.unwrap().unwrap();
    assert_eq!(talk.metric("causeway_ice_tcp_connections"), 0);
}

#[tokio::test]
async fn a_stranger_at_its_socket_is_not_heard() {
    let (mut talk, from) = Talk::proven(4096).await;
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    stranger.send_to(&[0x80, 1], from).await.unwrap();
    talk.media.send_to(&[0x80, 2], from).await.unwrap();
    assert_eq!(talk.heard().await.unwrap(), [0x80, 2]);
}

#[tokio::test]
async fn a_frame_that_is_too_long_ends_the_connection() {
    let (mut talk, _) = Talk::proven(4096).await;
    talk.pipe.write_all(&[0x08, 0x01]).await.unwrap();
    assert_eq!(talk.heard().await, None);
    let malformed = "causeway_ice_tcp_dropped_total{reason=\"malformed\"}";
    assert_eq!(talk.metric(malformed), 1);
}

#[tokio::test]
async fn a_browser_that_does_not_read_loses_the_newest_and_nothing_grows() {
    let (mut talk, from) = Talk::proven(1024).await;
    for number in 0..400_u32 {
        let mut datagram = vec![0; 1000];
        datagram[..4].copy_from_slice(&number.to_be_bytes());
        talk.media.send_to(&datagram, from).await.unwrap();
        if number % 20 == 0 {
            sleep(Duration::from_millis(2)).await;
        }
    }
    sleep(Duration::from_millis(100)).await;
    let lost = talk.metric("causeway_ice_tcp_dropped_total{reason=\"congested\"}");
    // 32 KiB wait in the queue, a batch is being written, one datagram lies in the pipe.
    assert!((300..400).contains(&lost), "{lost}");
    // What waited comes in order from the first on, and after it what is said now.
    for number in 0..20_u32 {
        assert_eq!(talk.heard().await.unwrap()[..4], number.to_be_bytes());
    }
    talk.media.send_to(&[0x80, 9], from).await.unwrap();
    while talk.heard().await.unwrap() != [0x80, 9] {}
}
