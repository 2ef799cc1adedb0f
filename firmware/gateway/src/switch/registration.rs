//! The trunks that register: each a [`Registration`] (its table is there), driven by timers, by what their registrars
//! say, by connections that break and by targets that come back.
//!
//! A registrar that answers lives, so its target counts as up; what a failing registration means for calls is the PBX's
//! to say: calls out are tried all the same, and end with its refusal.

use super::Switch;
use crate::legs::{account, said};
use causeway_directory::{Directory, Trunk, TrunkName};
use causeway_sip::endpoint::{RegisterAnswer, RequestId, Transport};
use causeway_sip::registration::{
    Registration, RegistrationChange, RegistrationCommand, RegistrationConfig, RegistrationState,
    RegistrationView,
};
use causeway_sip::targets::Sign;
use std::net::SocketAddr;
use std::time::Instant;

/// A trunk's registration.
#[derive(Debug)]
struct TrunkRegistration {
    trunk: String,
    machine: Registration,
    /// What it is made of, without the seed.
    config: RegistrationConfig,
    /// What follows when it has been taken back.
    after: After,
    /// The REGISTER under way, and with whom.
    open: Option<(RequestId, SocketAddr)>,
    /// Attempts that failed.
    failed: u64,
}

/// What follows a registration that is taken back.
#[derive(Debug)]
enum After {
    /// It is not taken back, or the box stops.
    Nothing,
    /// The trunk does not register any more.
    Gone,
    /// Another account: not before the old one is left, for the registrar may hold both for one.
    Another(Box<RegistrationConfig>),
}

impl TrunkRegistration {
    fn new(trunk: String, config: RegistrationConfig, now: Instant) -> Self {
        let seed = crate::random::bytes();
        Self {
            trunk,
            machine: Registration::new(
                RegistrationConfig {
                    seed,
                    ..config.clone()
                },
                now,
            ),
            config,
            after: After::Nothing,
            open: None,
            failed: 0,
        }
    }

    /// Whether these are the same account at the same registrar, asked for in the same way.
    fn is_same(&self, other: &RegistrationConfig) -> bool {
        let account = |of: &RegistrationConfig| {
            let shown = of.credentials.as_ref();
            let shown = shown.map(|c| (c.username.clone(), c.password.clone(), c.realm.clone()));
            let uris = (of.request_uri.clone(), of.account.clone());
            (uris, of.contact_user.clone(), of.expires_s, shown)
        };
        account(&self.config) == account(other)
    }

    /// Registrars are elsewhere.
    fn moved(&mut self, wanted: Option<RegistrationConfig>, now: Instant) {
        match (&mut self.after, wanted) {
            (After::Another(next), Some(wanted)) => **next = wanted,
            (After::Nothing, wanted) => self.follow(wanted, now),
            (After::Gone, _) | (After::Another(_), None) => {}
        }
    }

    /// Registers as this, or not at all, from now on.
    fn follow(&mut self, wanted: Option<RegistrationConfig>, now: Instant) {
        match wanted {
            Some(wanted) if self.is_same(&wanted) && matches!(self.after, After::Nothing) => {
                self.config = wanted.clone();
                let RegistrationConfig {
                    registrars,
                    transport,
                    credentials,
                    ..
                } = wanted;
                self.machine
                    .replace_registrars(registrars, transport, credentials, now);
            }
            Some(wanted) => {
                self.after = After::Another(Box::new(wanted));
                self.machine.leave(now);
            }
            None => {
                self.after = After::Gone;
                self.machine.leave(now);
            }
        }
    }
}

/// The registrations of all trunks that have one.
#[derive(Debug)]
pub struct Registrations(Vec<TrunkRegistration>);

/// A registration as metrics and the API show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationFigures {
    pub trunk: String,
    pub state: RegistrationState,
    pub registrar: Option<SocketAddr>,
    /// Seconds the registration still holds.
    pub expires_in_s: Option<u64>,
    /// Why the last attempt failed, in plain words.
    pub why: Option<String>,
    /// Attempts that failed since the start.
    pub failed: u64,
}

impl RegistrationFigures {
    /// As the API shows it.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "state": self.state.as_str(),
            "registrar": self.registrar.map(|r| r.to_string()),
            "expires_in_s": self.expires_in_s,
            "reason": self.why,
            "failed": self.failed,
        })
    }
}

impl Registrations {
    pub fn new(directory: &Directory, now: Instant) -> Self {
        let of_trunk = |trunk: &Trunk| {
            let config = account::registration(directory, trunk, [0; 32])?;
            let name = trunk.name.get_ref().0.clone();
            Some(TrunkRegistration::new(name, config, now))
        };
        Self(directory.trunks().filter_map(of_trunk).collect())
    }

    /// The trunks of another document: new accounts register, those that are gone are taken back.
    pub fn follow(&mut self, directory: &Directory, now: Instant) {
        let wanted = |name: &String| {
            let trunk = directory.trunk(&TrunkName(name.clone()))?;
            account::registration(directory, trunk, [0; 32])
        };
        for registration in &mut self.0 {
            registration.follow(wanted(&registration.trunk), now);
        }
        for trunk in directory.trunks() {
            let name = &trunk.name.get_ref().0;
            if self.view(name).is_none()
                && let Some(config) = wanted(name)
            {
                let new = TrunkRegistration::new(name.clone(), config, now);
                self.0.push(new);
            }
        }
    }

    /// Forgets those that were taken back, and begins what follows them.
    fn succeed(&mut self, now: Instant) {
        self.0.retain_mut(|old| {
            if !old.machine.is_over() {
                return true;
            }
            match std::mem::replace(&mut old.after, After::Nothing) {
                After::Nothing => true,
                After::Gone => false,
                After::Another(config) => {
                    *old = TrunkRegistration {
                        failed: old.failed,
                        ..TrunkRegistration::new(old.trunk.clone(), *config, now)
                    };
                    true
                }
            }
        });
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.0.iter().filter_map(|r| r.machine.poll_timeout()).min()
    }

    /// Whether every one has been taken back.
    pub fn are_over(&self) -> bool {
        self.0.iter().all(|r| r.machine.is_over())
    }

    /// How a trunk's registration stands; `None` for a trunk that does not register.
    pub fn view(&self, trunk: &str) -> Option<RegistrationView<'_>> {
        let found = self.0.iter().find(|r| r.trunk == trunk)?;
        Some(found.machine.view())
    }

    /// Every registration for people and programs.
    pub fn figures(&self, now: Instant) -> impl Iterator<Item = RegistrationFigures> {
        self.0.iter().map(move |r| {
            let view = r.machine.view();
            RegistrationFigures {
                trunk: r.trunk.clone(),
                state: view.state,
                registrar: view.registrar,
                expires_in_s: view
                    .until
                    .map(|until| until.saturating_duration_since(now).as_secs()),
                why: view
                    .why
                    .map(|why| said::plain(&why.to_string(), 2 * said::REASON)),
                failed: r.failed,
            }
        })
    }

    fn of_request(&mut self, request: RequestId) -> Option<&mut TrunkRegistration> {
        self.0
            .iter_mut()
            .find(|r| r.open.is_some_and(|(open, _)| open == request))
    }
}

impl Switch {
    /// Fires the timers of registrations.
    pub(super) fn registrations_timeout(&mut self, now: Instant) {
        for registration in &mut self.registrations.0 {
            if registration
                .machine
                .poll_timeout()
                .is_some_and(|at| at <= now)
            {
                registration.machine.handle_timeout(now);
            }
        }
    }

    /// A registrar answered.
    pub(super) fn registrar_answered(
        &mut self,
        request: RequestId,
        answer: &RegisterAnswer,
        now: Instant,
    ) {
        let Some(registration) = self.registrations.of_request(request) else {
            return;
        };
        let Some((_, registrar)) = registration.open.take() else {
            return;
        };
        // Its words are for people.
        let answer = RegisterAnswer {
            reason: said::plain(&answer.reason, said::REASON),
            ..answer.clone()
        };
        registration.machine.handle_answer(&answer, now);
        let sign = Sign::of_status(answer.status, None);
        let trunk = registration.trunk.clone();
        self.probes.observe(&trunk, registrar, sign, now);
    }

    /// A REGISTER could not be sent, or its transaction gave up. `false`: it was none.
    pub(super) fn registrar_failed(&mut self, request: RequestId, now: Instant) -> bool {
        let Some(registration) = self.registrations.of_request(request) else {
            return false;
        };
        let open = registration.open.take();
        registration.machine.handle_failed(now);
        let trunk = registration.trunk.clone();
        if let Some((_, registrar)) = open {
            self.probes
                .observe(&trunk, registrar, Sign::Unreachable, now);
        }
        true
    }

    /// A connection broke: registrations whose calls came over it are made anew.
    pub(super) fn registrations_lost(
        &mut self,
        transport: Transport,
        remote: SocketAddr,
        now: Instant,
    ) {
        for registration in &mut self.registrations.0 {
            registration.machine.connection_lost(transport, remote, now);
        }
    }

    /// A target of a trunk answers again.
    pub(super) fn registrar_back(&mut self, trunk: &str, target: SocketAddr, now: Instant) {
        let found = self.registrations.0.iter_mut().find(|r| r.trunk == trunk);
        if let Some(registration) = found {
            registration.machine.target_back(target, now);
        }
    }

    /// The names of a trunk lead elsewhere: so do its registrations.
    pub(super) fn registrars_moved(&mut self, trunk: &Trunk, now: Instant) {
        let name = &trunk.name.get_ref().0;
        if let Some(found) = self.registrations.0.iter_mut().find(|r| r.trunk == *name) {
            let wanted = account::registration(&self.directory, trunk, [0; 32]);
            found.moved(wanted, now);
        }
    }

    /// Takes every registration back.
    pub(super) fn leave_registrars(&mut self, now: Instant) {
        for registration in &mut self.registrations.0 {
            registration.after = After::Nothing;
            registration.machine.leave(now);
        }
    }

    /// Does what the registrations want done, and tells of what came of it.
    pub(super) fn follow_registrations(&mut self, now: Instant) {
        for registration in &mut self.registrations.0 {
            while let Some(command) = registration.machine.poll_command() {
                if let Some((old, _)) = registration.open.take() {
                    self.endpoint.forget_request(old);
                }
                let RegistrationCommand::Send(register) = command else {
                    continue;
                };
                match self.endpoint.register(&register, now) {
                    Ok(request) => registration.open = Some((request, register.remote)),
                    Err(fault) => {
                        tracing::error!(trunk = registration.trunk, %fault, "REGISTER cannot be sent");
                        registration.machine.handle_failed(now);
                    }
                }
            }
            while let Some(change) = registration.machine.poll_change() {
                if matches!(change, RegistrationChange::Failed { .. }) {
                    registration.failed += 1;
                }
                tell(&registration.trunk, &change);
            }
        }
        self.registrations.succeed(now);
    }
}

fn tell(trunk: &str, change: &RegistrationChange) {
    match change {
        RegistrationChange::Registered {
            registrar,
            expires_s,
        } => tracing::info!(trunk, %registrar, expires_s, "registered"),
        RegistrationChange::Refreshed {
            registrar,
            expires_s,
        } => tracing::debug!(trunk, %registrar, expires_s, "registration refreshed"),
        RegistrationChange::Failed {
            why,
            again_in,
            registered,
        } => tracing::warn!(
            trunk,
            reason = said::plain(&why.to_string(), 2 * said::REASON),
            again_in_s = again_in.as_secs(),
            registered,
            "registration failed"
        ),
        RegistrationChange::Expired => tracing::warn!(trunk, "the registration has expired"),
        RegistrationChange::Left => tracing::info!(trunk, "registration taken back"),
    }
}
