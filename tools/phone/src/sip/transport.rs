//! UDP and TCP on the same port (RFC 3261 section 18).

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;

/// What carries a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Datagrams; transactions retransmit.
    Udp,
    /// A stream; they do not.
    Tcp,
}

impl Protocol {
    /// Its name in Via.
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }
}

/// The other end of a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer {
    /// How it is reached.
    pub protocol: Protocol,
    /// Where.
    pub address: SocketAddr,
}

const LARGEST: usize = 65_536;

/// The sockets.
#[derive(Debug)]
pub struct Transport {
    udp: UdpSocket,
    local: SocketAddr,
    streams: Mutex<HashMap<SocketAddr, mpsc::Sender<Vec<u8>>>>,
    incoming: mpsc::Sender<(Peer, Vec<u8>)>,
}

impl Transport {
    /// Opens UDP and TCP on `listen` (port 0: any port free in both).
    ///
    /// # Errors
    /// The bind error.
    pub async fn bind(
        listen: SocketAddr,
    ) -> io::Result<(Arc<Self>, mpsc::Receiver<(Peer, Vec<u8>)>)> {
        let mut attempt = 0;
        let (udp, tcp) = loop {
            attempt += 1;
            let udp = UdpSocket::bind(listen).await?;
            match TcpListener::bind(udp.local_addr()?).await {
                Ok(tcp) => break (udp, tcp),
                Err(error) if listen.port() != 0 || attempt > 20 => return Err(error),
                Err(_) => {}
            }
        };
        let (incoming, receiver) = mpsc::channel(1024);
        let local = udp.local_addr()?;
        let transport = Arc::new(Self {
            udp,
            local,
            streams: Mutex::default(),
            incoming,
        });
        tokio::spawn(transport.clone().read_udp());
        tokio::spawn(transport.clone().accept(tcp));
        Ok((transport, receiver))
    }

    /// The address both sockets are bound to.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Sends one message.
    ///
    /// # Errors
    /// When the datagram or the connection fails.
    pub async fn send(self: &Arc<Self>, peer: Peer, bytes: Vec<u8>) -> io::Result<()> {
        match peer.protocol {
            Protocol::Udp => self.udp.send_to(&bytes, peer.address).await.map(|_| ()),
            Protocol::Tcp => {
                let known = self.streams().get(&peer.address).cloned();
                let sender = match known {
                    Some(sender) if !sender.is_closed() => sender,
                    _ => {
                        let connect = TcpStream::connect(peer.address);
                        let stream =
                            tokio::time::timeout(Duration::from_secs(5), connect).await??;
                        self.adopt(stream, peer.address)
                    }
                };
                sender
                    .send(bytes)
                    .await
                    .map_err(|_| io::ErrorKind::BrokenPipe.into())
            }
        }
    }

    fn streams(&self) -> std::sync::MutexGuard<'_, HashMap<SocketAddr, mpsc::Sender<Vec<u8>>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read_udp(self: Arc<Self>) {
        let mut buffer = vec![0_u8; LARGEST];
        loop {
            match self.udp.recv_from(&mut buffer).await {
                Ok((length, address)) => {
                    let peer = Peer {
                        protocol: Protocol::Udp,
                        address,
                    };
                    if self
                        .incoming
                        .send((peer, buffer[..length].to_vec()))
                        .await
                        .is_err()
                    {
                        return;
                    }
                }
                // A refused datagram to a closed port comes back here; it is not ours to die of.
                Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    }

    async fn accept(self: Arc<Self>, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, address)) => {
                    self.adopt(stream, address);
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    fn adopt(self: &Arc<Self>, stream: TcpStream, address: SocketAddr) -> mpsc::Sender<Vec<u8>> {
        let _ = stream.set_nodelay(true);
        let (sender, mut outgoing) = mpsc::channel::<Vec<u8>>(256);
        self.streams().insert(address, sender.clone());
        let (mut reader, mut writer) = stream.into_split();
        tokio::spawn(async move {
            while let Some(bytes) = outgoing.recv().await {
                if writer.write_all(&bytes).await.is_err() {
                    return;
                }
            }
        });
        let transport = self.clone();
        tokio::spawn(async move {
            let mut buffer = Vec::new();
            loop {
                while let Some(length) = framed(&buffer) {
                    let message: Vec<u8> = buffer.drain(..length).collect();
                    let peer = Peer {
                        protocol: Protocol::Tcp,
                        address,
                    };
                    if transport.incoming.send((peer, message)).await.is_err() {
                        return;
                    }
                }
                let full = buffer.len() > LARGEST;
                if full || !matches!(reader.read_buf(&mut buffer).await, Ok(1..)) {
                    break;
                }
            }
            transport.streams().remove(&address);
        });
        sender
    }
}

/// The length of the first whole message in a stream, with the line ends before it (section 18.3).
fn framed(buffer: &[u8]) -> Option<usize> {
    let start = buffer.iter().position(|b| !matches!(b, b'\r' | b'\n'))?;
    let head = buffer[start..]
        .windows(4)
        .position(|window| window == b"\r\n\r\n")?
        + start
        + 4;
    let text = String::from_utf8_lossy(&buffer[start..head]);
    let length = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| {
            matches!(
                name.trim().to_ascii_lowercase().as_str(),
                "content-length" | "l"
            )
        })
        .and_then(|(_, value)| value.trim().parse::<usize>().ok())
        .unwrap_or(0)
        .min(LARGEST);
    (buffer.len() >= head + length).then_some(head + length)
}

#[cfg(test)]
mod tests {
    use super::framed;

    #[test]
    fn a_stream_is_cut_by_content_length() {
        let stream = b"\r\n\r\nA\r\nl: 2\r\n\r\nxyB\r\n\r\n";
        let first = framed(stream).expect("whole");
        assert_eq!(&stream[first - 2..first], b"xy");
        assert_eq!(framed(&stream[first..]), Some(5));
        assert_eq!(framed(&stream[..first - 1]), None);
        assert_eq!(framed(b"\r\n"), None);
    }
}
