//! The targets of every trunk: probed with OPTIONS, judged by what probes and calls show
//! ([`causeway_sip::targets`] has the table), and what their changes mean for calls.

use super::Switch;
use super::active::CallKey;
use crate::legs::trunk;
use causeway_directory::{Directory, Trunk};
use causeway_sip::endpoint::RequestId;
use causeway_sip::targets::{
    Sign, TargetChange, TargetPool, TargetSpec, TargetState, TargetTiming, TargetView,
};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A trunk's targets.
#[derive(Debug)]
struct TrunkTargets {
    trunk: String,
    pool: TargetPool,
    /// The newest probe of each target that is still open in the endpoint.
    open: Vec<(SocketAddr, RequestId)>,
}

/// The targets of all trunks.
#[derive(Debug)]
pub struct TrunkProbes(Vec<TrunkTargets>);

impl TrunkProbes {
    pub fn new(directory: &Directory, now: Instant) -> Self {
        let of_trunk = |t: &Trunk| {
            let timing = TargetTiming {
                every: (t.options_s > 0).then(|| Duration::from_secs(t.options_s.into())),
                ..TargetTiming::default()
            };
            let specs: Vec<TargetSpec> = (0..)
                .zip(t.addresses())
                .map(|(priority, address)| TargetSpec {
                    address,
                    priority,
                    weight: 0,
                })
                .collect();
            TrunkTargets {
                trunk: t.name.get_ref().0.clone(),
                pool: TargetPool::new(&specs, timing, now),
                open: Vec::new(),
            }
        };
        Self(directory.trunks().map(of_trunk).collect())
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.0.iter().filter_map(|t| t.pool.poll_timeout()).min()
    }

    /// Each trunk with its state and its targets.
    pub fn states(
        &self,
        now: Instant,
    ) -> impl Iterator<Item = (&str, TargetState, impl Iterator<Item = TargetView>)> {
        self.0
            .iter()
            .map(move |t| (t.trunk.as_str(), t.pool.state(now), t.pool.targets()))
    }

    /// Where a call over this trunk goes that has `tried` these already; `None`: nowhere.
    pub fn pick(&self, trunk: &str, tried: &[SocketAddr], now: Instant) -> Option<SocketAddr> {
        let pool = &self.0.iter().find(|t| t.trunk == trunk)?.pool;
        // Every target has a priority of its own, so there is nothing to draw for.
        pool.pick(tried, 0, now).or_else(|| pool.last_resort(tried))
    }

    /// Whether a target of a trunk does not answer.
    pub fn is_down(&self, trunk: &str, target: SocketAddr) -> bool {
        let found = self.0.iter().find(|t| t.trunk == trunk);
        found.and_then(|t| t.pool.state_of(target)) == Some(TargetState::Down)
    }

    /// Whether none of a trunk's targets answers.
    pub fn are_all_down(&self, trunk: &str) -> bool {
        let found = self.0.iter().find(|t| t.trunk == trunk);
        found.is_none_or(|t| t.pool.targets().all(|t| t.state == TargetState::Down))
    }

    /// A call showed something of a target.
    pub fn observe(&mut self, trunk: &str, target: SocketAddr, sign: Sign, now: Instant) {
        if let Some(found) = self.0.iter_mut().find(|t| t.trunk == trunk) {
            found.pool.observe(target, sign, now);
        }
    }

    /// A probe came to its end.
    pub fn finished(&mut self, request: RequestId, sign: Sign, now: Instant) {
        for of_trunk in &mut self.0 {
            if let Some(at) = of_trunk.open.iter().position(|(_, r)| *r == request) {
                let (address, _) = of_trunk.open.swap_remove(at);
                of_trunk.pool.probed(address, sign, now);
            }
        }
    }

    fn poll_change(&mut self) -> Option<(String, TargetChange)> {
        self.0
            .iter_mut()
            .find_map(|t| Some((t.trunk.clone(), t.pool.poll_change()?)))
    }
}

impl Switch {
    /// Sends the probes that are due and gives the verdict on those that stayed unanswered.
    pub(super) fn probe_trunks(&mut self, now: Instant) {
        for of_trunk in &mut self.probes.0 {
            of_trunk.pool.handle_timeout(now);
            while let Some(address) = of_trunk.pool.poll_probe(now) {
                // One that is still open has had its verdict: it would only be repeated to a target that is away.
                if let Some(at) = of_trunk.open.iter().position(|(a, _)| *a == address) {
                    let (_, request) = of_trunk.open.swap_remove(at);
                    self.endpoint.forget_request(request);
                }
                let found = self
                    .directory
                    .trunks()
                    .find(|t| t.name.get_ref().0 == of_trunk.trunk);
                if let Some(t) = found {
                    let uri = trunk::uri_at(t, address, "");
                    let request = self
                        .endpoint
                        .options(address, trunk::transport(t), &uri, now);
                    of_trunk.open.push((address, request));
                }
            }
        }
    }

    /// Tells of targets that came and went; calls that wait for one that went look for another.
    pub(super) fn follow_targets(&mut self, now: Instant) {
        while let Some((trunk, change)) = self.probes.poll_change() {
            let TargetChange {
                address, from, to, ..
            } = change;
            let from_down = from == TargetState::Down;
            let (from, to) = (from.as_str(), to.as_str());
            match change.to {
                TargetState::Up => tracing::info!(trunk, %address, from, to, "target answers"),
                TargetState::Unknown | TargetState::Degraded | TargetState::Down => {
                    tracing::warn!(trunk, %address, from, to, sign = ?change.sign, "target changed");
                }
            }
            if from_down && change.to != TargetState::Down {
                self.registrar_back(&trunk, address, now);
            }
            if change.to != TargetState::Down {
                continue;
            }
            let unheard: Vec<CallKey> = self
                .calls
                .iter()
                .filter(|(_, c)| c.trunk.trunk == trunk && c.trunk.attempt.is_at(address))
                .filter(|(_, c)| c.trunk.sip.is_some_and(|s| !self.endpoint.is_proceeding(s)))
                .map(|(key, _)| *key)
                .collect();
            for key in unheard {
                self.leave_target(key, now);
            }
        }
    }
}
