//! When which leg wants to be looked at.
//!
//! A heap with lazy removal: a leg whose deadline moves away keeps its entry, which then comes up
//! early and finds nothing due. Deadlines of media move away with every packet, so this spares a
//! removal and an insertion for each.

use super::LegKey;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Instant;

/// See the module.
#[derive(Debug, Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<(Instant, LegKey)>>,
    /// The entry that counts for each leg; others of the heap are stale.
    standing: HashMap<LegKey, Instant>,
}

impl Timers {
    /// `leg` wants to be looked at by `due`. A standing earlier date stays.
    pub fn schedule(&mut self, leg: LegKey, due: Instant) {
        if self
            .standing
            .get(&leg)
            .is_some_and(|standing| *standing <= due)
        {
            return;
        }
        self.standing.insert(leg, due);
        self.heap.push(Reverse((due, leg)));
    }

    pub fn forget(&mut self, leg: LegKey) {
        self.standing.remove(&leg);
    }

    /// When [`Self::pop`] will have something, at the earliest.
    pub fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((due, _))| *due)
    }

    /// A leg whose date has come; it has none afterwards.
    pub fn pop(&mut self, now: Instant) -> Option<LegKey> {
        while self.next().is_some_and(|due| due <= now) {
            let Reverse((due, leg)) = self.heap.pop()?;
            if self.standing.get(&leg) == Some(&due) {
                self.standing.remove(&leg);
                return Some(leg);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_earliest_date_of_a_leg_counts() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timers = Timers::default();
        timers.schedule(LegKey(1), at(30));
        timers.schedule(LegKey(2), at(20));
        timers.schedule(LegKey(1), at(10));
        timers.schedule(LegKey(1), at(40));
        assert_eq!(timers.next(), Some(at(10)));
        assert_eq!(timers.pop(at(9)), None);
        assert_eq!(timers.pop(at(25)), Some(LegKey(1)));
        assert_eq!(timers.pop(at(25)), Some(LegKey(2)));
        assert_eq!(timers.pop(at(100)), None, "the entry at 30 is stale");
        timers.schedule(LegKey(3), at(5));
        timers.forget(LegKey(3));
        assert_eq!(timers.pop(at(100)), None);
        assert_eq!(timers.next(), None);
    }
}
