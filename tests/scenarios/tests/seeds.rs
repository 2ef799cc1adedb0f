//! Twenty thousand seeds in every test run; `cargo xtask sim` runs as many as one likes.

use std::sync::atomic::AtomicU64;

use causeway_scenarios::ladder::Ladder;
use causeway_scenarios::many::run_many;
use causeway_scenarios::run;

/// As many as `cargo xtask sim --seeds 20000` runs.
const SEEDS: u64 = 20_000;

#[test]
fn every_seed_keeps_the_rules() {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let sum = run_many(0, SEEDS, cores, &AtomicU64::new(0));
    let first = sum.findings.first().map_or(0, |(seed, _)| *seed);
    assert!(
        sum.findings.is_empty(),
        "cargo xtask sim --replay {first}: {:#?}",
        sum.findings
    );
    // The worlds are not empty ones.
    let (calls, answered) = (sum.calls / SEEDS, sum.answered / (SEEDS / 2));
    assert!(calls >= 5 && answered >= 2, "{sum:?}");
}

#[test]
fn a_seed_replays_to_the_letter() {
    for seed in [4, 5] {
        let ladders = [(); 2].map(|()| {
            let mut ladder = Ladder::default();
            run(seed, Some(&mut ladder));
            ladder.as_str().to_owned()
        });
        assert_eq!(ladders[0], ladders[1]);
        assert!(ladders[0].lines().count() > 20, "{}", ladders[0]);
    }
}
