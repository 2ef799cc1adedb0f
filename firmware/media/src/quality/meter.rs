//! Counters that only grow into what an interval added to them.

use super::pattern::burst_ratio;
use crate::path::PathCounters;
use std::time::Duration;

/// Fewer packets than this say nothing: a second of ordinary sound.
const MIN_PACKETS: u64 = 50;
/// A far side that counts more between two reports has begun anew.
const MAX_STEP: u32 = 3_000;
/// Intervals that a report of the far side speaks for: browsers report every 2.5 to 7.5 s, some PBXes less often.
const REPORT_LASTS: u8 = 3;

/// What a far side says of the stream it gets from us (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemoteReception {
    pub cumulative_lost: i32,
    /// Extended.
    pub highest_sequence: u32,
    /// Numbers that we had left out until then, because they were lost before us: [`PathCounters::passed_on`].
    pub passed_on: u64,
}

/// Of one direction, since the last look at it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Packets that should have come to the box.
    pub expected: u32,
    /// Of these those that were not there in time.
    pub lost: u32,
    pub burst_ratio: f32,
    /// Frames made up by the box.
    pub concealed: u32,
    /// How long a packet waited in the box for its turn, on average.
    pub waited: Duration,
    /// What was lost behind the box, 0…1; `None` while the far side says nothing.
    pub loss_after: Option<f32>,
}

impl Interval {
    /// 0…1.
    pub fn loss(&self) -> f32 {
        self.lost as f32 / self.expected.max(1) as f32
    }
}

/// Remembers where the last interval of a direction ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meter {
    seen: PathCounters,
    remote: Option<RemoteReception>,
    loss_after: Option<f32>,
    /// Intervals since the far side last reported.
    stale: u8,
}

impl Meter {
    /// What came since the last call; `None` when that is too little to be judged, and it is then part of the next
    /// interval. `first_sequence` is that of the stream the far side reports on.
    pub fn take(
        &mut self,
        counters: &PathCounters,
        remote: Option<RemoteReception>,
        first_sequence: u16,
    ) -> Option<Interval> {
        let since = |now: u64, before: u64| now.saturating_sub(before);
        let seen = &self.seen;
        let lost = since(counters.lost, seen.lost);
        let delivered = since(counters.delivered, seen.delivered);
        let expected = delivered + lost;
        if expected < MIN_PACKETS {
            return None;
        }
        let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let holes = since(counters.holes, seen.holes);
        let waited = counters.waited.saturating_sub(seen.waited);
        let interval = Interval {
            expected: small(expected),
            lost: small(lost),
            burst_ratio: burst_ratio(expected, lost, holes),
            concealed: small(since(counters.concealed, seen.concealed)),
            waited: waited / small(delivered).max(1),
            loss_after: self.after(remote, first_sequence),
        };
        self.seen = *counters;
        Some(interval)
    }

    /// What was not looked at is not to be judged: the next interval begins here.
    pub fn skip(&mut self, counters: &PathCounters) {
        self.seen = *counters;
    }

    fn after(&mut self, remote: Option<RemoteReception>, first_sequence: u16) -> Option<f32> {
        let remote = remote?;
        let before = self.remote.unwrap_or(RemoteReception {
            highest_sequence: u32::from(first_sequence).wrapping_sub(1),
            ..RemoteReception::default()
        });
        if self.remote == Some(remote) {
            self.stale = self.stale.saturating_add(1);
            if self.stale >= REPORT_LASTS {
                self.loss_after = None;
            }
            return self.loss_after;
        }
        self.stale = 0;
        let step = remote
            .highest_sequence
            .wrapping_sub(before.highest_sequence);
        if step == 0 {
            return self.loss_after;
        }
        self.remote = Some(remote);
        self.loss_after = (step <= MAX_STEP).then(|| {
            let own = |r: &RemoteReception| {
                i64::from(r.cumulative_lost) - i64::try_from(r.passed_on).unwrap_or(i64::MAX)
            };
            let lost = own(&remote).saturating_sub(own(&before));
            (lost.max(0) as f32 / step as f32).min(1.0)
        });
        self.loss_after
    }
}
