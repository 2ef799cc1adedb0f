//! The targets of one trunk: what is known of each, which is probed when, and which gets the next call
//! (OPTIONS as a keep-alive: RFC 3261 §11, RFC 7066 §3; the next target after 503, silence or a failing
//! transport: RFC 3263 §4.3; `Retry-After`: RFC 3261 §20.33).
//!
//! | state | answered | silent | unreachable | 503 with `Retry-After` | 503 without |
//! |---|---|---|---|---|---|
//! | Unknown | Up | second in a row: Down | second in a row: Down | Degraded, avoided | Degraded |
//! | Up | Up | Degraded | Degraded | Degraded, avoided | Degraded |
//! | Degraded | second in a row: Up | second in a row: Down | second in a row: Down | Degraded, avoided | Degraded |
//! | Down | Degraded | Down | Down | Degraded, avoided | Degraded |
//!
//! An answer is any response but 503: a target that answers 404 or 486 lives. *Avoided* means that it gets no
//! call until the time its 503 named is over. A 503 without `Retry-After` speaks of one call as often as of the
//! whole server (§21.5.4 has it treated as 500), so such a target only comes after the others.
//!
//! A probe has its verdict after [`TargetTiming::verdict`]: less than the 32 s of a transaction, and time enough
//! for three datagrams (0, 0.5 and 1.5 s). A target in doubt is probed again at once, so a target that dies is
//! Down after `every` + 2 · `verdict` at the latest. Running calls never end because of a probe.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The `Retry-After` that is believed at most: a slip of a PBX must not silence a trunk for a day.
const LONGEST_AVOIDED: Duration = Duration::from_secs(300);
/// Between two probes of a target in doubt, however quickly the first failed.
const AGAIN: Duration = Duration::from_millis(250);
/// Good or bad signs in a row that change a state.
const IN_A_ROW: u8 = 2;

/// Where calls can go (RFC 2782 gives priority and weight their meaning).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetSpec {
    /// The address and port.
    pub address: SocketAddr,
    /// The lowest is used first.
    pub priority: u16,
    /// Share of the calls within a priority; of two targets with 3 and 1 the first gets three of four.
    pub weight: u16,
}

/// How targets are probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetTiming {
    /// Between probes of a target that is well, or down; `None`: never, the calls themselves show.
    pub every: Option<Duration>,
    /// How long a probe may stay unanswered.
    pub verdict: Duration,
}

impl Default for TargetTiming {
    fn default() -> Self {
        Self {
            every: Some(Duration::from_secs(4)),
            verdict: Duration::from_secs(2),
        }
    }
}

/// What is thought of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TargetState {
    /// It answers.
    Up,
    /// Nothing was heard and nothing was missed yet.
    Unknown,
    /// It failed once, says 503, or has just come back: calls go to others first.
    Degraded,
    /// It does not answer: it gets no calls.
    Down,
}

impl TargetState {
    /// The word for people and programs; stable.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Unknown => "unknown",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

/// What a probe or a call showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// A response with this status, provisional ones included.
    Answered(u16),
    /// 503, with the time its `Retry-After` names.
    Unavailable(Option<Duration>),
    /// No response in time.
    Silent,
    /// The transport failed: connection refused, reset, no route.
    Unreachable,
}

impl Sign {
    /// The sign a final or provisional status is.
    pub fn of_status(status: u16, retry_after_s: Option<u32>) -> Self {
        match status {
            503 => Self::Unavailable(retry_after_s.map(|s| Duration::from_secs(s.into()))),
            status => Self::Answered(status),
        }
    }
}

/// One target as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetView {
    /// Where.
    pub spec: TargetSpec,
    /// What is thought of it.
    pub state: TargetState,
    /// Since when.
    pub since: Instant,
    /// The last status that came from it.
    pub last_status: Option<u16>,
    /// It asked to be left alone until then.
    pub avoided_until: Option<Instant>,
}

/// A state changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetChange {
    /// Whose.
    pub address: SocketAddr,
    /// Before.
    pub from: TargetState,
    /// Now.
    pub to: TargetState,
    /// What it was that changed it.
    pub sign: Sign,
}

#[derive(Debug)]
struct Target {
    spec: TargetSpec,
    state: TargetState,
    since: Instant,
    /// Answers in a row, failures in a row; one of them is 0.
    good: u8,
    bad: u8,
    last_status: Option<u16>,
    avoided_until: Option<Instant>,
    probe: Probe,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probe {
    Due(Instant),
    UnderWay { until: Instant },
}

/// The targets of one trunk.
#[derive(Debug)]
pub struct TargetPool {
    timing: TargetTiming,
    targets: Vec<Target>,
    changes: VecDeque<TargetChange>,
}

impl TargetPool {
    /// A pool whose targets are all unknown and probed at once. An address given twice counts once.
    pub fn new(specs: &[TargetSpec], timing: TargetTiming, now: Instant) -> Self {
        let mut pool = Self {
            timing,
            targets: Vec::new(),
            changes: VecDeque::new(),
        };
        pool.replace(specs, now);
        pool
    }

    /// New targets, as after a DNS answer: those that stay keep their state.
    pub fn replace(&mut self, specs: &[TargetSpec], now: Instant) {
        let mut old = std::mem::take(&mut self.targets);
        for spec in specs {
            let known = |t: &Target| t.spec.address == spec.address;
            if self.targets.iter().any(known) {
                continue;
            }
            let target = match old.iter().position(known) {
                Some(at) => Target {
                    spec: *spec,
                    ..old.swap_remove(at)
                },
                None => Target {
                    spec: *spec,
                    state: TargetState::Unknown,
                    since: now,
                    good: 0,
                    bad: 0,
                    last_status: None,
                    avoided_until: None,
                    probe: Probe::Due(now),
                },
            };
            self.targets.push(target);
        }
    }

    /// Every target, in the order it was given.
    pub fn targets(&self) -> impl Iterator<Item = TargetView> {
        self.targets.iter().map(|t| TargetView {
            spec: t.spec,
            state: t.state,
            since: t.since,
            last_status: t.last_status,
            avoided_until: t.avoided_until,
        })
    }

    /// The state of the trunk: that of the target a call would find first, Down when it would find none.
    pub fn state(&self, now: Instant) -> TargetState {
        self.targets
            .iter()
            .filter(|t| t.usable(now))
            .map(|t| t.state)
            .min()
            .unwrap_or(TargetState::Down)
    }

    /// The target of a new call, none of `tried`: the healthiest, among those the lowest priority, among those
    /// `draw` decides by weight. `None`: every target is down, avoided or tried.
    pub fn pick(&self, tried: &[SocketAddr], draw: u64, now: Instant) -> Option<SocketAddr> {
        let usable = || {
            self.targets
                .iter()
                .filter(|t| t.usable(now) && !tried.contains(&t.spec.address))
        };
        let rank = |t: &Target| {
            let health = match t.state {
                TargetState::Up | TargetState::Unknown => 0,
                TargetState::Degraded => 1,
                TargetState::Down => 2,
            };
            (health, t.spec.priority)
        };
        let best = usable().map(rank).min()?;
        let equal = || usable().filter(|t| rank(t) == best);
        // A weight of 0 is a small chance, not none (RFC 2782).
        let share = |t: &Target| u64::from(t.spec.weight) * 100 + 1;
        let mut left = draw % equal().map(share).sum::<u64>().max(1);
        for target in equal() {
            match left.checked_sub(share(target)) {
                Some(rest) => left = rest,
                None => return Some(target.spec.address),
            }
        }
        None
    }

    /// A call showed something of a target.
    pub fn observe(&mut self, address: SocketAddr, sign: Sign, now: Instant) {
        let every = self.timing.every;
        let Some(target) = self.targets.iter_mut().find(|t| t.spec.address == address) else {
            return;
        };
        let from = target.state;
        target.take(sign, now);
        let in_doubt = target.is_in_doubt();
        if let (Probe::Due(at), true) = (target.probe, in_doubt) {
            target.probe = Probe::Due(at.min(now + AGAIN));
        }
        if every.is_none() && target.state == TargetState::Down {
            // Nobody probes it: it is tried again by a call, after a while.
            target.avoided_until = Some(now + self.timing.verdict * 5);
        }
        let to = target.state;
        if from != to {
            self.changes.push_back(TargetChange {
                address,
                from,
                to,
                sign,
            });
        }
    }

    /// A probe's end, with a response or a failing transport. One whose verdict is over comes too late to count.
    pub fn probed(&mut self, address: SocketAddr, sign: Sign, now: Instant) {
        let every = self.timing.every;
        let Some(target) = self.targets.iter_mut().find(|t| t.spec.address == address) else {
            return;
        };
        if let (Probe::UnderWay { .. }, Some(every)) = (target.probe, every) {
            // Set first: a sign that leaves doubt brings the next one forward.
            target.probe = Probe::Due(now + every);
            self.observe(address, sign, now);
        }
    }

    /// The next target to probe now; it counts as under way from here on.
    pub fn poll_probe(&mut self, now: Instant) -> Option<SocketAddr> {
        self.timing.every?;
        let due = |t: &&mut Target| matches!(t.probe, Probe::Due(at) if at <= now);
        let target = self.targets.iter_mut().find(due)?;
        target.probe = Probe::UnderWay {
            until: now + self.timing.verdict,
        };
        Some(target.spec.address)
    }

    /// The next change of a state, oldest first.
    pub fn poll_change(&mut self) -> Option<TargetChange> {
        self.changes.pop_front()
    }

    /// Gives the verdict on probes that stayed unanswered.
    pub fn handle_timeout(&mut self, now: Instant) {
        let late = |t: &Target| matches!(t.probe, Probe::UnderWay { until } if until <= now);
        let silent: Vec<SocketAddr> = self
            .targets
            .iter()
            .filter(|t| late(t))
            .map(|t| t.spec.address)
            .collect();
        for address in silent {
            self.probed(address, Sign::Silent, now);
        }
    }

    /// When a probe is due or a verdict is.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timing.every?;
        self.targets
            .iter()
            .map(|t| match t.probe {
                Probe::Due(at) => at,
                Probe::UnderWay { until } => until,
            })
            .min()
    }
}

impl Target {
    fn usable(&self, now: Instant) -> bool {
        match self.avoided_until {
            Some(until) if until > now => false,
            // Down, never probed, and its time of rest is over: a call may try.
            Some(_) => true,
            None => self.state != TargetState::Down,
        }
    }

    fn is_in_doubt(&self) -> bool {
        match self.state {
            TargetState::Unknown => self.bad > 0,
            TargetState::Degraded => {
                self.avoided_until.is_none() && (self.good > 0 || self.bad > 0)
            }
            TargetState::Up | TargetState::Down => false,
        }
    }

    fn take(&mut self, sign: Sign, now: Instant) {
        if self.avoided_until.is_some_and(|until| until <= now) {
            self.avoided_until = None;
        }
        match sign {
            Sign::Answered(status) => {
                self.last_status = Some(status);
                self.good = self.good.saturating_add(1);
                self.bad = 0;
                let enough = self.good >= IN_A_ROW;
                match self.state {
                    TargetState::Unknown => self.turn(TargetState::Up, now),
                    TargetState::Down => self.turn(TargetState::Degraded, now),
                    TargetState::Degraded if enough && self.avoided_until.is_none() => {
                        self.turn(TargetState::Up, now);
                    }
                    TargetState::Up | TargetState::Degraded => {}
                }
            }
            Sign::Unavailable(retry_after) => {
                self.last_status = Some(503);
                (self.good, self.bad) = (0, 0);
                if let Some(wait) = retry_after {
                    let until = now + wait.min(LONGEST_AVOIDED);
                    self.avoided_until = self.avoided_until.max(Some(until));
                }
                self.turn(TargetState::Degraded, now);
            }
            Sign::Silent | Sign::Unreachable => {
                self.bad = self.bad.saturating_add(1);
                self.good = 0;
                if self.bad >= IN_A_ROW {
                    self.turn(TargetState::Down, now);
                } else if self.state == TargetState::Up {
                    self.turn(TargetState::Degraded, now);
                }
            }
        }
    }

    fn turn(&mut self, state: TargetState, now: Instant) {
        if self.state != state {
            self.state = state;
            self.since = now;
        }
        if state == TargetState::Down {
            self.avoided_until = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "192.0.2.1:5060";
    const SECOND: &str = "192.0.2.2:5060";

    fn at(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    fn spec(address: &str, priority: u16, weight: u16) -> TargetSpec {
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
}
