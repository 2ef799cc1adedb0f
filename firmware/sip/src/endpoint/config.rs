//! What an endpoint is told at its start.

use std::fmt;
use std::net::SocketAddr;

use super::accept::AcceptFrom;
use super::command::Transport;

use super::session_timer::SessionTimer;

/// Everything an [`Endpoint`](super::Endpoint) needs to know before the first message.
///
/// Every field is public; start from [`EndpointConfig::new`] and change what differs.
#[derive(Clone)]
pub struct EndpointConfig {
    /// Value of `User-Agent` in requests and `Server` in responses.
    pub user_agent: String,
    /// Source of every branch, tag, Call-ID and client nonce. Must be unpredictable and different at each start.
    pub seed: [u8; 32],
    /// The address put into `Via` and `Contact` of what is sent over UDP.
    pub contact_udp: SocketAddr,
    /// The address put into `Via` and `Contact` of what is sent over TCP.
    pub contact_tcp: SocketAddr,
    /// The address put into `Via` and `Contact` of what is sent over TLS. `None`: TLS is not spoken, and a
    /// peer whose Contact asks for it is sent to over the transport its call came by.
    pub contact_tls: Option<SocketAddr>,
    /// Further addresses of ours, of the other IP family: what is sent to a peer shows an address of the
    /// peer's own family when there is one.
    pub contact_others: Vec<(Transport, SocketAddr)>,
    /// Requests for UDP of more octets than this go over TCP, and over UDP after all when TCP is refused
    /// (RFC 3261 §18.1.1). `usize::MAX`: never.
    pub stream_above: usize,
    /// The user part of our `Contact`, such as `causeway`.
    pub contact_user: String,
    /// Upper bound of calls at once, in both directions. Further INVITEs are answered 503 with `Retry-After`.
    pub max_dialogs: usize,
    /// Upper bound of transactions at once. Further requests are answered 503 without keeping state.
    pub max_transactions: usize,
    /// Whose messages are looked at; others are dropped and counted before they are read.
    pub accept_from: AcceptFrom,
    /// `Retry-After` of our own 503, in seconds.
    pub retry_after_s: u32,
    /// The session timer of calls that come in, unless [`Endpoint::set_session_timer`] says otherwise.
    ///
    /// [`Endpoint::set_session_timer`]: super::Endpoint::set_session_timer
    pub session_timer: SessionTimer,
}

impl EndpointConfig {
    /// A configuration for one pair of advertised addresses, everything else at its default:
    /// 2 000 calls, 16 000 transactions, any source.
    pub fn new(seed: [u8; 32], contact_udp: SocketAddr, contact_tcp: SocketAddr) -> Self {
        Self {
            user_agent: "Causeway".to_owned(),
            seed,
            contact_udp,
            contact_tcp,
            contact_tls: None,
            contact_others: Vec::new(),
            stream_above: 1_300,
            contact_user: "causeway".to_owned(),
            max_dialogs: 2_000,
            max_transactions: 16_000,
            accept_from: AcceptFrom::Anyone,
            retry_after_s: 5,
            session_timer: SessionTimer::default(),
        }
    }
}

impl fmt::Debug for EndpointConfig {
    // Written by hand: whoever knows the seed can guess our tags.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointConfig")
            .field("user_agent", &self.user_agent)
            .field("contact_udp", &self.contact_udp)
            .field("contact_tcp", &self.contact_tcp)
            .field("contact_tls", &self.contact_tls)
            .field("max_dialogs", &self.max_dialogs)
            .field("max_transactions", &self.max_transactions)
            .field("accept_from", &self.accept_from)
            .finish_non_exhaustive()
    }
}
