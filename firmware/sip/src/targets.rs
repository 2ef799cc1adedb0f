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
//!
//! There are PBXes that leave OPTIONS unanswered and take calls all the same. So probes of a target that has
//! answered calls and never a probe do not count, and one that never answered anything still gets a call that has
//! nowhere else to go ([`TargetPool::last_resort`]).

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
    pub priority: u32,
    /// Share of the calls within a priority; of two targets with 3 and 1 the first gets three of four.
    pub weight: u32,
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
    /// It has answered a probe once.
    answers_probes: bool,
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

    /// Probes as often as this from now on.
    pub fn retime(&mut self, timing: TargetTiming, now: Instant) {
        if std::mem::replace(&mut self.timing, timing) == timing {
            return;
        }
        for target in &mut self.targets {
            target.probe = Probe::Due(now);
        }
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
                    answers_probes: false,
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

    /// A target that is down and was never heard at all: it may only leave probes unanswered. For a call that
    /// [`TargetPool::pick`] has nothing for.
    pub fn last_resort(&self, tried: &[SocketAddr]) -> Option<SocketAddr> {
        let unheard = |t: &&Target| t.state == TargetState::Down && t.last_status.is_none();
        self.targets
            .iter()
            .filter(unheard)
            .map(|t| t.spec.address)
            .find(|address| !tried.contains(address))
    }

    /// What is thought of a target; `None`: it is none of them.
    pub fn state_of(&self, address: SocketAddr) -> Option<TargetState> {
        let found = self.targets.iter().find(|t| t.spec.address == address);
        found.map(|t| t.state)
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
        let probed = every.is_some() && !target.is_deaf();
        if !probed && target.state == TargetState::Down {
            // Probes will not show when it is back: it is tried again by a call, after a while.
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
            match sign {
                Sign::Answered(_) | Sign::Unavailable(_) => target.answers_probes = true,
                Sign::Silent | Sign::Unreachable => {
                    if target.is_deaf() {
                        return;
                    }
                }
            }
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

    /// It answers calls and has never answered a probe.
    fn is_deaf(&self) -> bool {
        self.last_status.is_some() && !self.answers_probes
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
mod tests;
