//! Whom the packets come from, and when that is somebody else.
//!
//! | arrives | effect |
//! |---|---|
//! | up to 3,000 ahead, or in a hole up to 127 behind | has its place |
//! | twice, or farther behind | of no use; 16 of these in a row are a source that started again |
//! | more than 3,000 away | the source started again |
//! | another SSRC | another source, at once |
//! | the SSRC before this one, while this one is heard | of no use: two sources overlap, the newer wins |

use super::VideoCounters;
use super::order::{Place, Seen};
use super::outlet::Turn;
use crate::rtp::Header;
use std::time::{Duration, Instant};

/// Another source is not heard while the one that replaced it is.
const OVERLAP: Duration = Duration::from_millis(100);
/// So many packets from before everything known, and nothing else, are the source that started again.
const RESTARTED: u16 = 16;

#[derive(Debug, Default)]
pub(super) struct Sources {
    current: Option<Source>,
    /// The SSRC that was heard before.
    replaced: Option<u32>,
}

#[derive(Debug)]
struct Source {
    ssrc: u32,
    seen: Seen,
    heard: Instant,
    /// Packets in a row that were of no use.
    gone: u16,
}

/// What a packet is to the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    InPlace(Turn),
    /// The first of a source, or of one that started again.
    Begins {
        turn: Turn,
        is_other: bool,
    },
    Useless,
}

impl Sources {
    /// Counts a packet that came.
    pub(super) fn arrive(
        &mut self,
        header: &Header,
        now: Instant,
        counters: &mut VideoCounters,
    ) -> Arrival {
        let current = self.current.as_mut();
        let Some(source) = current.filter(|source| source.ssrc == header.ssrc) else {
            return self.begin(header, now, counters);
        };
        let place = source.seen.note(header.sequence);
        counters.lost += source.seen.take_lost();
        source.heard = now;
        source.gone = match place {
            Place::Gone => source.gone + 1,
            _ => 0,
        };
        match place {
            Place::Newest { number, missing } => Arrival::InPlace(Turn {
                number,
                is_newest: true,
                follows: missing == 0,
            }),
            Place::Late { number } => {
                counters.reordered += 1;
                Arrival::InPlace(Turn {
                    number,
                    is_newest: false,
                    follows: false,
                })
            }
            Place::Gone if source.gone < RESTARTED => Arrival::Useless,
            Place::Gone | Place::Elsewhere => self.begin(header, now, counters),
        }
    }

    /// The highest number that came.
    pub(super) fn highest(&self) -> Option<u64> {
        self.current.as_ref().map(|source| source.seen.highest())
    }

    /// Whoever comes next is another.
    pub(super) fn forget(&mut self, counters: &mut VideoCounters) {
        self.retire(counters);
        self.replaced = None;
    }

    fn begin(&mut self, header: &Header, now: Instant, counters: &mut VideoCounters) -> Arrival {
        let other = self
            .current
            .as_ref()
            .filter(|source| source.ssrc != header.ssrc);
        if let Some(other) = other {
            let is_heard = now.saturating_duration_since(other.heard) < OVERLAP;
            if is_heard && self.replaced == Some(header.ssrc) {
                return Arrival::Useless;
            }
            self.replaced = Some(other.ssrc);
        }
        let is_other = other.is_some();
        self.retire(counters);
        let seen = Seen::new(header.sequence);
        let number = seen.highest();
        self.current = Some(Source {
            ssrc: header.ssrc,
            seen,
            heard: now,
            gone: 0,
        });
        let turn = Turn {
            number,
            is_newest: true,
            follows: true,
        };
        Arrival::Begins { turn, is_other }
    }

    /// What is missing of the current source will not come.
    fn retire(&mut self, counters: &mut VideoCounters) {
        if let Some(source) = self.current.take() {
            counters.lost += source.seen.open_holes();
        }
    }
}
