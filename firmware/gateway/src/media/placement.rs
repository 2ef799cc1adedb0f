//! On which media thread a call is placed: the least loaded one.
//!
//! How busy a thread is it says once a second or so. Calls that were placed since are not in that figure yet; each is
//! reckoned with what a transcoded call costs, and forgotten by half with every figure that comes.

use super::counters::CounterValues;

/// Thousandths of a thread that a call takes until it is measured.
const CALL: u64 = 5;

/// See the module.
#[derive(Debug, Default)]
pub struct Placement {
    threads: Vec<Placed>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Placed {
    rounds: u64,
    lately: u64,
}

impl Placement {
    /// The thread for another call, given what all have counted.
    pub fn place(&mut self, threads: &[CounterValues]) -> usize {
        self.threads.resize(threads.len(), Placed::default());
        for (placed, values) in self.threads.iter_mut().zip(threads) {
            let passed = values.rounds.saturating_sub(placed.rounds);
            placed.lately >>= passed.min(63);
            placed.rounds = values.rounds;
        }
        let load = |thread: &usize| {
            let values = threads.get(*thread).copied().unwrap_or_default();
            let lately = self.threads.get(*thread).map_or(0, |placed| placed.lately);
            (values.busy_permille + lately * CALL, values.legs)
        };
        let least = (0..threads.len()).min_by_key(load).unwrap_or(0);
        if let Some(placed) = self.threads.get_mut(least) {
            placed.lately += 1;
        }
        least
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread(busy_permille: u64, rounds: u64) -> CounterValues {
        CounterValues {
            busy_permille,
            rounds,
            ..Default::default()
        }
    }

    #[test]
    fn calls_go_where_most_is_left() {
        let mut placement = Placement::default();
        let threads = [thread(200, 1), thread(100, 1), thread(300, 1)];
        let placed: Vec<usize> = (0..23).map(|_| placement.place(&threads)).collect();
        assert!(placed[..20].iter().all(|thread| *thread == 1));
        assert!(placed[20..].contains(&0), "{placed:?}");
    }

    #[test]
    fn calls_of_one_second_are_spread_before_anything_is_measured() {
        let mut placement = Placement::default();
        let mut counts = [0; 4];
        for _ in 0..100 {
            counts[placement.place(&[thread(0, 1); 4])] += 1;
        }
        assert_eq!(counts, [25; 4]);
        // What was measured takes the place of what was reckoned.
        let threads = [thread(0, 9), thread(50, 9), thread(50, 9), thread(50, 9)];
        assert_eq!(placement.place(&threads), 0);
    }
}
