//! Sequence numbers and timestamps of the output: one unbroken line for the whole call, whatever
//! the input does.
//!
//! Sound that follows sound takes the next timestamp. After anything else (hold, another source,
//! digits) the timestamp moves on by the time that really passed, in whole packets, and the
//! marker says that something new begins (RFC 3550 section 5.1, RFC 3551 section 4.1).

use super::OutputIdentity;
use crate::rtp::Header;
use std::time::{Duration, Instant};

#[derive(Clone, Debug)]
pub(super) struct Timeline {
    ssrc: u32,
    clock_rate: u32,
    sequence: u16,
    /// Where sound goes on.
    timestamp: u32,
    /// When the last packet left, and its timestamp.
    last: Option<(Instant, u32)>,
    marker: bool,
}

impl Timeline {
    pub(super) const fn new(identity: OutputIdentity, clock_rate: u32) -> Self {
        Self {
            ssrc: identity.ssrc,
            clock_rate,
            sequence: identity.first_sequence,
            timestamp: identity.first_timestamp,
            last: None,
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
        self.marker = true;
    }

    /// Moves on to where `now` is, in steps of `quantum` units, never back; the next packet
    /// bears the marker.
    pub(super) fn realign(&mut self, now: Instant, quantum: u32) {
        self.marker = true;
        let Some((at, timestamp)) = self.last else {
            return;
        };
        let quantum = u64::from(quantum.max(1));
        let elapsed = now.saturating_duration_since(at);
        let units = (elapsed.as_micros() * u128::from(self.clock_rate) / 1_000_000) as u64;
        let passed = (units + quantum / 2) / quantum * quantum;
        let spanned = u64::from(self.timestamp.wrapping_sub(timestamp));
        self.timestamp = self
            .timestamp
            .wrapping_add(passed.saturating_sub(spanned) as u32);
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
