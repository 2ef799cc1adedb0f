//! A few hundred seeds in every test run; `cargo xtask sim` runs as many as one likes.

use causeway_scenarios::ladder::Ladder;
use causeway_scenarios::run;

#[test]
fn every_seed_keeps_the_rules() {
    let (mut calls, mut answered) = (0, 0);
    for seed in 0..2_000 {
        let outcome = run(seed, None);
        assert!(
            outcome.findings.is_empty(),
            "seed {seed} (cargo xtask sim --replay {seed}): {:#?}",
            outcome.findings
        );
        calls += outcome.calls;
        answered += outcome.answered;
    }
    // The worlds are not empty ones.
    assert!(calls > 8_000 && answered > 2_000, "{calls} {answered}");
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
