//! Every timer of the stack in one table.
//!
//! | name | value | what it does | RFC |
//! |---|---|---|---|
//! | T1 | 500 ms | estimate of the round trip | 3261 §17.1.1.1 |
//! | T2 | 4 s | longest interval between retransmissions | 3261 §17.1.2.2 |
//! | T4 | 5 s | how long a message stays in the network | 3261 §17.1.2.2 |
//! | A | T1, doubling | INVITE again, UDP only | 3261 §17.1.1.2 |
//! | B | 64·T1 | INVITE gives up | 3261 §17.1.1.2 |
//! | D | 32 s, TCP 0 | absorbs repeated final responses | 3261 §17.1.1.2 |
//! | E | T1, doubling to T2 | other request again, UDP only | 3261 §17.1.2.2 |
//! | F | 64·T1 | other request gives up | 3261 §17.1.2.2 |
//! | G | T1, doubling to T2 | final response to INVITE again, UDP only | 3261 §17.2.1 |
//! | H | 64·T1 | gives up waiting for ACK | 3261 §17.2.1 |
//! | I | T4, TCP 0 | absorbs repeated ACKs | 3261 §17.2.1 |
//! | J | 64·T1, TCP 0 | absorbs repeated requests | 3261 §17.2.2 |
//! | K | T4, TCP 0 | absorbs repeated responses | 3261 §17.1.2.2 |
//! | L | 64·T1 | absorbs repeated INVITEs after 2xx | 6026 §8.7 |
//! | M | 64·T1 | takes further 2xx after the first | 6026 §8.4 |
//! | [`ACCEPT_RESEND`] | T1, doubling to T2 | 2xx to INVITE again until ACK, on every transport | 3261 §13.3.1.4 |
//! | [`ACCEPT_GIVE_UP`] | 64·T1 | no ACK: BYE | 3261 §13.3.1.4 |
//! | [`RELIABLE_RESEND`] | T1, doubling | reliable provisional response again until PRACK | 3262 §3 |
//! | [`RELIABLE_GIVE_UP`] | 64·T1 | no PRACK: 504 | 3262 §3 |
//! | [`PROVISIONAL_KEEP_ALIVE`] | 60 s | provisional response again, so that proxies keep the call | 3261 §13.3.1.1 |
//! | [`PROVISIONAL_WAIT`] | 180 s | nothing after a provisional response: CANCEL | 3261 §16.6 (timer C) |
//! | [`CANCEL_WAIT`] | 64·T1 | CANCEL sent and no final response: the call counts as over | 3261 §9.1 |
//! | [`ABANDONED_WAIT`] | 128·T1 | an INVITE transaction nobody waits for is dropped; longer than the call, so that a late 2xx is still acknowledged and ended | 3261 §9.1 |
//! | [`GLARE_OWNER`] | 2.1–4 s | after 491, the side that owns the Call-ID | 3261 §14.1 |
//! | [`GLARE_OTHER`] | 0–2 s | after 491, the other side | 3261 §14.1 |
//! | [`ANSWER_WAIT`] | 64·T1 | an offer of the far side the box does not answer: 500 | – |

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::{Duration, Instant};

/// T1.
pub const T1: Duration = Duration::from_millis(500);
/// T2.
pub const T2: Duration = Duration::from_secs(4);
/// T4.
pub const T4: Duration = Duration::from_secs(5);
/// 64·T1: timers B, F, H, J, L, M.
pub const T1_X64: Duration = Duration::from_secs(32);
/// Timer D.
pub const D: Duration = Duration::from_secs(32);
/// First interval between retransmissions of a 2xx to INVITE.
pub const ACCEPT_RESEND: Duration = T1;
/// When a 2xx without ACK ends the call.
pub const ACCEPT_GIVE_UP: Duration = T1_X64;
/// First interval between retransmissions of a reliable provisional response.
pub const RELIABLE_RESEND: Duration = T1;
/// When a reliable provisional response without PRACK ends the call.
pub const RELIABLE_GIVE_UP: Duration = T1_X64;
/// How often an unreliable provisional response is repeated.
pub const PROVISIONAL_KEEP_ALIVE: Duration = Duration::from_secs(60);
/// How long a call we placed may stay in a provisional state without news.
pub const PROVISIONAL_WAIT: Duration = Duration::from_secs(180);
/// How long a cancelled call waits for its final response.
pub const CANCEL_WAIT: Duration = T1_X64;
/// How long an INVITE that was cancelled, or whose call has ended, is remembered.
pub const ABANDONED_WAIT: Duration = Duration::from_secs(64);
/// Wait after 491, in milliseconds, of the side that made the Call-ID.
pub const GLARE_OWNER: Range<u64> = 2_100..4_001;
/// Wait after 491, in milliseconds, of the other side.
pub const GLARE_OTHER: Range<u64> = 0..2_001;
/// How long an offer waits for the box.
pub const ANSWER_WAIT: Duration = T1_X64;

/// Doubles a retransmission interval up to T2.
pub fn back_off(interval: Duration) -> Duration {
    (interval * 2).min(T2)
}

/// The deadlines of many owners, at most one each.
#[derive(Debug)]
pub(crate) struct Deadlines<K> {
    by_time: BTreeSet<(Instant, K)>,
    by_owner: BTreeMap<K, Instant>,
}

impl<K: Ord + Clone> Deadlines<K> {
    pub(crate) fn new() -> Self {
        Self {
            by_time: BTreeSet::new(),
            by_owner: BTreeMap::new(),
        }
    }

    /// Sets or clears the deadline of one owner.
    pub(crate) fn set(&mut self, owner: &K, at: Option<Instant>) {
        if self.by_owner.get(owner).copied() == at {
            return;
        }
        if let Some(old) = self.by_owner.remove(owner) {
            self.by_time.remove(&(old, owner.clone()));
        }
        if let Some(at) = at {
            self.by_owner.insert(owner.clone(), at);
            self.by_time.insert((at, owner.clone()));
        }
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes one owner whose deadline has come.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<K> {
        if self.next()? > now {
            return None;
        }
        let (_, owner) = self.by_time.pop_first()?;
        self.by_owner.remove(&owner);
        Some(owner)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.by_time.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_has_one_deadline() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new();
        deadlines.set(&1, Some(start + T2));
        deadlines.set(&2, Some(start + T4));
        deadlines.set(&1, Some(start + T1));
        assert_eq!(deadlines.len(), 2);
        assert_eq!(deadlines.next(), Some(start + T1));
        assert_eq!(deadlines.pop_due(start), None);
        assert_eq!(deadlines.pop_due(start + T4), Some(1));
        deadlines.set(&2, None);
        assert_eq!(deadlines.next(), None);
    }
}
