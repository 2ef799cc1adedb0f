//! Many seeds, on several threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Outcome, run};

/// What many seeds did.
#[derive(Debug, Default)]
pub struct Sum {
    pub calls: u64,
    pub answered: u64,
    pub messages: u64,
    /// The seeds that found something, in order.
    pub findings: Vec<(u64, String)>,
}

impl Sum {
    fn add(&mut self, seed: u64, outcome: Outcome) {
        self.calls += outcome.calls;
        self.answered += outcome.answered;
        self.messages += outcome.messages;
        let found = outcome.findings.into_iter().map(|what| (seed, what));
        self.findings.extend(found);
    }

    fn join(&mut self, other: Self) {
        self.calls += other.calls;
        self.answered += other.answered;
        self.messages += other.messages;
        self.findings.extend(other.findings);
    }
}

/// Runs `seeds` seeds from `first` on, on `jobs` threads. `done` counts those that are over, for a bar.
pub fn run_many(first: u64, seeds: u64, jobs: u64, done: &AtomicU64) -> Sum {
    let next = AtomicU64::new(0);
    let total = Mutex::new(Sum::default());
    let lock = || {
        total
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..jobs.max(1))
                .map(|_| {
                    scope.spawn(|| {
                        let mut sum = Sum::default();
                        loop {
                            let at = next.fetch_add(1, Ordering::Relaxed);
                            if at >= seeds {
                                break;
                            }
                            let seed = first + at;
                            // A panic is a finding like another; its own message on standard error names the place.
                            let outcome = std::panic::catch_unwind(|| run(seed, None))
                                .unwrap_or_else(|_| Outcome {
                                    findings: vec!["it panicked, see above".to_owned()],
                                    ..Outcome::default()
                                });
                            sum.add(seed, outcome);
                            done.fetch_add(1, Ordering::Relaxed);
                        }
                        lock().join(sum);
                    })
                })
                .collect();
        for worker in workers {
            if worker.join().is_err() {
                lock().findings.push((0, "a thread panicked".to_owned()));
            }
        }
    });
    let mut sum = total
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    sum.findings.sort();
    sum
}
