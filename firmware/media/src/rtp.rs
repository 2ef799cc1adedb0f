//! RTP headers (RFC 3550 section 5.1): reading with every bound checked, writing in place.

use thiserror::Error;

/// Octets of a header without contributing sources or extension, the only kind we write.
pub const HEADER_LEN: usize = 12;

/// Why a datagram is not RTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RtpError {
    #[error("{have} octets cannot hold the {need} octets of the {part}")]
    Truncated {
        part: &'static str,
        need: usize,
        have: usize,
    },
    #[error("version {0} is not 2")]
    Version(u8),
    #[error("padding of {padding} octets does not fit a payload of {payload}")]
    Padding { padding: usize, payload: usize },
    #[error("a packet of {need} octets does not fit a buffer of {have}")]
    NoRoom { need: usize, have: usize },
}

/// The fields of the fixed header that a caller cares about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    pub marker: bool,
    /// 0–127.
    pub payload_type: u8,
    pub sequence: u16,
    /// In units of the payload's clock.
    pub timestamp: u32,
    pub ssrc: u32,
}

/// A header extension as it stood in the packet (RFC 3550 section 5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    /// "Defined by profile": 0xBEDE for one-byte elements (RFC 8285).
    pub profile: u16,
    pub data: &'a [u8],
}

/// One RTP packet, borrowed from the datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    pub header: Header,
    /// Contributing sources, four octets each, at most 15.
    pub contributors: &'a [u8],
    pub extension: Option<Extension<'a>>,
    /// Without padding; may be empty.
    pub payload: &'a [u8],
}

/// Reads one datagram as RTP.
///
/// # Errors
/// [`RtpError`] names the part that does not fit.
pub fn read(datagram: &[u8]) -> Result<Packet<'_>, RtpError> {
    let (fixed, rest) = take::<HEADER_LEN>(datagram, "fixed header")?;
    let [b0, b1, s0, s1, t0, t1, t2, t3, i0, i1, i2, i3] = *fixed;
    if b0 >> 6 != 2 {
        return Err(RtpError::Version(b0 >> 6));
    }
    let csrc_octets = usize::from(b0 & 0x0F) * 4;
    let (contributors, mut rest) = split(rest, csrc_octets, "contributing sources")?;
    let mut extension = None;
    if b0 & 0x10 != 0 {
        let (&[p0, p1, l0, l1], after) = take::<4>(rest, "extension header")?;
        let octets = usize::from(u16::from_be_bytes([l0, l1])) * 4;
        let (data, after) = split(after, octets, "extension")?;
        extension = Some(Extension {
            profile: u16::from_be_bytes([p0, p1]),
            data,
        });
        rest = after;
    }
    if b0 & 0x20 != 0 {
        let padding = usize::from(rest.last().copied().unwrap_or(0));
        // The count includes itself, so zero is as wrong as too many.
        let kept = rest
            .len()
            .checked_sub(padding)
            .filter(|_| padding != 0)
            .ok_or(RtpError::Padding {
                padding,
                payload: rest.len(),
            })?;
        rest = rest.get(..kept).unwrap_or_default();
    }
    Ok(Packet {
        header: Header {
            marker: b1 & 0x80 != 0,
            payload_type: b1 & 0x7F,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([i0, i1, i2, i3]),
        },
        contributors,
        extension,
        payload: rest,
    })
}

impl Header {
    /// The fixed header in wire order: version 2, no padding, extension or contributing sources.
    pub const fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [i0, i1, i2, i3] = self.ssrc.to_be_bytes();
        let second = (self.payload_type & 0x7F) | if self.marker { 0x80 } else { 0 };
        [0x80, second, s0, s1, t0, t1, t2, t3, i0, i1, i2, i3]
    }

    /// Writes the header over the first [`HEADER_LEN`] octets of `packet`, whose payload
    /// already stands behind them.
    ///
    /// # Errors
    /// [`RtpError::NoRoom`] when the buffer is shorter than a header.
    pub fn write(&self, packet: &mut [u8]) -> Result<(), RtpError> {
        let have = packet.len();
        let room = packet.get_mut(..HEADER_LEN).ok_or(RtpError::NoRoom {
            need: HEADER_LEN,
            have,
        })?;
        room.copy_from_slice(&self.to_bytes());
        Ok(())
    }
}

/// Whether a datagram received on a port shared with RTP is RTCP (RFC 5761 section 4).
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [first, second, ..] if first >> 6 == 2 && (192..=223).contains(second))
}

fn take<'a, const N: usize>(
    bytes: &'a [u8],
    part: &'static str,
) -> Result<(&'a [u8; N], &'a [u8]), RtpError> {
    bytes.split_first_chunk::<N>().ok_or(RtpError::Truncated {
        part,
        need: N,
        have: bytes.len(),
    })
}

fn split<'a>(
    bytes: &'a [u8],
    at: usize,
    part: &'static str,
) -> Result<(&'a [u8], &'a [u8]), RtpError> {
    bytes.split_at_checked(at).ok_or(RtpError::Truncated {
        part,
        need: at,
        have: bytes.len(),
    })
}
