//! The TURN server: callers whose firewall passes only TCP, or only TLS, speak to the media plane through it.
//!
//! It lives in the control plane's runtime and not in the media plane: what it carries is media inside TCP, for the few
//! who have nothing better, and between it and the media port lies a UDP socket of the box. The media plane sees that
//! socket as the browser's address and knows of nothing else. `causeway_turn` decides, this carries it out.
//!
//! | file | what |
//! |---|---|
//! | `client` | one client: its session, its place in the quota, its sockets |
//! | `stream` | TCP and TLS: frames in, a bounded queue out |
//! | `udp` | the UDP port |
//! | `route` | how a candidate of the box is reached without leaving the machine |
//! | `host` | what the URLs of a page name |
//! | `counters` | metrics |

mod client;
mod counters;
mod host;
mod route;
mod stream;
#[cfg(test)]
mod tests;
mod udp;

use crate::random;
use bytes::BytesMut;
use causeway_api::relay::Stream;
use causeway_directory::{BoxSettings, WebHost};
use causeway_turn::rate::Rate;
use causeway_turn::{Desk, Full, Limits, Now, Peers, Quota, Secret};
use counters::Counters;
use route::Route;
use serde_json::{Value, json};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The server as the rest of the program holds it.
#[derive(Clone, Debug)]
pub struct Turn(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Another one when the box is known by other addresses.
    book: RwLock<Arc<Book>>,
    quota: Mutex<Quota>,
    rate: Mutex<Rate>,
    counters: Counters,
    /// What URLs name; where nothing is configured, the host of the page's request.
    host: RwLock<Option<WebHost>>,
    udp_port: Option<u16>,
}

/// Who may be reached, and how.
#[derive(Debug)]
struct Book {
    desk: Desk,
    /// How each of the desk's peers is reached.
    routes: Vec<Route>,
}

/// Addresses the box has had, kept for allocations that know a peer by its place among them.
const MOST_PEERS: usize = 64;

impl Turn {
    /// A server that relays to `candidates`, the addresses browsers know the media port by, which is bound to `media`.
    /// Where `[box]` asks for it, its UDP port is served until `stopping` turns true.
    ///
    /// # Errors
    /// When the UDP port cannot be bound.
    pub async fn start(
        settings: &BoxSettings,
        media: SocketAddr,
        candidates: &[SocketAddr],
        stopping: watch::Receiver<bool>,
    ) -> io::Result<(Self, Option<JoinHandle<()>>)> {
        let udp = match settings.turn_udp {
            Some(address) => Some(UdpSocket::from_std({
                let socket = crate::io::bind::busy_udp(address)?;
                socket.set_nonblocking(true)?;
                socket
            })?),
            None => None,
        };
        let udp_port = match &udp {
            Some(socket) => Some(socket.local_addr()?.port()),
            None => None,
        };
        let secret = Secret::new(random::bytes());
        let book = Book::new(secret, route::find(media, candidates));
        let turn = Self(Arc::new(Shared {
            book: RwLock::new(Arc::new(book)),
            quota: Mutex::new(Quota::new(Limits::default())),
            rate: Mutex::default(),
            counters: Counters::default(),
            host: RwLock::new(settings.turn_host.clone()),
            udp_port,
        }));
        let task = udp.map(|socket| tokio::spawn(udp::serve(turn.0.clone(), socket, stopping)));
        Ok((turn, task))
    }

    /// The media port, bound to `media`, is known by these addresses as well from now on.
    pub fn show(&self, media: SocketAddr, candidates: &[SocketAddr]) {
        let book = self.0.book();
        let mut ways = book.ways();
        let known: Vec<_> = ways.iter().map(|(peer, _)| *peer).collect();
        let found = route::find(media, candidates);
        ways.extend(
            found
                .iter()
                .filter(|(peer, _)| !known.contains(peer))
                .copied(),
        );
        if ways.len() > MOST_PEERS {
            // Allocations from before that many changes lead nowhere any more.
            ways = found;
        }
        let fresh = Arc::new(Book::new(book.desk.secret.clone(), ways));
        *self.0.book.write().unwrap_or_else(PoisonError::into_inner) = fresh;
    }

    /// URLs name this host from now on.
    pub fn name(&self, host: Option<WebHost>) {
        *self.0.host.write().unwrap_or_else(PoisonError::into_inner) = host;
    }

    /// `RTCIceServer`s with fresh credentials, for a page that reached the box at `host` (of its Host header).
    pub fn servers(&self, host: Option<&str>) -> Value {
        let asked = host.and_then(WebHost::parse);
        let named = self.0.host.read();
        let named = named.unwrap_or_else(PoisonError::into_inner).clone();
        let Some(host) = named.as_ref().or(asked.as_ref()) else {
            return json!([]);
        };
        let issued = self
            .0
            .book()
            .desk
            .secret
            .issue(&random::hex::<8>(), self.0.now().unix);
        json!([{
            "urls": host::urls(host, self.0.udp_port, asked.as_ref()),
            "username": issued.username,
            "credential": issued.password,
        }])
    }

    /// Serves a stream to its end; `begun` was read from it already.
    pub async fn carry(
        self,
        stream: Box<dyn Stream>,
        begun: BytesMut,
        peer: SocketAddr,
        tls: bool,
    ) {
        stream::carry(self.0, stream, begun, peer, tls).await;
    }

    /// Appends Prometheus text.
    pub fn write_metrics(&self, out: &mut String) {
        self.0.counters.write_metrics(out);
    }
}

impl Book {
    fn new(secret: Secret, ways: Vec<(SocketAddr, Route)>) -> Self {
        let (peers, routes) = ways.into_iter().unzip();
        let peers = Peers::new(peers);
        Self {
            desk: Desk { secret, peers },
            routes,
        }
    }

    fn ways(&self) -> Vec<(SocketAddr, Route)> {
        let peer = |at| self.desk.peers.get(at);
        let ways = self.routes.iter().enumerate();
        ways.filter_map(|(at, route)| Some((peer(at)?, *route)))
            .collect()
    }
}

impl Shared {
    fn book(&self) -> Arc<Book> {
        let book = self.book.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&book)
    }

    fn now(&self) -> Now {
        Now {
            clock: Instant::now(),
            unix: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs()),
        }
    }

    /// Whether a client that has shown nothing may be answered over UDP once more.
    fn may_answer(&self, source: IpAddr) -> bool {
        lock(&self.rate).allows(source, Instant::now())
    }

    fn take_place(self: &Arc<Self>, username: String, source: IpAddr) -> Result<Place, Full> {
        lock(&self.quota).take(&username, source)?;
        self.counters.allocated();
        Ok(Place {
            shared: self.clone(),
            username,
            source,
        })
    }
}

/// One allocation's place in the quota, given back when dropped.
#[derive(Debug)]
struct Place {
    shared: Arc<Shared>,
    username: String,
    source: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.shared.quota).give_back(&self.username, self.source);
        self.shared.counters.freed();
    }
}

/// What is guarded here is whole after every step, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
