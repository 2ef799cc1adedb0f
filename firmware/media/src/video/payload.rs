//! Payloads of RFC 6184: what one packet holds.
//!
//! | type | holds | taken |
//! |---|---|---|
//! | 1–23 | one NAL unit | yes |
//! | 24 | STAP-A: several NAL units | yes |
//! | 28 | FU-A: a fragment of one NAL unit | yes |
//! | 0, 25–27, 29–31 | nothing, interleaved packets, nothing | no |

/// The part of a NAL unit's header that says how much it matters, and the forbidden bit.
const UPPER: u8 = 0xE0;
const FORBIDDEN: u8 = 0x80;
const TYPE: u8 = 0x1F;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
pub(super) const START: u8 = 0x80;
pub(super) const END: u8 = 0x40;

/// A coded slice of an IDR picture, the only picture a decoder can begin with.
pub(super) const IDR: u8 = 5;
pub(super) const SPS: u8 = 7;
pub(super) const PPS: u8 = 8;

/// What one packet holds; every length is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload<'a> {
    Single(&'a [u8]),
    Aggregate(Aggregate<'a>),
    Fragment(Fragment<'a>),
}

/// The NAL units of a STAP-A.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Aggregate<'a> {
    /// Behind the first octet: lengths and NAL units.
    units: &'a [u8],
}

/// An FU-A.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fragment<'a> {
    /// Of the NAL unit this is a fragment of.
    pub(super) header: u8,
    pub(super) is_start: bool,
    pub(super) is_end: bool,
    /// May be empty.
    pub(super) data: &'a [u8],
}

impl<'a> Payload<'a> {
    /// `None`: it is not to be understood.
    pub(super) fn read(payload: &'a [u8]) -> Option<Self> {
        let (&first, rest) = payload.split_first()?;
        if first & FORBIDDEN != 0 {
            return None;
        }
        match first & TYPE {
            1..=23 => Some(Self::Single(payload)),
            STAP_A => Aggregate::read(rest).map(Self::Aggregate),
            FU_A => Fragment::read(first, rest).map(Self::Fragment),
            _ => None,
        }
    }

    /// Whole NAL units in it.
    pub(super) fn whole(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (single, aggregate) = match *self {
            Self::Single(unit) => (Some(unit), None),
            Self::Aggregate(aggregate) => (None, Some(aggregate)),
            Self::Fragment(_) => (None, None),
        };
        single
            .into_iter()
            .chain(aggregate.into_iter().flat_map(|a| a.iter()))
    }

    /// Whether it holds the first octets of an IDR slice.
    pub(super) fn has_idr(&self) -> bool {
        match self {
            Self::Fragment(fragment) => fragment.is_start && fragment.header & TYPE == IDR,
            _ => self.whole().any(|unit| kind(unit) == IDR),
        }
    }

    /// Whether it holds the first slice of an IDR picture: its first macroblock is number 0, which is
    /// written as one bit (ISO 14496-10 section 7.3.3).
    pub(super) fn begins_idr(&self) -> bool {
        let is_first = |body: Option<&u8>| body.is_some_and(|octet| octet & 0x80 != 0);
        match self {
            Self::Fragment(fragment) => self.has_idr() && is_first(fragment.data.first()),
            _ => self
                .whole()
                .any(|unit| kind(unit) == IDR && is_first(unit.get(1))),
        }
    }

    /// Whether an access unit may begin with it: with parameter sets, a delimiter or information, or the first slice.
    pub(super) fn begins_unit(&self) -> bool {
        let is_first = |body: Option<&u8>| body.is_some_and(|octet| octet & 0x80 != 0);
        match self {
            Self::Fragment(fragment) => fragment.is_start && is_first(fragment.data.first()),
            _ => self.whole().next().is_some_and(|unit| match kind(unit) {
                1 | IDR => is_first(unit.get(1)),
                other => matches!(other, 6..=9),
            }),
        }
    }

    /// Whether it holds a slice, or a part of one.
    pub(super) fn has_picture(&self) -> bool {
        match self {
            Self::Fragment(fragment) => matches!(fragment.header & TYPE, 1..=IDR),
            _ => self.whole().any(|unit| matches!(kind(unit), 1..=IDR)),
        }
    }
}

impl<'a> Aggregate<'a> {
    fn read(units: &'a [u8]) -> Option<Self> {
        let mut rest = units;
        while !rest.is_empty() {
            let (unit, after) = sized(rest)?;
            let first = *unit.first()?;
            if first & FORBIDDEN != 0 || !matches!(first & TYPE, 1..=23) {
                return None;
            }
            rest = after;
        }
        (!units.is_empty()).then_some(Self { units })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.units;
        std::iter::from_fn(move || {
            let (unit, after) = sized(rest)?;
            rest = after;
            Some(unit)
        })
    }
}

impl<'a> Fragment<'a> {
    fn read(indicator: u8, rest: &'a [u8]) -> Option<Self> {
        let (&head, data) = rest.split_first()?;
        matches!(head & TYPE, 1..=23).then_some(Self {
            header: (indicator & UPPER) | (head & TYPE),
            is_start: head & START != 0,
            is_end: head & END != 0,
            data,
        })
    }
}

/// The two octets in front of a fragment of the NAL unit with `header`.
pub(super) const fn fragment_head(header: u8, is_start: bool, is_end: bool) -> [u8; 2] {
    let start = if is_start { START } else { 0 };
    let end = if is_end { END } else { 0 };
    [(header & UPPER) | FU_A, start | end | (header & TYPE)]
}

/// Type of a NAL unit; 0, which is none, when it is empty.
pub(super) fn kind(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |first| first & TYPE)
}

/// A NAL unit behind its length, and what follows.
fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}
