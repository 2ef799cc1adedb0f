//! Media through a stream whose client does not keep up, and through one that does; the media port is the test's.

use super::Turn;
use bytes::BytesMut;
use causeway_directory::Config;
use causeway_turn::credential::long_term_key;
use causeway_turn::frame::{self, Frame};
use causeway_turn::message::{Class, Integrity, Message, Writer, attribute, method, read_address};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

const CLIENT: &str = "192.0.2.1:4000";
const CHANNEL: u16 = 0x4000;
const PATIENCE: Duration = Duration::from_secs(5);

/// A client on a pipe that holds `octets`, its channel bound to the media port, and the address it is relayed at.
struct Talk {
    turn: Turn,
    media: UdpSocket,
    pipe: DuplexStream,
    read: Vec<u8>,
    relayed: SocketAddr,
    serving: tokio::task::JoinHandle<()>,
}

fn settings() -> Config {
    let text = "[box]\nhttps = \"127.0.0.1:0\"\nmedia = \"127.0.0.1:0\"\n[sip]\nudp = \"127.0.0.1:0\"\n\
                [rtp]\naddress = \"127.0.0.1\"\nports = \"20000-20099\"\n";
    Config::parse(text).unwrap()
}

impl Talk {
    async fn begin(octets: usize) -> Self {
        let media = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = media.local_addr().unwrap();
        let (_, stopping) = watch::channel(false);
        let started = Turn::start(&settings().settings, at, &[at], stopping).await;
        let (turn, _) = started.unwrap();
        let (pipe, far) = tokio::io::duplex(octets);
        let peer = CLIENT.parse().unwrap();
        let serving = tokio::spawn(
            turn.clone()
                .carry(Box::new(far), BytesMut::new(), peer, true),
        );
        let mut talk = Self {
            turn,
            media,
            pipe,
            read: Vec::new(),
            relayed: at,
            serving,
        };
        let servers = talk.turn.servers(Some("box.example"));
        let text = |name: &str| servers[0][name].as_str().unwrap().to_owned();
        let (username, password) = (text("username"), text("credential"));
        let key = long_term_key(&username, "causeway", &password);
        let transport = |method| {
            Writer::new(Class::Request, method, [1; 12])
                .attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
        };
        let refusal = talk.ask(&transport(method::ALLOCATE).finish(None)).await;
        let refusal = Message::parse(&refusal).unwrap();
        let nonce = refusal.attribute(attribute::NONCE).unwrap();
        let signed = |writer: Writer| {
            writer
                .attribute(attribute::USERNAME, username.as_bytes())
                .attribute(attribute::REALM, b"causeway")
                .attribute(attribute::NONCE, nonce)
                .finish(Some((&key, Integrity::Sha1)))
        };
        let answer = talk.ask(&signed(transport(method::ALLOCATE))).await;
        let answer = Message::parse(&answer).unwrap();
        let relayed = answer.attribute(attribute::XOR_RELAYED_ADDRESS).unwrap();
        talk.relayed = read_address(relayed, &answer.transaction).unwrap();
        let [a, b] = CHANNEL.to_be_bytes();
        let bind = Writer::new(Class::Request, method::CHANNEL_BIND, [2; 12])
            .attribute(attribute::CHANNEL_NUMBER, &[a, b, 0, 0])
            .address(attribute::XOR_PEER_ADDRESS, at);
        let bound = talk.ask(&signed(bind)).await;
        assert_eq!(Message::parse(&bound).unwrap().class, Class::Success);
        talk
    }

    async fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        self.pipe.write_all(request).await.unwrap();
        self.next().await.expect("no answer")
    }

    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Ok(Some(length)) = frame::length(&self.read)
                && length <= self.read.len()
            {
                return Some(self.read.drain(..length).collect());
            }
            match timeout(PATIENCE, self.pipe.read_buf(&mut self.read)).await {
                Ok(Ok(1..)) => {}
                _ => return None,
            }
        }
    }

    /// The media port says something.
    async fn say(&self, number: u32, octets: usize) {
        let mut datagram = vec![0; octets];
        datagram[..4].copy_from_slice(&number.to_be_bytes());
        self.media.send_to(&datagram, self.relayed).await.unwrap();
    }

    async fn heard(&mut self) -> u32 {
        let frame = self.next().await.expect("nothing is heard");
        let Some(Frame::Channel { number, data }) = frame::read(&frame) else {
            panic!("{frame:?}");
        };
        assert_eq!(number, CHANNEL);
        u32::from_be_bytes(*data.first_chunk().unwrap())
    }

    fn metric(&self, name: &str) -> u64 {
        let mut text = String::new();
        self.turn.write_metrics(&mut text);
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|value| value.trim().parse().ok()).unwrap()
    }
}

#[tokio::test]
async fn media_passes_both_ways_and_a_stream_that_ends_leaves_nothing() {
    let mut talk = Talk::begin(4096).await;
    talk.say(7, 160).await;
    assert_eq!(talk.heard().await, 7);
    let mut out = Vec::new();
    frame::write_channel(CHANNEL, b"sound", &mut out);
    // In two parts: a stream knows no datagrams.
    talk.pipe.write_all(&out[..6]).await.unwrap();
    sleep(Duration::from_millis(20)).await;
    talk.pipe.write_all(&out[6..]).await.unwrap();
    let mut buffer = [0; 99];
    let (length, from) = timeout(PATIENCE, talk.media.recv_from(&mut buffer))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((&buffer[..length], from), (&b"sound"[..], talk.relayed));
    assert_eq!(
        talk.metric("causeway_turn_bytes_total{direction=\"to_box\"}"),
        5
    );
    assert_eq!(
        talk.metric("causeway_turn_bytes_total{direction=\"from_box\"}"),
        160
    );
    assert_eq!(talk.metric("causeway_turn_streams{transport=\"tls\"}"), 1);

    talk.pipe.shutdown().await.unwrap();
    timeout(PATIENCE, &mut talk.serving).await.unwrap().unwrap();
    assert_eq!(talk.metric("causeway_turn_allocations"), 0);
    assert_eq!(talk.metric("causeway_turn_streams{transport=\"tls\"}"), 0);
}

#[tokio::test]
async fn a_client_that_does_not_read_loses_the_newest_and_nothing_grows() {
    let mut talk = Talk::begin(1024).await;
    for number in 0..400 {
        talk.say(number, 1000).await;
        if number % 20 == 0 {
            sleep(Duration::from_millis(2)).await;
        }
    }
    sleep(Duration::from_millis(100)).await;
    let lost = talk.metric("causeway_turn_dropped_total{reason=\"congested\"}");
    // 32 KiB wait in the queue, a batch is being written, one datagram lies in the pipe.
    assert!((300..400).contains(&lost), "{lost}");
    // What waited comes in order from the first on, and after it what is said now.
    for number in 0..20 {
        assert_eq!(talk.heard().await, number);
    }
    talk.say(1000, 1000).await;
    while talk.heard().await != 1000 {}
}
