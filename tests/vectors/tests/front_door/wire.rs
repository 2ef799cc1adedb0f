//! One line to the box's SIP port: datagrams, or a connection that is opened again when the box closes it.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use causeway_harness::https;
use causeway_sip::message::stream::{Frame, StreamReader};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, UdpSocket};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// How messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    Udp,
    Tcp,
    Tls,
}

impl Over {
    /// Its name in Via and in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }
}

/// The trunk's address: the box takes messages from here alone.
pub const TRUNK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

trait Both: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Both for T {}

enum Link {
    Udp(UdpSocket),
    Stream {
        stream: Box<dyn Both>,
        frames: StreamReader,
    },
    Closed,
}

/// A line to the box.
pub struct Wire {
    over: Over,
    to: SocketAddr,
    link: Link,
    inbox: VecDeque<Vec<u8>>,
}

/// What comes next.
#[derive(Debug)]
pub enum Next {
    Message(String),
    /// The box closed the connection.
    Closed,
    /// Nothing in time.
    Silence,
}

impl Wire {
    pub async fn open(over: Over, to: SocketAddr) -> Self {
        let mut wire = Self {
            over,
            to,
            link: Link::Closed,
            inbox: VecDeque::new(),
        };
        wire.reopen().await;
        wire
    }

    /// A new socket, whatever became of the old one.
    pub async fn reopen(&mut self) {
        self.inbox.clear();
        self.link = match self.over {
            Over::Udp => Link::Udp(UdpSocket::bind((TRUNK, 0)).await.expect("a socket")),
            Over::Tcp => stream(self.tcp().await),
            Over::Tls => {
                let config = https::trusting().expect("TLS");
                let name = ServerName::from(self.to.ip());
                let tls = TlsConnector::from(Arc::new(config))
                    .connect(name, self.tcp().await)
                    .await
                    .expect("the box's handshake");
                stream(tls)
            }
        };
    }

    async fn tcp(&self) -> tokio::net::TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .bind(SocketAddr::new(TRUNK, 0))
            .expect("the trunk's address");
        let stream = socket.connect(self.to).await.expect("the box listens");
        let _ = stream.set_nodelay(true);
        stream
    }

    pub fn is_open(&self) -> bool {
        !matches!(self.link, Link::Closed)
    }

    /// Sends bytes as they are. On a connection that the box has closed meanwhile they are lost.
    pub async fn send(&mut self, bytes: &[u8]) {
        match &mut self.link {
            Link::Udp(socket) => {
                // What is no datagram any more is not sent at all.
                let _ = socket.send_to(bytes, self.to).await;
            }
            Link::Stream { stream, .. } => {
                let written = async {
                    stream.write_all(bytes).await?;
                    stream.flush().await
                };
                let _ = tokio::time::timeout(Duration::from_secs(5), written).await;
            }
            Link::Closed => {}
        }
    }

    /// The next message before `deadline`.
    pub async fn next(&mut self, deadline: Instant) -> Next {
        loop {
            if let Some(message) = self.inbox.pop_front() {
                return Next::Message(String::from_utf8_lossy(&message).into_owned());
            }
            let mut buffer = vec![0; 65_535];
            match &mut self.link {
                Link::Closed => return Next::Closed,
                Link::Udp(socket) => {
                    match timeout_at(deadline, socket.recv(&mut buffer)).await {
                        Ok(Ok(length)) => self.inbox.push_back(buffer[..length].to_vec()),
                        // An ICMP error of an earlier datagram.
                        Ok(Err(_)) => {}
                        Err(_) => return Next::Silence,
                    }
                }
                Link::Stream { stream, frames } => {
                    match timeout_at(deadline, stream.read(&mut buffer)).await {
                        Ok(Ok(0) | Err(_)) => {
                            self.link = Link::Closed;
                            return Next::Closed;
                        }
                        Ok(Ok(length)) => frames.push(&buffer[..length]),
                        Err(_) => return Next::Silence,
                    }
                    while let Some(frame) = frames.next_frame().expect("the box frames well") {
                        if let Frame::Message(message) = frame {
                            self.inbox.push_back(message);
                        }
                    }
                }
            }
        }
    }
}

fn stream(stream: impl Both + 'static) -> Link {
    Link::Stream {
        stream: Box::new(stream),
        frames: StreamReader::new(),
    }
}

/// Whether these bytes are whole messages for a stream and nothing else, so that more can follow on it.
pub fn frames_itself(bytes: &[u8]) -> bool {
    let mut reader = StreamReader::new();
    reader.push(bytes);
    loop {
        match reader.next_frame() {
            Ok(Some(_)) => {}
            Ok(None) => return reader.pending() == 0,
            Err(_) => return false,
        }
    }
}
