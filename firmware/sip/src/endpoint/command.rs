//! The nouns of the endpoint's commands.

use std::fmt;
use std::net::SocketAddr;

use super::session_timer::SessionTimer;
use crate::credentials::Credentials;
use crate::message::syntax;

/// Which transport a message came by or goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// One message a datagram.
    Udp,
    /// A stream, framed by [`crate::message::stream`].
    Tcp,
    /// The same stream inside TLS (RFC 3261 §26.2.1).
    Tls,
}

impl Transport {
    /// Whether it repeats what is lost by itself, so that transactions need not (RFC 3261 §17).
    pub const fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp | Self::Tls => true,
        }
    }

    /// Whether it is encrypted.
    pub const fn is_secure(self) -> bool {
        match self {
            Self::Udp | Self::Tcp => false,
            Self::Tls => true,
        }
    }

    /// Its name in Via.
    pub const fn via_name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }

    /// The port where a URI names none (RFC 3261 §19.1.2).
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.via_name())
    }
}

/// Handle of one call (one INVITE and the dialog it makes), valid until its closing event.
/// It is not the SIP Call-ID and never leaves the box. Never used twice by one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub(crate) u64);

/// Handle of a request outside any call, such as an OPTIONS probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub(crate) u64);

/// Handle of one transfer inside a call, valid until its last word or the end of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReferId(pub(crate) u64);

/// What an INFO of ours carries (RFC 6086).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Info {
    /// `application/dtmf-relay`.
    Digit {
        /// `0`–`9`, `A`–`D`, `*`, `#`.
        digit: char,
        /// Milliseconds.
        duration_ms: u32,
    },
    /// `application/media_control+xml`: send a picture that needs no other (RFC 5168).
    PictureFastUpdate,
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

/// Bytes to send: one datagram, or one whole message on a stream.
#[derive(Clone, PartialEq, Eq)]
pub struct Transmit {
    /// How.
    pub transport: Transport,
    /// Where to. For a stream: the connection with this peer address if there is one, else a new one.
    pub remote: SocketAddr,
    /// What. Shared by the retransmissions of one message.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Transmit {
    // Credentials may be among the bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transmit")
            .field("transport", &self.transport)
            .field("remote", &self.remote)
            .field("len", &self.bytes.len())
            .finish()
    }
}

/// Who a call is from, as it goes into `From`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Display name, unquoted. Any Unicode; control characters are taken out.
    pub display: Option<String>,
    /// A whole URI, such as `sip:+4930123@box.example`.
    pub uri: String,
}

/// Reliable provisional responses (RFC 3262) in a call we place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reliable {
    /// Not offered. A peer must not use them.
    Off,
    /// `Supported: 100rel`: used when the peer wants them.
    #[default]
    Supported,
    /// `Require: 100rel`: a peer that cannot do them refuses with 420.
    Required,
}

/// A call to place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// Next hop: the trunk's address.
    pub remote: SocketAddr,
    /// Transport to it.
    pub transport: Transport,
    /// Request-URI, such as `sip:100@pbx.example`.
    pub request_uri: String,
    /// Goes into `From`.
    pub from: Identity,
    /// The URI that goes into `To`.
    pub to: String,
    /// Further headers in this order, such as `User-to-User` or `P-Asserted-Identity`.
    /// Headers the endpoint itself writes (`Via`, `CSeq`, …) are refused with [`EndpointError::ReservedHeader`].
    pub headers: Vec<(String, String)>,
    /// The offer; `None` asks the far side for one (its offer comes with [`Event::Answered`](super::Event::Answered)).
    pub sdp: Option<Vec<u8>>,
    /// For 401 and 407.
    pub credentials: Option<Credentials>,
    /// Reliable provisional responses.
    pub reliable: Reliable,
    /// The session timer.
    pub session_timer: SessionTimer,
}

/// The answer to [`Event::Offer`](super::Event::Offer).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerOffer {
    /// 200 with this SDP: the answer, or our offer when theirs was absent.
    Accept {
        /// The body.
        sdp: Vec<u8>,
    },
    /// Refused; the session stays as it was.
    Reject {
        /// 488 when the offer cannot be met. 400…699; anything else becomes 488.
        status: u16,
        /// Goes into a `Warning` header.
        warning: Option<Warning>,
    },
}

/// A `Warning` header (RFC 3261 §20.43).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// 300…399, such as 305 "Incompatible media format".
    pub code: u16,
    /// The sentence.
    pub text: String,
}

impl Warning {
    /// Reads the first value of a header: code, agent, quoted text.
    pub(super) fn read(value: &[u8]) -> Option<Self> {
        const MAX_TEXT: usize = 120;
        let value = value.trim_ascii();
        let (code, rest) = value.split_at_checked(3)?;
        let code = syntax::number(code).and_then(|code| u16::try_from(code).ok())?;
        let at = rest.iter().position(|byte| *byte == b'"')?;
        let quoted = rest.get(at..)?;
        let (inner, _) = syntax::quoted(quoted)?;
        let text = String::from_utf8_lossy(&syntax::unescape(inner)).into_owned();
        (300..400).contains(&code).then(|| Self {
            code,
            text: text
                .chars()
                .filter(|c| !c.is_control())
                .take(MAX_TEXT)
                .collect(),
        })
    }

    /// The value as it is written.
    pub(super) fn to_value(&self) -> String {
        let code = self.code.clamp(300, 399);
        format!("{code} causeway {}", syntax::quote(&self.text))
    }
}

/// A `Reason` header (RFC 3326): why a request or response was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReasonHeader {
    /// `Q.850` or `SIP`.
    pub protocol: String,
    /// The cause value, such as 16 (Q.850 normal clearing) or 200 (SIP).
    pub cause: Option<u16>,
    /// The text, unquoted.
    pub text: Option<String>,
}

impl ReasonHeader {
    /// A Q.850 cause (ITU-T Q.850 table 1).
    pub fn q850(cause: u16, text: &str) -> Self {
        Self {
            protocol: "Q.850".to_owned(),
            cause: Some(cause),
            text: Some(text.to_owned()),
        }
    }

    /// A SIP status as the reason, such as 200 "Call completed elsewhere".
    pub fn sip(status: u16, text: &str) -> Self {
        Self {
            protocol: "SIP".to_owned(),
            cause: Some(status),
            text: Some(text.to_owned()),
        }
    }
}

/// Why a command was not carried out. Nothing was sent and nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The handle is not, or no longer, a call.
    #[error("no such call")]
    NoSuchCall,
    /// The call is not in a state for it.
    #[error("the call is not in a state for this")]
    WrongState,
    /// An INVITE or UPDATE is under way in this call; try again after its event.
    #[error("an offer is already under way")]
    OfferPending,
    /// The bound of calls or transactions is reached.
    #[error("too many calls")]
    TooManyCalls,
    /// A URI of the command cannot be read.
    #[error("not a usable URI: {0}")]
    BadUri(String),
    /// A header of the command is written by the endpoint itself.
    #[error("header {0} is written by the endpoint")]
    ReservedHeader(String),
    /// A header name is no token, or a value has control characters.
    #[error("header {0} cannot be written")]
    BadHeader(String),
    /// The bound of transfers of one call is reached.
    #[error("too many transfers of this call are under way")]
    TooManyTransfers,
    /// The message would exceed 64 KiB.
    #[error("the message would be too large")]
    TooLarge,
}
