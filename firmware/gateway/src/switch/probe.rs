//! OPTIONS to every trunk: whether the PBX lives.
//!
//! | state | event | next |
//! |---|---|---|
//! | unknown, up | answered (any status) | up |
//! | up | one probe failed | up, asked again soon |
//! | unknown, up | two probes failed in a row | down |
//! | down | answered | up |

use super::Switch;
use crate::legs::trunk;
use causeway_directory::Directory;
use causeway_sip::endpoint::RequestId;
use std::time::{Duration, Instant};

#[derive(Debug)]
struct Probe {
    trunk: String,
    every: Duration,
    next: Instant,
    pending: Option<RequestId>,
    failed: u32,
    up: Option<bool>,
}

/// The probes of every trunk that wants them.
#[derive(Debug)]
pub struct TrunkProbes(Vec<Probe>);

/// A trunk that missed one probe is asked again after this.
const AGAIN: Duration = Duration::from_secs(2);
const FAILURES: u32 = 2;

impl TrunkProbes {
    pub fn new(directory: &Directory, now: Instant) -> Self {
        let probes = directory.trunks().map(|t| Probe {
            trunk: t.name.get_ref().0.clone(),
            every: Duration::from_secs(t.options_s.into()),
            next: now,
            pending: None,
            failed: 0,
            up: None,
        });
        Self(probes.collect())
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let waiting = |p: &&Probe| p.pending.is_none() && !p.every.is_zero();
        self.0.iter().filter(waiting).map(|p| p.next).min()
    }

    pub fn states(&self) -> Vec<(String, Option<bool>)> {
        self.0.iter().map(|p| (p.trunk.clone(), p.up)).collect()
    }

    /// A probe came to its end.
    pub fn finished(&mut self, request: RequestId, answered: bool, now: Instant) {
        let Some(probe) = self.0.iter_mut().find(|p| p.pending == Some(request)) else {
            return;
        };
        probe.pending = None;
        let before = probe.up;
        if answered {
            probe.failed = 0;
            probe.up = Some(true);
            probe.next = now + probe.every;
        } else {
            probe.failed += 1;
            probe.next = now + probe.every.min(AGAIN);
            if probe.failed >= FAILURES {
                probe.up = Some(false);
            }
        }
        if probe.up != before {
            match probe.up {
                Some(true) => tracing::info!(trunk = probe.trunk, "trunk is up"),
                _ => tracing::warn!(trunk = probe.trunk, "trunk does not answer OPTIONS"),
            }
        }
    }
}

impl Switch {
    pub(super) fn probe_trunks(&mut self, now: Instant) {
        for probe in &mut self.probes.0 {
            if probe.pending.is_some() || probe.every.is_zero() || probe.next > now {
                continue;
            }
            let found = self
                .directory
                .trunks()
                .find(|t| t.name.get_ref().0 == probe.trunk);
            if let Some(t) = found {
                let uri = trunk::uri_of(t, "");
                probe.pending =
                    Some(
                        self.endpoint
                            .options(t.address, trunk::transport(t), &uri, now),
                    );
            }
            probe.next = now + probe.every;
        }
    }
}
