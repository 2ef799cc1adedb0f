//! One client: its session carried out. Its stream or its address is whoever drives it's.

use super::counters::Lost;
use super::{Place, Shared};
use causeway_turn::{Opening, Refusal, Session, Step};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

/// Longest datagram of the media port; it sends none of this length.
pub const DATAGRAM: usize = 2048;

/// Ports looked at for an even one.
const TRIES: usize = 32;

/// Something for the client.
#[derive(Debug)]
pub struct Reply {
    pub message: Vec<u8>,
    /// It has shown a good credential.
    pub known: bool,
    pub refused: bool,
}

/// A client and what it holds.
#[derive(Debug)]
pub struct Client {
    shared: Arc<Shared>,
    session: Session,
    address: SocketAddr,
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    _place: Place,
    /// A socket for each peer that was spoken to; answers of two peers can only be told apart by where they come in.
    sockets: Vec<Option<UdpSocket>>,
}

impl Held {
    /// There may be more peers than there were before.
    fn put(&mut self, peer: usize, socket: UdpSocket) {
        if self.sockets.len() <= peer {
            self.sockets.resize_with(peer + 1, || None);
        }
        if let Some(slot) = self.sockets.get_mut(peer) {
            *slot = Some(socket);
        }
    }
}

impl Client {
    pub fn new(shared: Arc<Shared>, address: SocketAddr) -> Self {
        // On a socket of both families IPv4 is written as IPv6; a client knows itself by the other.
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        Self {
            shared,
            session: Session::new(address),
            address,
            held: None,
        }
    }

    pub const fn has_allocation(&self) -> bool {
        self.session.has_allocation()
    }

    /// Ends an allocation that was not refreshed.
    pub fn look(&mut self, now: Instant) {
        if self.session.handle_timeout(now) {
            self.held = None;
        }
    }

    /// Takes a datagram, or a frame of a stream.
    pub async fn take(&mut self, frame: &[u8]) -> Option<Reply> {
        let now = self.shared.now();
        let book = self.shared.book();
        let step = self.session.handle(frame, &book.desk, now);
        let reply = match step {
            Step::Dropped(why) => {
                self.shared.counters.dropped(why);
                None
            }
            Step::Relay { peer, datagram } => {
                self.relay(peer, datagram).await;
                None
            }
            Step::Reply {
                message,
                refused,
                known,
            } => Some(self.reply(message, refused, known)),
            Step::Freed(message) => {
                self.held = None;
                Some(self.reply(message, None, true))
            }
            Step::Open(opening) => {
                let (message, refused) = match self.open(opening) {
                    Ok(relayed) => {
                        let message = self.session.opened(relayed, &book.desk, now.clock);
                        (message, None)
                    }
                    Err(refusal) => (self.session.not_opened(refusal), Some(refusal)),
                };
                Some(self.reply(message, refused, true))
            }
        };
        // An allocation may also have run out just now.
        if !self.session.has_allocation() {
            self.held = None;
        }
        reply
    }

    fn reply(&self, message: Vec<u8>, refused: Option<Refusal>, known: bool) -> Reply {
        if let Some(refusal) = refused {
            self.shared.counters.refused(refusal);
        }
        Reply {
            message,
            known,
            refused: refused.is_some(),
        }
    }

    fn open(&mut self, opening: Opening) -> Result<SocketAddr, Refusal> {
        let place = self
            .shared
            .take_place(opening.username, self.address.ip())
            .map_err(|_| Refusal::QuotaReached)?;
        let peer = opening.peer;
        let (socket, relayed) = self.socket(peer, opening.even).map_err(|error| {
            tracing::warn!(%error, "no socket for a TURN allocation");
            Refusal::InsufficientCapacity
        })?;
        let mut held = Held {
            _place: place,
            sockets: Vec::new(),
        };
        held.put(peer, socket);
        self.held = Some(held);
        Ok(relayed)
    }

    fn socket(&self, peer: usize, even: bool) -> io::Result<(UdpSocket, SocketAddr)> {
        let book = self.shared.book();
        let route = book
            .routes
            .get(peer)
            .ok_or(io::ErrorKind::AddrNotAvailable)?;
        let mut socket = std::net::UdpSocket::bind((route.from, 0))?;
        // Odd ones are held meanwhile, so that others are given.
        let mut odd = Vec::new();
        while even && socket.local_addr()?.port() % 2 != 0 {
            if odd.len() == TRIES {
                return Err(io::ErrorKind::AddrNotAvailable.into());
            }
            odd.push(socket);
            socket = std::net::UdpSocket::bind((route.from, 0))?;
        }
        socket.connect(route.to)?;
        socket.set_nonblocking(true)?;
        let port = socket.local_addr()?.port();
        let socket = UdpSocket::from_std(socket)?;
        Ok((socket, SocketAddr::new(route.shown, port)))
    }

    async fn relay(&mut self, peer: usize, datagram: &[u8]) {
        let there = |held: &Held| matches!(held.sockets.get(peer), Some(Some(_)));
        if !self.held.as_ref().is_some_and(there) {
            let Ok((socket, _)) = self.socket(peer, false) else {
                return;
            };
            if let Some(held) = &mut self.held {
                held.put(peer, socket);
            }
        }
        let held = self.held.as_ref();
        let Some(Some(socket)) = held.and_then(|held| held.sockets.get(peer)) else {
            return;
        };
        // Nobody at the media port: the box is about to stop.
        if socket.send(datagram).await.is_ok() {
            self.shared.counters.relayed_to_box(datagram.len());
        }
    }

    /// Waits for a datagram of the media port; its peer and length. For ever without an allocation.
    pub async fn receive(&self, buffer: &mut [u8]) -> (usize, usize) {
        poll_fn(|context| {
            let sockets = self.held.iter().flat_map(|held| held.sockets.iter());
            for (peer, socket) in sockets.enumerate() {
                let Some(socket) = socket else { continue };
                loop {
                    let mut read = ReadBuf::new(buffer);
                    match socket.poll_recv(context, &mut read) {
                        Poll::Ready(Ok(())) => return Poll::Ready((peer, read.filled().len())),
                        // An ICMP error of an earlier send: asked again, until there is nothing.
                        Poll::Ready(Err(_)) => {}
                        Poll::Pending => break,
                    }
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Puts a datagram of a peer into `out` as the client is to get it; false when it may not have it.
    pub fn deliver(&mut self, peer: usize, datagram: &[u8], out: &mut Vec<u8>) -> bool {
        let good = self.session.relayed(
            peer,
            datagram,
            &self.shared.book().desk,
            Instant::now(),
            out,
        );
        if good {
            self.shared.counters.relayed_from_box(datagram.len());
        } else {
            self.shared.counters.lost(Lost::NotPermitted);
        }
        good
    }
}
