//! Calls that ended a moment ago, for pages that were away when it happened.

use causeway_api::wire::CallStateMessage;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// PROTOCOL.md section 3: an ended call can be asked for so long.
const KEEP: Duration = Duration::from_secs(60);
const MOST: usize = 2_000;

#[derive(Debug)]
struct Recent {
    ended: Instant,
    resume: String,
    state: CallStateMessage,
}

/// A bounded list, oldest first.
#[derive(Debug, Default)]
pub struct RecentCalls(VecDeque<Recent>);

impl RecentCalls {
    pub fn remember(&mut self, resume: String, state: CallStateMessage, now: Instant) {
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(Recent {
            ended: now,
            resume,
            state,
        });
    }

    /// The final state of a call, for whoever knows its resume secret.
    pub fn find(&self, call: &str, resume: &str) -> Option<&CallStateMessage> {
        self.0
            .iter()
            .find(|r| r.state.call == call && super::place::same_secret(&r.resume, resume))
            .map(|r| &r.state)
    }

    pub fn forget(&mut self, now: Instant) {
        while self
            .0
            .front()
            .is_some_and(|r| now.duration_since(r.ended) > KEEP)
        {
            self.0.pop_front();
        }
    }
}
