//! The targets of every trunk: probed with OPTIONS, judged by what probes and calls show
//! ([`causeway_sip::targets`] has the table), and what their changes mean for calls.

use super::Switch;
use super::active::CallKey;
use crate::legs::trunk;
use causeway_directory::{Directory, Located, Trunk};
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
pub struct TrunkProbes {
    trunks: Vec<TrunkTargets>,
    /// What the shares of targets of equal priority are drawn by; moves on with each call that is placed.
    draw: u64,
}

impl TrunkProbes {
    pub fn new(directory: &Directory, now: Instant) -> Self {
        let of_trunk = |t: &Trunk| {
            let specs: Vec<TargetSpec> = directory.located(t).iter().map(written).collect();
            TrunkTargets {
                trunk: t.name.get_ref().0.clone(),
                pool: TargetPool::new(&specs, timing(t), now),
                open: Vec::new(),
            }
        };
        Self {
            trunks: directory.trunks().map(of_trunk).collect(),
            draw: u64::from_be_bytes(crate::random::bytes()),
        }
    }

    /// The trunks of another document, each with its targets: targets that stay keep their state. What is left are probes of
    /// trunks that are gone.
    pub fn follow<'a>(
        &mut self,
        trunks: impl Iterator<Item = (&'a Trunk, Vec<TargetSpec>)>,
        now: Instant,
    ) -> Vec<RequestId> {
        let mut old = std::mem::take(&mut self.trunks);
        for (trunk, specs) in trunks {
            let name = &trunk.name.get_ref().0;
            match old.iter().position(|t| t.trunk == *name) {
                Some(at) => {
                    let mut stays = old.swap_remove(at);
                    stays.pool.replace(&specs, now);
                    stays.pool.retime(timing(trunk), now);
                    self.trunks.push(stays);
                }
                None => self.trunks.push(TrunkTargets {
                    trunk: name.clone(),
                    pool: TargetPool::new(&specs, timing(trunk), now),
                    open: Vec::new(),
                }),
            }
        }
        let open = old.into_iter().flat_map(|t| t.open);
        open.map(|(_, request)| request).collect()
    }

    /// Other targets, as after an answer of the DNS: those that stay keep their state.
    pub fn replace(&mut self, trunk: &str, specs: &[TargetSpec], now: Instant) {
        if let Some(found) = self.trunks.iter_mut().find(|t| t.trunk == trunk) {
            found.pool.replace(specs, now);
        }
    }

    /// A call was placed: the next is drawn anew. Until then [`TrunkProbes::pick`] says the same.
    pub fn drawn(&mut self) {
        self.draw = self.draw.wrapping_add(0x9E37_79B9_7F4A_7C15);
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.trunks
            .iter()
            .filter_map(|t| t.pool.poll_timeout())
            .min()
    }

    /// Each trunk with its state and its targets.
    pub fn states(
        &self,
        now: Instant,
    ) -> impl Iterator<Item = (&str, TargetState, impl Iterator<Item = TargetView>)> {
        self.trunks
            .iter()
            .map(move |t| (t.trunk.as_str(), t.pool.state(now), t.pool.targets()))
    }

    /// Where a call over this trunk goes that has `tried` these already; `None`: nowhere.
    pub fn pick(&self, trunk: &str, tried: &[SocketAddr], now: Instant) -> Option<SocketAddr> {
        let pool = &self.trunks.iter().find(|t| t.trunk == trunk)?.pool;
        pool.pick(tried, mixed(self.draw), now)
            .or_else(|| pool.last_resort(tried))
    }

    /// Whether a target of a trunk does not answer.
    pub fn is_down(&self, trunk: &str, target: SocketAddr) -> bool {
        let found = self.trunks.iter().find(|t| t.trunk == trunk);
        found.and_then(|t| t.pool.state_of(target)) == Some(TargetState::Down)
    }

    /// Whether none of a trunk's targets answers.
    pub fn are_all_down(&self, trunk: &str) -> bool {
        let found = self.trunks.iter().find(|t| t.trunk == trunk);
        found.is_none_or(|t| t.pool.targets().all(|t| t.state == TargetState::Down))
    }

    /// A call showed something of a target.
    pub fn observe(&mut self, trunk: &str, target: SocketAddr, sign: Sign, now: Instant) {
        if let Some(found) = self.trunks.iter_mut().find(|t| t.trunk == trunk) {
            found.pool.observe(target, sign, now);
        }
    }

    /// A probe came to its end.
    pub fn finished(&mut self, request: RequestId, sign: Sign, now: Instant) {
        for of_trunk in &mut self.trunks {
            if let Some(at) = of_trunk.open.iter().position(|(_, r)| *r == request) {
                let (address, _) = of_trunk.open.swap_remove(at);
                of_trunk.pool.probed(address, sign, now);
            }
        }
    }

    fn poll_change(&mut self) -> Option<(String, TargetChange)> {
        self.trunks
            .iter_mut()
            .find_map(|t| Some((t.trunk.clone(), t.pool.poll_change()?)))
    }
}

fn timing(trunk: &Trunk) -> TargetTiming {
    TargetTiming {
        every: (trunk.options_s > 0).then(|| Duration::from_secs(trunk.options_s.into())),
        ..TargetTiming::default()
    }
}

/// A target of its own priority, as the configuration lists them.
pub fn written(target: &Located) -> TargetSpec {
    TargetSpec {
        address: target.address,
        priority: rank(target.place, 0),
        weight: 0,
    }
}

/// The priority of a target among those of other places: the order of the configuration counts before the DNS's.
pub fn rank(place: usize, priority: u32) -> u32 {
    let place = u32::try_from(place).unwrap_or(u32::MAX);
    place.saturating_mul(1 << 16).saturating_add(priority)
}

/// SplitMix64: spreads a counter over all 64 bits.
const fn mixed(draw: u64) -> u64 {
    let z = (draw ^ (draw >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Switch {
    /// Sends the probes that are due and gives the verdict on those that stayed unanswered.
    pub(super) fn probe_trunks(&mut self, now: Instant) {
        for of_trunk in &mut self.probes.trunks {
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
                    let target = self.directory.located_at(t, address);
                    let uri = trunk::uri_at(t, target, "");
                    let transport = trunk::transport(target.transport);
                    let request = self.endpoint.options(address, transport, &uri, now);
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
            self.tell_target(&trunk, address.to_string(), from, to);
            self.tell_trunks(now);
            if change.to != TargetState::Down {
                continue;
            }
            self.names.hurry(&trunk, now);
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
