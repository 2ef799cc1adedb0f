//! Sequence numbers and timestamps of the output: one unbroken line for the whole call, whatever
//! the input does.
//!
//! Sound that follows sound takes the next timestamp. After anything else (hold, another source,
//! digits) the timestamp moves on by the time that really passed, in whole packets, and the
//! marker says that something new begins (RFC 3550 section 5.1, RFC 3551 section 4.1).
//!
//! Where "now" is in timestamps, the least delayed packets say: [`Line`]. Sound that falls behind it and
//! stays there (a source whose clock stood still for a moment, or that was slow to go on) would be
//! played that much later for the rest of the call, so it is moved on too: [`Timeline::has_slipped`].

use super::OutputIdentity;
use crate::rtp::Header;
use std::time::{Duration, Instant};

/// Sound is looked at for so long before it is said to have slipped: a network that stalls delivers
/// what it kept at once afterwards, and within this time some packet is as early as ever.
const LOOK: Duration = Duration::from_millis(400);
/// Being later than this in every packet of a look is a slip; less is left to the listener's
/// jitter buffer and to clocks that differ.
const SLIP: Duration = Duration::from_millis(60);

#[derive(Clone, Debug)]
pub(super) struct Timeline {
    ssrc: u32,
    clock_rate: u32,
    sequence: u16,
    /// Where sound goes on.
    timestamp: u32,
    /// When the last packet left, and its timestamp.
    last: Option<(Instant, u32)>,
    line: Option<Line>,
    marker: bool,
}

/// The timestamps of packets that were not delayed, against the clock.
#[derive(Clone, Copy, Debug)]
struct Line {
    at: Instant,
    timestamp: u32,
    /// The look's first packet, and the least that a packet of it was late.
    since: Option<Instant>,
    least: Duration,
    slipped: bool,
}

impl Line {
    const fn new(at: Instant, timestamp: u32) -> Self {
        Self {
            at,
            timestamp,
            since: None,
            least: Duration::MAX,
            slipped: false,
        }
    }

    /// A packet with `timestamp` left at `now`.
    fn note(&mut self, timestamp: u32, now: Instant, clock_rate: u32) {
        let due = self
            .timestamp
            .wrapping_add(units(now.saturating_duration_since(self.at), clock_rate));
        let behind = due.wrapping_sub(timestamp) as i32;
        let late = Duration::from_micros(
            u64::from(behind.max(0).unsigned_abs()) * 1_000_000 / u64::from(clock_rate.max(1)),
        );
        self.least = self.least.min(late);
        if behind <= 0 {
            // As early as ever, or earlier: the line goes through it.
            (self.at, self.timestamp) = (now, timestamp);
        }
        // Counted from the first packet: a look that spans a stall ends behind what was kept back.
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) >= LOOK {
            self.slipped = self.least > SLIP;
            if !self.slipped {
                // Clocks differ: the line follows the source's.
                self.at += self.least;
            }
            self.since = None;
            self.least = Duration::MAX;
        }
    }
}

impl Timeline {
    pub(super) const fn new(identity: OutputIdentity, clock_rate: u32) -> Self {
        Self {
            ssrc: identity.ssrc,
            clock_rate,
            sequence: identity.first_sequence,
            timestamp: identity.first_timestamp,
            last: None,
            line: None,
            marker: true,
        }
    }

    pub(super) const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Timestamps count another clock from now on; their value goes on where it is.
    pub(super) fn set_clock_rate(&mut self, clock_rate: u32) {
        self.clock_rate = clock_rate;
        if let Some((_, timestamp)) = &mut self.last {
            *timestamp = self.timestamp;
        }
        self.line = None;
        self.marker = true;
    }

    /// Whether the sound has been behind its time long enough to be moved on.
    pub(super) fn has_slipped(&self) -> bool {
        self.line.is_some_and(|line| line.slipped)
    }

    /// Moves on to where `now` is, in steps of `quantum` units, never back; the next packet
    /// bears the marker.
    pub(super) fn realign(&mut self, now: Instant, quantum: u32) {
        self.marker = true;
        let reference = self.line.map(|line| (line.at, line.timestamp));
        let Some((at, timestamp)) = reference.or(self.last) else {
            return;
        };
        let quantum = i64::from(quantum.max(1));
        // A hold may last longer than timestamps take to wrap: counted in full.
        let elapsed = now.saturating_duration_since(at);
        let passed = (elapsed.as_micros() * u128::from(self.clock_rate) / 1_000_000) as i64;
        let spanned = i64::from(self.timestamp.wrapping_sub(timestamp) as i32);
        let ahead = (passed - spanned + quantum / 2) / quantum * quantum;
        self.timestamp = self.timestamp.wrapping_add(ahead.max(0) as u32);
        // What follows is looked at anew, and a long time ago is no reference for it.
        self.line = Some(Line::new(now, self.timestamp));
    }

    /// Leaves out `units` of sound without a marker, and `packets` numbers, so that the far
    /// side sees the loss that we saw.
    pub(super) fn skip(&mut self, units: u32, packets: u16) {
        self.timestamp = self.timestamp.wrapping_add(units);
        self.sequence = self.sequence.wrapping_add(packets);
    }

    /// The header of the next packet of sound; [`Self::sent`] takes it.
    pub(super) const fn next(&self, payload_type: u8) -> Header {
        Header {
            marker: self.marker,
            payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
        }
    }

    /// A packet of `units` with the header of [`Self::next`] left.
    pub(super) fn sent(&mut self, units: u32, now: Instant) {
        let timestamp = self.timestamp;
        self.line
            .get_or_insert(Line::new(now, timestamp))
            .note(timestamp, now, self.clock_rate);
        self.last = Some((now, self.timestamp));
        self.timestamp = self.timestamp.wrapping_add(units);
        self.sequence = self.sequence.wrapping_add(1);
        self.marker = false;
    }

    /// Where an event that begins now stands.
    pub(super) const fn position(&self) -> u32 {
        self.timestamp
    }

    /// The header of an event packet, which leaves at once. The event began at `begin` and has
    /// reached `total` units, of which the last packet time is `quantum`.
    pub(super) fn event(
        &mut self,
        payload_type: u8,
        marker: bool,
        segment: u32,
        begin: u32,
        (total, quantum): (u32, u32),
        now: Instant,
    ) -> Header {
        let header = Header {
            marker,
            payload_type,
            sequence: self.sequence,
            timestamp: begin.wrapping_add(segment),
            ssrc: self.ssrc,
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = begin.wrapping_add(total);
        self.last = Some((now, begin.wrapping_add(total.saturating_sub(quantum))));
        self.marker = true;
        header
    }

    /// When the last packet left.
    pub(super) fn last_sent(&self) -> Option<Instant> {
        self.last.map(|(at, _)| at)
    }

    /// The timestamp that belongs to `now`, for a sender report; `None` before the first packet.
    pub(super) fn at(&self, now: Instant) -> Option<u32> {
        let (at, timestamp) = self.last?;
        let units = units(now.saturating_duration_since(at), self.clock_rate);
        Some(timestamp.wrapping_add(units))
    }
}

/// A time in units of a clock; wraps as timestamps do.
pub(super) fn units(time: Duration, clock_rate: u32) -> u32 {
    (time.as_micros() * u128::from(clock_rate) / 1_000_000) as u32
}
