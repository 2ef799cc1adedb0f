//! When a name is looked up again.
//!
//! | state | event | next |
//! |---|---|---|
//! | Due | asked | UnderWay |
//! | UnderWay | found, holds for `ttl` | Due after `ttl`, clamped to 30 s … 1 h |
//! | UnderWay | nothing found | Due after 1, 2, 4 … 60 s |
//! | Due | [`Upkeep::hurry`]: a target has failed | Due at once, at most every 5 s |
//!
//! What was found last stays in use in every state.

use std::time::{Duration, Instant};

/// An answer is not asked for again sooner, whatever its TTL.
pub const SHORTEST: Duration = Duration::from_secs(30);
/// Nor later.
pub const LONGEST: Duration = Duration::from_secs(3_600);
/// The first and the longest wait after a failure.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LAST_WAIT: Duration = Duration::from_secs(60);
/// Between two questions that failing targets cause.
const HURRY: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Due(Instant),
    UnderWay,
}

/// The timer of one name.
#[derive(Debug, Clone)]
pub struct Upkeep {
    state: State,
    asked: Option<Instant>,
    failures: u32,
}

impl Upkeep {
    /// Due at once.
    pub const fn new(now: Instant) -> Self {
        Self {
            state: State::Due(now),
            asked: None,
            failures: 0,
        }
    }

    /// Whether to ask now; once.
    pub fn poll(&mut self, now: Instant) -> bool {
        let due = matches!(self.state, State::Due(at) if at <= now);
        if due {
            self.state = State::UnderWay;
            self.asked = Some(now);
        }
        due
    }

    /// When [`Upkeep::poll`] is next worth a call.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Due(at) => Some(at),
            State::UnderWay => None,
        }
    }

    /// The name was found.
    pub fn found(&mut self, ttl: Duration, now: Instant) {
        self.failures = 0;
        self.state = State::Due(now + ttl.clamp(SHORTEST, LONGEST));
    }

    /// It was not.
    pub fn failed(&mut self, now: Instant) {
        let wait = FIRST_WAIT * 2_u32.pow(self.failures.min(6));
        self.failures = self.failures.saturating_add(1);
        self.state = State::Due(now + wait.min(LAST_WAIT));
    }

    /// What was found does not answer: the name may lead elsewhere by now.
    pub fn hurry(&mut self, now: Instant) {
        if let State::Due(at) = self.state
            && self.failures == 0
        {
            let soonest = self.asked.map_or(now, |asked| asked + HURRY).max(now);
            self.state = State::Due(at.min(soonest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn an_answer_holds_for_its_time_within_bounds() {
        let now = Instant::now();
        let mut upkeep = Upkeep::new(now);
        for (ttl, after) in [(0, 30), (29, 30), (300, 300), (86_400, 3_600)] {
            assert!(upkeep.poll(now));
            assert!(!upkeep.poll(now), "only once");
            assert_eq!(upkeep.poll_timeout(), None);
            upkeep.found(S * ttl, now);
            assert_eq!(upkeep.poll_timeout(), Some(now + S * after));
            assert!(!upkeep.poll(now + S * (after - 1)));
            upkeep = Upkeep::new(now);
        }
    }

    #[test]
    fn failures_are_followed_by_longer_and_longer_waits() {
        let mut now = Instant::now();
        let mut upkeep = Upkeep::new(now);
        for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert!(upkeep.poll(now));
            upkeep.failed(now);
            // A failing target does not hurry a DNS that does not answer.
            upkeep.hurry(now);
            assert_eq!(upkeep.poll_timeout(), Some(now + S * wait));
            now += S * wait;
        }
        assert!(upkeep.poll(now));
        upkeep.found(S * 60, now);
        now += S * 60;
        assert!(upkeep.poll(now));
        upkeep.failed(now);
        assert_eq!(upkeep.poll_timeout(), Some(now + S), "from the start again");
    }

    #[test]
    fn a_dead_target_brings_the_question_forward_but_not_often() {
        let now = Instant::now();
        let mut upkeep = Upkeep::new(now);
        assert!(upkeep.poll(now));
        upkeep.hurry(now);
        assert_eq!(upkeep.poll_timeout(), None, "it is under way");
        upkeep.found(S * 600, now);
        upkeep.hurry(now + S);
        assert_eq!(upkeep.poll_timeout(), Some(now + S * 5));
        upkeep.hurry(now + S * 9);
        assert_eq!(upkeep.poll_timeout(), Some(now + S * 5));
        assert!(upkeep.poll(now + S * 9));
        upkeep.found(S * 600, now + S * 9);
        upkeep.hurry(now + S * 60);
        assert_eq!(upkeep.poll_timeout(), Some(now + S * 60));
    }
}
