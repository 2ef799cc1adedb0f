//! Redundant audio (RFC 2198): a packet that also carries those before it, so that a lone loss costs nothing.
//!
//! ```text
//! 1 block type (7) timestamp offset (14) length (10)     of each earlier packet, the oldest first
//! 0 block type (7)                                       of the packet itself
//! the blocks in the same order
//! ```

use crate::rtp::Header;
use thiserror::Error;

/// Earlier packets that are looked at in one: browsers send one or two.
pub const MAX_EARLIER: usize = 4;
/// Octets of the headers of one earlier packet and of the packet itself.
pub const HEADERS: usize = 5;
/// Longest block and farthest offset that the header can say.
const MAX_LENGTH: usize = 0x3FF;
const MAX_OFFSET: u32 = 0x3FFF;

/// Why a payload is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RedError {
    #[error("a header or block is cut off")]
    CutOff,
    #[error("more than {MAX_EARLIER} earlier packets")]
    TooMany,
}

/// One packet in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    pub payload_type: u8,
    /// Timestamp units before the packet that carries it.
    pub offset: u32,
    pub payload: &'a [u8],
}

/// A payload taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redundant<'a> {
    earlier: [Option<Block<'a>>; MAX_EARLIER],
    /// The packet itself.
    pub primary: Block<'a>,
}

impl<'a> Redundant<'a> {
    /// The earlier packets as if they had come by themselves in front of `header`, the oldest first. Those without an
    /// octet were not sent.
    pub fn earlier(&self, header: Header) -> impl Iterator<Item = (Header, &'a [u8])> {
        let count = self.earlier.iter().flatten().count() as u16;
        let numbered = (0..count).map(move |n| count - n).zip(self.earlier);
        numbered.filter_map(move |(before, block)| {
            let block = block.filter(|block| !block.payload.is_empty())?;
            let earlier = Header {
                marker: false,
                payload_type: block.payload_type,
                sequence: header.sequence.wrapping_sub(before),
                timestamp: header.timestamp.wrapping_sub(block.offset),
                ssrc: header.ssrc,
            };
            Some((earlier, block.payload))
        })
    }
}

/// Takes a payload apart.
///
/// # Errors
/// [`RedError`].
pub fn read(payload: &[u8]) -> Result<Redundant<'_>, RedError> {
    let mut rest = payload;
    let mut heads = [(0, 0, 0); MAX_EARLIER];
    let mut count = 0;
    let own = loop {
        match *rest {
            [own, ref blocks @ ..] if own & 0x80 == 0 => {
                rest = blocks;
                break own;
            }
            [kind, a, b, c, ref behind @ ..] => {
                let head = heads.get_mut(count).ok_or(RedError::TooMany)?;
                let offset = u32::from(a) << 6 | u32::from(b) >> 2;
                let length = usize::from(b & 3) << 8 | usize::from(c);
                *head = (kind & 0x7F, offset, length);
                count += 1;
                rest = behind;
            }
            _ => return Err(RedError::CutOff),
        }
    };
    let mut earlier = [None; MAX_EARLIER];
    for (block, (payload_type, offset, length)) in earlier.iter_mut().zip(heads).take(count) {
        let (payload, behind) = rest.split_at_checked(length).ok_or(RedError::CutOff)?;
        rest = behind;
        *block = Some(Block {
            payload_type,
            offset,
            payload,
        });
    }
    Ok(Redundant {
        earlier,
        primary: Block {
            payload_type: own,
            offset: 0,
            payload: rest,
        },
    })
}

/// Writes the headers of one earlier packet, `offset` units before and of `length`, and of a packet of the same type;
/// the two payloads follow. `None` when they cannot be said.
pub fn headers(payload_type: u8, offset: u32, length: usize) -> Option<[u8; HEADERS]> {
    if offset > MAX_OFFSET || length > MAX_LENGTH || length == 0 {
        return None;
    }
    let kind = payload_type & 0x7F;
    Some([
        kind | 0x80,
        (offset >> 6) as u8,
        (offset << 2) as u8 | (length >> 8) as u8,
        length as u8,
        kind,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header {
        marker: true,
        payload_type: 63,
        sequence: 1,
        timestamp: 1_000,
        ssrc: 9,
    };

    #[test]
    fn what_is_written_is_read() {
        let mut payload = headers(111, 960, 3).unwrap().to_vec();
        payload.extend_from_slice(b"oldnew!");
        let read = read(&payload).unwrap();
        assert_eq!(
            (read.primary.payload_type, read.primary.payload),
            (111, &b"new!"[..])
        );
        let earlier: Vec<_> = read.earlier(HEADER).collect();
        let [(header, payload)] = earlier[..] else {
            panic!("{earlier:?}");
        };
        assert_eq!((header.sequence, header.timestamp), (0, 40));
        assert_eq!(
            (header.payload_type, header.marker, payload),
            (111, false, &b"old"[..])
        );
    }

    #[test]
    fn the_oldest_comes_first_and_what_was_not_sent_does_not_come() {
        // RFC 2198 section 3: two earlier packets, the nearer of no length.
        let payload = [
            0xEF, 0x1E, 0x00, 0x02, 0xEF, 0x0F, 0x00, 0x00, 0x6F, 1, 2, 3,
        ];
        let read = read(&payload).unwrap();
        assert_eq!(read.primary.payload, [3]);
        let earlier: Vec<_> = read.earlier(HEADER).collect();
        assert_eq!(earlier.len(), 1);
        assert_eq!(earlier[0].0.sequence, 65_535);
        assert_eq!(earlier[0].0.timestamp, 1_000_u32.wrapping_sub(1_920));
        assert_eq!(earlier[0].1, [1, 2]);
    }

    #[test]
    fn what_is_cut_off_or_endless_is_refused() {
        let mut payload = headers(111, 960, 3).unwrap().to_vec();
        payload.extend_from_slice(b"old");
        for length in 0..payload.len() {
            assert_eq!(read(&payload[..length]), Err(RedError::CutOff), "{length}");
        }
        assert_eq!(read(&payload).unwrap().primary.payload, b"");
        assert_eq!(read(&[0x80; 60]), Err(RedError::TooMany));
        assert_eq!(headers(111, 16_384, 3), None);
        assert_eq!(headers(111, 960, 1_024), None);
    }
}
