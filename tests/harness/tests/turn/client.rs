//! A TURN client by hand, over UDP, TCP or TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use causeway_harness::config::loopback;
use causeway_harness::https::trusting;
use causeway_harness::ice::{self, IceServer};
use causeway_harness::{BoxPlan, BoxProcess, place};
use causeway_turn::credential::{Key, long_term_key};
use causeway_turn::frame;
use causeway_turn::message::{Class, Integrity, Message, Writer, attribute, method, read_address};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

pub const PATIENCE: Duration = Duration::from_secs(5);
/// How long is waited for what must not come.
pub const SILENCE: Duration = Duration::from_millis(300);

/// How a client reaches the box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Udp,
    Tcp,
    Tls,
}

pub const WAYS: [Way; 3] = [Way::Udp, Way::Tcp, Way::Tls];

/// A box with a UDP port for TURN, and that port. Its trunk leads nowhere.
pub async fn start() -> (BoxProcess, SocketAddr) {
    let mut plan = BoxPlan::new(loopback(place::free_port().unwrap())).unwrap();
    let udp = loopback(place::free_port().unwrap());
    plan.extra = format!("turn_udp = \"{udp}\"");
    (BoxProcess::start(plan).await.unwrap(), udp)
}

pub async fn metric(of: &BoxProcess, name: &str) -> f64 {
    let metrics = of.metrics().await.unwrap();
    *metrics.get(name).unwrap_or_else(|| panic!("no {name}"))
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

enum Wire {
    Udp(UdpSocket),
    Stream(Box<dyn Stream>, Vec<u8>),
}

pub struct Client {
    wire: Wire,
    pub server: IceServer,
    pub nonce: String,
    transactions: u8,
}

/// An answer, owned.
#[derive(Debug)]
pub struct Answer(pub Vec<u8>);

impl Answer {
    pub fn message(&self) -> Message<'_> {
        Message::parse(&self.0).unwrap()
    }

    /// 0 for a success.
    pub fn code(&self) -> u16 {
        match self.message().attribute(attribute::ERROR_CODE) {
            Some(value) => u16::from(value[2]) * 100 + u16::from(value[3]),
            None => 0,
        }
    }

    pub fn address(&self, kind: u16) -> SocketAddr {
        let message = self.message();
        read_address(message.attribute(kind).unwrap(), &message.transaction).unwrap()
    }
}

impl Client {
    /// A client with fresh credentials.
    pub async fn open(of: &BoxProcess, udp: SocketAddr, way: Way) -> Self {
        let server = ice::server(of).await.unwrap().expect("no ICE server");
        Self::with(of, udp, way, server).await
    }

    pub async fn with(of: &BoxProcess, udp: SocketAddr, way: Way, server: IceServer) -> Self {
        let wire = match way {
            Way::Udp => {
                let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                socket.connect(udp).await.unwrap();
                Wire::Udp(socket)
            }
            Way::Tcp => {
                let stream = TcpStream::connect(of.https()).await.unwrap();
                Wire::Stream(Box::new(stream), Vec::new())
            }
            Way::Tls => {
                let tcp = TcpStream::connect(of.https()).await.unwrap();
                let stream = TlsConnector::from(Arc::new(trusting().unwrap()))
                    .connect(ServerName::from(of.https().ip()), tcp)
                    .await
                    .unwrap();
                Wire::Stream(Box::new(stream), Vec::new())
            }
        };
        Self {
            wire,
            server,
            nonce: String::new(),
            transactions: 0,
        }
    }

    /// One that has its allocation.
    pub async fn allocated(of: &BoxProcess, udp: SocketAddr, way: Way) -> Self {
        let mut client = Self::open(of, udp, way).await;
        client.learn_nonce().await;
        assert_eq!(client.allocate().await.code(), 0);
        client
    }

    pub const fn is_udp(&self) -> bool {
        matches!(self.wire, Wire::Udp(_))
    }

    pub fn key(&self) -> Key {
        long_term_key(&self.server.username, "causeway", &self.server.credential)
    }

    pub async fn send(&mut self, octets: &[u8]) {
        match &mut self.wire {
            Wire::Udp(socket) => {
                socket.send(octets).await.unwrap();
            }
            Wire::Stream(stream, _) => {
                // A box that closes is noticed by what does not come back.
                let _ = stream.write_all(octets).await;
                let _ = stream.flush().await;
            }
        }
    }

    /// The next message or ChannelData; none when the box closed or says nothing for so long.
    pub async fn receive(&mut self, within: Duration) -> Option<Vec<u8>> {
        timeout(within, async {
            match &mut self.wire {
                Wire::Udp(socket) => {
                    let mut buffer = vec![0; 4096];
                    let length = socket.recv(&mut buffer).await.ok()?;
                    buffer.truncate(length);
                    Some(buffer)
                }
                Wire::Stream(stream, read) => loop {
                    match frame::length(read) {
                        Ok(Some(length)) if length <= read.len() => {
                            return Some(read.drain(..length).collect());
                        }
                        _ => {}
                    }
                    if !matches!(stream.read_buf(read).await, Ok(1..)) {
                        return None;
                    }
                },
            }
        })
        .await
        .ok()
        .flatten()
    }

    /// Whether the box has closed the stream.
    pub async fn is_closed(&mut self, within: Duration) -> bool {
        let Wire::Stream(stream, _) = &mut self.wire else {
            return false;
        };
        let mut rest = Vec::new();
        timeout(within, stream.read_to_end(&mut rest)).await.is_ok()
    }

    pub fn writer(&mut self, class: Class, method: u16) -> Writer {
        self.transactions = self.transactions.wrapping_add(1);
        Writer::new(class, method, [self.transactions; 12])
    }

    pub fn request(&mut self, method: u16) -> Writer {
        self.writer(Class::Request, method)
    }

    pub fn signed(&self, writer: Writer) -> Vec<u8> {
        writer
            .attribute(attribute::USERNAME, self.server.username.as_bytes())
            .attribute(attribute::REALM, b"causeway")
            .attribute(attribute::NONCE, self.nonce.as_bytes())
            .finish(Some((&self.key(), Integrity::Sha1)))
    }

    pub async fn ask(&mut self, request: &[u8]) -> Answer {
        self.send(request).await;
        Answer(self.receive(PATIENCE).await.expect("no answer"))
    }

    pub async fn put(&mut self, writer: Writer) -> Answer {
        let request = self.signed(writer);
        self.ask(&request).await
    }

    pub async fn learn_nonce(&mut self) {
        let bare = self.allocation().finish(None);
        let refusal = self.ask(&bare).await;
        assert_eq!(refusal.code(), 401);
        let nonce = refusal.message().attribute(attribute::NONCE).unwrap();
        self.nonce = String::from_utf8(nonce.to_vec()).unwrap();
    }

    pub fn allocation(&mut self) -> Writer {
        self.request(method::ALLOCATE)
            .attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
    }

    pub async fn allocate(&mut self) -> Answer {
        let writer = self.allocation();
        self.put(writer).await
    }

    pub async fn permit(&mut self, peer: SocketAddr) -> Answer {
        let writer = self
            .request(method::CREATE_PERMISSION)
            .address(attribute::XOR_PEER_ADDRESS, peer);
        self.put(writer).await
    }

    pub async fn bind(&mut self, number: u16, peer: SocketAddr) -> Answer {
        let [a, b] = number.to_be_bytes();
        let writer = self
            .request(method::CHANNEL_BIND)
            .attribute(attribute::CHANNEL_NUMBER, &[a, b, 0, 0])
            .address(attribute::XOR_PEER_ADDRESS, peer);
        self.put(writer).await
    }

    pub async fn indicate(&mut self, peer: SocketAddr, data: &[u8]) {
        let indication = self
            .writer(Class::Indication, method::SEND)
            .address(attribute::XOR_PEER_ADDRESS, peer)
            .attribute(attribute::DATA, data)
            .finish(None);
        self.send(&indication).await;
    }
}
