//! Safe mode: a gateway that cannot stand is not started for ever with what breaks it. Console and management stay.
//!
//! | state | event | becomes |
//! |---|---|---|
//! | usual | the gateway was restarted, fewer than [`CRASHES`] times within [`WITHIN`] | usual |
//! | usual | … [`CRASHES`] times or more | safe: the fail-safe configuration is to be applied |
//! | safe | a commit, or somebody says so | usual, nothing counted: the configuration in force is to be applied |
//! | safe | the gateway was restarted | safe: it ends even so, which is the fail-safe configuration's or the program's fault |
//! | any | the box starts | usual: safe mode is not kept on the disk, since what broke the gateway may have been of that run |

use std::collections::VecDeque;
use std::time::Duration;

/// Restarts that are too many …
pub const CRASHES: usize = 5;
/// … within this time. systemd waits up to 30 s between two.
pub const WITHIN: Duration = Duration::from_secs(5 * 60);

/// What the owner of the configuration is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Apply the fail-safe configuration: management, no trunks, no calls.
    Enter {
        /// Why, for the banner.
        reason: String,
    },
    /// Apply the configuration in force.
    Leave,
}

/// Counts how often the gateway ends. Times are since any moment, and never go back.
#[derive(Debug, Default)]
pub struct SafeMode {
    restarts: Option<u64>,
    crashes: VecDeque<Duration>,
    reason: Option<String>,
}

impl SafeMode {
    /// As the box starts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Why the box is in safe mode; none: it is not.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Takes how often the gateway was started anew since the box was started, and how it ended last (`Result` of its unit).
    /// To be called every few seconds.
    pub fn handle(&mut self, restarts: u64, result: &str, now: Duration) -> Option<Action> {
        let before = self.restarts.replace(restarts);
        // The service manager forgets its count when somebody starts the unit by hand.
        let new = before.map_or(0, |before| restarts.saturating_sub(before));
        self.crashes
            .extend((0..new.min(CRASHES as u64)).map(|_| now));
        self.crashes.retain(|at| now.saturating_sub(*at) <= WITHIN);
        while self.crashes.len() > CRASHES {
            self.crashes.pop_front();
        }
        if self.reason.is_some() || self.crashes.len() < CRASHES {
            return None;
        }
        let how = match result {
            "watchdog" => "hung",
            "oom-kill" => "ran out of memory",
            "timeout" => "did not start in time",
            "core-dump" | "signal" => "crashed",
            _ => "ended",
        };
        let minutes = WITHIN.as_secs() / 60;
        let reason =
            format!("safe mode: the gateway {how} {CRASHES} times within {minutes} minutes");
        self.reason = Some(reason.clone());
        self.crashes.clear();
        Some(Action::Enter { reason })
    }

    /// A configuration was committed, or somebody wants out.
    pub fn leave(&mut self) -> Option<Action> {
        self.crashes.clear();
        self.reason.take().map(|_| Action::Leave)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn five_crashes_in_five_minutes_lead_to_safe_mode_and_a_commit_out_of_it() {
        let mut safe = SafeMode::new();
        // What went before is not counted.
        assert_eq!(safe.handle(40, "success", seconds(0)), None);
        for (at, restarts) in [(10, 41), (20, 42), (30, 44)] {
            assert_eq!(safe.handle(restarts, "signal", seconds(at)), None);
        }
        let reason = "safe mode: the gateway crashed 5 times within 5 minutes".to_owned();
        let enter = Action::Enter {
            reason: reason.clone(),
        };
        assert_eq!(safe.handle(45, "signal", seconds(40)), Some(enter));
        assert_eq!(safe.reason(), Some(reason.as_str()));
        assert_eq!(safe.handle(60, "signal", seconds(50)), None, "once");
        assert_eq!(safe.leave(), Some(Action::Leave));
        assert_eq!(safe.leave(), None);
        assert_eq!(safe.reason(), None);
        assert_eq!(
            safe.handle(64, "watchdog", seconds(60)),
            None,
            "counted anew"
        );
        assert!(
            safe.handle(65, "watchdog", seconds(61))
                .is_some_and(|action| {
                    matches!(action, Action::Enter { reason } if reason.contains("hung"))
                })
        );
    }

    #[test]
    fn crashes_far_apart_and_counts_that_begin_anew_do_not() {
        let mut safe = SafeMode::new();
        for at in 0..100 {
            assert_eq!(safe.handle(at, "signal", seconds(at * 76)), None, "{at}");
        }
        assert_eq!(safe.handle(0, "success", seconds(8000)), None);
        assert_eq!(safe.handle(1, "signal", seconds(8001)), None);
    }
}
