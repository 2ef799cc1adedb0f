//! When the box has more to do than it can: calls that stand go first, new ones wait, and those that waited too long
//! are refused with 503 and `Retry-After` (RFC 3261 section 21.5.4) before anything else is done for them.
//!
//! An INVITE that begins a call waits in a queue of its own and is looked at only when the switch has nothing else to
//! do ([`crate::io::inbox`]). So the time it waited there is the box's lag, whatever it comes from, and needs no clock
//! of its own.
//!
//! | state | a new call that waited | next | the call |
//! |---|---|---|---|
//! | calm | up to [`PATIENCE`] | calm | is taken |
//! | calm | longer | shedding | is refused |
//! | shedding | longer than [`PATIENCE`] | shedding | is refused |
//! | shedding | up to [`PATIENCE`] | shedding | is taken |
//! | shedding | up to [`PATIENCE`], and none was refused for [`CALM_AFTER`] | calm | is taken |
//!
//! A box with as many calls as it may have refuses new ones in the same way: an INVITE that cannot be taken leaves no
//! transaction behind.

use std::time::{Duration, Instant};

/// How long a new call may wait: half of what a caller waits before it sends its INVITE again (T1, 500 ms).
pub const PATIENCE: Duration = Duration::from_millis(250);
/// Without a refusal for so long it is over.
pub const CALM_AFTER: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug, Default)]
pub struct Overload {
    /// When the last call was refused; none while it is calm.
    refused_at: Option<Instant>,
    /// Calls refused since the start.
    refused: u64,
}

/// What became of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Began,
    Ended,
}

impl Overload {
    /// Whether a call that waited from `came` to `now` is refused, and whether the state has changed.
    pub fn judge(&mut self, came: Instant, now: Instant) -> (bool, Option<Turn>) {
        let refuse = now.saturating_duration_since(came) > PATIENCE;
        let turn = if refuse {
            self.refused += 1;
            let before = self.refused_at.replace(now);
            before.is_none().then_some(Turn::Began)
        } else {
            let over = |at: Instant| now.saturating_duration_since(at) >= CALM_AFTER;
            let ended = self.refused_at.is_some_and(over);
            ended.then(|| {
                self.refused_at = None;
                Turn::Ended
            })
        };
        (refuse, turn)
    }

    /// Calls refused since the start.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Calls were refused a moment ago.
    pub fn is_shedding(&self) -> bool {
        self.refused_at.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_module() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut overload = Overload::default();
        assert_eq!(overload.judge(at(0), at(250)), (false, None));
        assert_eq!(overload.judge(at(0), at(251)), (true, Some(Turn::Began)));
        assert_eq!(overload.judge(at(0), at(600)), (true, None));
        assert!(overload.is_shedding());
        assert_eq!(overload.judge(at(600), at(700)), (false, None));
        assert_eq!(
            overload.judge(at(5_599), at(5_600)),
            (false, Some(Turn::Ended))
        );
        assert!(!overload.is_shedding());
        assert_eq!(overload.refused(), 2);
    }
}
