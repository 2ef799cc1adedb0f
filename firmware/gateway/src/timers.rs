//! When which leg or call wants to be looked at.
//!
//! A heap with lazy removal: an owner whose deadline moves away keeps its entry, which then comes up
//! early and finds nothing due. Deadlines of media move away with every packet, so this spares a
//! removal and an insertion for each.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::Hash;
use std::time::Instant;

/// See the module.
#[derive(Debug)]
pub struct Timers<K> {
    heap: BinaryHeap<Reverse<(Instant, K)>>,
    /// The entry that counts for each owner; others of the heap are stale.
    standing: HashMap<K, Instant, foldhash::fast::RandomState>,
}

impl<K: Ord> Default for Timers<K> {
    fn default() -> Self {
        Self {
            heap: BinaryHeap::new(),
            standing: HashMap::default(),
        }
    }
}

impl<K: Copy + Ord + Hash> Timers<K> {
    /// `owner` wants to be looked at by `due`. A standing earlier date stays.
    pub fn schedule(&mut self, owner: K, due: Instant) {
        if self
            .standing
            .get(&owner)
            .is_some_and(|standing| *standing <= due)
        {
            return;
        }
        self.standing.insert(owner, due);
        self.heap.push(Reverse((due, owner)));
    }

    pub fn forget(&mut self, owner: K) {
        self.standing.remove(&owner);
    }

    /// When [`Self::pop`] will have something, at the earliest.
    pub fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((due, _))| *due)
    }

    /// An owner whose date has come; it has none afterwards.
    pub fn pop(&mut self, now: Instant) -> Option<K> {
        while self.next().is_some_and(|due| due <= now) {
            let Reverse((due, owner)) = self.heap.pop()?;
            if self.standing.get(&owner) == Some(&due) {
                self.standing.remove(&owner);
                return Some(owner);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::LegKey;
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
