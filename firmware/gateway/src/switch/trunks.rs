//! What is told of trunks: their state now, and every change to whoever listens.

use super::{Switch, unix_ms};
use crate::legs::trunk;
use causeway_api::event::{BoxEvent, MAX_LISTENERS};
use causeway_api::http::{RefusedView, TargetView, TrunkView};
use causeway_sip::targets::TargetState;
use std::collections::HashMap;
use std::time::Instant;
use tokio::sync::mpsc;

/// Who listens, and what they were told of each trunk.
#[derive(Debug, Default)]
pub struct Listeners {
    out: Vec<mpsc::Sender<BoxEvent>>,
    told: HashMap<String, TargetState>,
}

impl Listeners {
    /// Who does not take its events loses its stream, not the box's memory.
    /// How many took it.
    pub(super) fn tell(&mut self, event: &BoxEvent) -> usize {
        self.out.retain(|out| out.try_send(event.clone()).is_ok());
        self.out.len()
    }

    /// These are all there are; the others are told to be gone.
    pub(super) fn trunks_are<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        let mut gone = std::mem::take(&mut self.told);
        for name in names {
            if let Some((name, state)) = gone.remove_entry(name) {
                self.told.insert(name, state);
            }
        }
        for (trunk, from) in gone {
            let from = Some(from.as_str().to_owned());
            self.tell(&BoxEvent::Trunk {
                trunk,
                from,
                to: "removed".to_owned(),
                at: unix_ms(),
            });
        }
    }
}

impl Switch {
    /// The answer of `GET /api/v1/trunks`.
    pub(super) fn trunk_views(&self, now: Instant) -> Vec<TrunkView> {
        let wall = |at: Instant| match at.checked_duration_since(now) {
            Some(ahead) => unix_ms() + i64::try_from(ahead.as_millis()).unwrap_or(0),
            None => {
                let ago = now.saturating_duration_since(at);
                unix_ms() - i64::try_from(ago.as_millis()).unwrap_or(0)
            }
        };
        self.probes
            .states(now)
            .map(|(name, state, targets)| {
                let configured = self.directory.trunks();
                let limits = configured
                    .into_iter()
                    .find(|t| t.name.get_ref().0 == name)
                    .map(trunk::line_limits)
                    .unwrap_or_default();
                TrunkView {
                    name: name.to_owned(),
                    state: state.as_str(),
                    targets: targets
                        .map(|target| TargetView {
                            address: target.spec.address.to_string(),
                            state: target.state.as_str(),
                            since: wall(target.since),
                            last_status: target.last_status,
                            avoided_until: target.avoided_until.filter(|at| *at > now).map(wall),
                        })
                        .collect(),
                    registration: self
                        .registrations
                        .figures(now)
                        .find(|r| r.trunk == name)
                        .map(|r| r.to_json()),
                    dns: self.names.fault(name).map(str::to_owned),
                    calls: self.lines.in_use(name),
                    max_calls: limits.max_calls,
                    calls_per_second: limits.per_second,
                    refused: self
                        .lines
                        .refused(name)
                        .into_iter()
                        .map(|(way, why, count)| RefusedView {
                            way: way.as_str(),
                            limit: why.as_str(),
                            count,
                        })
                        .collect(),
                }
            })
            .collect()
    }

    /// A new listener is told how things stand; false when there are as many as may be.
    pub(super) fn listen(&mut self, out: mpsc::Sender<BoxEvent>, now: Instant) -> bool {
        self.listeners.out.retain(|out| !out.is_closed());
        if self.listeners.out.len() >= MAX_LISTENERS {
            return false;
        }
        let at = unix_ms();
        for (name, state, targets) in self.probes.states(now) {
            self.listeners.told.insert(name.to_owned(), state);
            let of_targets = targets.map(|target| BoxEvent::Target {
                trunk: name.to_owned(),
                target: target.spec.address.to_string(),
                from: None,
                to: target.state.as_str().to_owned(),
                at,
            });
            let of_trunk = BoxEvent::Trunk {
                trunk: name.to_owned(),
                from: None,
                to: state.as_str().to_owned(),
                at,
            };
            for event in std::iter::once(of_trunk).chain(of_targets) {
                // With more trunks than the queue holds the rest is told as it changes.
                let _ = out.try_send(event);
            }
        }
        self.listeners.out.push(out);
        true
    }

    /// A target changed.
    pub(super) fn tell_target(&mut self, trunk: &str, target: String, from: &str, to: &str) {
        self.listeners.tell(&BoxEvent::Target {
            trunk: trunk.to_owned(),
            target,
            from: Some(from.to_owned()),
            to: to.to_owned(),
            at: unix_ms(),
        });
    }

    /// Tells of trunks whose state is another than last told. A pause that a target asked for ends by itself, so this
    /// is looked at again and again.
    pub(super) fn tell_trunks(&mut self, now: Instant) {
        if self.listeners.out.is_empty() {
            return;
        }
        let mut events = Vec::new();
        for (name, state, _) in self.probes.states(now) {
            let before = self.listeners.told.insert(name.to_owned(), state);
            if before != Some(state) {
                events.push(BoxEvent::Trunk {
                    trunk: name.to_owned(),
                    from: before.map(|state| state.as_str().to_owned()),
                    to: state.as_str().to_owned(),
                    at: unix_ms(),
                });
            }
        }
        for event in events {
            self.listeners.tell(&event);
        }
    }
}
