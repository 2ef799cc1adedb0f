//! Another document, while calls stand.
//!
//! | what | new calls | calls that stand |
//! |---|---|---|
//! | a trunk, changed | as it is now | as it was when the document changed, until they end; its old addresses are listened to |
//! | a trunk, removed | none | the same |
//! | an app, changed or removed | as it is now, or refused | the same |
//! | numbers, accounts, limits, public addresses | as they are now | nothing: they were asked when the call began |
//!
//! What failed before a trunk was removed is not tried there again: the other targets of a removed trunk get no calls.
//! An old address is listened to for a minute after its last call as well, since answers may be on their way.

use super::naming::{FORMER_FOR, MOST_FORMER};
use super::{Switch, most_dialogs, peers, timing};
use causeway_directory::{Config, Directory, Retired};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;

/// A document that can be followed without a restart, and who is told when it is.
#[derive(Debug)]
pub struct Reload {
    pub config: Config,
    pub done: oneshot::Sender<()>,
}

/// Since when each of [`Directory::retired`] is, in the same order.
#[derive(Debug, Default)]
pub(super) struct RetiredTrunks {
    since: Vec<Instant>,
}

impl Switch {
    pub(super) fn reload(&mut self, reload: Reload, now: Instant) {
        let Reload { config, done } = reload;
        let old = self.directory.clone();
        let new = Directory::new(config);
        self.keep_for_calls(&old, &new);
        let retired = self.retire(&old, &new, now);
        self.names.follow(&new, now);
        let new = self.names.located(&new).with_retired(retired);

        let trunks = new.trunks().map(|trunk| {
            let targets = self.names.targets(trunk).into_iter();
            (trunk, targets.map(|(_, spec)| spec).collect())
        });
        for probe in self.probes.follow(trunks, now) {
            self.endpoint.forget_request(probe);
        }
        self.listeners
            .trunks_are(new.trunks().map(|t| t.name.get_ref().0.as_str()));
        self.registrations.follow(&new, now);
        self.ports.follow(&new.config().rtp);
        self.timing = timing(&new);
        self.endpoint.bound_calls(most_dialogs(&new));
        self.media.bound(most_dialogs(&new));
        self.show_directory(new);
        self.look_up_names(now);
        self.probe_trunks(now);
        // Who asked may have gone.
        let _ = done.send(());
    }

    /// Calls whose trunk or app is another now keep what they have.
    fn keep_for_calls(&mut self, old: &Arc<Directory>, new: &Directory) {
        // What was retired before is kept by those who need it: it is not carried on by the next.
        let kept = Arc::new(old.with_retired(Vec::new()));
        for active in self.calls.values_mut() {
            let trunk = causeway_directory::TrunkName(active.trunk.trunk.clone());
            let app = active.of_app();
            let app_stays = app.is_none_or(|app| old.app(&app) == new.app(&app));
            if active.kept.is_none() && !(app_stays && old.trunk(&trunk) == new.trunk(&trunk)) {
                active.kept = Some(kept.clone());
            }
        }
    }

    /// What is listened to besides the trunks of the document.
    fn retire(&mut self, old: &Arc<Directory>, new: &Directory, now: Instant) -> Vec<Retired> {
        let mut retired = old.retired().to_vec();
        let kept = Arc::new(old.with_retired(Vec::new()));
        for trunk in old.left_behind(new) {
            retired.push(Retired {
                directory: kept.clone(),
                name: trunk.name.get_ref().clone(),
            });
            self.retired.since.push(now);
        }
        let too_many = retired.len().saturating_sub(MOST_FORMER);
        self.retired.since.drain(..too_many);
        retired.drain(..too_many);
        retired
    }

    /// Forgets what trunks were before and no call stands on any more.
    pub(super) fn forget_retired(&mut self, now: Instant) {
        if self.retired.since.is_empty() {
            return;
        }
        let directory = self.directory.clone();
        let stands = |of: &Retired| {
            self.calls
                .values()
                .any(|call| call.kept.is_some() && call.trunk.trunk == of.name.0)
        };
        let old = directory.retired().iter().zip(&self.retired.since);
        let (left, since): (Vec<_>, Vec<_>) = old
            .filter(|(of, since)| {
                now.saturating_duration_since(**since) <= FORMER_FOR || stands(of)
            })
            .map(|(of, since)| (of.clone(), *since))
            .unzip();
        if since.len() < self.retired.since.len() {
            self.retired.since = since;
            self.show_directory(directory.with_retired(left));
        }
    }

    /// From now on this is what everybody looks things up in, and whose trunks are listened to.
    pub(super) fn show_directory(&mut self, directory: Directory) {
        self.directory = Arc::new(directory);
        let peers = peers(&self.directory);
        self.sockets.accept_from(peers.clone());
        self.endpoint.accept_from(peers);
        self.names.show(self.directory.clone());
    }
}
