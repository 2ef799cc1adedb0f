//! Sequence numbers and timestamps of the output: one line for the whole call.
//!
//! | packets | sequence number |
//! |---|---|
//! | pass one to one | the input's plus an offset: holes stay, and who comes late has a place |
//! | become several, or none | the offset changes behind them; a few earlier offsets are kept for who comes late |
//! | are put in order first | the next; a loss leaves one number out |
//!
//! Timestamps are the input's plus an offset. Where another source begins, the offset is such that the time that
//! really passed lies between.

use crate::path::OutputIdentity;
use crate::rtp::Header;
use std::time::{Duration, Instant};

const CLOCK_RATE: u32 = 90_000;
/// Offsets that are remembered.
const OFFSETS: usize = 16;
/// Between two sources at least: 1 ms.
const STEP: u32 = 90;

#[derive(Debug)]
pub(super) struct Numbers {
    ssrc: u32,
    /// Behind the highest that left.
    next: u16,
    /// From which input number on which offset counts, in order; the first is where the run began.
    offsets: Vec<(u64, u16)>,
    /// Something is missing before what leaves next in order.
    hole: bool,
    first_timestamp: u32,
    /// Of timestamps, and for which SSRC of the input.
    shift: Option<(u32, u32)>,
    /// When the latest timestamp first left.
    last: Option<(Instant, u32)>,
}

impl Numbers {
    pub(super) fn new(out: OutputIdentity) -> Self {
        Self {
            ssrc: out.ssrc,
            next: out.first_sequence,
            offsets: Vec::with_capacity(OFFSETS),
            hole: false,
            first_timestamp: out.first_timestamp,
            shift: None,
            last: None,
        }
    }

    pub(super) const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Nothing of the input has a place until [`Self::begin`].
    pub(super) fn wait(&mut self) {
        self.offsets.clear();
        self.hole = false;
    }

    /// What leaves next comes right behind what left; its input number is `number`.
    pub(super) fn begin(&mut self, number: u64, input: &Header, now: Instant) {
        self.hole = false;
        self.connect(number);
        let shift = match self.last {
            None => self.first_timestamp.wrapping_sub(input.timestamp),
            Some((at, last)) => {
                let passed = units(now.saturating_duration_since(at)).max(STEP);
                let due = last.wrapping_add(passed);
                // The same source after a pause: its own clock knows best, if it went on.
                let goes_on = self.shift.filter(|(shift, ssrc)| {
                    let would_be = input.timestamp.wrapping_add(*shift);
                    let off = would_be.wrapping_sub(due) as i32;
                    let is_later = would_be.wrapping_sub(last) as i32 > 0;
                    *ssrc == input.ssrc && is_later && off.unsigned_abs() < CLOCK_RATE
                });
                goes_on.map_or(due.wrapping_sub(input.timestamp), |(shift, _)| shift)
            }
        };
        self.shift = Some((shift, input.ssrc));
    }

    /// From `number` on the input's numbers follow what left last.
    pub(super) fn connect(&mut self, number: u64) {
        self.next = self.in_order();
        self.offsets.clear();
        self.offsets
            .push((number, self.next.wrapping_sub(number as u16)));
    }

    /// The output's number for one of the input; `None` when it is too old.
    pub(super) fn of(&self, number: u64) -> Option<u16> {
        let mut known = self.offsets.iter().rev();
        let (_, offset) = known.find(|(from, _)| *from <= number)?;
        Some(offset.wrapping_add(number as u16))
    }

    /// `packets` leave in front of `number`, or one less than the input has from there on (−1).
    pub(super) fn shift(&mut self, number: u64, packets: i16) {
        let Some(&(from, offset)) = self.offsets.last() else {
            return;
        };
        let offset = offset.wrapping_add_signed(packets);
        // Nothing came between: packets left out in a row are one change.
        let is_same = from == number || (packets < 0 && from + 1 == number);
        if is_same && let Some(last) = self.offsets.last_mut() {
            *last = (number, offset);
            return;
        }
        if self.offsets.len() >= OFFSETS {
            self.offsets.remove(0);
        }
        self.offsets.push((number, offset));
    }

    /// What is put in order from `number` on follows the numbers the input had before.
    pub(super) fn order_from(&mut self, number: u64) {
        if let Some(next) = self.of(number) {
            self.next = next;
        }
    }

    /// Something is lost before what leaves next in order.
    pub(super) fn leave_hole(&mut self) {
        self.hole = true;
    }

    /// The next number in order.
    pub(super) fn in_order(&mut self) -> u16 {
        if std::mem::take(&mut self.hole) {
            self.next = self.next.wrapping_add(1);
        }
        self.next
    }

    /// The header of a packet that leaves now with a sequence number from here.
    pub(super) fn header(
        &mut self,
        sequence: u16,
        payload_type: u8,
        input: &Header,
        marker: bool,
        now: Instant,
    ) -> Header {
        let shift = self.shift.map_or(0, |(shift, _)| shift);
        let timestamp = input.timestamp.wrapping_add(shift);
        if sequence.wrapping_sub(self.next) as i16 >= 0 {
            self.next = sequence.wrapping_add(1);
            if self.last.is_none_or(|(_, last)| timestamp != last) {
                self.last = Some((now, timestamp));
            }
        }
        Header {
            marker,
            payload_type,
            sequence,
            timestamp,
            ssrc: self.ssrc,
        }
    }

    /// The timestamp that belongs to `now`, for a sender report; `None` before the first packet.
    pub(super) fn at(&self, now: Instant) -> Option<u32> {
        let (at, timestamp) = self.last?;
        Some(timestamp.wrapping_add(units(now.saturating_duration_since(at))))
    }
}

/// A time in units of the clock; wraps as timestamps do.
fn units(time: Duration) -> u32 {
    (time.as_micros() * u128::from(CLOCK_RATE) / 1_000_000) as u32
}
