//! Transfers that the PBX asks for: the box calls whom it names, on a trunk leg of its own, and the
//! browser's leg changes sides when they answer. When to do what is decided in `causeway_call`.
//!
//! The new call goes to the trunk the old one is on, whatever host the PBX names, and only the user
//! part, the dialog to replace and Referred-By are taken from it.

use super::Switch;
use super::active::CallKey;
use super::carry_out::FAREWELL;
use crate::legs::attempt::Attempt;
use crate::legs::redirection::Redirection;
use crate::legs::trunk::{self, TrunkLeg, cause_of_failure, cause_of_reason};
use crate::media::Command as Media;
use causeway_call::lines::Way;
use causeway_call::record::CallDirection;
use causeway_call::route::TrunkRoute;
use causeway_call::{Event, FarCause};
use causeway_directory::{IpFamily, TrunkName};
use causeway_media::plan::TrunkPlan;
use causeway_sip::endpoint::{self, Event as Sip, ReasonHeader, ReferId, Referral};
use std::time::{Duration, Instant};

/// A transfer under way.
#[derive(Debug)]
pub struct Transfer {
    /// The dialog that asked.
    asked_by: endpoint::CallId,
    refer: ReferId,
    referral: Referral,
    /// Once it is placed.
    leg: Option<TrunkLeg>,
}

impl Switch {
    pub(super) fn referred(
        &mut self,
        sip: endpoint::CallId,
        refer: ReferId,
        referral: Referral,
        now: Instant,
    ) {
        let key = self.by_sip.get(&sip).copied();
        let active = key.and_then(|key| self.calls.get_mut(&key));
        let active = active.filter(|c| c.finished.is_none() && c.transfer.is_none());
        let (Some(key), Some(active)) = (key, active) else {
            return self.endpoint.reject_refer(sip, refer, 603, now);
        };
        tracing::info!(call = active.id, to = referral.user, "transfer asked for");
        active.transfer = Some(Transfer {
            asked_by: sip,
            refer,
            referral,
            leg: None,
        });
        self.feed(key, Event::TransferAsked, now);
    }

    pub(super) fn refuse_transfer(&mut self, key: CallKey, now: Instant) {
        let active = self.calls.get_mut(&key);
        if let Some(transfer) = active.and_then(|c| c.transfer.take()) {
            let (sip, refer) = (transfer.asked_by, transfer.refer);
            self.endpoint.reject_refer(sip, refer, 603, now);
        }
    }

    pub(super) fn report_transfer(&mut self, key: CallKey, status: u16, now: Instant) {
        let Some(active) = self.calls.get_mut(&key) else {
            return;
        };
        if let Some(transfer) = &active.transfer {
            let (sip, refer) = (transfer.asked_by, transfer.refer);
            self.endpoint.notify_refer(sip, refer, status, now);
            // The last word about a leg that is gone.
            if status >= 200 && transfer.leg.is_none() {
                active.transfer = None;
            }
        }
    }

    pub(super) fn place_transfer(&mut self, key: CallKey, now: Instant) {
        let active = self.calls.get(&key);
        let Some(transfer) = active.and_then(|c| c.transfer.as_ref()) else {
            return;
        };
        let (sip, refer) = (transfer.asked_by, transfer.refer);
        self.endpoint.accept_refer(sip, refer, now);
        if let Err(fault) = self.try_place_transfer(key, now) {
            tracing::warn!(fault, "transfer cannot be placed");
            let cause = FarCause {
                status: Some(503),
                reason: Some(fault),
                ..FarCause::default()
            };
            self.transfer_failed(key, cause, now);
        }
    }

    fn try_place_transfer(&mut self, key: CallKey, now: Instant) -> Result<(), String> {
        let active = self.calls.get(&key).ok_or("the call is gone")?;
        let directory = active.directory(&self.directory);
        let transfer = active.transfer.as_ref().ok_or("there is no transfer")?;
        let name = TrunkName(active.trunk.trunk.clone());
        let app = active.of_app();
        let to = directory.trunk(&name).ok_or("the trunk is gone")?;
        let app = app
            .and_then(|app| directory.app(&app))
            .ok_or("the app is gone")?;
        // Who is on the browser's side calls, whoever began.
        let own_number = match active.record.direction {
            CallDirection::FromBrowser => active.record.from_number.clone().unwrap_or_default(),
            CallDirection::ToBrowser | CallDirection::Echo => active.record.to_number.clone(),
        };
        let own_name = match active.record.direction {
            CallDirection::FromBrowser => active.caller_name.clone(),
            CallDirection::ToBrowser | CallDirection::Echo => None,
        };
        let referral = transfer.referral.clone();
        // The dialogs that REFER speaks of are those of the PBX the call is at.
        let target = match active.trunk.attempt.target() {
            Some(target) => directory.located_at(to, target),
            None => *directory
                .located(to)
                .first()
                .ok_or("the trunk has no address")?,
        };
        let (id, context) = (active.id.clone(), active.context.clone());
        let direction = active.call.trunk_direction();
        let line = self.take_line(to, Way::Out, now);
        let line = line.map_err(|why| why.to_string())?;
        let picture = self.calls.get(&key).is_some_and(|c| c.web.video);
        let taken = self
            .trunk_media(to, IpFamily::of(target.address.ip()), picture)
            .map_err(|fault| fault.to_string())?;
        let mut session = taken.session;
        let route = TrunkRoute {
            trunk: to,
            app,
            number: referral.user.clone(),
            caller_number: own_number,
            caller_name: own_name,
        };
        let sdp = session.offer(direction);
        let token = context.as_ref();
        let mut invite = trunk::invite(&directory, &route, target, token, sdp, super::unix_ms());
        // As the PBX writes it, not as pages dial it.
        invite.request_uri = trunk::uri_at(to, target, &referral.user);
        invite.to.clone_from(&invite.request_uri);
        if let Some(replaces) = &referral.replaces {
            let value = replaces.to_string();
            invite.headers.push(("Replaces".to_owned(), value));
        }
        if let Some(by) = referral.referred_by {
            invite.headers.push(("Referred-By".to_owned(), by));
        }
        let sip = match self.endpoint.invite(invite, now) {
            Ok(sip) => sip,
            Err(fault) => {
                self.ports.release_leg(taken.ports);
                return Err(fault.to_string());
            }
        };
        if let Some(name) = self.endpoint.sip_call_id(sip) {
            self.ladders.assign(name, &id);
        }
        let media = self.new_leg(key);
        self.open_trunk(media, to, taken.sockets);
        self.by_transfer.insert(sip, key);
        let leg = TrunkLeg {
            trunk: name.0,
            sip: Some(sip),
            session,
            media,
            ports: taken.ports,
            plan: None,
            early: false,
            offer: None,
            offerless: false,
            attempt: Attempt::incoming(std::iter::once(target.address), target.address),
            watch: None,
            redirection: Redirection::default(),
            info: trunk::info_digits(to),
            line: Some(line),
        };
        let active = self.calls.get_mut(&key);
        if let Some(transfer) = active.and_then(|c| c.transfer.as_mut()) {
            transfer.leg = Some(leg);
        }
        Ok(())
    }

    /// Takes the event when it belongs to a leg that a transfer is calling on.
    pub(super) fn handle_transfer(&mut self, event: Sip, now: Instant) -> Option<Sip> {
        let call = match &event {
            Sip::Progress { call, .. }
            | Sip::Answered { call, .. }
            | Sip::Failed { call, .. }
            | Sip::Offer { call, .. }
            | Sip::Ended { call, .. } => *call,
            _ => return Some(event),
        };
        let Some(key) = self.by_transfer.get(&call).copied() else {
            return Some(event);
        };
        match event {
            Sip::Progress { status, sdp, .. } => {
                if let Some(sdp) = sdp {
                    // The browser still hears who handed it on; kept for a 200 without one.
                    self.take_transfer_answer(key, &sdp).ok();
                }
                self.feed(key, Event::TransferProgress { status }, now);
            }
            Sip::Answered { sdp, .. } => {
                let plan = match sdp {
                    Some(sdp) => self.take_transfer_answer(key, &sdp),
                    None => self
                        .transfer_leg(key)
                        .and_then(|leg| leg.plan)
                        .ok_or_else(|| "answered without a session description".to_owned()),
                };
                match plan {
                    Ok(plan) => {
                        let direction = plan.direction;
                        self.feed(key, Event::TransferAnswered { direction }, now);
                    }
                    Err(fault) => {
                        let cause = FarCause {
                            status: Some(488),
                            reason: Some(fault.chars().take(200).collect()),
                            ..FarCause::default()
                        };
                        self.transfer_failed(key, cause, now);
                    }
                }
            }
            Sip::Failed { failure, .. } => {
                self.transfer_failed(key, cause_of_failure(failure), now);
            }
            Sip::Ended { reason, .. } => {
                self.transfer_failed(key, cause_of_reason(reason), now);
            }
            // An UPDATE before the answer; the answer will say it all.
            Sip::Offer { call, .. } => {
                let refusal = super::from_sip::refuse(488, 399, "not before the answer");
                self.endpoint.answer_offer(call, refusal, now);
            }
            _ => {}
        }
        None
    }

    fn transfer_leg(&mut self, key: CallKey) -> Option<&mut TrunkLeg> {
        self.calls.get_mut(&key)?.transfer.as_mut()?.leg.as_mut()
    }

    fn take_transfer_answer(&mut self, key: CallKey, sdp: &[u8]) -> Result<TrunkPlan, String> {
        let leg = self.transfer_leg(key).ok_or("the transfer is gone")?;
        let plan = leg.session.receive_answer(sdp).map_err(|e| e.to_string())?;
        leg.plan = Some(plan);
        let leg = leg.media;
        self.media.send(Media::PlanTrunk {
            leg,
            plan: Box::new(plan),
        });
        Ok(plan)
    }

    fn transfer_failed(&mut self, key: CallKey, cause: FarCause, now: Instant) {
        self.abandon_transfer(key, now);
        self.feed(key, Event::TransferFailed { cause }, now);
        if let Some(active) = self.calls.get_mut(&key) {
            active.transfer = None;
        }
    }

    /// Closes the leg a transfer is calling on, whatever its state.
    pub(super) fn abandon_transfer(&mut self, key: CallKey, now: Instant) {
        let active = self.calls.get_mut(&key);
        let transfer = active.and_then(|c| c.transfer.as_mut());
        if let Some(leg) = transfer.and_then(|transfer| transfer.leg.take()) {
            self.close_trunk_leg(&leg, Duration::ZERO, now);
        }
    }

    /// The new leg takes the place of the old one.
    pub(super) fn complete_transfer(&mut self, key: CallKey, now: Instant) {
        let Some(active) = self.calls.get_mut(&key) else {
            return;
        };
        let Some(mut leg) = active.transfer.take().and_then(|transfer| transfer.leg) else {
            return;
        };
        // Digits that wait are sent on the new leg.
        leg.info = active.trunk.info.take();
        tracing::info!(call = active.id, "transferred");
        if let Some(sip) = leg.sip {
            self.by_transfer.remove(&sip);
            self.by_sip.insert(sip, key);
            active.record.sip_call_id = self.endpoint.sip_call_id(sip).map(str::to_owned);
        }
        let old = std::mem::replace(&mut active.trunk, leg);
        self.close_trunk_leg(&old, FAREWELL, now);
    }

    /// Ends a leg that is not the call's any more; its figures are nobody's. The far side of an answered one gets
    /// `wait` to do so itself.
    pub(super) fn close_trunk_leg(&mut self, leg: &TrunkLeg, wait: Duration, now: Instant) {
        if let Some(sip) = leg.sip {
            self.by_transfer.remove(&sip);
            self.by_sip.remove(&sip);
            let reason = ReasonHeader::q850(16, "Normal call clearing");
            self.endpoint.bye_after(sip, Some(reason), wait, now);
        }
        self.by_leg.remove(&leg.media);
        self.media.send(Media::Close { leg: leg.media });
        self.ports.release_leg(leg.ports);
    }
}
