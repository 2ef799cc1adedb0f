//! When the source is asked for a key frame.
//!
//! The question may be lost on the way, come before the source can hear it, or be answered by a key frame that is lost:
//! at first it is repeated soon, so that a picture begins within a second all the same.

use std::time::{Duration, Instant};

/// Between two requests at least, where something new makes one wanted.
const LEAST: Duration = Duration::from_millis(500);
/// A source that has just begun brings a key frame by itself, or is asked then.
const BEGUN: Duration = Duration::from_millis(100);
/// A key frame that has not come is asked for again: so soon the first times,
const SOON: Duration = Duration::from_millis(250);
const FIRST_TIMES: u32 = 3;
/// and so late later.
const AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct KeyFrameRequest {
    /// Wanted, and none has come.
    is_missing: bool,
    /// When the source is to be asked; none: at once.
    due: Option<Instant>,
    asked: Option<Instant>,
    /// Times it was asked for the one that is missing.
    times: u32,
}

impl KeyFrameRequest {
    pub(super) fn want(&mut self) {
        let due = self.asked.map(|asked| asked + LEAST);
        if !self.is_missing {
            self.is_missing = true;
            self.due = due;
            self.times = 0;
        } else if let Some(due) = due {
            self.hasten(due);
        }
    }

    /// Wanted, but not more than before.
    pub(super) fn miss(&mut self) {
        if !self.is_missing {
            self.want();
        }
    }

    /// What was asked before was asked of another: if one is missing, the source of now is asked.
    pub(super) fn renew(&mut self, now: Instant) {
        self.times = 0;
        self.hasten(now + BEGUN);
    }

    /// A key frame left.
    pub(super) fn came(&mut self) {
        self.is_missing = false;
    }

    pub(super) fn take(&mut self, now: Instant) -> bool {
        let is_due = self.is_missing && self.due.is_none_or(|due| due <= now);
        if is_due {
            self.times = self.times.saturating_add(1);
            self.asked = Some(now);
            let wait = if self.times <= FIRST_TIMES {
                SOON
            } else {
                AGAIN
            };
            self.due = Some(now + wait);
        }
        is_due
    }

    /// `None`: at once, or never.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due.filter(|_| self.is_missing)
    }

    fn hasten(&mut self, to: Instant) {
        self.due = self.due.map(|due| due.min(to));
    }
}
