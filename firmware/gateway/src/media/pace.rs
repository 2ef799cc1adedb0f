//! How long a media thread lets datagrams gather before it serves them.
//!
//! A thread that is woken for each datagram spends more on waking than on the datagram. So between the beginnings of two
//! turns lies a gap which grows with the rate at which datagrams come, and is none where few do:
//!
//! | datagrams a second | gap |
//! |---|---|
//! | below [`SPARSE`] | none: each is served as it comes |
//! | more | until about [`GATHERED`] have come, at most [`LONGEST`] |
//!
//! A turn that takes longer than the gap is followed by the next one at once.

use std::time::{Duration, Instant};

/// Datagrams a second below which nothing is gained.
const SPARSE: u32 = 1_000;
/// Datagrams worth a turn.
const GATHERED: u32 = 16;
/// What a gap may add to a packet's way at the most; the mean is half of it.
pub const LONGEST: Duration = Duration::from_millis(2);
/// Between two looks at the rate.
const WINDOW: Duration = Duration::from_millis(200);

/// See the module.
#[derive(Debug)]
pub struct Pace {
    since: Instant,
    datagrams: u32,
    gap: Duration,
}

impl Pace {
    pub fn new(now: Instant) -> Self {
        Self {
            since: now,
            datagrams: 0,
            gap: Duration::ZERO,
        }
    }

    /// A turn has served so many datagrams.
    pub fn served(&mut self, datagrams: u32, now: Instant) {
        self.datagrams = self.datagrams.saturating_add(datagrams);
        let span = now.saturating_duration_since(self.since);
        if span < WINDOW {
            return;
        }
        let each = span / self.datagrams.max(1);
        self.gap = if each > Duration::from_secs(1) / SPARSE {
            Duration::ZERO
        } else {
            (each * GATHERED).min(LONGEST)
        };
        self.since = now;
        self.datagrams = 0;
    }

    /// How long to wait at `now`, when something has come and the last turn began at `last`.
    pub fn wait(&self, last: Instant, now: Instant) -> Duration {
        (last + self.gap).saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(datagrams: u32, milliseconds: u64) -> Duration {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let end = start + Duration::from_millis(milliseconds);
        pace.served(datagrams, end);
        pace.wait(end, end)
    }

    #[test]
    fn few_are_served_at_once_and_many_in_batches() {
        assert_eq!(after(0, 500), Duration::ZERO);
        assert_eq!(after(100, 200), Duration::ZERO, "ten calls or so");
        assert_eq!(after(400, 200), LONGEST);
        assert_eq!(after(3_200, 200), Duration::from_millis(1));
        assert_eq!(after(32_000, 200), Duration::from_micros(100));
        assert_eq!(after(400, 100), Duration::ZERO, "not known yet");
    }

    #[test]
    fn a_turn_that_took_long_is_followed_at_once() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let now = start + WINDOW;
        pace.served(400, now);
        let later = |us| now + Duration::from_micros(us);
        assert_eq!(pace.wait(now, later(500)), Duration::from_micros(1_500));
        assert_eq!(pace.wait(now, later(5_000)), Duration::ZERO);
    }
}
