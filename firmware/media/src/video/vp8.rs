//! Payloads of RFC 7741: the descriptor in front of each part of a VP8 frame.
//!
//! ```text
//!  X R N S R PID      X: the next octet is there; S: a partition begins; PID: which
//!  I L T K RSV        I: picture id; L: TL0PICIDX; T, K: the octet of layer and key index
//!  M PictureID …      M: 15 bits instead of 7
//! ```

const EXTENDED: u8 = 0x80;
const BEGINS: u8 = 0x10;
const PARTITION: u8 = 0x07;
const PICTURE_ID: u8 = 0x80;
const LEVEL_INDEX: u8 = 0x40;
const LAYER: u8 = 0x20;
const KEY_INDEX: u8 = 0x10;
const LONG: u8 = 0x80;
/// Picture ids of ours have 15 bits.
const ID_MASK: u16 = 0x7FFF;

/// Octets of the descriptor we write.
pub(super) const DESCRIPTOR: usize = 4;

/// What one packet holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Payload<'a> {
    /// It is the first of its frame.
    pub(super) begins_frame: bool,
    /// A part of the frame; never empty.
    pub(super) data: &'a [u8],
}

impl<'a> Payload<'a> {
    /// `None`: it is not to be understood.
    pub(super) fn read(payload: &'a [u8]) -> Option<Self> {
        let (&first, mut rest) = payload.split_first()?;
        if first & EXTENDED != 0 {
            let (&extension, after) = rest.split_first()?;
            rest = after;
            if extension & PICTURE_ID != 0 {
                let (&id, _) = rest.split_first()?;
                rest = rest.get(if id & LONG != 0 { 2 } else { 1 }..)?;
            }
            if extension & LEVEL_INDEX != 0 {
                rest = rest.get(1..)?;
            }
            if extension & (LAYER | KEY_INDEX) != 0 {
                rest = rest.get(1..)?;
            }
        }
        (!rest.is_empty()).then_some(Self {
            begins_frame: first & BEGINS != 0 && first & PARTITION == 0,
            data: rest,
        })
    }
}

/// The descriptor of a part of the frame with this picture id. Partitions are not told apart: packets hold what fits.
pub(super) const fn descriptor(picture_id: u16, begins_frame: bool) -> [u8; DESCRIPTOR] {
    let [high, low] = (picture_id & ID_MASK).to_be_bytes();
    let begins = if begins_frame { BEGINS } else { 0 };
    [EXTENDED | begins, PICTURE_ID, LONG | high, low]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_of_every_length() {
        let begins =
            |payload: &[u8]| Payload::read(payload).map(|p| (p.begins_frame, p.data.to_vec()));
        assert_eq!(begins(&[0x10, 1, 2]), Some((true, vec![1, 2])));
        assert_eq!(begins(&[0x00, 1]), Some((false, vec![1])));
        // A later partition begins no frame.
        assert_eq!(begins(&[0x11, 1]), Some((false, vec![1])));
        assert_eq!(begins(&[0x90, 0x80, 0x11, 7]), Some((true, vec![7])));
        assert_eq!(begins(&[0x90, 0x80, 0x91, 0x11, 7]), Some((true, vec![7])));
        assert_eq!(
            begins(&[0x90, 0xE0, 0x91, 0x11, 5, 0x60, 7]),
            Some((true, vec![7]))
        );
        assert_eq!(begins(&[0x80, 0x10, 5, 7]), Some((false, vec![7])));
    }

    #[test]
    fn what_is_cut_short_is_not_understood() {
        let whole = [0x90, 0xF0, 0x91, 0x11, 5, 0x60, 7];
        for length in 0..whole.len() {
            assert_eq!(Payload::read(&whole[..length]), None, "{length}");
        }
    }

    #[test]
    fn ours_is_read_again() {
        for id in [0, 1, 0x7FFF, 0x8000] {
            let packet = [&descriptor(id, true)[..], &[9]].concat();
            let read = Payload::read(&packet).unwrap();
            assert_eq!((read.begins_frame, read.data), (true, &[9][..]));
        }
        assert_eq!(descriptor(0x1234, false), [0x80, 0x80, 0x92, 0x34]);
    }
}
