//! How busy the thread is, and so how hard its encoders may work.

use causeway_media::steering::Effort;
use std::time::{Duration, Instant};

const ROUND: Duration = Duration::from_secs(1);

/// A second or so that has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// Thousandths of the time that turns took.
    pub busy_permille: u64,
    /// Of encoders, as libopus counts, from now on.
    pub complexity: u8,
}

/// The turns of one thread.
#[derive(Debug)]
pub struct Turns {
    since: Instant,
    busy: Duration,
    effort: Effort,
}

impl Turns {
    pub fn new(now: Instant) -> Self {
        Self {
            since: now,
            busy: Duration::ZERO,
            effort: Effort::default(),
        }
    }

    /// A turn that began at `began` is over; how it stands, once a second.
    pub fn note(&mut self, began: Instant, now: Instant) -> Option<Round> {
        self.busy += now.saturating_duration_since(began);
        let round = now.saturating_duration_since(self.since);
        if round < ROUND {
            return None;
        }
        let busy = self.busy.as_secs_f32() / round.as_secs_f32();
        self.since = now;
        self.busy = Duration::ZERO;
        Some(Round {
            busy_permille: (busy * 1000.0) as u64,
            complexity: self.effort.note(busy),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_thread_asks_for_less_work_and_an_idle_one_for_more() {
        let mut now = Instant::now();
        let mut turns = Turns::new(now);
        let mut second = |busy: u64| {
            (0..100).fold(None, |last, _| {
                let began = now;
                let ended = now + Duration::from_micros(busy * 100);
                now += Duration::from_millis(10);
                let round = turns.note(began, ended).map(|round| round.complexity);
                round.or(last)
            })
        };
        // Per cent of the time.
        second(10);
        assert_eq!(second(10), Some(5));
        second(95);
        assert_eq!(second(95), Some(0));
        (0..20).for_each(|_| _ = second(10));
        assert_eq!(second(10), Some(5));
    }
}
