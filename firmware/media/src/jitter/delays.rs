//! How late the packets of a source come, compared with the least delayed of them.
//!
//! The least delayed of the last one to two seconds is the measure, so clocks that differ and ways that change are
//! followed. What a buffer would have to hold back for nearly all packets to come in time is read from a histogram
//! that forgets.

use std::time::{Duration, Instant};

/// Most that a buffer holds back.
pub const MAX_DELAY: Duration = Duration::from_millis(200);
/// A listener behind us has a buffer for as much; less is not worth holding anything back.
const WORTH_IT: Duration = Duration::from_millis(20);
/// Packets that come later than the target, of all: more delay for fewer of them is worse than concealing them.
const LATE: f32 = 0.01;
/// Packets that the histogram remembers, about: ten seconds.
const MEMORY: f32 = 500.0;
/// Packets before anything is concluded: half a second.
const EVIDENCE: f32 = 25.0;
const BIN: Duration = Duration::from_millis(10);
const BINS: usize = 21;
/// Half of the time over which the least delayed packet is sought.
const LOOK: Duration = Duration::from_secs(1);
/// So much more delay all of a sudden, for good, is another way.
const LONGER_WAY_US: i64 = 40_000;
/// Farther off than this it is another time line.
const BROKEN_US: i64 = 2_000_000;

/// Delays of one source.
#[derive(Clone, Debug)]
pub struct Delays {
    clock_rate: u32,
    line: Option<Line>,
    bins: [f32; BINS],
    seen: f32,
    target: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    at: Instant,
    timestamp: u32,
    /// The least delay, in µs against the line, of this look and of the one before.
    least: i64,
    before: i64,
    since: Instant,
}

impl Delays {
    /// `clock_rate` of the timestamps in Hz.
    pub const fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate,
            line: None,
            bins: [0.0; BINS],
            seen: 0.0,
            target: Duration::ZERO,
        }
    }

    /// Another source begins.
    pub fn reset(&mut self) {
        *self = Self::new(self.clock_rate);
    }

    /// Notes a packet that came at `now`.
    pub fn note(&mut self, timestamp: u32, now: Instant) {
        let Some(mut line) = self.line else {
            self.line = Some(Line {
                at: now,
                timestamp,
                least: 0,
                before: 0,
                since: now,
            });
            return;
        };
        let off = line.off(timestamp, now, self.clock_rate);
        if (off - line.least.min(line.before)).abs() > BROKEN_US {
            self.reset();
            return;
        }
        if now.saturating_duration_since(line.since) >= LOOK {
            if line.least - line.before > LONGER_WAY_US {
                // Every packet of this look was later than the least delayed before: it is the way that is longer,
                // and what was remembered says nothing of it.
                self.bins = [0.0; BINS];
                self.seen = 0.0;
            }
            // The line is drawn anew through this packet, so that neither it nor timestamps wrap.
            line = Line {
                at: now,
                timestamp,
                // That of this packet, which the line goes through.
                least: 0,
                before: line.least - off,
                since: now,
            };
        } else {
            line.least = line.least.min(off);
        }
        self.line = Some(line);
        let late = Duration::from_micros(self.late_us(timestamp, now).max(0).unsigned_abs());
        self.remember(late);
    }

    /// How much later `timestamp` is at `at` than the least delayed packet would be.
    pub fn late(&self, timestamp: u32, at: Instant) -> Duration {
        Duration::from_micros(self.late_us(timestamp, at).max(0).unsigned_abs())
    }

    /// The timestamp behind a packet of so long.
    pub fn behind(&self, timestamp: u32, frame: Duration) -> u32 {
        let units = frame.as_micros() * u128::from(self.clock_rate) / 1_000_000;
        timestamp.wrapping_add(units as u32)
    }

    /// What is to be held back, 0 to [`MAX_DELAY`]; 0 on a network as calm as a listener's own buffer takes it.
    pub const fn target(&self) -> Duration {
        self.target
    }

    fn late_us(&self, timestamp: u32, at: Instant) -> i64 {
        self.line.map_or(0, |line| {
            line.off(timestamp, at, self.clock_rate) - line.least.min(line.before)
        })
    }

    fn remember(&mut self, late: Duration) {
        self.seen = (self.seen + 1.0).min(MEMORY);
        let weight = 1.0 / self.seen;
        let bin = (late.as_micros() / BIN.as_micros()).min(BINS as u128 - 1) as usize;
        let mut beyond = LATE;
        let mut target = None;
        for (n, share) in self.bins.iter_mut().enumerate().rev() {
            *share -= *share * weight;
            if n == bin {
                *share += weight;
            }
            beyond -= *share;
            if beyond < 0.0 && target.is_none() {
                target = Some(n);
            }
        }
        // All of a bin is covered by its upper end; of the first, nothing has to be.
        let wanted = match target.unwrap_or(0) {
            0 => Duration::ZERO,
            bin => BIN * (bin as u32 + 1),
        };
        self.target = if wanted <= WORTH_IT || self.seen < EVIDENCE {
            Duration::ZERO
        } else {
            wanted.min(MAX_DELAY)
        };
    }
}

impl Line {
    /// How much later than the line, in µs.
    fn off(&self, timestamp: u32, at: Instant, clock_rate: u32) -> i64 {
        let passed = match at.checked_duration_since(self.at) {
            Some(passed) => passed.as_micros() as i64,
            None => -(self.at.saturating_duration_since(at).as_micros() as i64),
        };
        let told = i64::from(timestamp.wrapping_sub(self.timestamp) as i32);
        passed - told * 1_000_000 / i64::from(clock_rate.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes packets of 20 ms, each delayed by what `delay` says of its number, in ms; the target then.
    fn target(packets: u64, delay: impl Fn(u64) -> u64) -> u128 {
        let mut delays = Delays::new(48_000);
        let start = Instant::now();
        for n in 0..packets {
            let at = start + Duration::from_millis(1_000 + n * 20 + delay(n));
            delays.note((n as u32).wrapping_mul(960), at);
        }
        delays.target().as_millis()
    }

    #[test]
    fn a_calm_network_asks_for_nothing() {
        assert_eq!(target(500, |_| 0), 0);
        assert_eq!(target(500, |n| n % 9), 0);
        // Once in a while is not worth a delay in every word.
        assert_eq!(target(500, |n| if n % 250 == 249 { 150 } else { 0 }), 0);
    }

    #[test]
    fn a_jittery_one_asks_for_its_jitter() {
        let jitter = |most: u64| move |n: u64| n * 7_919 % (most + 1);
        assert_eq!(target(500, jitter(59)), 60);
        assert_eq!(target(500, jitter(99)), 100);
        assert_eq!(target(500, jitter(500)), 200);
        assert_eq!(
            target(3_000, |n| if n < 500 { n * 7_919 % 100 } else { 0 }),
            0
        );
    }

    #[test]
    fn a_clock_that_errs_and_a_way_that_changed_are_no_jitter() {
        // 200 ppm, and once 300 ms longer for good.
        assert_eq!(target(60_000, |n| n * 20 / 5_000), 0);
        assert_eq!(target(2_000, |n| if n < 1_000 { 0 } else { 300 }), 0);
    }
}
