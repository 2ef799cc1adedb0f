//! The trunk doctor's hands: the switch carries out what a check asks, and cleans up behind it.

use super::{Switch, unix_ms};
use crate::doctor::assess::Configured;
use crate::doctor::{Ask, CheckId, Doctor, Patient};
use crate::legs::trunk;
use causeway_api::doctor::{CheckRefused, CheckStep, TrunkCheck};
use causeway_call::context::ContextToken;
use causeway_call::route::TrunkRoute;
use causeway_directory::{IpFamily, Located, SipTransport, Trunk, TrunkName, UserToUser};
use causeway_media::sdp::trunk::KeySeed;
use causeway_sip::endpoint::{CallId, Event as Sip, Invite, RequestId};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Instant;
use tokio::sync::mpsc;

/// Asks of all checks that wait for the switch.
const ASKS: usize = 64;
/// Events of one check that wait for its doctor.
const EVENTS: usize = 64;

/// The checks that run, and the last report of each trunk.
#[derive(Debug)]
pub struct Checks {
    asks: mpsc::Sender<(CheckId, Ask)>,
    running: HashMap<CheckId, Running>,
    reports: BTreeMap<String, TrunkCheck>,
    next: u64,
}

#[derive(Debug)]
struct Running {
    trunk: String,
    events: mpsc::Sender<Sip>,
    calls: Vec<CallId>,
    requests: Vec<RequestId>,
    /// Even ports, held until its task has ended.
    ports: Vec<u16>,
    ladders: Vec<String>,
}

impl Checks {
    /// And where the switch hears what its checks ask.
    pub fn new() -> (Self, mpsc::Receiver<(CheckId, Ask)>) {
        let (asks, heard) = mpsc::channel(ASKS);
        let checks = Self {
            asks,
            running: HashMap::new(),
            reports: BTreeMap::new(),
            next: 0,
        };
        (checks, heard)
    }

    /// The check under way, or the last one.
    pub fn report(&self, trunk: &str) -> Option<TrunkCheck> {
        self.reports.get(trunk).cloned()
    }

    /// Hands an event to the check it belongs to. An event of nobody's check is given back.
    pub fn take(&mut self, event: Sip) -> Option<Sip> {
        let call = call_of(&event);
        let request = match &event {
            Sip::RequestAnswered { request, .. } | Sip::RequestFailed { request } => Some(*request),
            _ => None,
        };
        let owner = self.running.values_mut().find(|r| {
            call.is_some_and(|c| r.calls.contains(&c))
                || request.is_some_and(|q| r.requests.contains(&q))
        });
        let Some(owner) = owner else {
            return Some(event);
        };
        let closes = matches!(
            event,
            Sip::Failed { .. } | Sip::Ended { .. } | Sip::Cancelled { .. }
        );
        if closes {
            owner.calls.retain(|c| Some(*c) != call);
        }
        // A doctor that does not listen misses it; each of its waits has an end.
        let _ = owner.events.try_send(event);
        None
    }
}

fn call_of(event: &Sip) -> Option<CallId> {
    match event {
        Sip::Progress { call, .. }
        | Sip::Answered { call, .. }
        | Sip::Confirmed { call, .. }
        | Sip::Failed { call, .. }
        | Sip::Offer { call, .. }
        | Sip::OfferAnswered { call, .. }
        | Sip::OfferDue { call }
        | Sip::OfferRejected { call, .. }
        | Sip::Cancelled { call, .. }
        | Sip::Ended { call, .. }
        | Sip::ReferAccepted { call, .. }
        | Sip::ReferProgress { call, .. }
        | Sip::PictureFastUpdate { call, .. }
        | Sip::Dtmf { call, .. } => Some(*call),
        // A transfer is refused as that of any call the switch does not know.
        _ => None,
    }
}

impl Switch {
    /// Begins a check in a task of its own.
    pub(super) fn check_trunk(
        &mut self,
        name: &str,
        number: Option<String>,
    ) -> Result<(), CheckRefused> {
        let directory = self.directory.clone();
        let trunk = directory
            .trunk(&TrunkName(name.to_owned()))
            .ok_or(CheckRefused::UnknownTrunk)?;
        if self.checks.running.values().any(|r| r.trunk == name) {
            return Err(CheckRefused::Running);
        }
        let target = *directory.located(trunk).first().ok_or_else(|| {
            CheckRefused::NoAddress(self.names.fault(name).unwrap_or_default().to_owned())
        })?;
        self.checks.next += 1;
        let id = CheckId(self.checks.next);
        let patient = self.patient(trunk, target, number.as_deref());
        let (events, heard) = mpsc::channel(EVENTS);
        let asks = self.checks.asks.clone();
        let ladders = format!("check-{}", crate::random::hex::<4>());
        let doctor = Doctor::new(id, ladders, patient, asks.clone(), heard);
        tokio::spawn(async move {
            // Told whatever becomes of it, so that nothing of it stays.
            let _ = tokio::spawn(doctor.run()).await;
            let _ = asks.send((id, Ask::Over)).await;
        });
        self.checks.running.insert(
            id,
            Running {
                trunk: name.to_owned(),
                events,
                calls: Vec::new(),
                requests: Vec::new(),
                ports: Vec::new(),
                ladders: Vec::new(),
            },
        );
        let report = TrunkCheck {
            trunk: name.to_owned(),
            number,
            running: true,
            ..TrunkCheck::default()
        };
        self.checks.reports.insert(name.to_owned(), report);
        tracing::info!(trunk = name, "trunk check begins");
        Ok(())
    }

    fn patient(&self, to: &Trunk, target: Located, number: Option<&str>) -> Patient {
        let directory = &self.directory;
        let random = u64::from_be_bytes(crate::random::bytes());
        let family = IpFamily::of(target.address.ip());
        let media = SocketAddr::new(directory.config().rtp.of(family).public, 0);
        Patient {
            configured: Configured {
                name: to.name.get_ref().0.clone(),
                address: to.address.get_ref().to_string(),
                tcp: target.transport == SipTransport::Tcp,
                has_credentials: to.username.is_some() && to.password.is_some(),
                realm: to.realm.clone(),
                user_to_user: to.user_to_user != UserToUser::Off,
                ptime_ms: *to.ptime_ms.get_ref(),
            },
            invite: number.and_then(|number| self.test_invite(to, target, number)),
            media: trunk::media_config(to, media, random, KeySeed(crate::random::bytes())),
        }
    }

    /// An INVITE as the trunk's calls have it; none on a box without apps, which cannot call.
    fn test_invite(&self, to: &Trunk, target: Located, number: &str) -> Option<Invite> {
        let app = self.directory.config().apps.first()?.get_ref();
        let route = TrunkRoute {
            trunk: to,
            app,
            number: number.to_owned(),
            caller_number: app.caller_id.get_ref().clone(),
            caller_name: Some("Causeway trunk check".to_owned()),
        };
        let token = ContextToken::from_random(crate::random::bytes());
        Some(trunk::invite(
            &self.directory,
            &route,
            target,
            Some(&token),
            String::new(),
            unix_ms(),
        ))
    }

    pub(super) fn handle_check(&mut self, id: CheckId, ask: Ask, now: Instant) {
        if !self.checks.running.contains_key(&id) {
            return;
        }
        match ask {
            Ask::Options {
                transport,
                ladder,
                reply,
            } => self.check_options(id, transport, ladder, reply, now),
            Ask::Invite {
                invite,
                ladder,
                reply,
            } => {
                let placed = self.endpoint.invite(*invite, now);
                if let (Ok(call), Some(check)) = (&placed, self.checks.running.get_mut(&id)) {
                    check.calls.push(*call);
                    check.ladders.push(ladder.clone());
                    if let Some(name) = self.endpoint.sip_call_id(*call) {
                        self.ladders.assign(name, &ladder);
                    }
                }
                let _ = reply.send(placed.map_err(|fault| fault.to_string()));
            }
            Ask::Cancel(call) => self.endpoint.cancel(call, None, now),
            Ask::Bye(call) => self.endpoint.bye(call, None, now),
            Ask::Offer { call, sdp } => {
                // A refusal of our own endpoint is seen as an offer that is not answered.
                if let Err(fault) = self.endpoint.offer(call, sdp, now) {
                    tracing::debug!(%fault, "trunk check: offer");
                }
            }
            Ask::Answer { call, answer } => self.endpoint.answer_offer(call, answer, now),
            Ask::Ports { family, reply } => {
                let pair = self.ports.take(family).ok();
                if let (Some(pair), Some(check)) = (&pair, self.checks.running.get_mut(&id)) {
                    check.ports.push(pair.port);
                }
                let _ = reply.send(pair);
            }
            Ask::Ladder { ladder, reply } => {
                let _ = reply.send(self.ladders.of_call(&ladder).unwrap_or_default());
            }
            Ask::Step(step) => self.check_step(id, step),
            Ask::Found { findings, settings } => {
                if let Some(report) = self.report_of(id) {
                    report.findings = findings;
                    report.settings = Some(settings);
                }
            }
            Ask::Over => self.check_over(id, now),
        }
    }

    fn check_options(
        &mut self,
        id: CheckId,
        transport: causeway_sip::endpoint::Transport,
        ladder: String,
        reply: tokio::sync::oneshot::Sender<RequestId>,
        now: Instant,
    ) {
        let Some(check) = self.checks.running.get_mut(&id) else {
            return;
        };
        let name = TrunkName(check.trunk.clone());
        let directory = self.directory.clone();
        let Some(to) = directory.trunk(&name) else {
            return;
        };
        let Some(target) = directory.located(to).first().copied() else {
            return;
        };
        let uri = trunk::uri_at(to, target, "");
        // Nothing else may stand in the queue when its Call-ID is looked for.
        self.transmit();
        let request = self.endpoint.options(target.address, transport, &uri, now);
        if let Some(check) = self.checks.running.get_mut(&id) {
            check.requests.push(request);
            check.ladders.push(ladder.clone());
        }
        self.transmit_as(Some(&ladder));
        let _ = reply.send(request);
    }

    fn report_of(&mut self, id: CheckId) -> Option<&mut TrunkCheck> {
        let trunk = &self.checks.running.get(&id)?.trunk;
        self.checks.reports.get_mut(trunk)
    }

    fn check_step(&mut self, id: CheckId, step: CheckStep) {
        let Some(report) = self.report_of(id) else {
            return;
        };
        match report.steps.iter_mut().find(|s| s.name == step.name) {
            Some(known) => *known = step,
            None => report.steps.push(step),
        }
    }

    /// Nothing of a check stays but its report and its ladders.
    fn check_over(&mut self, id: CheckId, now: Instant) {
        if let Some(report) = self.report_of(id) {
            report.running = false;
        }
        let Some(check) = self.checks.running.remove(&id) else {
            return;
        };
        for call in check.calls {
            self.endpoint.bye(call, None, now);
        }
        for port in check.ports {
            self.ports.release(port);
        }
        for ladder in check.ladders {
            self.ladders.ended(&ladder);
        }
        tracing::info!(trunk = check.trunk, "trunk check is done");
    }

    /// The box stops: what checks still hold is ended with it.
    pub(super) fn end_checks(&mut self, now: Instant) {
        let ids: Vec<CheckId> = self.checks.running.keys().copied().collect();
        for id in ids {
            self.check_over(id, now);
        }
    }
}
