//! Transfers that pages ask for: the PBX is asked with REFER to call somebody else in the browser's place
//! (RFC 3515, RFC 5589). When to do what is decided in `causeway_call`.
//!
//! | | `Refer-To` | |
//! |---|---|---|
//! | blind | the number as the trunk writes numbers, at the target the call is at | only what the app and the token may call, and only over the call's own trunk |
//! | attended | the Contact of the other call's dialog with `Replaces` (RFC 3891) | only a call of the same page on the same trunk |
//!
//! A PBX that refuses REFER leaves the call as it is: the box does not stay between two trunk legs without a browser.

use super::Switch;
use super::active::CallKey;
use super::place::{Refused, route_code};
use crate::legs::{trunk, web};
use causeway_api::request::SessionId;
use causeway_api::wire::{ErrorCode, RequestNumber};
use causeway_call::route::{self, Wish};
use causeway_call::{DeviceId, Event, FarCause, Phase, RequestId, TransferTarget};
use causeway_directory::TrunkName;
use causeway_sip::endpoint::{self, ReferId};
use std::time::Instant;

/// A transfer of a page, under way at the PBX.
#[derive(Debug)]
pub struct Referring {
    refer: ReferId,
    /// The other call of an attended one.
    other: Option<CallKey>,
}

impl Switch {
    /// A page's `call.transfer`: `to` a number, or `with` another of its calls.
    pub(super) fn transfer_call(
        &mut self,
        session: SessionId,
        id: RequestNumber,
        call: &str,
        (to, with): (Option<&str>, Option<&str>),
        now: Instant,
    ) {
        let Some(key) = self.known_call(session, call, id) else {
            return;
        };
        let target = match (to, with) {
            (Some(to), None) => self.transfer_number(session, key, to),
            (None, Some(with)) => self.transfer_partner(session, key, with),
            (None, None) | (Some(_), Some(_)) => {
                let message = "a transfer names either `to` or `with`".to_owned();
                Err((ErrorCode::BadRequest, message))
            }
        };
        match target {
            Ok(target) => {
                let event = Event::Transfer {
                    device: DeviceId(session.0),
                    request: RequestId(id),
                    target,
                };
                self.feed(key, event, now);
            }
            Err((code, message)) => {
                tracing::info!(call, ?code, message, "transfer refused");
                let message = web::error_of_call(id, call, code, message);
                self.tell(session, message);
            }
        }
    }

    fn transfer_number(
        &self,
        session: SessionId,
        key: CallKey,
        to: &str,
    ) -> Result<TransferTarget, Refused> {
        let gone = || (ErrorCode::CallNotFound, "the call is gone".to_owned());
        let identity = &self.sessions.get(&session).ok_or_else(gone)?.identity;
        let active = self.calls.get(&key).ok_or_else(gone)?;
        let wish = Wish {
            app: &identity.app,
            account: identity.account.as_ref(),
            token_allows: &identity.to,
            to,
            from: None,
        };
        let route = route::from_browser(&self.directory, wish)
            .map_err(|fault| (route_code(&fault), fault.to_string()))?;
        if route.trunk.name.get_ref().0 != active.trunk.trunk {
            let message = format!("{} is on another trunk than the call", route.number);
            return Err((ErrorCode::DestinationUnknown, message));
        }
        Ok(TransferTarget::Number(route.number))
    }

    fn transfer_partner(
        &self,
        session: SessionId,
        key: CallKey,
        with: &str,
    ) -> Result<TransferTarget, Refused> {
        let other = self.call_of(session, with);
        let (Some(other), Some(active)) = (
            other.and_then(|key| self.calls.get(&key)),
            self.calls.get(&key),
        ) else {
            let message = "`with` is no call of this session".to_owned();
            return Err((ErrorCode::CallNotFound, message));
        };
        if other.call.phase() != Phase::Answered || other.referring.is_some() {
            let message = "`with` is not an answered call that stays".to_owned();
            return Err((ErrorCode::WrongState, message));
        }
        if other.trunk.trunk != active.trunk.trunk {
            let message = "the two calls are on different trunks".to_owned();
            return Err((ErrorCode::WrongState, message));
        }
        Ok(TransferTarget::Call(with.to_owned()))
    }

    pub(super) fn refer_trunk(&mut self, key: CallKey, target: &TransferTarget, now: Instant) {
        match self.try_refer(key, target, now) {
            Ok(referring) => {
                // One that the call has given up does not bind another call any longer.
                self.referring_over(key, false, now);
                if let Some(other) = referring.other {
                    self.feed(other, Event::Consulted { begins: true }, now);
                }
                if let Some(active) = self.calls.get_mut(&key) {
                    active.referring = Some(referring);
                }
            }
            Err(fault) => {
                tracing::warn!(fault, "REFER cannot be sent");
                let cause = FarCause {
                    reason: Some(fault),
                    ..FarCause::default()
                };
                self.feed(key, Event::ReferFailed { cause }, now);
            }
        }
    }

    fn try_refer(
        &mut self,
        key: CallKey,
        target: &TransferTarget,
        now: Instant,
    ) -> Result<Referring, String> {
        let active = self.calls.get(&key).ok_or("the call is gone")?;
        let sip = active.trunk.sip.ok_or("the call has no trunk leg")?;
        let (uri, replaces, other) = match target {
            TransferTarget::Number(number) => {
                let name = TrunkName(active.trunk.trunk.clone());
                let directory = active.directory(&self.directory);
                let to = directory.trunk(&name).ok_or("the trunk is gone")?;
                let number = match &to.numbering {
                    Some(numbering) => numbering.get_ref().called(number),
                    None => number.clone(),
                };
                let at = match active.trunk.attempt.target() {
                    Some(target) => directory.located_at(to, target),
                    None => {
                        let first = directory.located(to).first();
                        *first.ok_or("the trunk has no address")?
                    }
                };
                (trunk::uri_at(to, at, &number), None, None)
            }
            TransferTarget::Call(name) => {
                let other = self.by_name.get(name).copied();
                let leg = other.and_then(|key| self.calls.get(&key)?.trunk.sip);
                let leg = leg.ok_or("the other call is gone")?;
                let uri = self.endpoint.remote_target(leg);
                let replaces = self.endpoint.as_replaced(leg);
                let (uri, replaces) = uri.zip(replaces).ok_or("the other call has ended")?;
                (uri, Some(replaces), other)
            }
        };
        let id = &active.id;
        tracing::info!(call = id, to = uri, attended = other.is_some(), "transfer");
        let refer = self
            .endpoint
            .refer(sip, &uri, replaces, now)
            .map_err(|fault| fault.to_string())?;
        Ok(Referring { refer, other })
    }

    /// The call this transfer is of, unless the call has given it up.
    pub(super) fn referring_call(&self, sip: endpoint::CallId, refer: ReferId) -> Option<CallKey> {
        let key = self.call_of_sip(sip)?;
        let referring = self.calls.get(&key)?.referring.as_ref()?;
        (referring.refer == refer).then_some(key)
    }

    pub(super) fn refer_progress(
        &mut self,
        key: CallKey,
        status: u16,
        reason: String,
        is_final: bool,
        now: Instant,
    ) {
        match (is_final, status) {
            (false, _) => self.feed(key, Event::ReferProgress { status }, now),
            (true, 200..300) => self.feed(key, Event::ReferDone, now),
            (true, _) => {
                let cause = FarCause {
                    status: Some(status),
                    reason: Some(reason).filter(|reason| !reason.is_empty()),
                    ..FarCause::default()
                };
                self.referring_over(key, false, now);
                self.feed(key, Event::ReferFailed { cause }, now);
            }
        }
    }

    /// A transfer is over, with the call it was of or without: the other call of an attended one learns of it.
    pub(super) fn referring_over(&mut self, key: CallKey, done: bool, now: Instant) {
        let active = self.calls.get_mut(&key);
        let referring = active.and_then(|active| active.referring.take());
        if let Some(other) = referring.and_then(|referring| referring.other) {
            let event = match done {
                true => Event::HandedOn,
                false => Event::Consulted { begins: false },
            };
            self.feed(other, event, now);
        }
    }
}
