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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEADER: Header = Header {
        marker: true,
        payload_type: 111,
        sequence: 0x0102,
        timestamp: 0x0304_0506,
        ssrc: 0x0708_090A,
    };

    #[test]
    fn the_fixed_header_in_wire_order() {
        let mut packet = *b"............sound";
        HEADER.write(&mut packet).unwrap();
        assert_eq!(packet[..12], [0x80, 0xEF, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        let read = read(&packet).unwrap();
        assert_eq!((read.header, read.payload), (HEADER, &b"sound"[..]));
        assert_eq!(
            HEADER.write(&mut [0; 11]),
            Err(RtpError::NoRoom { need: 12, have: 11 })
        );
    }

    #[test]
    fn contributors_extension_and_padding_are_taken_off() {
        let mut packet = HEADER.to_bytes().to_vec();
        packet[0] |= 0x20 | 0x10 | 2;
        packet.extend_from_slice(&[1, 1, 1, 1, 2, 2, 2, 2]);
        packet.extend_from_slice(&[0xBE, 0xDE, 0, 1, 0x10, 0xFF, 0, 0]);
        packet.extend_from_slice(b"sound\0\0\x03");
        let whole = read(&packet).unwrap();
        assert_eq!(whole.contributors, [1, 1, 1, 1, 2, 2, 2, 2]);
        let extension = whole.extension.unwrap();
        assert_eq!(
            (extension.profile, extension.data),
            (0xBEDE, &[0x10, 0xFF, 0, 0][..])
        );
        assert_eq!(whole.payload, b"sound");
        // Everything before the payload is needed in full.
        for (end, part) in [
            (11, "fixed header"),
            (19, "contributing sources"),
            (23, "extension header"),
            (27, "extension"),
        ] {
            match read(&packet[..end]) {
                Err(RtpError::Truncated { part: p, .. }) => assert_eq!(p, part),
                other => panic!("{end}: {other:?}"),
            }
        }
    }

    #[test]
    fn padding_and_version_that_cannot_be() {
        let mut packet = HEADER.to_bytes().to_vec();
        packet[0] |= 0x20;
        assert_eq!(
            read(&packet),
            Err(RtpError::Padding {
                padding: 0,
                payload: 0
            })
        );
        packet.push(2);
        assert_eq!(
            read(&packet),
            Err(RtpError::Padding {
                padding: 2,
                payload: 1
            })
        );
        packet[12] = 1;
        assert_eq!(read(&packet).unwrap().payload, []);
        packet[0] = 0x40;
        assert_eq!(read(&packet), Err(RtpError::Version(1)));
    }

    #[test]
    fn rtcp_is_told_from_rtp_with_a_marker() {
        assert!(is_rtcp(&[0x80, 200]) && is_rtcp(&[0x80, 206]));
        assert!(!is_rtcp(&[0x80, 0x80 | 8]) && !is_rtcp(&[0x80, 0x80 | 101]));
        assert!(!is_rtcp(&[0x80]) && !is_rtcp(&[20, 200]));
    }

    proptest! {
        #[test]
        fn anything_is_read_or_refused(octets in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(packet) = read(&octets) {
                prop_assert!(packet.payload.len() + HEADER_LEN <= octets.len());
            }
        }
    }
}
