//! Offers of ours inside a call: re-INVITE, UPDATE, and asking for theirs (RFC 3261 §14.1, RFC 3311 §5.1, RFC 6337).
//!
//! | | `offer`, `update`, `ask_offer` | 2xx | 491, or 500 with Retry-After | 422 | other failure |
//! |---|---|---|---|---|---|
//! | None | send → Sent | – | – | – | – |
//! | Sent | `OfferPending` | ACK, OfferAnswered → None | → Waiting | longer interval, again | OfferRejected → None |
//! | Sent, asking for theirs | `OfferPending` | Offer, ACK held → None | → Waiting | longer interval, again | OfferRejected → None |
//! | Sent, a refresh | kept for afterwards | ACK → None, or what was kept | → Waiting | longer interval, again | → None, or what was kept |
//! | Waiting | `OfferPending` | – | – | – | – |
//! | Waiting, a refresh | takes its place | – | – | – | – |
//!
//! What waits is sent when its time has come, unless an offer of theirs was accepted meanwhile: a session description
//! from before is no successor of that (RFC 3264 §8). A refresh then takes the new one; of others the box is told
//! `OfferDue`, and offers anew.
//!
//! 408, 481 and silence end the call (§12.2.1.2).

use std::time::{Duration, Instant};

use super::call::{Call, State, failure, retry_after};
use super::command::EndpointError;
use super::core::{ClientKey, ClientUser, Core, supported};
use super::event::{Event, Failure, FailureKind};
use super::placing::sdp;
use crate::message::check::Essentials;
use crate::message::{HeaderName, MAX_MESSAGE, Method, Response};
use crate::timers::{GLARE_OTHER, GLARE_OWNER, PROVISIONAL_WAIT};

/// How often an offer is tried again after 491.
const MAX_TRIES: u8 = 5;
/// The longest `Retry-After` of a 500 that is waited for, in seconds.
const MAX_RETRY_AFTER: u32 = 10;

/// An offer of ours.
#[derive(Debug)]
pub(super) enum OurOffer {
    None,
    Sent {
        key: ClientKey,
        what: Offering,
        give_up: Instant,
    },
    /// After 491.
    Waiting {
        what: Offering,
        at: Instant,
    },
}

/// What is offered, and why.
#[derive(Debug)]
pub(super) struct Offering {
    pub(super) method: Method,
    /// `None`: theirs is asked for.
    pub(super) sdp: Option<Vec<u8>>,
    /// Nothing changes; the session timer wants it.
    pub(super) is_refresh: bool,
    tries: u8,
    /// The far side changed the session while this waited.
    is_outdated: bool,
    /// Commanded while the refresh was under way.
    next: Option<Vec<u8>>,
}

impl Offering {
    pub(super) fn new(method: Method, sdp: Option<Vec<u8>>, is_refresh: bool) -> Self {
        Self {
            method,
            sdp,
            is_refresh,
            tries: 0,
            is_outdated: false,
            next: None,
        }
    }
}

impl OurOffer {
    pub(super) fn is_sent(&self) -> bool {
        matches!(self, Self::Sent { .. })
    }

    pub(super) fn is_sent_with(&self, sent: &ClientKey) -> bool {
        matches!(self, Self::Sent { key, .. } if key == sent)
    }

    /// An offer of theirs was accepted.
    pub(super) fn note_change(&mut self) {
        if let Self::Waiting { what, .. } = self {
            what.is_outdated = what.sdp.is_some();
        }
    }

    /// The call ends: whatever the answer would have been, nobody waits for it.
    pub(super) fn abandon(&mut self, core: &mut Core, now: Instant) {
        if let Self::Sent { key, .. } = std::mem::replace(self, Self::None) {
            core.abandon_invite(&key, now);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::None => None,
            Self::Sent { give_up, .. } => Some(*give_up),
            Self::Waiting { at, .. } => Some(*at),
        }
    }
}

impl Call {
    pub(super) fn offer(
        &mut self,
        core: &mut Core,
        sdp: Vec<u8>,
        now: Instant,
    ) -> Result<(), EndpointError> {
        self.may_offer(sdp.len())?;
        match &mut self.our_offer {
            OurOffer::None => {
                let what = Offering::new(Method::Invite, Some(sdp), false);
                self.send_offer(core, what, now);
                Ok(())
            }
            // A refresh is ours alone; who commands an offer knows nothing of it.
            OurOffer::Sent { what, .. } if what.is_refresh && what.next.is_none() => {
                what.next = Some(sdp);
                Ok(())
            }
            OurOffer::Waiting { what, .. } if what.is_refresh => {
                *what = Offering::new(Method::Invite, Some(sdp), false);
                Ok(())
            }
            OurOffer::Sent { .. } | OurOffer::Waiting { .. } => Err(EndpointError::OfferPending),
        }
    }

    /// Asks the far side for an offer: a re-INVITE without one.
    pub(super) fn ask_offer(&mut self, core: &mut Core, now: Instant) -> Result<(), EndpointError> {
        self.may_offer(0)?;
        if !matches!(self.our_offer, OurOffer::None) {
            return Err(EndpointError::OfferPending);
        }
        let what = Offering::new(Method::Invite, None, false);
        self.send_offer(core, what, now);
        Ok(())
    }

    /// The offer in an UPDATE, which is answered at once or not at all (RFC 3311 §5.1).
    pub(super) fn update(
        &mut self,
        core: &mut Core,
        sdp: Vec<u8>,
        now: Instant,
    ) -> Result<(), EndpointError> {
        self.may_offer(sdp.len())?;
        if !self.takes_update {
            return Err(EndpointError::WrongState);
        }
        if !matches!(self.our_offer, OurOffer::None) {
            return Err(EndpointError::OfferPending);
        }
        let what = Offering::new(Method::Update, Some(sdp), false);
        self.send_offer(core, what, now);
        Ok(())
    }

    fn may_offer(&self, size: usize) -> Result<(), EndpointError> {
        let State::Established(established) = &self.state else {
            return Err(EndpointError::WrongState);
        };
        if size + 4_096 > MAX_MESSAGE {
            return Err(EndpointError::TooLarge);
        }
        let busy = established.unconfirmed.is_some()
            || established.held_ack.is_some()
            || self.their_offer.is_some();
        if busy {
            Err(EndpointError::OfferPending)
        } else {
            Ok(())
        }
    }

    pub(super) fn send_offer(&mut self, core: &mut Core, mut what: Offering, now: Instant) {
        let State::Established(established) = &mut self.state else {
            return;
        };
        let mut request = established.dialog.request(what.method.clone());
        if let Some(sdp) = &what.sdp {
            request
                .headers
                .push(HeaderName::ContentType, "application/sdp");
            request.body.clone_from(sdp);
        }
        let extensions = supported(!self.timer.is_off());
        request.headers.push(HeaderName::Supported, extensions);
        self.timer.ask(&mut request.headers);
        let dialog = established.dialog.clone();
        let user = ClientUser::Call(self.id);
        let key = Self::send_in_dialog(core, &dialog, self.peer, request, user, now);
        what.tries = what.tries.saturating_add(1);
        self.our_offer = OurOffer::Sent {
            key,
            what,
            give_up: now + PROVISIONAL_WAIT,
        };
    }

    pub(super) fn handle_offer_response(
        &mut self,
        core: &mut Core,
        key: &ClientKey,
        response: &Response,
        essentials: &Essentials,
        now: Instant,
    ) {
        let State::Established(established) = &self.state else {
            return;
        };
        match response.status {
            100..200 => {}
            200..300 => self.offer_answered(core, key, response, essentials, now),
            401 | 407 => {
                let tag = established.dialog.remote_tag.clone();
                let again = self
                    .authorized(core, key, response, now)
                    .and_then(|request| self.resend_in_dialog(core, &tag, request, now));
                match (again, &mut self.our_offer) {
                    (Some(again), OurOffer::Sent { key, .. }) => *key = again,
                    _ => self.offer_rejected(core, failure(response), now),
                }
            }
            408 | 481 => {
                self.our_offer = OurOffer::None;
                let text = format!("{}: the far side does not know the call", key.method);
                self.hang_up_by_fault(core, response.status, &text, now);
            }
            422 if self.timer.raise(&response.headers) => {
                self.offer_later(core, response, Duration::ZERO, now);
            }
            491 => {
                let wait = self.glare_wait(core);
                self.offer_later(core, response, wait, now);
            }
            500 => match retry_after(&response.headers) {
                Some(seconds) if seconds <= MAX_RETRY_AFTER => {
                    let wait = Duration::from_secs(u64::from(seconds));
                    self.offer_later(core, response, wait, now);
                }
                _ => self.offer_rejected(core, failure(response), now),
            },
            _ => self.offer_rejected(core, failure(response), now),
        }
    }

    /// §14.1: who owns the Call-ID waits longer.
    pub(super) fn glare_wait(&self, core: &mut Core) -> Duration {
        let range = if self.owns_call_id {
            GLARE_OWNER
        } else {
            GLARE_OTHER
        };
        Duration::from_millis(core.ids.number(range))
    }

    fn offer_answered(
        &mut self,
        core: &mut Core,
        key: &ClientKey,
        response: &Response,
        essentials: &Essentials,
        now: Instant,
    ) {
        let peer = self.peer;
        let OurOffer::Sent { what, .. } = std::mem::replace(&mut self.our_offer, OurOffer::None)
        else {
            return;
        };
        let State::Established(established) = &mut self.state else {
            return;
        };
        established.dialog.refresh_target(&response.headers);
        self.timer.accepted(&response.headers, now);
        let theirs = sdp(response);
        let asked = what.sdp.is_none();
        let is_offer = asked && theirs.is_some();
        let cseq = essentials.cseq.number;
        if is_offer && what.method == Method::Invite {
            established.held_ack = Some((key.clone(), cseq));
        } else if what.method == Method::Invite {
            let ack = established.dialog.request_with(Method::Ack, cseq);
            let to = core.destination(&established.dialog.next_hop(), peer);
            let tag = established.dialog.remote_tag.clone();
            core.send_ack(key, &tag, ack, to);
        }
        self.note_allow(&response.headers);
        if asked {
            match theirs {
                Some(sdp) => {
                    self.sdp.remote = Some(sdp.clone());
                    core.event(Event::Offer {
                        call: self.id,
                        sdp: Some(sdp),
                    });
                }
                None => {
                    let failure = own_failure(FailureKind::Rejected, "the 2xx brings no offer");
                    self.offer_rejected(core, failure, now);
                }
            }
            return;
        }
        self.sdp.local = what.sdp;
        let changed = theirs.is_some() && theirs != self.sdp.remote;
        if theirs.is_some() {
            self.sdp.remote.clone_from(&theirs);
        }
        if !what.is_refresh || changed {
            core.event(Event::OfferAnswered {
                call: self.id,
                sdp: theirs.unwrap_or_default(),
            });
        }
        self.send_next(core, what.next, now);
    }

    /// Sends the offer that waited for a refresh.
    fn send_next(&mut self, core: &mut Core, next: Option<Vec<u8>>, now: Instant) {
        if let Some(sdp) = next {
            let what = Offering::new(Method::Invite, Some(sdp), false);
            self.send_offer(core, what, now);
        }
    }

    fn offer_later(&mut self, core: &mut Core, response: &Response, wait: Duration, now: Instant) {
        match &mut self.our_offer {
            OurOffer::Sent { what, .. } if what.tries < MAX_TRIES => {
                let next = what.next.take();
                let (method, sdp) = (what.method.clone(), what.sdp.take());
                let mut again = match next {
                    Some(next) => Offering::new(Method::Invite, Some(next), false),
                    None => Offering::new(method, sdp, what.is_refresh),
                };
                again.tries = what.tries;
                self.our_offer = OurOffer::Waiting {
                    what: again,
                    at: now + wait,
                };
            }
            OurOffer::Sent { .. } | OurOffer::Waiting { .. } | OurOffer::None => {
                self.offer_rejected(core, failure(response), now);
            }
        }
    }

    /// An offer of ours came to nothing. A refresh that fails is nobody's business until the timer expires.
    pub(super) fn offer_rejected(&mut self, core: &mut Core, failure: Failure, now: Instant) {
        match std::mem::replace(&mut self.our_offer, OurOffer::None) {
            OurOffer::Sent { what, .. } | OurOffer::Waiting { what, .. } if what.is_refresh => {
                self.send_next(core, what.next, now);
            }
            OurOffer::Sent { .. } | OurOffer::Waiting { .. } | OurOffer::None => {
                core.event(Event::OfferRejected {
                    call: self.id,
                    failure,
                });
            }
        }
    }

    pub(super) fn our_offer_timeout(&mut self, core: &mut Core, now: Instant) {
        if self.our_offer.poll_timeout().is_none_or(|at| at > now) {
            return;
        }
        let busy = self.their_offer.is_some()
            || matches!(&self.state, State::Established(e) if e.unconfirmed.is_some() || e.held_ack.is_some());
        match &mut self.our_offer {
            OurOffer::None => {}
            // Theirs came first; ours follows when it is done.
            OurOffer::Waiting { at, .. } if busy => *at = now + Duration::from_millis(200),
            OurOffer::Waiting { .. } => {
                if let OurOffer::Waiting { what, .. } =
                    std::mem::replace(&mut self.our_offer, OurOffer::None)
                {
                    self.send_due_offer(core, what, now);
                }
            }
            OurOffer::Sent { key, .. } => {
                let key = key.clone();
                core.send_cancel(&key, None, now);
                let failure = own_failure(FailureKind::Timeout, "no final answer");
                self.offer_rejected(core, failure, now);
            }
        }
    }
}

impl Call {
    fn send_due_offer(&mut self, core: &mut Core, mut what: Offering, now: Instant) {
        if what.is_outdated && !what.is_refresh {
            core.event(Event::OfferDue { call: self.id });
            return;
        }
        if what.is_outdated && what.sdp.is_some() {
            what.sdp.clone_from(&self.sdp.local);
            what.is_outdated = false;
        }
        self.send_offer(core, what, now);
    }
}

fn own_failure(kind: FailureKind, reason: &str) -> Failure {
    Failure {
        status: None,
        reason: reason.to_owned(),
        cause: None,
        retry_after_s: None,
        warning: None,
        contacts: Vec::new(),
        kind,
    }
}
