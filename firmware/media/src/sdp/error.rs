use super::crypto::CryptoFault;
use std::net::IpAddr;
use thiserror::Error;

/// What to tell the peer about an [`SdpError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SdpHint {
    /// The text is not SDP, or breaks its rules: SIP 400, `bad_sdp`.
    Malformed,
    /// Good SDP that we cannot agree to: SIP 488, `bad_sdp`.
    NotAcceptable,
    /// The caller of this crate asked out of turn.
    OutOfTurn,
}

impl SdpHint {
    /// The status a SIP request that carried the SDP deserves.
    pub const fn sip_status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::NotAcceptable => 488,
            Self::OutOfTurn => 500,
        }
    }
}

/// Why a session description cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SdpError {
    #[error("{octets} octets of SDP are above the limit of {limit}")]
    TooLarge { octets: usize, limit: usize },
    /// A line that breaks the grammar or a bound. `text` is the line, cut at 80 characters.
    #[error("line {line}: {reason}: {text:?}")]
    Line {
        /// From 1.
        line: usize,
        reason: &'static str,
        text: String,
    },
    #[error("the description has no {0} line")]
    Missing(&'static str),
    /// No m-line of audio at all.
    #[error("no audio is described")]
    NoAudio,
    /// Audio stands there with port 0.
    #[error("line {line}: audio is refused (port 0)")]
    AudioRefused { line: usize },
    #[error("line {line}: profile {profile} is not to be had")]
    Profile { line: usize, profile: String },
    /// The trunk requires SRTP, and there are no keys.
    #[error("line {line}: audio without SRTP keys on a trunk that requires them")]
    NotEncrypted { line: usize },
    /// Never quotes the line: it has a key.
    #[error("line {line}: a=crypto: {fault}")]
    Crypto { line: usize, fault: CryptoFault },
    #[error("line {line}: {address:?} is not an address we can send to")]
    Address { line: usize, address: String },
    /// From a socket of one family nothing reaches an address of the other.
    #[error("line {line}: {address} is {}, and the media of this call is {}", family(.address), other_family(.address))]
    Family { line: usize, address: IpAddr },
    #[error("no codec in common; offered: {offered}")]
    NoCommonCodec { offered: String },
    /// A browser's offer lacks something WebRTC needs.
    #[error("the audio section has no {0}")]
    NotWebRtc(&'static str),
    #[error("an answer came without an offer of ours")]
    NoOffer,
    /// RFC 3264 section 6: an answer has as many m-lines as its offer.
    #[error("the answer has {answered} m-lines, the offer had {offered}")]
    SectionCount { offered: usize, answered: usize },
}

impl SdpError {
    pub const fn hint(&self) -> SdpHint {
        match self {
            Self::TooLarge { .. }
            | Self::Line { .. }
            | Self::Missing(_)
            | Self::NotWebRtc(_)
            | Self::SectionCount { .. } => SdpHint::Malformed,
            Self::NoAudio
            | Self::AudioRefused { .. }
            | Self::Profile { .. }
            | Self::NotEncrypted { .. }
            | Self::Crypto { .. }
            | Self::Address { .. }
            | Self::Family { .. }
            | Self::NoCommonCodec { .. } => SdpHint::NotAcceptable,
            Self::NoOffer => SdpHint::OutOfTurn,
        }
    }

    /// See [`SdpHint::sip_status`].
    pub const fn sip_status(&self) -> u16 {
        self.hint().sip_status()
    }

    /// The warn-code that goes with the refusal (RFC 3261 section 20.43).
    pub const fn warn_code(&self) -> u16 {
        match self {
            Self::Address { .. } | Self::Family { .. } => 301,
            Self::Profile { .. } | Self::NotEncrypted { .. } => 302,
            Self::NoAudio | Self::AudioRefused { .. } => 304,
            Self::NoCommonCodec { .. } => 305,
            Self::Line { .. } | Self::Missing(_) | Self::Crypto { .. } => 307,
            Self::TooLarge { .. }
            | Self::NotWebRtc(_)
            | Self::NoOffer
            | Self::SectionCount { .. } => 399,
        }
    }

    /// The line the error is about, from 1.
    pub const fn line(&self) -> Option<usize> {
        match self {
            Self::Line { line, .. }
            | Self::AudioRefused { line }
            | Self::Profile { line, .. }
            | Self::NotEncrypted { line }
            | Self::Crypto { line, .. }
            | Self::Address { line, .. }
            | Self::Family { line, .. } => Some(*line),
            Self::TooLarge { .. }
            | Self::Missing(_)
            | Self::NoAudio
            | Self::NoCommonCodec { .. }
            | Self::NotWebRtc(_)
            | Self::NoOffer
            | Self::SectionCount { .. } => None,
        }
    }
}

const fn family(address: &IpAddr) -> &'static str {
    match address {
        IpAddr::V4(_) => "IPv4",
        IpAddr::V6(_) => "IPv6",
    }
}

const fn other_family(address: &IpAddr) -> &'static str {
    match address {
        IpAddr::V4(_) => "IPv6",
        IpAddr::V6(_) => "IPv4",
    }
}
