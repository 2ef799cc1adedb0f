//! The messages of PROTOCOL.md as types.

mod parse;

pub use parse::{WireError, parse_client};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A request's number, chosen by the client.
pub type RequestNumber = u64;

/// Client to box. `id` of those without an answer is absent.
///
/// Read by [`parse_client`] alone, which moves `type` outside so that a fault can be told with its
/// field: what derives here is not the wire's own shape.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub enum ClientMessage {
    #[serde(rename = "hello")]
    Hello {
        id: RequestNumber,
        version: u32,
        token: Token,
        #[serde(default)]
        client: Option<Value>,
    },
    #[serde(rename = "token.refresh")]
    TokenRefresh { id: RequestNumber, token: Token },
    #[serde(rename = "ping")]
    Ping { id: RequestNumber },
    #[serde(rename = "call.place")]
    Place {
        id: RequestNumber,
        to: String,
        sdp: String,
        #[serde(default)]
        context: Option<Map<String, Value>>,
        #[serde(default = "yes")]
        audio: bool,
        #[serde(default)]
        video: bool,
        #[serde(default)]
        from: Option<String>,
    },
    #[serde(rename = "call.candidate")]
    Candidate {
        call: String,
        candidate: Option<Candidate>,
    },
    #[serde(rename = "call.accept")]
    Accept {
        id: RequestNumber,
        call: String,
        sdp: String,
    },
    #[serde(rename = "call.reject")]
    Reject {
        id: RequestNumber,
        call: String,
        #[serde(default)]
        reason: Option<RejectReason>,
    },
    #[serde(rename = "call.hangup")]
    Hangup {
        id: RequestNumber,
        call: String,
        #[serde(default)]
        reason: Option<HangupReason>,
    },
    #[serde(rename = "call.hold")]
    Hold { id: RequestNumber, call: String },
    #[serde(rename = "call.resume")]
    Resume { id: RequestNumber, call: String },
    /// The call shall have a picture, or none any more.
    #[serde(rename = "call.video")]
    Video {
        id: RequestNumber,
        call: String,
        video: bool,
    },
    #[serde(rename = "call.dtmf")]
    Dtmf {
        id: RequestNumber,
        call: String,
        digits: String,
        #[serde(default = "default_duration")]
        duration_ms: u16,
        #[serde(default = "default_gap")]
        gap_ms: u16,
    },
    #[serde(rename = "call.transfer")]
    Transfer {
        id: RequestNumber,
        call: String,
        /// A number (blind transfer); either this or `with`.
        #[serde(default)]
        to: Option<String>,
        /// Another call of the session (attended transfer).
        #[serde(default)]
        with: Option<String>,
    },
    #[serde(rename = "call.restart")]
    Restart {
        id: RequestNumber,
        call: String,
        sdp: String,
    },
    #[serde(rename = "call.reattach")]
    Reattach {
        id: RequestNumber,
        call: String,
        resume: String,
        /// The offer of a new connection: the page that had the old one is gone.
        #[serde(default)]
        sdp: Option<String>,
        #[serde(default)]
        video: bool,
    },
    /// Somebody wants to be called.
    #[serde(rename = "callback.request")]
    Callback {
        id: RequestNumber,
        number: String,
        #[serde(default)]
        name: Option<String>,
        /// Whom they wanted to speak to.
        #[serde(default)]
        to: Option<String>,
        /// The call that did not come about.
        #[serde(default)]
        call: Option<String>,
        #[serde(default)]
        context: Option<Map<String, Value>>,
    },
    /// Lets the browser hear itself for a moment, without a call: whether media finds a way.
    #[serde(rename = "media.test")]
    MediaTest { id: RequestNumber, sdp: String },
    #[serde(rename = "call.report")]
    Report {
        call: String,
        stats: Map<String, Value>,
    },
}

fn yes() -> bool {
    true
}
fn default_duration() -> u16 {
    100
}
fn default_gap() -> u16 {
    70
}

/// A bearer token; `Debug` hides it.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Token(pub String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl ClientMessage {
    /// The number to answer with, for the types that are answered.
    pub fn id(&self) -> Option<RequestNumber> {
        match self {
            Self::Hello { id, .. }
            | Self::TokenRefresh { id, .. }
            | Self::Ping { id }
            | Self::Place { id, .. }
            | Self::Accept { id, .. }
            | Self::Reject { id, .. }
            | Self::Hangup { id, .. }
            | Self::Hold { id, .. }
            | Self::Resume { id, .. }
            | Self::Video { id, .. }
            | Self::Dtmf { id, .. }
            | Self::Transfer { id, .. }
            | Self::Restart { id, .. }
            | Self::Reattach { id, .. }
            | Self::Callback { id, .. }
            | Self::MediaTest { id, .. } => Some(*id),
            Self::Candidate { .. } | Self::Report { .. } => None,
        }
    }
}

/// RTCIceCandidateInit as browsers send it; unknown members are let through.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Candidate {
    pub candidate: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum RejectReason {
    Busy,
    Declined,
}

/// Why a page ends a call, when nobody wanted it to.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum HangupReason {
    /// Its browser found no way for media.
    NoPath,
}

/// Box to client.
#[derive(Clone, Debug, Serialize, PartialEq)]
#[serde(tag = "type")]
pub enum ServerMessage {
    #[serde(rename = "welcome")]
    Welcome(Welcome),
    #[serde(rename = "ok")]
    Ok {
        id: RequestNumber,
        #[serde(flatten)]
        fields: Map<String, Value>,
    },
    #[serde(rename = "error")]
    Error {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<RequestNumber>,
        #[serde(skip_serializing_if = "Option::is_none")]
        call: Option<String>,
        code: ErrorCode,
        message: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        sip: Option<SipCause>,
    },
    #[serde(rename = "call.answer")]
    Answer { call: String, sdp: String },
    #[serde(rename = "call.renegotiate")]
    Renegotiate { call: String },
    /// Whether box and PBX have agreed on a picture.
    #[serde(rename = "call.video")]
    Video { call: String, video: bool },
    #[serde(rename = "call.state")]
    State(CallStateMessage),
    #[serde(rename = "call.incoming")]
    Incoming {
        call: String,
        resume: String,
        from: IncomingFrom,
        to: String,
        /// Whom the caller had called before the PBX diverted the call.
        #[serde(skip_serializing_if = "Option::is_none")]
        diverted_from: Option<String>,
        /// Token of a context of this box that came back with the call.
        #[serde(skip_serializing_if = "Option::is_none")]
        context: Option<String>,
        expires_s: u32,
    },
    #[serde(rename = "call.dtmf")]
    Digit {
        call: String,
        digit: char,
        duration_ms: u32,
    },
    #[serde(rename = "call.transfer")]
    Transfer {
        call: String,
        /// Of the telephone system's call to the new party: 100, 180, …
        status: u16,
    },
    #[serde(rename = "call.warning")]
    Warning {
        call: String,
        code: String,
        message: String,
    },
    #[serde(rename = "token.expiring")]
    TokenExpiring { expires_in_s: u64 },
}

#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Welcome {
    pub id: RequestNumber,
    pub session: String,
    #[serde(rename = "box")]
    pub about: AboutBox,
    pub account: Option<String>,
    pub expires_at: String,
    pub resume_s: u32,
    pub ping_s: u32,
    pub ice: Value,
}

#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct AboutBox {
    pub name: String,
    pub version: String,
}

#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct IncomingFrom {
    pub number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// `call.state`, and the snapshot of `call.reattach`.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct CallStateMessage {
    pub call: String,
    /// `trying`, `ringing`, `early_media`, `answered`, `held`, `ended`, or `incoming` in a snapshot.
    pub state: String,
    pub seq: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<EndCause>,
}

#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct EndCause {
    pub code: String,
    pub message: String,
    pub by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sip: Option<SipCause>,
}

/// The SIP status and Reason header (RFC 3326) behind an end or a refusal.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct SipCause {
    pub status: Option<u16>,
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<ReasonCause>,
}

#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct ReasonCause {
    pub protocol: String,
    pub value: Option<u16>,
    pub text: Option<String>,
}

/// Section 5 of PROTOCOL.md: stable codes.
#[derive(Clone, Copy, Debug, Serialize, PartialEq, Eq, Hash, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    BadRequest,
    BadSdp,
    AuthFailed,
    TokenExpired,
    OriginForbidden,
    DestinationForbidden,
    DestinationUnknown,
    AccountForbidden,
    CallNotFound,
    WrongState,
    Refused,
    TimedOut,
    TooLarge,
    RateLimited,
    Unsupported,
    NotFound,
    Internal,
}

impl ErrorCode {
    /// Every code, in the order of PROTOCOL.md.
    pub const ALL: [Self; 17] = [
        Self::BadRequest,
        Self::BadSdp,
        Self::AuthFailed,
        Self::TokenExpired,
        Self::OriginForbidden,
        Self::DestinationForbidden,
        Self::DestinationUnknown,
        Self::AccountForbidden,
        Self::CallNotFound,
        Self::WrongState,
        Self::Refused,
        Self::TimedOut,
        Self::TooLarge,
        Self::RateLimited,
        Self::Unsupported,
        Self::NotFound,
        Self::Internal,
    ];

    /// As on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::BadSdp => "bad_sdp",
            Self::AuthFailed => "auth_failed",
            Self::TokenExpired => "token_expired",
            Self::OriginForbidden => "origin_forbidden",
            Self::DestinationForbidden => "destination_forbidden",
            Self::DestinationUnknown => "destination_unknown",
            Self::AccountForbidden => "account_forbidden",
            Self::CallNotFound => "call_not_found",
            Self::WrongState => "wrong_state",
            Self::Refused => "refused",
            Self::TimedOut => "timed_out",
            Self::TooLarge => "too_large",
            Self::RateLimited => "rate_limited",
            Self::Unsupported => "unsupported",
            Self::NotFound => "not_found",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status that goes with it.
    pub fn http_status(self) -> u16 {
        match self {
            Self::BadRequest | Self::BadSdp => 422,
            Self::AuthFailed | Self::TokenExpired => 401,
            Self::OriginForbidden | Self::DestinationForbidden | Self::AccountForbidden => 403,
            Self::DestinationUnknown | Self::CallNotFound | Self::NotFound => 404,
            Self::WrongState | Self::Refused => 409,
            Self::TimedOut => 504,
            Self::TooLarge => 413,
            Self::RateLimited => 429,
            Self::Unsupported => 400,
            Self::Internal => 500,
        }
    }
}
