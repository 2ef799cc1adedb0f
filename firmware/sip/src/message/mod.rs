//! Messages: what is on the wire, kept in order and to the byte, with typed views on top.
//!
//! [`read`] is tolerant where tolerance is harmless (bare LF, folding, blanks, compact names, leading empty
//! lines, blanks around the start line, any bytes in values) and refuses, with the status that fits, what
//! cannot be understood in one way only. Writing is exact: [`Message::to_bytes`] gives one canonical form, and
//! reading that back gives the same message.

pub mod body;
pub mod check;
mod headers;
mod method;
mod name;
mod params;
mod reader;
mod replaces;
pub mod stream;
pub(crate) mod syntax;
mod uri;
mod views;
mod writer;

pub use headers::{Header, Headers};
pub use method::Method;
pub use name::HeaderName;
pub use params::Params;
pub use reader::{Partial, ReadError, ReadErrorKind, read};
pub use replaces::{ReferTo, Replaces};
pub use uri::{BadUri, Host, SipUri, Uri, UriKind};
pub use views::{BadValue, CSeq, MediaType, NameAddr, RAck, Reason, Via};

/// The largest message read or written, in bytes.
pub const MAX_MESSAGE: usize = 65_536;
/// The most header lines of a message.
pub const MAX_HEADERS: usize = 256;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The Request-URI.
    pub uri: Uri,
    /// The headers.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// 100…699.
    pub status: u16,
    /// The reason phrase; any bytes but line ends.
    pub reason: Vec<u8>,
    /// The headers.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

impl Message {
    /// The headers.
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        match self {
            Self::Request(request) => &request.body,
            Self::Response(response) => &response.body,
        }
    }
}

/// The usual phrase of a status (RFC 3261 §21 and those that follow it).
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        305 => "Use Proxy",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        413 => "Request Entity Too Large",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        421 => "Extension Required",
        422 => "Session Interval Too Small",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        491 => "Request Pending",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        _ => match status / 100 {
            1 => "Progress",
            2 => "OK",
            3 => "Redirection",
            4 => "Request Failure",
            5 => "Server Failure",
            _ => "Failure",
        },
    }
}
