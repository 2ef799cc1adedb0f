//! Session descriptions (RFC 8866): a tolerant bounded reader, an exact writer, offer/answer
//! on the trunk and inspection of a browser's offer.

pub mod browser;
pub mod crypto;
mod error;
pub mod h264;
mod keying;
mod reader;
mod remote;
#[cfg(test)]
mod tests;
pub mod trunk;
mod trunk_video;
pub mod video;
mod writer;

pub use error::{SdpError, SdpHint};
pub use reader::{MAX_MEDIA, MAX_SDP, read};

use crate::plan::Direction;
use std::fmt;
use std::net::IpAddr;

/// A session description, as far as anybody here needs it. Lines of other types are checked
/// for their form and forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionDescription {
    pub origin: Origin,
    pub session_name: String,
    pub connection: Option<Connection>,
    pub attributes: Vec<Attribute>,
    pub media: Vec<Media>,
}

/// The `o=` line (RFC 8866 section 5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub username: String,
    /// Kept as text: the wild has ids beyond 64 bits.
    pub session_id: String,
    pub version: String,
    pub address: Address,
}

/// The `c=` line (RFC 8866 section 5.7), without a multicast scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    pub address: Address,
    /// From 1; 0 in a description that was not read.
    pub line: usize,
}

/// An address as SDP writes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Ip(IpAddr),
    /// A host name, which this crate never resolves.
    Name(String),
}

/// An `a=` line (RFC 8866 section 5.13). The value of `crypto` never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Attribute {
    pub name: String,
    pub value: Option<String>,
    /// From 1; 0 in a description that was not read.
    pub line: usize,
}

/// One `m=` section (RFC 8866 section 5.14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `video`, …
    pub kind: String,
    /// 0 refuses the section.
    pub port: u16,
    /// `RTP/AVP`, …
    pub protocol: String,
    pub formats: Vec<String>,
    pub connection: Option<Connection>,
    /// Kilobits a second its writer wants to receive at most: `b=AS` or `b=TIAS` (RFC 8866 section 5.8, RFC 3890).
    pub bandwidth_kbps: Option<u32>,
    pub attributes: Vec<Attribute>,
    /// Of the `m=` line, from 1; 0 in a description that was not read.
    pub line: usize,
}

/// One `a=rtpmap` (RFC 8866 section 6.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpMap<'a> {
    pub payload_type: u8,
    pub encoding: &'a str,
    pub clock_rate: u32,
    pub channels: u8,
}

impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = self.name.eq_ignore_ascii_case("crypto");
        let value = self.value.as_deref();
        f.debug_struct("Attribute")
            .field("name", &self.name)
            .field("value", &if secret { Some("…") } else { value })
            .field("line", &self.line)
            .finish()
    }
}

impl Attribute {
    pub fn flag(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: None,
            line: 0,
        }
    }

    pub fn with_value(name: &str, value: String) -> Self {
        Self {
            name: name.to_owned(),
            value: Some(value),
            line: 0,
        }
    }
}

impl Address {
    /// The address, unless it is a name.
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(*ip),
            Self::Name(_) => None,
        }
    }
}

impl SessionDescription {
    /// The connection that holds for a section: its own, or the session's.
    pub fn connection_of<'a>(&'a self, media: &'a Media) -> Option<&'a Connection> {
        media.connection.as_ref().or(self.connection.as_ref())
    }

    /// The direction that holds for a section, as its writer sees it: its own attribute, the
    /// session's, or `sendrecv` (RFC 8866 section 6.7).
    pub fn direction_of(&self, media: &Media) -> Direction {
        direction(&media.attributes)
            .or_else(|| direction(&self.attributes))
            .unwrap_or(Direction::SendRecv)
    }
}

impl Media {
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        find(&self.attributes, name)
    }

    /// Value of the first attribute of that name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.attribute(name)?.value.as_deref()
    }

    /// Whether the section is of this kind, in any case of letter.
    pub fn is(&self, kind: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind)
    }

    /// Payload types of the `m=` line in order; what is no number is left out.
    pub fn payload_types(&self) -> impl Iterator<Item = u8> {
        self.formats
            .iter()
            .filter_map(|format| format.parse::<u8>().ok())
            .filter(|payload_type| *payload_type <= 127)
    }

    /// All `a=rtpmap` of a payload type, in order. Chrome's peers have been seen to repeat one.
    pub fn rtp_maps(&self, payload_type: u8) -> impl Iterator<Item = RtpMap<'_>> {
        self.attributes
            .iter()
            .filter(|attribute| attribute.name.eq_ignore_ascii_case("rtpmap"))
            .filter_map(|attribute| RtpMap::read(attribute.value.as_deref()?))
            .filter(move |map| map.payload_type == payload_type)
    }

    /// What a payload type means: its `a=rtpmap`, or the static assignment of RFC 3551.
    pub fn meaning(&self, payload_type: u8) -> Option<RtpMap<'_>> {
        self.rtp_maps(payload_type).next().or(match payload_type {
            0 => Some(RtpMap::fixed(0, "PCMU")),
            8 => Some(RtpMap::fixed(8, "PCMA")),
            9 => Some(RtpMap::fixed(9, "G722")),
            _ => None,
        })
    }
}

impl<'a> RtpMap<'a> {
    /// Reads `PT name/clock[/channels]`.
    pub fn read(value: &'a str) -> Option<Self> {
        let (payload_type, rest) = value.trim().split_once([' ', '\t'])?;
        let mut parts = rest.trim().split('/');
        Some(Self {
            payload_type: payload_type.parse().ok().filter(|pt| *pt <= 127)?,
            encoding: parts.next()?.trim(),
            clock_rate: parts.next()?.trim().parse().ok()?,
            channels: match parts.next() {
                None => 1,
                Some(channels) => channels.trim().parse().ok()?,
            },
        })
    }

    const fn fixed(payload_type: u8, encoding: &'static str) -> Self {
        Self {
            payload_type,
            encoding,
            clock_rate: 8_000,
            channels: 1,
        }
    }

    pub fn is(&self, encoding: &str, clock_rate: u32) -> bool {
        self.encoding.eq_ignore_ascii_case(encoding) && self.clock_rate == clock_rate
    }
}

fn find<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a Attribute> {
    attributes
        .iter()
        .find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

/// The last direction attribute stands where there are several.
fn direction(attributes: &[Attribute]) -> Option<Direction> {
    attributes
        .iter()
        .rev()
        .find_map(|attribute| match attribute.name.as_str() {
            "sendrecv" => Some(Direction::SendRecv),
            "sendonly" => Some(Direction::SendOnly),
            "recvonly" => Some(Direction::RecvOnly),
            "inactive" => Some(Direction::Inactive),
            _ => None,
        })
}

/// The attribute of a direction.
/// The attribute that says a direction (RFC 8866 section 6.7).
pub const fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::SendRecv => "sendrecv",
        Direction::SendOnly => "sendonly",
        Direction::RecvOnly => "recvonly",
        Direction::Inactive => "inactive",
    }
}
