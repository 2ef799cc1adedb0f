//! When the source is asked for a key frame.

use std::time::{Duration, Instant};

/// Between two requests at least.
const LEAST: Duration = Duration::from_millis(500);
/// A key frame that has not come is asked for again.
const AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct KeyFrameRequest {
    /// Wanted since the source was last asked.
    is_new: bool,
    /// Wanted, and none has come.
    is_missing: bool,
    asked: Option<Instant>,
}

impl KeyFrameRequest {
    pub(super) fn want(&mut self) {
        self.is_new = true;
        self.is_missing = true;
    }

    /// Wanted, but not more than before.
    pub(super) fn miss(&mut self) {
        if !self.is_missing {
            self.want();
        }
    }

    /// What was asked before is another matter: if one is missing, the source of now is asked.
    pub(super) fn renew(&mut self) {
        self.is_new = self.is_missing;
    }

    /// A key frame left.
    pub(super) fn came(&mut self) {
        self.is_new = false;
        self.is_missing = false;
    }

    pub(super) fn take(&mut self, now: Instant) -> bool {
        let is_due = self.is_missing && self.due().is_none_or(|due| due <= now);
        if is_due {
            self.is_new = false;
            self.asked = Some(now);
        }
        is_due
    }

    /// `None`: at once, or never.
    pub(super) fn due(&self) -> Option<Instant> {
        let after = if self.is_new { LEAST } else { AGAIN };
        self.asked
            .filter(|_| self.is_missing)
            .map(|asked| asked + after)
    }
}
