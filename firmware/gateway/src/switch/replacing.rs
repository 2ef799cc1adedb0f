//! An INVITE of the PBX that takes the place of a browser's call (RFC 3891): a new trunk leg, the same browser leg.
//!
//! The endpoint has found the dialog that is replaced, and ends it by itself once the new one is accepted: with BYE, or
//! with CANCEL when it was not answered yet.

use super::Switch;
use super::active::CallKey;
use super::family::family_of_offer;
use crate::legs::attempt::Attempt;
use crate::legs::redirection::Redirection;
use crate::legs::trunk::{self, TrunkLeg};
use crate::media::Command as Media;
use causeway_call::Event;
use causeway_call::lines::Way;
use causeway_directory::Trunk;
use causeway_media::plan::Direction;
use causeway_sip::endpoint::{self, ReasonHeader};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What the switch needs of such an INVITE.
#[derive(Debug)]
pub struct Replacement {
    pub sip: endpoint::CallId,
    pub remote: SocketAddr,
    /// `None`: our 200 brings the offer.
    pub sdp: Option<Vec<u8>>,
}

type Refused = (u16, ReasonHeader);

impl Switch {
    /// An INVITE for the place of `old`.
    pub(super) fn replaced(&mut self, old: endpoint::CallId, invite: Replacement, now: Instant) {
        let sip = invite.sip;
        match self.may_replace(old, &invite) {
            Ok(key) => {
                if let Some(active) = self.calls.get_mut(&key) {
                    active.replacement = Some(invite);
                }
                self.feed(key, Event::ReplaceAsked, now);
            }
            Err((status, reason)) => self.endpoint.reject(sip, status, Some(reason), now),
        }
    }

    /// The call whose trunk leg `old` is, when the INVITE comes from the trunk that leg is on.
    fn may_replace(&self, old: endpoint::CallId, invite: &Replacement) -> Result<CallKey, Refused> {
        let gone = (481, ReasonHeader::sip(481, "No browser's call"));
        let key = self.call_of_sip(old).ok_or(gone)?;
        let running = self.calls.get(&key).filter(|c| c.finished.is_none());
        let from = self.directory.trunk_of(invite.remote);
        match (running, from) {
            (Some(active), Some(from)) if from.name.get_ref().0 == active.trunk.trunk => {
                if active.replacement.is_some() {
                    return Err((500, ReasonHeader::sip(500, "Being replaced already")));
                }
                Ok(key)
            }
            (Some(_), _) => Err((403, ReasonHeader::q850(21, "Not the trunk of that call"))),
            (None, _) => Err((603, ReasonHeader::sip(603, "The call has ended"))),
        }
    }

    pub(super) fn refuse_replacement(&mut self, key: CallKey, now: Instant) {
        let active = self.calls.get_mut(&key);
        if let Some(invite) = active.and_then(|active| active.replacement.take()) {
            let reason = ReasonHeader::q850(21, "Call rejected");
            self.endpoint.reject(invite.sip, 603, Some(reason), now);
        }
    }

    pub(super) fn accept_replacement(&mut self, key: CallKey, now: Instant) {
        let active = self.calls.get_mut(&key);
        let Some(invite) = active.and_then(|active| active.replacement.take()) else {
            return;
        };
        let sip = invite.sip;
        match self.try_replace(key, invite, now) {
            Ok(direction) => self.feed(key, Event::TrunkReplaced { direction }, now),
            Err((status, reason)) => {
                tracing::warn!(status, "a call cannot be replaced");
                self.endpoint.reject(sip, status, Some(reason), now);
            }
        }
    }

    /// Accepts the INVITE on a leg of its own and gives it to the call. What was agreed; without an offer in the
    /// INVITE that is only known with the ACK.
    fn try_replace(
        &mut self,
        key: CallKey,
        invite: Replacement,
        now: Instant,
    ) -> Result<Option<Direction>, Refused> {
        let directory = self.directory.clone();
        let from = directory.trunk_of(invite.remote);
        let from: &Trunk = from.ok_or((403, ReasonHeader::q850(21, "Not a trunk of this box")))?;
        let wanted = match self.calls.get(&key) {
            Some(active) => active.call.trunk_direction(),
            None => return Err((481, ReasonHeader::sip(481, "No browser's call"))),
        };
        let no_circuit = || (503, ReasonHeader::q850(34, "No circuit available"));
        // Within a trunk the new leg takes over the line of the old one: a full trunk can still hand calls on.
        let stays = self
            .calls
            .get(&key)
            .is_some_and(|active| active.trunk.trunk == from.name.get_ref().0);
        let line = if stays {
            None
        } else {
            Some(
                self.take_line(from, Way::In, now)
                    .map_err(|_| no_circuit())?,
            )
        };
        let family = family_of_offer(invite.sdp.as_deref(), invite.remote);
        let picture = self.calls.get(&key).is_some_and(|c| c.web.video);
        let taken = self
            .trunk_media(from, family, picture)
            .map_err(|_| no_circuit())?;
        let mut session = taken.session;
        let (sdp, plan) = match &invite.sdp {
            None => (session.offer(wanted), None),
            Some(offer) => match session.receive_offer(offer, wanted) {
                Ok((answer, plan)) => (answer, Some(plan)),
                Err(fault) => {
                    self.ports.release_leg(taken.ports);
                    tracing::info!(%fault, "offer refused");
                    let warning = super::from_sip::warning(fault.warn_code(), &fault.to_string());
                    self.endpoint.warn(invite.sip, warning, now);
                    let reason = ReasonHeader::q850(88, "Incompatible destination");
                    return Err((fault.sip_status(), reason));
                }
            },
        };
        let media = self.new_leg(key);
        self.open_trunk(media, from, taken.sockets);
        if let Some(plan) = plan {
            self.media.send(Media::PlanTrunk {
                leg: media,
                plan: Box::new(plan),
            });
        }
        let leg = TrunkLeg {
            trunk: from.name.get_ref().0.clone(),
            sip: Some(invite.sip),
            session,
            media,
            ports: taken.ports,
            plan,
            early: false,
            offer: None,
            offerless: invite.sdp.is_none(),
            attempt: Attempt::incoming(directory.known(from).map(|l| l.address), invite.remote),
            watch: None,
            redirection: Redirection::default(),
            info: trunk::info_digits(from),
            line,
        };
        let timer = trunk::session_timer(from);
        self.endpoint.set_session_timer(invite.sip, timer, now);
        if let Some(active) = self.calls.get_mut(&key) {
            active.record.sip_call_id = self.endpoint.sip_call_id(invite.sip).map(str::to_owned);
            if let Some(name) = &active.record.sip_call_id {
                self.ladders.assign(name, &active.id);
            }
            tracing::info!(call = active.id, "the PBX replaced its leg");
            let digits = active.trunk.info.take();
            let mut old = std::mem::replace(&mut active.trunk, leg);
            if stays {
                active.trunk.line = old.line.take();
            }
            // Digits that wait are sent on the new leg.
            active.trunk.info = digits;
            // Before the 200: the BYE or CANCEL that follows it is this leg's own end, not the call's.
            if let Some(sip) = old.sip {
                self.by_sip.remove(&sip);
            }
            self.by_sip.insert(invite.sip, key);
            self.endpoint.accept(invite.sip, sdp.into_bytes(), now);
            self.close_trunk_leg(&old, Duration::ZERO, now);
        }
        Ok(plan.map(|plan| plan.direction))
    }
}
