//! Parameter sets: what a decoder must know before a picture.

use super::payload::{PPS, SPS, kind};

const MAX_SPS_ID: u32 = 31;
const MAX_PPS_ID: u32 = 255;
/// Octets of one.
const MAX_OCTETS: usize = 512;
/// Of each store: more is sent before no key frame.
const MAX_SETS: usize = 64;
const MAX_TOTAL: usize = 16 * 1024;

/// The last SPS and PPS of each number, those of the stream before those of the SDP.
#[derive(Debug, Default)]
pub(super) struct ParameterSets {
    learned: Store,
    told: Store,
}

/// SPS first, each kind by number.
#[derive(Debug, Default)]
struct Store {
    sets: Vec<Set>,
    octets: usize,
}

#[derive(Debug)]
struct Set {
    /// Type and number.
    name: (u8, u32),
    unit: Vec<u8>,
}

impl ParameterSets {
    /// Replaces what the SDP said.
    pub(super) fn tell(&mut self, units: &[Vec<u8>]) {
        self.told = Store::default();
        for unit in units {
            self.told.keep(unit);
        }
    }

    /// Keeps a NAL unit of the stream if it is a parameter set.
    pub(super) fn learn(&mut self, unit: &[u8]) {
        self.learned.keep(unit);
    }

    /// The stream is another one.
    pub(super) fn forget_learned(&mut self) {
        self.learned = Store::default();
    }

    /// Those of `kind`, by number.
    pub(super) fn of(&self, kind: u8) -> impl Iterator<Item = &[u8]> {
        let told = self
            .told
            .sets
            .iter()
            .filter(|set| self.learned.place(set.name).is_err());
        let all = self.learned.sets.iter().chain(told);
        all.filter(move |set| set.name.0 == kind)
            .map(|set| set.unit.as_slice())
    }
}

impl Store {
    fn place(&self, name: (u8, u32)) -> Result<usize, usize> {
        self.sets.binary_search_by_key(&name, |set| set.name)
    }

    fn keep(&mut self, unit: &[u8]) {
        let Some(name) = name(unit).filter(|_| unit.len() <= MAX_OCTETS) else {
            return;
        };
        let place = self.place(name);
        let before = match place {
            Ok(at) => self.sets.get(at).map_or(0, |set| set.unit.len()),
            Err(_) if self.sets.len() >= MAX_SETS => return,
            Err(_) => 0,
        };
        let octets = self.octets - before + unit.len();
        if octets > MAX_TOTAL {
            return;
        }
        self.octets = octets;
        match place {
            Ok(at) => {
                if let Some(set) = self.sets.get_mut(at) {
                    set.unit.clear();
                    set.unit.extend_from_slice(unit);
                }
            }
            Err(at) => {
                let unit = unit.to_vec();
                self.sets.insert(at, Set { name, unit });
            }
        }
    }
}

/// Type and number of a parameter set; `None` when it is none.
fn name(unit: &[u8]) -> Option<(u8, u32)> {
    let first = *unit.first()?;
    if first & 0x80 != 0 {
        return None;
    }
    let (body, most) = match kind(unit) {
        // Behind profile, constraints and level.
        SPS => (unit.get(4..)?, MAX_SPS_ID),
        PPS => (unit.get(1..)?, MAX_PPS_ID),
        _ => return None,
    };
    let id = exp_golomb(body).filter(|id| *id <= most)?;
    Some((kind(unit), id))
}

/// The number that stands first (ISO 14496-10 section 9.1). Numbers this small hold no emulation prevention.
fn exp_golomb(body: &[u8]) -> Option<u32> {
    let mut word = [0; 4];
    for (to, from) in word.iter_mut().zip(body) {
        *to = *from;
    }
    let bits = u32::from_be_bytes(word);
    let zeros = bits.leading_zeros();
    let read = zeros * 2 + 1;
    let is_there = zeros < 16 && read as usize <= body.len() * 8;
    is_there.then(|| (bits >> (32 - read)) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(sets: &ParameterSets) -> Vec<Vec<u8>> {
        let all = sets.of(SPS).chain(sets.of(PPS));
        all.map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn numbers_are_read_from_their_bits() {
        for (body, number) in [
            (&[0x80][..], Some(0)),
            (&[0x40], Some(1)),
            (&[0x60], Some(2)),
            (&[0x04, 0x00], Some(31)),
            (&[0x00, 0x80, 0x00], Some(255)),
            (&[0x00], None),
            (&[0x04], None),
            (&[], None),
            (&[0, 0, 0, 0, 1], None),
        ] {
            assert_eq!(exp_golomb(body), number, "{body:02x?}");
        }
    }

    #[test]
    fn the_stream_goes_before_the_sdp_number_by_number() {
        let mut sets = ParameterSets::default();
        let told = [
            vec![0x68, 0xC0],
            vec![0x67, 66, 0xE0, 31, 0x80],
            vec![0x68, 0x50],
        ];
        sets.tell(&told);
        assert_eq!(
            kept(&sets),
            [told[1].clone(), told[0].clone(), told[2].clone()]
        );
        sets.learn(&[0x68, 0x80]);
        sets.learn(&[0x68, 0x81]);
        assert_eq!(
            kept(&sets),
            [told[1].clone(), vec![0x68, 0x81], told[2].clone()]
        );
        sets.forget_learned();
        assert_eq!(kept(&sets).len(), 3);
        sets.tell(&[]);
        assert_eq!(kept(&sets).len(), 0);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut sets = ParameterSets::default();
        sets.learn(&[0x65, 0x80]);
        sets.learn(&[0x67, 66]);
        sets.learn(&[0xE8, 0x80]);
        sets.learn(&[&[0x68, 0x80][..], &[1; 511]].concat());
        assert_eq!(kept(&sets).len(), 0);
        for number in 1..=256_u32 {
            let zeros = number.leading_zeros();
            let code = (number << zeros) >> (31 - zeros);
            sets.learn(&[&[0x68][..], &code.to_be_bytes(), &[1; 400]].concat());
        }
        let total: usize = kept(&sets).iter().map(Vec::len).sum();
        assert!(kept(&sets).len() > 30 && total <= MAX_TOTAL);
    }
}
