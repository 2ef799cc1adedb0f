//! Where the names of trunks lead: when each is looked up ([`causeway_sip::locate::upkeep`] has the table) and what a new
//! answer changes.
//!
//! | answer | calls | the trunk |
//! |---|---|---|
//! | other addresses | new ones go there; those that stand at a former address go on, and it is listened to until they end | targets that stay keep their state |
//! | none, or silence, and there was one before | as before | as before, with a warning |
//! | none, or silence, and there was never one | refused with that cause | `no address` |
//!
//! No call waits for the DNS, and none ends because of it.

use super::Switch;
use super::probe::{rank, written};
use crate::io::dns::Dns;
use causeway_directory::{
    Directory, IpFamily, Located, SipSettings, SipTransport, Trunk, TrunkName,
};
use causeway_sip::endpoint::Transport;
use causeway_sip::locate::upkeep::Upkeep;
use causeway_sip::locate::{self, LocateError, Wish};
use causeway_sip::targets::TargetSpec;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// How long a former address is listened to when no call stands there: an answer may be on its way.
pub(super) const FORMER_FOR: Duration = Duration::from_secs(64);
/// Former addresses at most: a DNS that changes its mind with every question must not fill the box.
pub(super) const MOST_FORMER: usize = 64;

/// A search has come to its end.
#[derive(Debug)]
pub struct Found {
    /// [`Name::id`]: names come and go with documents while a search is under way.
    name: u64,
    outcome: Result<locate::Located, LocateError>,
}

#[derive(Debug)]
struct Name {
    /// Never used twice.
    id: u64,
    trunk: TrunkName,
    /// Which of the trunk's places it is.
    place: usize,
    wish: Wish,
    upkeep: Upkeep,
    /// The last useful answer.
    located: Option<locate::Located>,
    /// Why there is no newer one.
    fault: Option<String>,
}

#[derive(Debug)]
struct Former {
    trunk: TrunkName,
    located: Located,
    since: Instant,
}

/// The names of all trunks.
#[derive(Debug)]
pub struct Names {
    dns: Dns,
    next_id: u64,
    names: Vec<Name>,
    former: Vec<Former>,
    found: mpsc::UnboundedSender<Found>,
    shown: watch::Sender<Arc<Directory>>,
}

impl Names {
    /// And where the switch hears what was found. At most one search of each name is under way, so what waits there is
    /// bounded by their number.
    pub fn new(
        directory: &Directory,
        shown: watch::Sender<Arc<Directory>>,
        now: Instant,
    ) -> (Self, mpsc::UnboundedReceiver<Found>) {
        let sip = &directory.config().sip;
        let (found, heard) = mpsc::unbounded_channel();
        let mut names = Self {
            dns: Dns::new(&sip.dns),
            next_id: 0,
            names: Vec::new(),
            former: Vec::new(),
            found,
            shown,
        };
        names.follow(directory, now);
        (names, heard)
    }

    /// Looks up the names of this document. Those that are as they were keep their answers; the others are looked up at once.
    pub fn follow(&mut self, directory: &Directory, now: Instant) {
        let sip = &directory.config().sip;
        let mut old = std::mem::take(&mut self.names);
        for mut name in directory.trunks().flat_map(|t| names_of(t, sip, now)) {
            let same =
                |o: &Name| (&o.trunk, o.place, &o.wish) == (&name.trunk, name.place, &name.wish);
            if let Some(at) = old.iter().position(same) {
                name = old.swap_remove(at);
            } else {
                self.next_id += 1;
                name.id = self.next_id;
            }
            self.names.push(name);
        }
        self.former.retain(|f| directory.trunk(&f.trunk).is_some());
    }

    /// The snapshot of a new document with what is known of its names.
    pub fn located(&self, directory: &Directory) -> Directory {
        let mut located = directory.clone();
        for trunk in directory.trunks() {
            let name = trunk.name.get_ref();
            let targets = self.targets(trunk).into_iter().map(|(l, _)| l).collect();
            located = located.relocated(name, targets, self.former_of(name));
        }
        located
    }

    fn former_of(&self, trunk: &TrunkName) -> Vec<Located> {
        let of_trunk = self.former.iter().filter(|f| f.trunk == *trunk);
        of_trunk.map(|f| f.located).collect()
    }

    /// Tells everybody who looks things up.
    pub fn show(&self, directory: Arc<Directory>) {
        self.shown.send_replace(directory);
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.names
            .iter()
            .filter_map(|n| n.upkeep.poll_timeout())
            .min()
    }

    /// Targets of the trunk fail: its names may lead elsewhere by now.
    pub fn hurry(&mut self, trunk: &str, now: Instant) {
        for name in self.names.iter_mut().filter(|n| n.trunk.0 == trunk) {
            name.upkeep.hurry(now);
        }
    }

    /// What is wrong with the names of a trunk, when something is.
    pub fn fault(&self, trunk: &str) -> Option<&str> {
        let mut of_trunk = self.names.iter().filter(|n| n.trunk.0 == trunk);
        of_trunk.find_map(|n| n.fault.as_deref())
    }

    /// Why the trunk has no address at all; `None`: it has one.
    pub fn nowhere(&self, trunk: &str, directory: &Directory) -> Option<&str> {
        let name = TrunkName(trunk.to_owned());
        let known = directory.trunk(&name)?;
        let waits = "its name has not been looked up yet";
        directory
            .located(known)
            .is_empty()
            .then(|| self.fault(trunk).unwrap_or(waits))
    }

    /// Where the places of a trunk lead now, by their order and the DNS's.
    pub fn targets(&self, trunk: &Trunk) -> Vec<(Located, TargetSpec)> {
        let mut targets: Vec<(Located, TargetSpec)> = Vec::new();
        for (place, of) in trunk.places().enumerate() {
            let transport = trunk.transport();
            if let Some(address) = of.socket(transport) {
                let located = Located {
                    address,
                    transport,
                    place,
                };
                targets.push((located, written(&located)));
                continue;
            }
            let name = self
                .names
                .iter()
                .find(|n| n.trunk == *trunk.name.get_ref() && n.place == place);
            let Some(found) = name.and_then(|n| n.located.as_ref()) else {
                continue;
            };
            for spec in &found.targets {
                let located = Located {
                    address: spec.address,
                    transport: configured(found.transport),
                    place,
                };
                let spec = TargetSpec {
                    priority: rank(place, spec.priority),
                    ..*spec
                };
                targets.push((located, spec));
            }
        }
        // An address that two places lead to counts once, as the pool has it.
        let mut seen: Vec<SocketAddr> = Vec::new();
        targets.retain(|(located, _)| {
            let new = !seen.contains(&located.address);
            seen.push(located.address);
            new
        });
        targets
    }
}

/// What of a trunk has to be looked up.
fn names_of(trunk: &Trunk, sip: &SipSettings, now: Instant) -> Vec<Name> {
    let name = |(place, of): (usize, &causeway_directory::SipAddress)| {
        let transports = trunk.transports_to(of).into_iter();
        Some(Name {
            id: 0,
            trunk: trunk.name.get_ref().clone(),
            place,
            wish: Wish {
                name: of.name()?.to_owned(),
                port: of.port,
                transports: transports.map(crate::legs::trunk::transport).collect(),
                v4: sip.speaks(IpFamily::V4),
                v6: sip.speaks(IpFamily::V6),
            },
            upkeep: Upkeep::new(now),
            located: None,
            fault: None,
        })
    };
    trunk.places().enumerate().filter_map(name).collect()
}

const fn configured(transport: Transport) -> SipTransport {
    match transport {
        Transport::Udp => SipTransport::Udp,
        Transport::Tcp => SipTransport::Tcp,
        Transport::Tls => SipTransport::Tls,
    }
}

impl Switch {
    /// Begins the searches that are due.
    pub(super) fn look_up_names(&mut self, now: Instant) {
        let Names {
            dns, names, found, ..
        } = &mut self.names;
        for name in names {
            if !name.upkeep.poll(now) {
                continue;
            }
            let (dns, wish, found) = (dns.clone(), name.wish.clone(), found.clone());
            let id = name.id;
            tokio::spawn(async move {
                let outcome = dns.locate(wish).await;
                // After the switch has gone there is nobody left to tell.
                let _ = found.send(Found { name: id, outcome });
            });
        }
    }

    pub(super) fn name_found(&mut self, found: Found, now: Instant) {
        let mut names = self.names.names.iter_mut();
        let Some(name) = names.find(|n| n.id == found.name) else {
            return;
        };
        let trunk = name.trunk.clone();
        match found.outcome {
            Ok(located) => {
                name.upkeep.found(located.ttl, now);
                name.fault = None;
                let same = name.located.as_ref().is_some_and(|old| {
                    (old.transport, &old.targets) == (located.transport, &located.targets)
                });
                name.located = Some(located);
                if !same {
                    self.relocate(&trunk, now);
                }
            }
            Err(fault) => {
                name.upkeep.failed(now);
                let fault = fault.to_string();
                if name.fault.as_ref() != Some(&fault) {
                    let in_use = name.located.is_some();
                    tracing::warn!(%trunk, fault, last_answer_in_use = in_use, "name of a trunk");
                }
                name.fault = Some(fault);
            }
        }
    }

    /// The names of a trunk lead elsewhere: calls, probes, and who is listened to follow.
    fn relocate(&mut self, name: &TrunkName, now: Instant) {
        let directory = self.directory.clone();
        let Some(trunk) = directory.trunk(name) else {
            return;
        };
        let targets = self.names.targets(trunk);
        let is_target = |l: &Located| targets.iter().any(|(t, _)| t == l);
        let shown: Vec<String> = targets
            .iter()
            .map(|(l, _)| {
                format!(
                    "{} {}",
                    crate::legs::trunk::transport(l.transport),
                    l.address
                )
            })
            .collect();
        tracing::info!(trunk = %name, targets = shown.join(", "), "the name leads to");
        let left: Vec<Located> = directory
            .located(trunk)
            .iter()
            .filter(|l| !is_target(l))
            .copied()
            .collect();
        self.names
            .former
            .retain(|f| f.trunk != *name || !is_target(&f.located));
        for located in left {
            if self.names.former.len() >= MOST_FORMER {
                self.names.former.remove(0);
            }
            self.names.former.push(Former {
                trunk: name.clone(),
                located,
                since: now,
            });
        }
        let specs: Vec<TargetSpec> = targets.iter().map(|(_, spec)| *spec).collect();
        self.probes.replace(&name.0, &specs, now);
        let located = targets.iter().map(|(located, _)| *located).collect();
        self.show_located(name, located);
        self.registrars_moved(trunk, now);
    }

    /// Forgets former addresses that no call stands at any more.
    pub(super) fn forget_former(&mut self, now: Instant) {
        if self.names.former.is_empty() {
            return;
        }
        let stands = |f: &Former| {
            self.calls.values().any(|c| {
                c.trunk.trunk == f.trunk.0 && c.trunk.attempt.target() == Some(f.located.address)
            })
        };
        let over = |f: &Former| now.saturating_duration_since(f.since) > FORMER_FOR && !stands(f);
        let forgotten: Vec<TrunkName> = self
            .names
            .former
            .iter()
            .filter(|f| over(f))
            .map(|f| f.trunk.clone())
            .collect();
        if forgotten.is_empty() {
            return;
        }
        let kept: Vec<bool> = self.names.former.iter().map(|f| !over(f)).collect();
        let mut kept = kept.into_iter();
        self.names.former.retain(|_| kept.next().unwrap_or(false));
        let directory = self.directory.clone();
        for trunk in forgotten.iter().filter_map(|name| directory.trunk(name)) {
            let located = directory.located(trunk).to_vec();
            self.show_located(trunk.name.get_ref(), located);
        }
    }

    fn show_located(&mut self, name: &TrunkName, located: Vec<Located>) {
        let former = self.names.former_of(name);
        self.show_directory(self.directory.relocated(name, located, former));
    }
}
