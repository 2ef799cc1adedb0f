//! The table of the module, and dying and coming back in virtual time.

use super::*;

const FIRST: &str = "192.0.2.1:5060";
const SECOND: &str = "192.0.2.2:5060";

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

fn spec(address: &str, priority: u32, weight: u32) -> TargetSpec {
    TargetSpec {
        address: at(address),
        priority,
        weight,
    }
}

fn pool(every_s: u64, now: Instant) -> TargetPool {
    let timing = TargetTiming {
        every: (every_s > 0).then(|| Duration::from_secs(every_s)),
        ..TargetTiming::default()
    };
    TargetPool::new(&[spec(FIRST, 0, 0), spec(SECOND, 1, 0)], timing, now)
}

fn state(pool: &TargetPool, address: &str) -> TargetState {
    let found = pool.targets().find(|t| t.spec.address == at(address));
    found.unwrap().state
}

/// A target of a pool brought into a state.
fn brought(to: TargetState, now: Instant) -> TargetPool {
    let mut pool = pool(4, now);
    let signs: &[Sign] = match to {
        TargetState::Unknown => &[],
        TargetState::Up => &[Sign::Answered(200)],
        TargetState::Degraded => &[Sign::Answered(200), Sign::Unavailable(None)],
        TargetState::Down => &[Sign::Silent, Sign::Silent],
    };
    for sign in signs {
        pool.observe(at(FIRST), *sign, now);
    }
    assert_eq!(state(&pool, FIRST), to);
    pool
}

#[test]
fn every_state_against_every_sign() {
    use TargetState::*;
    let now = Instant::now();
    let signs = [
        Sign::Answered(404),
        Sign::Silent,
        Sign::Unreachable,
        Sign::Unavailable(Some(Duration::from_secs(30))),
        Sign::Unavailable(None),
    ];
    for (from, after_one, after_two) in [
        (
            Unknown,
            [Up, Unknown, Unknown, Degraded, Degraded],
            [Up, Down, Down, Degraded, Degraded],
        ),
        (
            Up,
            [Up, Degraded, Degraded, Degraded, Degraded],
            [Up, Down, Down, Degraded, Degraded],
        ),
        (
            Degraded,
            [Degraded, Degraded, Degraded, Degraded, Degraded],
            [Up, Down, Down, Degraded, Degraded],
        ),
        (
            Down,
            [Degraded, Down, Down, Degraded, Degraded],
            [Up, Down, Down, Degraded, Degraded],
        ),
    ] {
        for ((sign, one), two) in signs.into_iter().zip(after_one).zip(after_two) {
            let mut pool = brought(from, now);
            pool.observe(at(FIRST), sign, now);
            assert_eq!(state(&pool, FIRST), one, "{from:?} {sign:?}");
            pool.observe(at(FIRST), sign, now);
            assert_eq!(state(&pool, FIRST), two, "{from:?} twice {sign:?}");
        }
    }
}

/// Runs the pool's own clock; `answers` says whether the first target answers at a time. The second always does.
fn run(pool: &mut TargetPool, from: Instant, to: Instant, answers: impl Fn(Instant) -> bool) {
    let mut now = from;
    for _ in 0..10_000 {
        pool.handle_timeout(now);
        while let Some(address) = pool.poll_probe(now) {
            if address == at(SECOND) || answers(now) {
                pool.probed(address, Sign::Answered(200), now);
            }
        }
        match pool.poll_timeout() {
            Some(next) if next <= to => now = next.max(now),
            _ => return,
        }
    }
    panic!("the pool does not come to rest");
}

#[test]
fn a_dead_target_is_down_in_ten_seconds_whenever_it_dies_and_comes_back_by_itself() {
    let start = Instant::now();
    let s = Duration::from_secs;
    for died_ms in (20_000..24_000).step_by(250) {
        let (died, back) = (start + Duration::from_millis(died_ms), start + s(60));
        let alive = |now: Instant| now < died || now >= back;
        let mut pool = pool(4, start);
        run(&mut pool, start, died + s(10), alive);
        assert_eq!(state(&pool, FIRST), TargetState::Down, "{died_ms}");
        assert_eq!(pool.pick(&[], 7, died + s(10)), Some(at(SECOND)));
        run(&mut pool, died + s(10), back + s(5), alive);
        assert_eq!(state(&pool, FIRST), TargetState::Up);
        assert_eq!(pool.pick(&[], 7, back + s(5)), Some(at(FIRST)));
        let seen: Vec<TargetState> = std::iter::from_fn(|| pool.poll_change())
            .filter(|c| c.address == at(FIRST))
            .map(|c| c.to)
            .collect();
        use TargetState::{Degraded, Down, Up};
        assert_eq!(seen, [Up, Degraded, Down, Degraded, Up]);
    }
}

#[test]
fn one_lost_probe_changes_nothing_for_long() {
    let start = Instant::now();
    let s = Duration::from_secs;
    let mut pool = pool(4, start);
    run(&mut pool, start, start + s(60), |now| {
        now < start + s(20) || now > start + s(21)
    });
    assert_eq!(state(&pool, FIRST), TargetState::Up);
    let fell = std::iter::from_fn(|| pool.poll_change()).any(|c| c.to == TargetState::Down);
    assert!(!fell);
}

#[test]
fn a_call_that_is_not_answered_has_the_target_probed_at_once() {
    let now = Instant::now();
    let mut pool = pool(3600, now);
    run(&mut pool, now, now + Duration::from_secs(1), |_| true);
    pool.observe(at(FIRST), Sign::Silent, now + Duration::from_secs(60));
    let due = pool.poll_timeout().unwrap();
    assert!(due <= now + Duration::from_secs(61));
    assert_eq!(pool.pick(&[], 0, due), Some(at(SECOND)));
}

#[test]
fn retry_after_is_kept_though_options_are_answered() {
    let now = Instant::now();
    let s = Duration::from_secs;
    let mut pool = pool(4, now);
    run(&mut pool, now, now, |_| true);
    pool.observe(at(FIRST), Sign::of_status(503, Some(30)), now);
    run(&mut pool, now, now + s(29), |_| true);
    assert_eq!(pool.pick(&[], 0, now + s(29)), Some(at(SECOND)));
    assert_eq!(pool.pick(&[at(SECOND)], 0, now + s(29)), None);
    assert_eq!(
        pool.pick(&[at(SECOND)], 0, now + s(30)),
        Some(at(FIRST)),
        "the time is over"
    );
    run(&mut pool, now + s(29), now + s(40), |_| true);
    assert_eq!(pool.pick(&[], 0, now + s(40)), Some(at(FIRST)));
    pool.observe(at(FIRST), Sign::of_status(503, Some(u32::MAX)), now + s(40));
    assert!(pool.pick(&[at(SECOND)], 0, now + s(340)).is_some());
}

#[test]
fn a_503_without_retry_after_only_sends_calls_to_others_first() {
    let now = Instant::now();
    let mut pool = pool(4, now);
    pool.observe(at(FIRST), Sign::of_status(503, None), now);
    assert_eq!(pool.pick(&[], 0, now), Some(at(SECOND)));
    assert_eq!(pool.pick(&[at(SECOND)], 0, now), Some(at(FIRST)));
}

#[test]
fn a_target_that_always_says_503_is_not_probed_in_a_frenzy() {
    let start = Instant::now();
    let mut pool = pool(4, start);
    let (mut now, mut probes) = (start, 0);
    while now < start + Duration::from_secs(60) {
        pool.handle_timeout(now);
        while let Some(address) = pool.poll_probe(now) {
            probes += 1;
            pool.probed(address, Sign::of_status(503, None), now);
        }
        now = pool.poll_timeout().unwrap();
    }
    assert!(probes <= 32, "{probes}");
}

#[test]
fn weights_share_the_calls_of_one_priority() {
    let now = Instant::now();
    let specs = [
        spec(FIRST, 1, 3),
        spec(SECOND, 1, 1),
        spec("192.0.2.3:5060", 2, 9),
    ];
    let pool = TargetPool::new(&specs, TargetTiming::default(), now);
    let picks: Vec<SocketAddr> = (0..402).filter_map(|n| pool.pick(&[], n, now)).collect();
    let first = picks.iter().filter(|a| **a == at(FIRST)).count();
    let second = picks.iter().filter(|a| **a == at(SECOND)).count();
    assert_eq!((first, second), (301, 101));
}

#[test]
fn nothing_is_picked_when_all_are_down_and_never_what_was_tried() {
    let now = Instant::now();
    let mut pool = pool(4, now);
    assert_eq!(pool.pick(&[at(FIRST)], 0, now), Some(at(SECOND)));
    assert_eq!(pool.pick(&[at(FIRST), at(SECOND)], 0, now), None);
    for address in [FIRST, SECOND, FIRST, SECOND] {
        pool.observe(at(address), Sign::Unreachable, now);
    }
    assert_eq!(pool.pick(&[], 0, now), None);
    assert_eq!(pool.state(now), TargetState::Down);
}

#[test]
fn a_target_that_leaves_probes_unanswered_gets_its_calls() {
    let start = Instant::now();
    let s = Duration::from_secs;
    let specs = [spec(FIRST, 0, 0)];
    let mut pool = TargetPool::new(&specs, TargetTiming::default(), start);
    let unanswered = |pool: &mut TargetPool, from: Instant, to: Instant| {
        let mut now = from;
        while now < to {
            pool.handle_timeout(now);
            while pool.poll_probe(now).is_some() {}
            now = pool.poll_timeout().unwrap();
        }
    };
    unanswered(&mut pool, start, start + s(20));
    assert_eq!(pool.state_of(at(FIRST)), Some(TargetState::Down));
    assert_eq!(pool.pick(&[], 0, start + s(20)), None);
    assert_eq!(pool.last_resort(&[]), Some(at(FIRST)));
    assert_eq!(pool.last_resort(&[at(FIRST)]), None);
    // The call is answered: from now on only calls count.
    pool.observe(at(FIRST), Sign::Answered(100), start + s(20));
    unanswered(&mut pool, start + s(20), start + s(60));
    assert_eq!(pool.pick(&[], 0, start + s(60)), Some(at(FIRST)));
    for _ in 0..2 {
        pool.observe(at(FIRST), Sign::Silent, start + s(60));
    }
    assert_eq!(pool.pick(&[], 0, start + s(60)), None);
    assert_eq!(pool.pick(&[], 0, start + s(70)), Some(at(FIRST)));
}

#[test]
fn a_target_that_was_heard_and_fell_is_no_last_resort() {
    let now = Instant::now();
    let mut pool = pool(4, now);
    run(&mut pool, now, now, |_| true);
    for _ in 0..2 {
        pool.observe(at(FIRST), Sign::Silent, now);
    }
    assert_eq!(state(&pool, FIRST), TargetState::Down);
    assert_eq!(pool.last_resort(&[]), None);
    let later = now + Duration::from_secs(60);
    assert_eq!(pool.pick(&[at(SECOND)], 0, later), None, "probes will show");
}

#[test]
fn without_probes_a_call_may_try_again_after_a_while() {
    let now = Instant::now();
    let s = Duration::from_secs;
    let mut pool = pool(0, now);
    assert_eq!((pool.poll_probe(now), pool.poll_timeout()), (None, None));
    for address in [FIRST, FIRST, SECOND, SECOND] {
        pool.observe(at(address), Sign::Silent, now);
    }
    assert_eq!(pool.pick(&[], 0, now + s(9)), None);
    assert_eq!(pool.pick(&[], 0, now + s(10)), Some(at(FIRST)));
    pool.observe(at(FIRST), Sign::Answered(100), now + s(10));
    assert_eq!(state(&pool, FIRST), TargetState::Degraded);
}

#[test]
fn a_late_answer_to_a_probe_does_not_count() {
    let now = Instant::now();
    let s = Duration::from_secs;
    let mut pool = pool(4, now);
    assert_eq!(pool.poll_probe(now), Some(at(FIRST)));
    pool.handle_timeout(now + s(2));
    pool.probed(at(FIRST), Sign::Answered(200), now + s(3));
    assert_eq!(state(&pool, FIRST), TargetState::Unknown);
}

#[test]
fn targets_that_stay_keep_their_state() {
    let now = Instant::now();
    let mut pool = brought(TargetState::Down, now);
    pool.replace(
        &[spec(SECOND, 0, 0), spec(FIRST, 5, 0), spec(FIRST, 6, 0)],
        now,
    );
    assert_eq!(pool.targets().count(), 2);
    assert_eq!(state(&pool, FIRST), TargetState::Down);
    assert_eq!(state(&pool, SECOND), TargetState::Unknown);
}
