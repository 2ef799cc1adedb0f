//! RTCP (RFC 3550 section 6): SR, RR, SDES and BYE, read and written; reception statistics; requests for key
//! frames (RFC 4585, RFC 5104); VoIP metrics (RFC 3611).

mod feedback;
mod reception;
#[cfg(test)]
mod tests;
mod writer;
mod xr;

pub use feedback::{Request, requests, wants_key_frame};
pub use reception::{ReceptionStats, round_trip};
pub use writer::Writer;
pub use xr::{UNKNOWN, VoipMetrics, voip_metrics};

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

const HEADER: usize = 4;
const REPORT_BLOCK: usize = 24;
const SENDER_INFO: usize = 20;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const TRANSPORT_FEEDBACK: u8 = 205;
const GENERIC_NACK: u8 = 1;
const PAYLOAD_FEEDBACK: u8 = 206;
const EXTENDED_REPORT: u8 = 207;
/// What the count says in payload-specific feedback.
const PICTURE_LOSS: u8 = 1;
const FULL_INTRA: u8 = 4;
const APPLICATION_LAYER: u8 = 15;

/// Reads one datagram as a compound of at least one packet; reduced-size compounds
/// (RFC 5506) are accepted.
///
/// # Errors
/// [`RtcpError`] says which packet is wrong and where.
pub fn read(datagram: &[u8]) -> Result<Compound<'_>, RtcpError> {
    if datagram.is_empty() {
        return Err(RtcpError::Empty);
    }
    let mut rest = datagram;
    let mut index = 0;
    while !rest.is_empty() {
        let offset = datagram.len() - rest.len();
        let (_, after) = next(rest).map_err(|fault| fault.at(index, offset))?;
        rest = after;
        index += 1;
    }
    Ok(Compound { bytes: datagram })
}

impl<'a> Compound<'a> {
    pub fn packets(&self) -> impl Iterator<Item = Packet<'a>> + use<'a> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            let (packet, after) = next(rest).ok()?;
            rest = after;
            Some(packet)
        })
    }
}

/// A fault before it is known where in the compound it lies.
enum Fault {
    Truncated(&'static str, usize, usize),
    Version(u8),
    Padding,
    Type(u8),
}

impl Fault {
    const fn at(self, index: usize, offset: usize) -> RtcpError {
        match self {
            Self::Truncated(part, need, have) => RtcpError::Truncated {
                index,
                offset,
                part,
                need,
                have,
            },
            Self::Version(version) => RtcpError::Version {
                index,
                offset,
                version,
            },
            Self::Padding => RtcpError::Padding { index, offset },
            Self::Type(packet_type) => RtcpError::Type {
                index,
                offset,
                packet_type,
            },
        }
    }
}

/// The first packet of `bytes` and what follows it.
fn next(bytes: &[u8]) -> Result<(Packet<'_>, &[u8]), Fault> {
    let &[first, packet_type, l0, l1] =
        bytes
            .first_chunk::<HEADER>()
            .ok_or(Fault::Truncated("header", HEADER, bytes.len()))?;
    if first >> 6 != 2 {
        return Err(Fault::Version(first >> 6));
    }
    if !(192..=223).contains(&packet_type) {
        return Err(Fault::Type(packet_type));
    }
    let total = (usize::from(u16::from_be_bytes([l0, l1])) + 1) * 4;
    let (whole, after) =
        bytes
            .split_at_checked(total)
            .ok_or(Fault::Truncated("packet", total, bytes.len()))?;
    let mut body = whole.get(HEADER..).unwrap_or_default();
    if first & 0x20 != 0 {
        let padding = usize::from(body.last().copied().unwrap_or(0));
        let kept = body.len().checked_sub(padding).filter(|_| padding != 0);
        body = kept
            .and_then(|kept| body.get(..kept))
            .ok_or(Fault::Padding)?;
    }
    let count = first & 0x1F;
    let packet = match packet_type {
        SENDER_REPORT => {
            let (ssrc, rest) = word(body, "sender SSRC")?;
            let (info, rest) = split(rest, SENDER_INFO, "sender info")?;
            Packet::SenderReport {
                ssrc,
                info: SenderInfo {
                    ntp: (u64::from(u32_at(info, 0)) << 32) | u64::from(u32_at(info, 4)),
                    rtp_timestamp: u32_at(info, 8),
                    packets: u32_at(info, 12),
                    octets: u32_at(info, 16),
                },
                reports: report_blocks(rest, count)?,
            }
        }
        RECEIVER_REPORT => {
            let (ssrc, rest) = word(body, "sender SSRC")?;
            Packet::ReceiverReport {
                ssrc,
                reports: report_blocks(rest, count)?,
            }
        }
        SOURCE_DESCRIPTION => {
            let mut rest = body;
            for _ in 0..count {
                (_, rest) = chunk(rest)?;
            }
            let used = body.len() - rest.len();
            Packet::SourceDescription(SourceDescription {
                body: body.get(..used).unwrap_or_default(),
            })
        }
        GOODBYE => {
            let (sources, rest) = split(body, usize::from(count) * 4, "sources")?;
            let reason = match rest.split_first() {
                None => &[],
                Some((length, text)) => split(text, usize::from(*length), "reason")?.0,
            };
            Packet::Goodbye(Goodbye { sources, reason })
        }
        _ => Packet::Other {
            packet_type,
            count,
            body,
        },
    };
    Ok((packet, after))
}

fn report_blocks(bytes: &[u8], count: u8) -> Result<ReportBlocks<'_>, Fault> {
    // What follows the blocks is a profile's extension.
    split(bytes, usize::from(count) * REPORT_BLOCK, "report blocks")
        .map(|(blocks, _)| ReportBlocks(blocks))
}

/// SSRC and canonical name.
type Chunk<'a> = (u32, &'a [u8]);

/// One SDES chunk: its SSRC with the canonical name, and what follows it.
fn chunk(bytes: &[u8]) -> Result<(Chunk<'_>, &[u8]), Fault> {
    let (ssrc, mut rest) = word(bytes, "chunk SSRC")?;
    let mut name: &[u8] = &[];
    loop {
        let (&kind, after) =
            rest.split_first()
                .ok_or(Fault::Truncated("end of SDES items", 1, 0))?;
        if kind == 0 {
            // The list ends with zeros up to the next word of the packet.
            let used = bytes.len() - rest.len();
            let padded = (used / 4 + 1) * 4;
            let (_, after) = split(bytes, padded, "SDES padding")?;
            return Ok(((ssrc, name), after));
        }
        let (&length, after) =
            after
                .split_first()
                .ok_or(Fault::Truncated("SDES item length", 1, 0))?;
        let (text, after) = split(after, usize::from(length), "SDES item")?;
        if kind == 1 {
            name = text;
        }
        rest = after;
    }
}

impl<'a> ReportBlocks<'a> {
    pub fn iter(&self) -> impl Iterator<Item = ReportBlock> + use<'a> {
        self.0.chunks_exact(REPORT_BLOCK).map(|block| {
            let lost = u32_at(block, 4);
            ReportBlock {
                ssrc: u32_at(block, 0),
                fraction_lost: (lost >> 24) as u8,
                // 24-bit two's complement: shift it up and back down with its sign.
                cumulative_lost: ((lost << 8) as i32) >> 8,
                highest_sequence: u32_at(block, 8),
                jitter: u32_at(block, 12),
                last_sr: u32_at(block, 16),
                delay_since_last_sr: u32_at(block, 20),
            }
        })
    }
}

impl<'a> SourceDescription<'a> {
    /// SSRC and canonical name (empty when the chunk has none) of each chunk.
    pub fn chunks(&self) -> impl Iterator<Item = (u32, &'a [u8])> + use<'a> {
        let mut rest = self.body;
        std::iter::from_fn(move || {
            let (found, after) = chunk(rest).ok()?;
            rest = after;
            Some(found)
        })
    }
}

impl<'a> Goodbye<'a> {
    pub fn sources(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.sources.chunks_exact(4).map(|ssrc| u32_at(ssrc, 0))
    }

    /// As it stood in the packet; not necessarily UTF-8.
    pub const fn reason(&self) -> &'a [u8] {
        self.reason
    }
}

/// Big-endian word at an offset the caller has checked.
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk::<4>())
        .map_or(0, |word| u32::from_be_bytes(*word))
}

fn word<'a>(bytes: &'a [u8], part: &'static str) -> Result<(u32, &'a [u8]), Fault> {
    let (word, rest) = split(bytes, 4, part)?;
    Ok((u32_at(word, 0), rest))
}

fn split<'a>(
    bytes: &'a [u8],
    at: usize,
    part: &'static str,
) -> Result<(&'a [u8], &'a [u8]), Fault> {
    bytes
        .split_at_checked(at)
        .ok_or(Fault::Truncated(part, at, bytes.len()))
}
