//! Requests too large for a datagram (RFC 3261 §18.1.1): they go over TCP, and over UDP after all when the peer takes
//! no TCP.
//!
//! | state | event | next |
//! |---|---|---|
//! | meant for UDP, above the limit | sent | over TCP, with TCP in Via; the Contact stays that of UDP |
//! | over TCP | response | as any transaction over TCP |
//! | over TCP, nothing came back | the connection fails | over UDP, same branch, timers from the start |
//!
//! A peer that has refused TCP is spared the attempt for ten minutes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::clients::{ClientKey, ClientMachine};
use super::{ClientUser, Core, Owner, Source};
use crate::endpoint::command::{Transmit, Transport};
use crate::message::{HeaderName, Method, Request};
use crate::transaction::{Client, ClientInvite};

/// How long a refusal of TCP is remembered.
const REMEMBERED: Duration = Duration::from_secs(600);
/// Peers whose refusal is remembered.
const MOST_REMEMBERED: usize = 256;

impl Core {
    pub(super) fn wants_stream(&self, octets: usize, remote: SocketAddr, now: Instant) -> bool {
        octets > self.config.stream_above
            && self
                .no_stream
                .get(&remote)
                .is_none_or(|until| *until <= now)
    }

    /// Sends what was prepared for UDP over TCP.
    pub(super) fn send_over_stream(
        &mut self,
        mut request: Request,
        branch: Vec<u8>,
        to: Source,
        user: ClientUser,
        now: Instant,
    ) -> ClientKey {
        request.headers.set(HeaderName::Via, self.via(&branch, to));
        let bytes = request.to_bytes();
        let machine = machine(&request.method, true, now);
        let key = ClientKey {
            branch,
            method: request.method.clone(),
        };
        let key = self.start(key, machine, request, bytes, to, user);
        if let Some(transaction) = self.clients.get_mut(&key) {
            transaction.may_fall_back = true;
        }
        key
    }

    /// Sends it over UDP, when that is where it was meant to go. `false`: nothing to fall back to.
    pub(super) fn fall_back(&mut self, key: &ClientKey, now: Instant) -> bool {
        let Some(transaction) = self.clients.get(key) else {
            return false;
        };
        if !transaction.may_fall_back {
            return false;
        }
        let to = Source::new(Transport::Udp, transaction.remote);
        let via = self.via(&key.branch, to);
        self.remember_refusal(to.remote, now);
        let Some(transaction) = self.clients.get_mut(key) else {
            return false;
        };
        transaction.may_fall_back = false;
        transaction.request.headers.set(HeaderName::Via, via);
        transaction.bytes = transaction.request.to_bytes();
        transaction.machine = machine(&key.method, false, now);
        transaction.transport = Transport::Udp;
        let transmit = Transmit {
            transport: Transport::Udp,
            remote: to.remote,
            bytes: transaction.bytes.clone(),
        };
        let deadline = transaction.poll_timeout();
        self.deadlines.set(&Owner::Client(key.clone()), deadline);
        self.transmit(transmit);
        true
    }

    fn remember_refusal(&mut self, remote: SocketAddr, now: Instant) {
        self.no_stream.retain(|_, until| *until > now);
        if self.no_stream.len() < MOST_REMEMBERED {
            self.no_stream.insert(remote, now + REMEMBERED);
        }
    }
}

fn machine(method: &Method, reliable: bool, now: Instant) -> ClientMachine {
    if *method == Method::Invite {
        ClientMachine::Invite(ClientInvite::new(reliable, now))
    } else {
        ClientMachine::Other(Client::new(reliable, now))
    }
}
