//! Order, loss and identity of a source, packet by packet.
//!
//! Packets in order pass at once. One that is early waits for the missing one: until it comes,
//! until [`HELD_PACKETS`] wait already, or for [`HOLD`]; then the hole counts as lost. There is
//! no play-out delay here: on a calm network nothing is delayed, on another [`Playout`] stands before.
//!
//! | arrives | effect |
//! |---|---|
//! | the next number | delivered, then what waited behind it |
//! | up to 8 ahead | waits |
//! | up to 100 ahead | what waits and this are delivered, the holes lost |
//! | behind, in the line of its timestamps | late: dropped |
//! | farther away, or with a foreign timestamp, twice in a row | delivered as a restart |
//! | any of these two after a second of nothing | delivered as a restart |
//! | another SSRC | delivered as a restart, at once |
//! | the SSRC before this one, while this one is heard | dropped: two sources overlap, the newer wins |

mod delays;
mod playout;

pub use delays::MAX_DELAY;
pub use playout::{Fate, MAX_DRY, Playout, Turn};

use crate::quality::LossPattern;
use crate::rtp::Header;
use std::time::{Duration, Instant};

/// Early packets that wait at most.
pub const HELD_PACKETS: usize = 2;
/// How long an early packet waits at most.
pub const HOLD: Duration = Duration::from_millis(30);
/// Farther ahead than this nothing is worth waiting for.
const MAX_WAIT_AHEAD: u16 = 8;
/// Farther away than this it is no longer the same sequence.
const MAX_AHEAD: u16 = 100;
const MAX_BEHIND: u16 = 100;
/// A source that was replaced may come back once its successor was silent for so long.
const OVERLAP: Duration = Duration::from_millis(100);

/// One packet in its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery<'a> {
    pub header: Header,
    pub payload: &'a [u8],
    /// Packets missing just before this one.
    pub lost: u16,
    /// The first packet of a source, or of a source that jumped: nothing connects it to what
    /// was before.
    pub restart: bool,
}

/// No network delivers a packet this late, so one from behind begins something new.
const ASLEEP: Duration = Duration::from_secs(1);

/// What [`Sequencer`] counted; figures only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SequenceCounters {
    /// In their turn.
    pub delivered: u64,
    pub lost: u64,
    /// Losses without a packet between them count once.
    pub holes: u64,
    /// All the time that packets waited for earlier ones.
    pub waited: Duration,
    /// Came too late, twice, or from a source that was replaced.
    pub late: u64,
    /// Came out of order and were put right.
    pub reordered: u64,
    pub restarts: u64,
}

/// Puts the packets of one input in order.
#[derive(Debug)]
pub struct Sequencer {
    /// Clock units in a second; farther apart than that a timestamp is foreign.
    clock_rate: u32,
    source: Option<Source>,
    /// The SSRC that was heard before.
    replaced: Option<u32>,
    held: [Held; HELD_PACKETS],
    held_since: Option<Instant>,
    counters: SequenceCounters,
    pattern: LossPattern,
}

#[derive(Debug)]
struct Source {
    ssrc: u32,
    next: u16,
    last: Header,
    /// Timestamp units between neighbours, as last seen.
    step: u32,
    heard: Instant,
    /// What a restarted source would send next.
    probation: Option<u16>,
}

#[derive(Debug, Default)]
struct Held {
    waits: bool,
    since: Option<Instant>,
    header: Header,
    payload: Vec<u8>,
}

impl Sequencer {
    /// `clock_rate` of the timestamps in Hz.
    pub fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate,
            source: None,
            replaced: None,
            held: Default::default(),
            held_since: None,
            counters: SequenceCounters::default(),
            pattern: LossPattern::default(),
        }
    }

    pub fn set_clock_rate(&mut self, clock_rate: u32) {
        self.clock_rate = clock_rate;
    }

    /// The source is about to change: whatever comes next is delivered as a restart. What waits
    /// is dropped, it is of the past.
    pub fn expect_restart(&mut self) {
        self.source = None;
        self.held_since = None;
        for held in &mut self.held {
            self.counters.late += u64::from(std::mem::take(&mut held.waits));
        }
    }

    pub const fn counters(&self) -> &SequenceCounters {
        &self.counters
    }

    /// How the losses lie, over all sources so far.
    pub const fn pattern(&self) -> &LossPattern {
        &self.pattern
    }

    /// SSRC that is heard now.
    pub fn ssrc(&self) -> Option<u32> {
        self.source.as_ref().map(|source| source.ssrc)
    }

    /// Takes one packet and delivers whatever has its turn now. `false` when the packet is of
    /// a source that was replaced, and not to be counted for the present one.
    pub fn push(
        &mut self,
        header: Header,
        payload: &[u8],
        now: Instant,
        mut deliver: impl FnMut(Delivery<'_>),
    ) -> bool {
        let Some(source) = &mut self.source else {
            self.restart(header, payload, now, &mut deliver);
            return true;
        };
        if source.ssrc != header.ssrc {
            let overlaps = now.saturating_duration_since(source.heard) < OVERLAP;
            if overlaps && self.replaced == Some(header.ssrc) {
                self.counters.late += 1;
                return false;
            }
            self.replaced = Some(source.ssrc);
            self.release(now, &mut deliver);
            self.restart(header, payload, now, &mut deliver);
            return true;
        }
        let slept = now.saturating_duration_since(source.heard) >= ASLEEP;
        source.heard = now;
        let ahead = header.sequence.wrapping_sub(source.next);
        let behind = source.next.wrapping_sub(header.sequence);
        if ahead == 0 {
            source.probation = None;
            let waited = self.held_since.is_some();
            self.counters.reordered += u64::from(waited);
            self.deliver_next(header, payload, 0, &mut deliver);
            self.drain(now, &mut deliver);
        } else if ahead <= MAX_WAIT_AHEAD {
            source.probation = None;
            self.hold(header, payload, now, &mut deliver);
        } else if ahead <= MAX_AHEAD {
            source.probation = None;
            self.release(now, &mut deliver);
            let lost = self
                .source
                .as_ref()
                .map_or(0, |source| header.sequence.wrapping_sub(source.next));
            self.deliver_next(header, payload, lost, &mut deliver);
        } else if slept {
            self.release(now, &mut deliver);
            self.restart(header, payload, now, &mut deliver);
        } else if behind <= MAX_BEHIND && !source.is_foreign(&header, self.clock_rate) {
            self.counters.late += 1;
        } else if source.probation == Some(header.sequence) {
            self.release(now, &mut deliver);
            self.restart(header, payload, now, &mut deliver);
        } else {
            source.probation = Some(header.sequence.wrapping_add(1));
            self.counters.late += 1;
        }
        true
    }

    /// Takes a packet of the source heard now whose turn has come: nothing before it is waited for any more.
    pub fn turn(
        &mut self,
        header: Header,
        payload: &[u8],
        now: Instant,
        mut deliver: impl FnMut(Delivery<'_>),
    ) {
        self.release(now, &mut deliver);
        let Some(source) = &mut self.source else {
            return;
        };
        source.heard = now;
        source.probation = None;
        let lost = header.sequence.wrapping_sub(source.next);
        self.deliver_next(header, payload, lost, &mut deliver);
    }

    /// Whether a packet of the source heard now would wait for earlier ones.
    pub fn is_early(&self, header: &Header) -> bool {
        self.source.as_ref().is_some_and(|source| {
            let ahead = header.sequence.wrapping_sub(source.next);
            source.ssrc == header.ssrc && (1..=MAX_WAIT_AHEAD).contains(&ahead)
        })
    }

    /// Whether a packet of the source heard now has not come yet and would still have its turn.
    pub fn lacks(&self, header: &Header) -> bool {
        self.source.as_ref().is_some_and(|source| {
            let ahead = header.sequence.wrapping_sub(source.next);
            source.ssrc == header.ssrc
                && ahead <= MAX_WAIT_AHEAD
                && !self
                    .held
                    .iter()
                    .any(|held| held.waits && held.header.sequence == header.sequence)
        })
    }

    /// Counts a packet of the source heard now that came when its turn had passed.
    pub fn too_late(&mut self, now: Instant) {
        self.counters.late += 1;
        if let Some(source) = &mut self.source {
            source.heard = now;
        }
    }

    /// Counts a packet that was overtaken, and that its buffer has put right.
    pub fn put_right(&mut self) {
        self.counters.reordered += 1;
    }

    /// When [`Self::handle_timeout`] gives up waiting.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.held_since.map(|since| since + HOLD)
    }

    /// Delivers what waited long enough.
    pub fn handle_timeout(&mut self, now: Instant, mut deliver: impl FnMut(Delivery<'_>)) {
        if self.poll_timeout().is_some_and(|at| at <= now) {
            self.release(now, &mut deliver);
        }
    }

    fn restart(
        &mut self,
        header: Header,
        payload: &[u8],
        now: Instant,
        deliver: &mut impl FnMut(Delivery<'_>),
    ) {
        self.counters.restarts += 1;
        self.counters.delivered += 1;
        self.pattern.note(0);
        self.source = Some(Source {
            ssrc: header.ssrc,
            next: header.sequence.wrapping_add(1),
            last: header,
            step: 0,
            heard: now,
            probation: None,
        });
        deliver(Delivery {
            header,
            payload,
            lost: 0,
            restart: true,
        });
    }

    fn deliver_next(
        &mut self,
        header: Header,
        payload: &[u8],
        lost: u16,
        deliver: &mut impl FnMut(Delivery<'_>),
    ) {
        if let Some(source) = &mut self.source {
            source.took(header);
        }
        self.counters.delivered += 1;
        self.counters.lost += u64::from(lost);
        self.counters.holes += u64::from(lost > 0);
        self.pattern.note(lost);
        deliver(Delivery {
            header,
            payload,
            lost,
            restart: false,
        });
    }

    fn hold(
        &mut self,
        header: Header,
        payload: &[u8],
        now: Instant,
        deliver: &mut impl FnMut(Delivery<'_>),
    ) {
        if self
            .held
            .iter()
            .any(|held| held.waits && held.header.sequence == header.sequence)
        {
            self.counters.late += 1;
            return;
        }
        if let Some(free) = self.held.iter_mut().find(|held| !held.waits) {
            free.waits = true;
            free.since = Some(now);
            free.header = header;
            free.payload.clear();
            free.payload.extend_from_slice(payload);
            self.held_since.get_or_insert(now);
            return;
        }
        // No room: what waits goes first, as far as it is older than this one.
        while let Some((at, _)) = self.earliest_held(Some(header.sequence)) {
            self.deliver_held(at, now, deliver);
        }
        let next = self.source.as_ref().map_or(header.sequence, |s| s.next);
        self.deliver_next(header, payload, header.sequence.wrapping_sub(next), deliver);
        self.drain(now, deliver);
    }

    /// Delivers what waits and is next in turn.
    fn drain(&mut self, now: Instant, deliver: &mut impl FnMut(Delivery<'_>)) {
        while let Some((at, 0)) = self.earliest_held(None) {
            self.deliver_held(at, now, deliver);
        }
        if !self.held.iter().any(|held| held.waits) {
            self.held_since = None;
        }
    }

    /// Delivers all that waits, holes or not.
    pub(crate) fn release(&mut self, now: Instant, deliver: &mut impl FnMut(Delivery<'_>)) {
        while let Some((at, _)) = self.earliest_held(None) {
            self.deliver_held(at, now, deliver);
        }
        self.held_since = None;
    }

    /// Index of the earliest packet that waits (older than `before`), and the hole before it.
    fn earliest_held(&self, before: Option<u16>) -> Option<(usize, u16)> {
        let next = self.source.as_ref()?.next;
        let limit = before.map_or(u16::MAX, |sequence| sequence.wrapping_sub(next));
        self.held
            .iter()
            .enumerate()
            .filter(|(_, held)| held.waits)
            .map(|(at, held)| (at, held.header.sequence.wrapping_sub(next)))
            .filter(|(_, ahead)| *ahead < limit)
            .min_by_key(|(_, ahead)| *ahead)
    }

    fn deliver_held(&mut self, at: usize, now: Instant, deliver: &mut impl FnMut(Delivery<'_>)) {
        let Some(held) = self.held.get_mut(at) else {
            return;
        };
        held.waits = false;
        let since = held.since.take().unwrap_or(now);
        self.counters.waited += now.saturating_duration_since(since);
        let header = held.header;
        let payload = std::mem::take(&mut held.payload);
        let next = self.source.as_ref().map_or(header.sequence, |s| s.next);
        let lost = header.sequence.wrapping_sub(next);
        self.deliver_next(header, &payload, lost, deliver);
        // The buffer goes back, so that the next one to wait costs no allocation.
        if let Some(held) = self.held.get_mut(at) {
            held.payload = payload;
        }
    }
}

impl Source {
    fn took(&mut self, header: Header) {
        if header.sequence == self.last.sequence.wrapping_add(1) {
            self.step = header.timestamp.wrapping_sub(self.last.timestamp);
        }
        self.next = header.sequence.wrapping_add(1);
        self.last = header;
    }

    /// Whether a packet from behind cannot belong to the line of numbers and timestamps
    /// heard so far.
    fn is_foreign(&self, header: &Header, clock_rate: u32) -> bool {
        let back = u32::from(self.last.sequence.wrapping_sub(header.sequence));
        let expected = self
            .last
            .timestamp
            .wrapping_sub(self.step.wrapping_mul(back));
        let off = (header.timestamp.wrapping_sub(expected) as i32).unsigned_abs();
        // Silence suppression leaves holes between timestamps, never more than the packets
        // of the window could span.
        off > clock_rate.saturating_mul(5)
    }
}

#[cfg(test)]
mod tests;
