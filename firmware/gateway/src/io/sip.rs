//! SIP's sockets: one for UDP, a listener and connections for TCP. Bytes only; what they mean is
//! the endpoint's business.
//!
//! Every queue is bounded. What does not fit is dropped and counted: over UDP the transaction sends
//! again, and a stream whose peer does not read is closed. What goes to the switch waits in `inbox`.

use super::door::Door;
use super::inbox::ToSwitch;
use super::sip_stream::{self, StreamSettings};
use super::sip_tls::{Carrier, TlsPeers};
use causeway_sip::endpoint::{AcceptFrom, Peers, Transmit, Transport};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Largest datagram taken in.
const MAX_DATAGRAM: usize = 65_535;
/// Messages waiting for their stream.
const OUT_QUEUE: usize = 1_024;

/// What came in.
#[derive(Debug)]
pub enum SipInput {
    /// One datagram, or one framed message of a stream.
    Message {
        transport: Transport,
        local: SocketAddr,
        remote: SocketAddr,
        bytes: Vec<u8>,
    },
    /// A stream to `remote` could not be opened or broke; what waited for it is lost.
    TransportFailed {
        transport: Transport,
        remote: SocketAddr,
        reason: String,
    },
}

/// The sockets. Dropping closes them; [`SipSockets::shutdown`] also waits for what is still to be written.
#[derive(Debug)]
pub struct SipSockets {
    udp: Arc<UdpSocket>,
    udp_addr: SocketAddr,
    tcp_addr: SocketAddr,
    streams: mpsc::Sender<Transmit>,
    /// TLS, when it is spoken.
    secure: Option<(mpsc::Sender<Transmit>, SocketAddr)>,
    tasks: Vec<JoinHandle<()>>,
    stream_tasks: Vec<JoinHandle<()>>,
    dropped: Arc<AtomicU64>,
    door: Door,
    known: watch::Sender<AcceptFrom>,
}

impl SipSockets {
    /// Listens on both; what comes goes to `to_switch`.
    ///
    /// # Errors
    /// When an address cannot be bound.
    pub async fn bind(
        udp: SocketAddr,
        tcp: SocketAddr,
        tls: Option<(SocketAddr, TlsPeers)>,
        to_switch: ToSwitch,
    ) -> io::Result<Self> {
        let udp = Arc::new(UdpSocket::bind(udp).await?);
        let listener = TcpListener::bind(tcp).await?;
        let (udp_addr, tcp_addr) = (udp.local_addr()?, listener.local_addr()?);
        let (streams, outgoing) = mpsc::channel(OUT_QUEUE);
        let dropped = to_switch.dropped();
        let (known, door) = Door::new();
        let mut secure = None;
        let mut stream_tasks = Vec::new();
        if let Some((address, peers)) = tls {
            let listener = TcpListener::bind(address).await?;
            let (out, outgoing) = mpsc::channel(OUT_QUEUE);
            secure = Some((out, listener.local_addr()?));
            stream_tasks.push(tokio::spawn(sip_stream::serve(
                listener,
                Carrier::Tls(Arc::new(peers)),
                outgoing,
                to_switch.clone(),
                StreamSettings::default(),
                dropped.clone(),
                door.clone(),
            )));
        }
        stream_tasks.push(tokio::spawn(sip_stream::serve(
            listener,
            Carrier::Tcp,
            outgoing,
            to_switch.clone(),
            StreamSettings::default(),
            dropped.clone(),
            door.clone(),
        )));
        let tasks = vec![tokio::spawn(receive(udp.clone(), udp_addr, to_switch))];
        Ok(Self {
            udp,
            udp_addr,
            tcp_addr,
            streams,
            secure,
            tasks,
            stream_tasks,
            dropped,
            door,
            known,
        })
    }

    pub fn udp_addr(&self) -> SocketAddr {
        self.udp_addr
    }

    pub fn tcp_addr(&self) -> SocketAddr {
        self.tcp_addr
    }

    pub fn tls_addr(&self) -> Option<SocketAddr> {
        self.secure.as_ref().map(|(_, address)| *address)
    }

    /// Messages dropped because a queue or socket was full.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Connections that were closed unread: they came from no trunk.
    pub fn refused(&self) -> u64 {
        self.door.refused()
    }

    /// From now on takes TCP connections of these alone. Until the first call anybody's are.
    pub fn accept_from(&self, peers: Peers) {
        self.known.send_replace(AcceptFrom::Only(peers));
    }

    /// Sends, or drops and counts; never waits.
    pub fn send(&self, transmit: Transmit) {
        let sent = match transmit.transport {
            Transport::Udp => self
                .udp
                .try_send_to(&transmit.bytes, transmit.remote)
                .is_ok(),
            Transport::Tcp => self.streams.try_send(transmit).is_ok(),
            Transport::Tls => self
                .secure
                .as_ref()
                .is_some_and(|(out, _)| out.try_send(transmit).is_ok()),
        };
        if !sent {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Closes everything, after giving streams a moment to write what they have.
    pub async fn shutdown(self) {
        let Self {
            streams,
            secure,
            tasks,
            stream_tasks,
            ..
        } = self;
        drop((streams, secure));
        for stream_task in stream_tasks {
            let wait = std::time::Duration::from_millis(500);
            let abort = stream_task.abort_handle();
            if tokio::time::timeout(wait, stream_task).await.is_err() {
                abort.abort();
            }
        }
        for task in tasks {
            task.abort();
        }
    }
}

async fn receive(udp: Arc<UdpSocket>, local: SocketAddr, to_switch: ToSwitch) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        match udp.recv_from(&mut buffer).await {
            Ok((length, remote)) => {
                let bytes = buffer[..length].to_vec();
                let transport = Transport::Udp;
                let input = SipInput::Message {
                    transport,
                    local,
                    remote,
                    bytes,
                };
                if to_switch.offer(input).is_err() {
                    return;
                }
            }
            // ICMP errors of earlier sends surface here; the transaction's timer speaks for them.
            Err(fault) if fault.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(fault) => {
                tracing::warn!(%fault, "SIP over UDP");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}
