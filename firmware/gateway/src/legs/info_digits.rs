//! Digits that go to the PBX as INFO requests (`application/dtmf-relay`), one after the other in the pace of a telephone.
//!
//! | state | `send` | its time comes |
//! |---|---|---|
//! | idle | the first digit is due at once | – |
//! | waiting | queued | the next digit, a pause, or the end of what was asked for → waiting, idle |

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What `,` stands for, as with telephone events.
const PAUSE: Duration = Duration::from_secs(2);

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Digit {
        digit: char,
        duration_ms: u16,
    },
    /// Everything of one `send` is out.
    Sent,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Digit {
        digit: char,
        duration_ms: u16,
        gap_ms: u16,
    },
    Pause,
    End,
}

/// The queue of one trunk leg. Its bound is that of the requests a call takes.
#[derive(Debug, Default)]
pub struct InfoDigits {
    queue: VecDeque<Step>,
    next_at: Option<Instant>,
}

impl InfoDigits {
    /// `0`–`9`, `A`–`D`, `*`, `#` and `,`; they have been checked.
    pub fn send(&mut self, digits: &str, duration_ms: u16, gap_ms: u16, now: Instant) {
        self.queue.extend(digits.chars().map(|digit| match digit {
            ',' => Step::Pause,
            digit => Step::Digit {
                digit,
                duration_ms,
                gap_ms,
            },
        }));
        self.queue.push_back(Step::End);
        self.next_at.get_or_insert(now);
    }

    /// When something is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next_at
    }

    /// What is due, one at a time until there is nothing.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Due> {
        while self.next_at.is_some_and(|at| at <= now) {
            match self.queue.pop_front() {
                None => self.next_at = None,
                Some(Step::End) => {
                    if self.queue.is_empty() {
                        self.next_at = None;
                    }
                    return Some(Due::Sent);
                }
                Some(Step::Pause) => self.next_at = Some(now + PAUSE),
                Some(Step::Digit {
                    digit,
                    duration_ms,
                    gap_ms,
                }) => {
                    let after = u64::from(duration_ms) + u64::from(gap_ms);
                    self.next_at = Some(now + Duration::from_millis(after));
                    return Some(Due::Digit { digit, duration_ms });
                }
            }
        }
        None
    }

    /// Nothing of what waits can go out: how many `send`s that were.
    pub fn give_up(&mut self) -> usize {
        self.next_at = None;
        let ends = |step: &Step| matches!(step, Step::End);
        self.queue.drain(..).filter(ends).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is due when, in milliseconds.
    fn life(digits: &mut InfoDigits, start: Instant) -> Vec<(u128, Due)> {
        let mut seen = Vec::new();
        while let Some(at) = digits.poll_timeout() {
            while let Some(due) = digits.handle_timeout(at) {
                seen.push((at.duration_since(start).as_millis(), due));
            }
        }
        seen
    }

    fn digit(digit: char) -> Due {
        Due::Digit {
            digit,
            duration_ms: 100,
        }
    }

    #[test]
    fn one_after_the_other() {
        let start = Instant::now();
        let mut digits = InfoDigits::default();
        digits.send("1,2", 100, 70, start);
        digits.send("#", 100, 70, start);
        assert_eq!(
            life(&mut digits, start),
            [
                (0, digit('1')),
                (2_170, digit('2')),
                (2_340, Due::Sent),
                (2_340, digit('#')),
                (2_510, Due::Sent),
            ]
        );
        // And again from the beginning.
        let later = start + Duration::from_secs(60);
        digits.send("5", 100, 70, later);
        assert_eq!(life(&mut digits, later).len(), 2);
    }

    #[test]
    fn what_cannot_go_out_is_given_up() {
        let now = Instant::now();
        let mut digits = InfoDigits::default();
        digits.send("12", 100, 70, now);
        digits.send("3", 100, 70, now);
        assert_eq!(digits.handle_timeout(now), Some(digit('1')));
        assert_eq!(digits.give_up(), 2);
        assert_eq!(digits.poll_timeout(), None);
    }
}
