//! What every call shares: transactions (`clients.rs`, `servers.rs`), the queues to the outside, identifiers, counters.

mod clients;
mod large;
mod reply;
mod servers;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::command::{CallId, RequestId, Transmit, Transport};
use super::config::EndpointConfig;
use super::event::{Counts, Event};
use super::session_timer::SessionTimerMode;
use crate::ids::Ids;
use crate::message::Uri;
use crate::timers::Deadlines;
use clients::ClientTransaction;
use servers::{MergeKey, ServerTransaction};

pub(crate) use clients::ClientKey;
pub(crate) use reply::Reply;
pub(crate) use servers::ServerKey;

/// The methods we take.
pub(crate) const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, PRACK, UPDATE, INFO, OPTIONS, REFER, NOTIFY";
/// The extensions we know.
pub(crate) const EXTENSIONS: [&str; 4] = ["100rel", "norefersub", "replaces", "timer"];

/// The extensions we know, as `Supported` lists them.
pub(crate) fn supported(timer: bool) -> &'static str {
    if timer {
        "100rel, norefersub, replaces, timer"
    } else {
        "100rel, norefersub, replaces"
    }
}

/// Bound of `Event::Refused` a second.
const REFUSED_A_SECOND: u32 = 10;

/// Whose deadline it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    Client(ClientKey),
    Server(ServerKey),
    Call(CallId),
}

/// Where a message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) transport: Transport,
    pub(crate) remote: SocketAddr,
    /// The call was placed by a sips URI, so our Contact is one, too (RFC 3261 §8.1.1.8, §12.1.1).
    pub(crate) secure: bool,
}

impl Source {
    pub(crate) const fn new(transport: Transport, remote: SocketAddr) -> Self {
        Self {
            transport,
            remote,
            secure: false,
        }
    }
}

/// Who waits for the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientUser {
    Call(CallId),
    Request(RequestId),
    /// A BYE for a fork nobody wants.
    Nobody,
}

/// What came of a response that was handed to its transaction.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// To be looked at by this user.
    To(ClientUser),
    /// Done with.
    Handled,
    /// No transaction of ours.
    Stray,
}

/// What came of a timer or a failing transport.
#[derive(Debug)]
pub(crate) struct Unanswered {
    pub(crate) key: ClientKey,
    pub(crate) user: ClientUser,
    pub(crate) transport_failed: bool,
}

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) config: EndpointConfig,
    pub(crate) ids: Ids,
    pub(crate) counts: Counts,
    pub(crate) deadlines: Deadlines<Owner>,
    clients: BTreeMap<ClientKey, ClientTransaction>,
    servers: BTreeMap<ServerKey, ServerTransaction>,
    merges: BTreeMap<MergeKey, ServerKey>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
    refused: (Instant, u32),
    /// No further call is taken for now.
    pub(crate) refusing_calls: bool,
    /// Peers that refused TCP, and until when large requests go to them over UDP at once.
    no_stream: BTreeMap<SocketAddr, Instant>,
    next_handle: u64,
}

impl Core {
    pub(crate) fn new(config: EndpointConfig, now: Instant) -> Self {
        Self {
            ids: Ids::new(config.seed),
            config,
            counts: Counts::default(),
            deadlines: Deadlines::new(),
            clients: BTreeMap::new(),
            servers: BTreeMap::new(),
            merges: BTreeMap::new(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            refused: (now, 0),
            refusing_calls: false,
            no_stream: BTreeMap::new(),
            next_handle: 0,
        }
    }

    /// Whether session timers are used at all.
    pub(crate) fn offers_timer(&self) -> bool {
        self.config.session_timer.mode != SessionTimerMode::Off
    }

    pub(crate) fn handle(&mut self) -> u64 {
        self.next_handle += 1;
        self.next_handle
    }

    pub(crate) fn counts(&self, calls: usize) -> Counts {
        Counts {
            dialogs: calls,
            client_transactions: self.clients.len(),
            server_transactions: self.servers.len(),
            ..self.counts
        }
    }

    // The queues to the outside.

    pub(crate) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(crate) fn transmit(&mut self, transmit: Transmit) {
        self.counts.sent += 1;
        self.transmits.push_back(transmit);
    }

    /// Reports a refusal, at most ten a second.
    pub(crate) fn refused(&mut self, remote: SocketAddr, what: String, now: Instant) {
        let (since, count) = &mut self.refused;
        if now.saturating_duration_since(*since) >= Duration::from_secs(1) {
            *since = now;
            *count = 0;
        }
        if *count < REFUSED_A_SECOND {
            *count += 1;
            self.event(Event::Refused { remote, what });
        }
    }

    // Addresses.

    /// Our address as `to` shall see it: of its transport, and of its IP family where we have one.
    pub(crate) fn advertised(&self, transport: Transport, remote: SocketAddr) -> SocketAddr {
        let usual = match transport {
            Transport::Udp => self.config.contact_udp,
            Transport::Tcp => self.config.contact_tcp,
            Transport::Tls => self.config.contact_tls.unwrap_or(self.config.contact_tcp),
        };
        if same_family(usual, remote) {
            return usual;
        }
        self.config
            .contact_others
            .iter()
            .find(|(of, address)| *of == transport && same_family(*address, remote))
            .map_or(usual, |(_, address)| *address)
    }

    /// Whether there is an address of ours from which `remote` can be sent to.
    fn has_family_of(&self, transport: Transport, remote: SocketAddr) -> bool {
        same_family(self.advertised(transport, remote), remote)
    }

    /// The value of our Contact towards `to`.
    pub(crate) fn contact(&self, to: Source) -> String {
        self.contact_of(&self.config.contact_user, to)
    }

    /// The same with another user part.
    pub(crate) fn contact_of(&self, user: &str, to: Source) -> String {
        let address = self.advertised(to.transport, to.remote);
        let scheme = if to.secure { "sips" } else { "sip" };
        match to.transport {
            Transport::Udp => format!("<{scheme}:{user}@{address}>"),
            Transport::Tcp => format!("<{scheme}:{user}@{address};transport=tcp>"),
            // A sips URI says TLS by itself; there `transport=tls` is deprecated (RFC 3261 §26.2.2).
            Transport::Tls if to.secure => format!("<sips:{user}@{address}>"),
            Transport::Tls => format!("<sip:{user}@{address};transport=tls>"),
        }
    }

    /// Where a request goes whose next hop is `uri`. Names are not resolved here, and addresses that make no
    /// sense or are not accepted from are not sent to: all those go where the call came from. What came over TLS
    /// stays on TLS, whatever the URI says.
    pub(crate) fn destination(&self, uri: &Uri, fallback: Source) -> Source {
        let Some(sip) = uri.sip() else {
            return fallback;
        };
        let Some(ip) = sip.host.ip() else {
            return fallback;
        };
        let transport = match sip.params.text("transport").as_deref() {
            _ if sip.secure => Transport::Tls,
            None => fallback.transport,
            Some(name) if name.eq_ignore_ascii_case("udp") => Transport::Udp,
            Some(name) if name.eq_ignore_ascii_case("tcp") => Transport::Tcp,
            Some(name) if name.eq_ignore_ascii_case("tls") => Transport::Tls,
            Some(_) => return fallback,
        };
        let speaks = match transport {
            Transport::Udp | Transport::Tcp => fallback.transport != Transport::Tls,
            Transport::Tls => self.config.contact_tls.is_some(),
        };
        let remote = SocketAddr::new(ip, sip.port.unwrap_or(transport.default_port()));
        let speaks = speaks && self.has_family_of(transport, remote);
        if !speaks || !self.may_send_to(transport, remote) {
            return fallback;
        }
        Source {
            transport,
            remote,
            secure: fallback.secure,
        }
    }

    fn may_send_to(&self, transport: Transport, remote: SocketAddr) -> bool {
        let ip = remote.ip();
        let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
        self.config.accept_from.accepts(transport, remote)
            && remote.port() != 0
            && !broadcast
            && !ip.is_unspecified()
            && !ip.is_multicast()
    }
}

fn same_family(a: SocketAddr, b: SocketAddr) -> bool {
    a.ip().to_canonical().is_ipv4() == b.ip().to_canonical().is_ipv4()
}
