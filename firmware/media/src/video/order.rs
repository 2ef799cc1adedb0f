//! Which packets of a source have come, and the wait for those that have not.

use crate::rtp::Header;
use std::time::{Duration, Instant};

/// How long, and how many, wait for those before them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) hold: Duration,
    pub(super) packets: usize,
    pub(super) octets: usize,
}

/// Of packets that leave again: a far side has a buffer of its own.
pub(super) const PASSING: Patience = Patience {
    hold: Duration::from_millis(50),
    packets: 64,
    octets: 256 * 1024,
};

/// The numbers up to the highest that came. Farther back than the bits of its mask everything counts as come.
#[derive(Debug)]
pub(super) struct Seen {
    /// Counted on over the wrap of the sequence number.
    highest: u64,
    mask: u128,
    /// Holes given up since it was last asked.
    lost: u64,
}

/// Holes so far back are lost; who still comes finds its place, if there is one.
const LOST: u64 = 32;

/// Where a packet stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The highest so far; `missing` numbers before it have not come.
    Newest { number: u64, missing: u64 },
    /// In a hole.
    Late { number: u64 },
    /// It came before, or is too old to say.
    Gone,
    /// Too far away to be of the same sequence.
    Elsewhere,
}

/// Farther away than this it is another sequence.
const MAX_JUMP: i16 = 3_000;

impl Seen {
    /// `first` has come.
    pub(super) fn new(first: u16) -> Self {
        Self {
            // Numbers before the first must not be negative.
            highest: (1 << 16) + u64::from(first),
            mask: u128::MAX,
            lost: 0,
        }
    }

    /// Holes given up since this was last asked.
    pub(super) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// Nothing comes any more: the holes that are left.
    pub(super) const fn open_holes(&self) -> u64 {
        (self.mask as u32).count_zeros() as u64
    }

    pub(super) const fn highest(&self) -> u64 {
        self.highest
    }

    /// Notes a packet that came.
    pub(super) fn note(&mut self, sequence: u16) -> Place {
        let step = sequence.wrapping_sub(self.highest as u16) as i16;
        let far = u64::from(step.unsigned_abs());
        if far > MAX_JUMP.unsigned_abs().into() {
            return Place::Elsewhere;
        }
        if step > 0 {
            self.highest += far;
            self.lost += match far {
                0..LOST => {
                    let crossing = (self.mask as u32) >> (LOST - far);
                    far - u64::from(crossing.count_ones())
                }
                _ => self.open_holes() + (far - LOST),
            };
            self.mask = match far {
                0..128 => (self.mask << far) | 1,
                _ => 1,
            };
            let number = self.highest;
            let missing = far - 1;
            return Place::Newest { number, missing };
        }
        let bit = match far {
            0..128 => 1 << far,
            _ => return Place::Gone,
        };
        if self.mask & bit != 0 {
            return Place::Gone;
        }
        self.mask |= bit;
        Place::Late {
            number: self.highest - far,
        }
    }
}

/// Early packets, and the number they wait for.
#[derive(Debug)]
pub(super) struct Waiting {
    patience: Patience,
    next: u64,
    /// Buffers are kept when they are free.
    held: Vec<Held>,
    octets: usize,
}

#[derive(Debug)]
pub(super) struct Held {
    /// `None`: free.
    number: Option<u64>,
    at: Instant,
    pub(super) header: Header,
    pub(super) payload: Vec<u8>,
}

impl Waiting {
    pub(super) const fn new(patience: Patience) -> Self {
        Self {
            patience,
            next: 0,
            held: Vec::new(),
            octets: 0,
        }
    }

    /// `next` is waited for; what waits is dropped.
    pub(super) fn begin(&mut self, next: u64) {
        self.next = next;
        self.octets = 0;
        for held in &mut self.held {
            held.number = None;
        }
    }

    /// The number that is waited for.
    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.iter().all(|held| held.number.is_none())
    }

    /// The packet with [`Self::next`] has come.
    pub(super) fn advance(&mut self) {
        self.next += 1;
    }

    /// Keeps an early packet.
    pub(super) fn hold(&mut self, number: u64, header: Header, payload: &[u8], now: Instant) {
        self.octets += payload.len();
        let free = self.held.iter().position(|held| held.number.is_none());
        let place = free.unwrap_or_else(|| {
            self.held.push(Held {
                number: None,
                at: now,
                header,
                payload: Vec::new(),
            });
            self.held.len() - 1
        });
        if let Some(held) = self.held.get_mut(place) {
            held.number = Some(number);
            held.at = now;
            held.header = header;
            held.payload.clear();
            held.payload.extend_from_slice(payload);
        }
    }

    /// The next packet whose turn it is, its number, and whether those before it are given up; hand it back
    /// to [`Self::free`].
    pub(super) fn take(&mut self, now: Instant) -> Option<(Held, u64, bool)> {
        let (place, first) = self
            .held
            .iter()
            .enumerate()
            .filter_map(|(place, held)| Some((place, held.number?)))
            .min_by_key(|(_, number)| *number)?;
        let is_lost = first > self.next;
        let count = self
            .held
            .iter()
            .filter(|held| held.number.is_some())
            .count();
        let is_full = count > self.patience.packets || self.octets > self.patience.octets;
        let is_over = self.poll_timeout().is_some_and(|due| due <= now);
        if is_lost && !is_full && !is_over {
            return None;
        }
        self.next = first + 1;
        let held = self.held.swap_remove(place);
        self.octets -= held.payload.len();
        Some((held, first, is_lost))
    }

    pub(super) fn free(&mut self, mut held: Held) {
        held.number = None;
        held.payload.clear();
        // One large packet shall not be kept for the rest of the call.
        held.payload.shrink_to(2_048);
        self.held.push(held);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.held
            .iter()
            .filter(|held| held.number.is_some())
            .map(|held| held.at + self.patience.hold)
            .min()
    }
}
