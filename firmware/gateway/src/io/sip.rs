//! SIP's sockets: of each IP family one for UDP, a listener and connections for TCP. Bytes only; what they mean is
//! the endpoint's business.
//!
//! Every queue is bounded. What does not fit is dropped and counted: over UDP the transaction sends
//! again, and a stream whose peer does not read is closed. What goes to the switch waits in `inbox`.

use super::bind;
use super::door::Door;
use super::inbox::ToSwitch;
use super::sip_stream::{self, StreamSettings};
use super::sip_tls::{Carrier, TlsPeers};
use causeway_directory::SipListen;
use causeway_sip::endpoint::{AcceptFrom, Peers, Transmit, Transport};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::UdpSocket;
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
    first: Family,
    /// Of the other IP family.
    further: Option<Family>,
    tasks: Vec<JoinHandle<()>>,
    stream_tasks: Vec<JoinHandle<()>>,
    dropped: Arc<AtomicU64>,
    door: Door,
    known: watch::Sender<AcceptFrom>,
}

/// The sockets of one IP family.
#[derive(Debug)]
struct Family {
    udp: Arc<UdpSocket>,
    at: SipAddresses,
    streams: mpsc::Sender<Transmit>,
    /// TLS, when it is spoken.
    secure: Option<mpsc::Sender<Transmit>>,
}

/// Where SIP is listened for in one IP family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SipAddresses {
    pub udp: SocketAddr,
    pub tcp: SocketAddr,
    /// Not listened on without [`TlsPeers`].
    pub tls: Option<SocketAddr>,
}

impl From<SipListen> for SipAddresses {
    fn from(listen: SipListen) -> Self {
        let SipListen { udp, tcp, tls, .. } = listen;
        Self { udp, tcp, tls }
    }
}

impl SipSockets {
    /// Listens on all of these; what comes goes to `to_switch`. Called within a tokio runtime.
    ///
    /// # Errors
    /// When an address cannot be bound; it names it.
    pub fn bind(
        first: SipAddresses,
        further: Option<SipAddresses>,
        peers: Option<TlsPeers>,
        to_switch: ToSwitch,
    ) -> io::Result<Self> {
        let peers = peers.map(Arc::new);
        let (known, door) = Door::new();
        let dropped = to_switch.dropped();
        let (mut tasks, mut stream_tasks) = (Vec::new(), Vec::new());
        let mut open = |wanted: SipAddresses| -> io::Result<Family> {
            let udp = bind::busy_udp(wanted.udp).map_err(named(wanted.udp))?;
            udp.set_nonblocking(true)?;
            let udp = Arc::new(UdpSocket::from_std(udp)?);
            let mut serve = |address: SocketAddr, carrier: Carrier| {
                let listener = bind::tcp(address).map_err(named(address))?;
                let address = listener.local_addr()?;
                let (out, outgoing) = mpsc::channel(OUT_QUEUE);
                stream_tasks.push(tokio::spawn(sip_stream::serve(
                    listener,
                    carrier,
                    outgoing,
                    to_switch.clone(),
                    StreamSettings::default(),
                    dropped.clone(),
                    door.clone(),
                )));
                Ok::<_, io::Error>((out, address))
            };
            let (streams, tcp) = serve(wanted.tcp, Carrier::Tcp)?;
            let secure = match (wanted.tls, &peers) {
                (Some(address), Some(peers)) => Some(serve(address, Carrier::Tls(peers.clone()))?),
                (None, _) | (_, None) => None,
            };
            let at = SipAddresses {
                udp: udp.local_addr()?,
                tcp,
                tls: secure.as_ref().map(|(_, address)| *address),
            };
            tasks.push(tokio::spawn(receive(
                udp.clone(),
                at.udp,
                to_switch.clone(),
            )));
            Ok(Family {
                udp,
                at,
                streams,
                secure: secure.map(|(out, _)| out),
            })
        };
        let first = open(first)?;
        let further = further.map(open).transpose()?;
        Ok(Self {
            first,
            further,
            tasks,
            stream_tasks,
            dropped,
            door,
            known,
        })
    }

    pub fn udp_addr(&self) -> SocketAddr {
        self.first.at.udp
    }

    pub fn tcp_addr(&self) -> SocketAddr {
        self.first.at.tcp
    }

    pub fn tls_addr(&self) -> Option<SocketAddr> {
        self.first.at.tls
    }

    /// Where it listens in the other IP family, when it does.
    pub fn further(&self) -> Option<SipAddresses> {
        self.further.as_ref().map(|family| family.at)
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

    /// Sends from the sockets of the remote's IP family, or drops and counts; never waits.
    pub fn send(&self, transmit: Transmit) {
        let is_v4 = transmit.remote.is_ipv4();
        let mut families = std::iter::once(&self.first).chain(&self.further);
        let sent = families
            .find(|family| family.at.udp.is_ipv4() == is_v4)
            .is_some_and(|family| family.send(transmit));
        if !sent {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Closes everything, after giving streams a moment to write what they have.
    pub async fn shutdown(self) {
        let Self {
            first,
            further,
            tasks,
            stream_tasks,
            ..
        } = self;
        drop((first, further));
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

impl Family {
    fn send(&self, transmit: Transmit) -> bool {
        match transmit.transport {
            Transport::Udp => self
                .udp
                .try_send_to(&transmit.bytes, transmit.remote)
                .is_ok(),
            Transport::Tcp => self.streams.try_send(transmit).is_ok(),
            Transport::Tls => self
                .secure
                .as_ref()
                .is_some_and(|out| out.try_send(transmit).is_ok()),
        }
    }
}

/// Which of several addresses a fault is about.
fn named(address: SocketAddr) -> impl FnOnce(io::Error) -> io::Error {
    move |fault| io::Error::new(fault.kind(), format!("{address}: {fault}"))
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
