//! One block: SOH or STX, its number, the number's complement, 128 or 1024 octets, CRC-16 with the high octet first.

use super::{BLOCK, BS, CAN, PAD, SOH, STX};
use heapless::Vec;

/// Octets around the data.
const AROUND: usize = 5;
/// Octets of a long block.
pub(super) const WHOLE: usize = BLOCK + AROUND;
/// Data octets of a short one.
const SHORT: usize = 128;

/// Polynomial x^16 + x^12 + x^5 + 1, from 0, nothing reflected.
const TABLE: [u16; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut crc = (at as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 {
                crc << 1
            } else {
                crc << 1 ^ 0x1021
            };
            bit += 1;
        }
        #[allow(clippy::indexing_slicing, reason = "computed when this is compiled")]
        {
            table[at] = crc;
        }
        at += 1;
    }
    table
};

pub(super) fn crc(data: &[u8]) -> u16 {
    data.iter().fold(0, |crc: u16, octet| {
        let [high, _] = crc.to_be_bytes();
        let step = TABLE.get(usize::from(high ^ octet)).copied();
        crc << 8 ^ step.unwrap_or_default()
    })
}

/// A block on its way in; it begins with SOH or STX.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    octets: Vec<u8, WHOLE>,
    /// The next octet begins another.
    whole: bool,
}

/// What a block that is whole says.
pub(super) struct Block<'a> {
    pub(super) number: u8,
    pub(super) data: &'a [u8],
}

impl Incoming {
    pub(super) fn clear(&mut self) {
        self.octets.clear();
        self.whole = false;
    }

    /// Whether one has begun and is not whole.
    pub(super) fn is_under_way(&self) -> bool {
        !self.octets.is_empty() && !self.whole
    }

    fn length(&self) -> usize {
        let long = self.octets.first() == Some(&STX);
        AROUND + if long { BLOCK } else { SHORT }
    }

    /// True when this was its last octet.
    pub(super) fn push(&mut self, octet: u8) -> bool {
        if self.whole {
            self.clear();
        }
        // Never longer than a long block, which is the capacity.
        let _ = self.octets.push(octet);
        self.whole = self.octets.len() >= self.length();
        self.whole
    }

    /// None when it is damaged.
    pub(super) fn read(&self) -> Option<Block<'_>> {
        let [_, number, complement, rest @ ..] = self.octets.as_slice() else {
            return None;
        };
        let (data, check) = rest.split_last_chunk::<2>()?;
        let good = *number == !*complement && crc(data) == u16::from_be_bytes(*check);
        good.then_some(Block {
            number: *number,
            data,
        })
    }

    /// Whether what was cut off here was a cancellation that came in the middle of a block.
    pub(super) fn ends_in_cancel(&self) -> bool {
        let tail = self.octets.iter().rev().skip_while(|octet| **octet == BS);
        tail.take_while(|octet| **octet == CAN).count() >= 5
    }
}

/// Writes a block of `data`, short where that is enough.
pub(super) fn write(into: &mut Vec<u8, WHOLE>, number: u8, data: &[u8], fill: u8) {
    into.clear();
    let (begin, length) = if data.len() > SHORT {
        (STX, BLOCK)
    } else {
        (SOH, SHORT)
    };
    let fits = "a block's octets fit it";
    let put = into
        .extend_from_slice(&[begin, number, !number])
        .and_then(|()| into.extend_from_slice(data.get(..length).unwrap_or(data)));
    debug_assert!(put.is_ok(), "{fits}");
    let _ = into.resize(3 + length, fill);
    let check = crc(into.get(3..).unwrap_or_default());
    let put = into.extend_from_slice(&check.to_be_bytes());
    debug_assert!(put.is_ok(), "{fits}");
}

/// The same of a file's data.
pub(super) fn write_data(into: &mut Vec<u8, WHOLE>, number: u8, data: &[u8]) {
    write(into, number, data, PAD);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_fields_own() {
        // The check value that catalogues of CRCs give for this one.
        assert_eq!(crc(b"123456789"), 0x31c3);
        assert_eq!(crc(b""), 0);
    }

    #[test]
    fn what_is_written_is_read_and_damage_is_seen() {
        for length in [0, 1, 128, 129, 1024] {
            let data = [0x5a; 1024];
            let mut octets = Vec::new();
            write_data(&mut octets, 7, &data[..length]);
            let mut incoming = Incoming::default();
            let (last, rest) = octets.split_last().unwrap();
            assert!(rest.iter().all(|octet| !incoming.push(*octet)));
            assert!(incoming.push(*last));
            let block = incoming.read().unwrap();
            assert_eq!((block.number, &block.data[..length]), (7, &data[..length]));
            assert!(block.data[length..].iter().all(|octet| *octet == PAD));
            for at in 1..octets.len() {
                let mut incoming = Incoming::default();
                for (place, octet) in octets.iter().enumerate() {
                    incoming.push(octet ^ u8::from(place == at));
                }
                assert!(incoming.read().is_none(), "{at}");
            }
        }
    }
}
