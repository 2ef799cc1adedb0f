//! What a client holds: a relayed address, who may be spoken to, and channels.

use crate::credential::Key;
use crate::message::{Integrity, Transaction};
use crate::peers::Family;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long an allocation stands without a refresh, and the most a client can ask for (RFC 8656 section 7.2).
pub const LIFETIME: Duration = Duration::from_secs(600);
/// How long an allocation stands through which no peer says anything, refreshed or not: a call is asked for its consent
/// every few seconds, and who has none shall not keep a place.
const UNHEARD: Duration = Duration::from_secs(600);
/// A permission (RFC 8656 section 9).
const PERMISSION: Duration = Duration::from_secs(300);
/// A channel (RFC 8656 section 12).
const CHANNEL: Duration = Duration::from_secs(600);

/// An allocation. Peers are named by their place among [`crate::Peers`], so all of it is bounded by their number.
#[derive(Debug)]
pub struct Allocation {
    pub username: String,
    pub family: Family,
    pub relayed: SocketAddr,
    /// The request it was made by: repeated, it is answered again (RFC 8656 section 7.2).
    pub transaction: Transaction,
    pub key: Key,
    pub integrity: Integrity,
    expires: Instant,
    heard: Instant,
    permissions: Vec<Instant>,
    channels: Vec<Channel>,
}

#[derive(Clone, Copy, Debug)]
struct Channel {
    number: u16,
    peer: usize,
    until: Instant,
}

/// What an allocation begins with.
#[derive(Debug)]
pub struct Beginning {
    pub username: String,
    pub family: Family,
    pub transaction: Transaction,
    pub key: Key,
    pub integrity: Integrity,
}

impl Allocation {
    pub fn new(beginning: Beginning, relayed: SocketAddr, peers: usize, now: Instant) -> Self {
        Self {
            username: beginning.username,
            family: beginning.family,
            relayed,
            transaction: beginning.transaction,
            key: beginning.key,
            integrity: beginning.integrity,
            expires: now + LIFETIME,
            heard: now,
            // Over before they began.
            permissions: vec![now; peers],
            channels: Vec::new(),
        }
    }

    pub fn refresh(&mut self, now: Instant) {
        self.expires = now + LIFETIME;
    }

    /// A peer has said something.
    pub fn hear(&mut self, now: Instant) {
        self.heard = now;
    }

    /// When it ends, if nothing more happens.
    pub fn ends(&self) -> Instant {
        self.expires.min(self.heard + UNHEARD)
    }

    pub fn permit(&mut self, peer: usize, now: Instant) {
        if let Some(until) = self.permissions.get_mut(peer) {
            *until = now + PERMISSION;
        }
    }

    /// Whether a peer may be spoken to. A channel counts as well: there is nobody but the box at its end.
    pub fn permits(&self, peer: usize, now: Instant) -> bool {
        let permitted = self.permissions.get(peer).is_some_and(|until| *until > now);
        permitted || self.channel_to(peer, now).is_some()
    }

    /// Binds a channel, or binds it on. False when the number is another peer's or the peer has another number
    /// (RFC 8656 section 12.2).
    pub fn bind(&mut self, number: u16, peer: usize, now: Instant) -> bool {
        self.channels.retain(|channel| channel.until > now);
        let until = now + CHANNEL;
        match self
            .channels
            .iter_mut()
            .find(|channel| channel.number == number || channel.peer == peer)
        {
            Some(channel) if channel.number == number && channel.peer == peer => {
                channel.until = until;
            }
            Some(_) => return false,
            None => self.channels.push(Channel {
                number,
                peer,
                until,
            }),
        }
        self.permit(peer, now);
        true
    }

    /// Who is at a channel's end.
    pub fn peer_of(&self, number: u16, now: Instant) -> Option<usize> {
        self.channels
            .iter()
            .find(|channel| channel.number == number && channel.until > now)
            .map(|channel| channel.peer)
    }

    /// The channel to a peer.
    pub fn channel_to(&self, peer: usize, now: Instant) -> Option<u16> {
        self.channels
            .iter()
            .find(|channel| channel.peer == peer && channel.until > now)
            .map(|channel| channel.number)
    }
}
