//! Offers inside a call: re-INVITE both ways, UPDATE of the far side (RFC 3261 §14, RFC 3311, RFC 6337).
//!
//! | | their re-INVITE or UPDATE | our `offer` | 491, or 500 with Retry-After |
//! |---|---|---|---|
//! | nothing under way | Offer | re-INVITE | – |
//! | ours sent | 491 | `OfferPending` | wait, then again |
//! | ours waiting | Offer | `OfferPending` | – |
//! | theirs unanswered | 500, Retry-After | `OfferPending` | – |

use std::time::{Duration, Instant};

use super::call::{Call, State, failure, retry_after};
use super::command::{AnswerOffer, EndpointError};
use super::core::{ALLOW, ClientKey, ClientUser, Core, Reply, SUPPORTED, ServerKey};
use super::event::{Event, Failure, FailureKind};
use super::placing::sdp;
use super::session::Unconfirmed;
use crate::dialog::{Dialog, Order};
use crate::message::check::Essentials;
use crate::message::{HeaderName, Headers, MAX_MESSAGE, Method, Request, Response, body, syntax};
use crate::timers::{
    ACCEPT_GIVE_UP, ACCEPT_RESEND, ANSWER_WAIT, GLARE_OTHER, GLARE_OWNER, PROVISIONAL_WAIT,
};

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
        sdp: Vec<u8>,
        tries: u8,
        give_up: Instant,
    },
    /// After 491.
    Waiting {
        sdp: Vec<u8>,
        tries: u8,
        at: Instant,
    },
}

/// An offer of theirs that the box has not answered yet.
#[derive(Debug)]
pub(super) struct TheirOffer {
    key: ServerKey,
    is_invite: bool,
    cseq: u32,
    has_sdp: bool,
    contact: Headers,
    pub(super) until: Instant,
}

impl OurOffer {
    pub(super) fn is_sent_with(&self, sent: &ClientKey) -> bool {
        matches!(self, Self::Sent { key, .. } if key == sent)
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
        let State::Established(established) = &self.state else {
            return Err(EndpointError::WrongState);
        };
        if sdp.len() + 4_096 > MAX_MESSAGE {
            return Err(EndpointError::TooLarge);
        }
        let busy = established.unconfirmed.is_some()
            || established.held_ack.is_some()
            || self.their_offer.is_some();
        if busy || !matches!(self.our_offer, OurOffer::None) {
            return Err(EndpointError::OfferPending);
        }
        self.send_offer(core, sdp, 1, now);
        Ok(())
    }

    fn send_offer(&mut self, core: &mut Core, sdp: Vec<u8>, tries: u8, now: Instant) {
        let State::Established(established) = &mut self.state else {
            return;
        };
        let mut request = established.dialog.request(Method::Invite);
        request
            .headers
            .push(HeaderName::ContentType, "application/sdp");
        request.headers.push(HeaderName::Supported, SUPPORTED);
        request.body.clone_from(&sdp);
        let dialog = established.dialog.clone();
        let user = ClientUser::Call(self.id);
        let key = Self::send_in_dialog(core, &dialog, self.peer, request, user, now);
        self.our_offer = OurOffer::Sent {
            key,
            sdp,
            tries,
            give_up: now + PROVISIONAL_WAIT,
        };
    }

    pub(super) fn handle_offer_response(
        &mut self,
        core: &mut Core,
        key: &ClientKey,
        response: &Response,
        now: Instant,
    ) {
        let peer = self.peer;
        let State::Established(established) = &mut self.state else {
            return;
        };
        match response.status {
            100..200 => {}
            200..300 => {
                established.dialog.refresh_target(&response.headers);
                let cseq = core
                    .sent_request(key)
                    .and_then(|transaction| cseq(&transaction.request))
                    .unwrap_or(established.dialog.local_cseq());
                let ack = established.dialog.request_with(Method::Ack, cseq);
                let to = core.destination(&established.dialog.next_hop(), peer);
                let tag = established.dialog.remote_tag.clone();
                core.send_ack(key, &tag, ack, to);
                self.our_offer = OurOffer::None;
                core.event(Event::OfferAnswered {
                    call: self.id,
                    sdp: sdp(response).unwrap_or_default(),
                });
            }
            401 | 407 => {
                let tag = established.dialog.remote_tag.clone();
                let again = self
                    .authorized(core, key, response)
                    .and_then(|request| self.resend_in_dialog(core, &tag, request, now));
                match (again, &mut self.our_offer) {
                    (Some(again), OurOffer::Sent { key, .. }) => *key = again,
                    _ => self.offer_rejected(core, failure(response)),
                }
            }
            408 | 481 => {
                self.our_offer = OurOffer::None;
                let text = "re-INVITE: the far side does not know the call";
                self.hang_up_by_fault(core, response.status, text, now);
            }
            491 => {
                let range = if self.owns_call_id {
                    GLARE_OWNER
                } else {
                    GLARE_OTHER
                };
                let wait = Duration::from_millis(core.ids.number(range));
                self.offer_later(core, response, wait, now);
            }
            500 => match retry_after(&response.headers) {
                Some(seconds) if seconds <= MAX_RETRY_AFTER => {
                    let wait = Duration::from_secs(u64::from(seconds));
                    self.offer_later(core, response, wait, now);
                }
                _ => self.offer_rejected(core, failure(response)),
            },
            _ => self.offer_rejected(core, failure(response)),
        }
    }

    fn offer_later(&mut self, core: &mut Core, response: &Response, wait: Duration, now: Instant) {
        match std::mem::replace(&mut self.our_offer, OurOffer::None) {
            OurOffer::Sent { sdp, tries, .. } if tries < MAX_TRIES => {
                self.our_offer = OurOffer::Waiting {
                    sdp,
                    tries,
                    at: now + wait,
                };
            }
            OurOffer::Sent { .. } | OurOffer::Waiting { .. } | OurOffer::None => {
                self.offer_rejected(core, failure(response));
            }
        }
    }

    fn offer_rejected(&mut self, core: &mut Core, failure: Failure) {
        self.our_offer = OurOffer::None;
        core.event(Event::OfferRejected {
            call: self.id,
            failure,
        });
    }

    /// A re-INVITE of the far side; the transaction is open.
    pub(super) fn handle_reinvite(
        &mut self,
        core: &mut Core,
        key: &ServerKey,
        request: &Request,
        essentials: &Essentials,
        now: Instant,
    ) {
        let sdp = match offered(request) {
            Ok(sdp) => sdp,
            Err(reply) => {
                core.respond(key, reply, now);
                return;
            }
        };
        let State::Established(established) = &self.state else {
            // Still ringing, still placing, or already ending.
            let reply = match self.state {
                State::Placing(_) | State::Ringing(_) => overlapping(core),
                _ => Reply::new(481),
            };
            core.respond(key, reply, now);
            return;
        };
        let offer_unanswered = established
            .unconfirmed
            .as_ref()
            .is_some_and(|unconfirmed| unconfirmed.holds_offer)
            || established.held_ack.is_some();
        if self.their_offer.is_some() {
            let reply = overlapping(core);
            core.respond(key, reply, now);
        } else if offer_unanswered || matches!(self.our_offer, OurOffer::Sent { .. }) {
            core.respond(key, Reply::new(491), now);
        } else {
            // Who sends the next INVITE has seen the answer to the last one, though its ACK be late or lost.
            self.confirm(core, None);
            core.respond(key, Reply::new(100), now);
            core.assign_server(key, self.id);
            self.their_offer = Some(TheirOffer::new(
                key,
                request,
                essentials,
                sdp.is_some(),
                now,
            ));
            core.event(Event::Offer { call: self.id, sdp });
        }
    }

    /// UPDATE of the far side; the transaction is open.
    pub(super) fn handle_update(
        &mut self,
        core: &mut Core,
        key: &ServerKey,
        request: &Request,
        essentials: &Essentials,
        now: Instant,
    ) {
        let sdp = match offered(request) {
            Ok(sdp) => sdp,
            Err(reply) => {
                core.respond(key, reply, now);
                return;
            }
        };
        let contact = core.contact(self.peer.transport);
        let (negotiated, offering) = match &self.state {
            State::Placing(_) => (true, false),
            State::Ringing(ringing) => (ringing.is_negotiated, false),
            State::Established(established) => (
                true,
                established.held_ack.is_some()
                    || established
                        .unconfirmed
                        .as_ref()
                        .is_some_and(|unconfirmed| unconfirmed.holds_offer),
            ),
            State::Closing(_) | State::Closed => {
                core.respond(key, Reply::new(481), now);
                return;
            }
        };
        if sdp.is_none() {
            if let Some(dialog) = self.dialog_mut(essentials.from_tag()) {
                dialog.refresh_target(&request.headers);
            }
            let reply = Reply::new(200)
                .header(HeaderName::Contact, contact)
                .header(HeaderName::Allow, ALLOW);
            core.respond(key, reply, now);
        } else if self.their_offer.is_some() || !negotiated {
            let reply = overlapping(core);
            core.respond(key, reply, now);
        } else if offering || matches!(self.our_offer, OurOffer::Sent { .. }) {
            core.respond(key, Reply::new(491), now);
        } else {
            core.assign_server(key, self.id);
            self.their_offer = Some(TheirOffer::new(key, request, essentials, true, now));
            core.event(Event::Offer { call: self.id, sdp });
        }
    }

    pub(super) fn answer_offer(&mut self, core: &mut Core, answer: AnswerOffer, now: Instant) {
        if self.answer_held_ack(core, &answer, now) {
            return;
        }
        let Some(offer) = self.their_offer.take() else {
            return;
        };
        match answer {
            AnswerOffer::Reject { status, warning } => {
                let status = if (400..700).contains(&status) {
                    status
                } else {
                    488
                };
                let mut reply = Reply::new(status).tag(&self.local_tag);
                if let Some(warning) = warning {
                    let code = warning.code.clamp(300, 399);
                    let value = format!("{code} causeway {}", syntax::quote(&warning.text));
                    reply = reply.header(HeaderName::Warning, value);
                }
                core.respond(&offer.key, reply, now);
            }
            AnswerOffer::Accept { sdp } => {
                let reply = Reply::new(200)
                    .tag(&self.local_tag)
                    .header(HeaderName::Contact, core.contact(self.peer.transport))
                    .header(HeaderName::Allow, ALLOW)
                    .header(HeaderName::Supported, SUPPORTED)
                    .sdp(Some(sdp));
                let Some(transmit) = core.respond(&offer.key, reply, now) else {
                    return;
                };
                if let State::Established(established) = &mut self.state {
                    established.dialog.refresh_target(&offer.contact);
                    if offer.is_invite {
                        established.unconfirmed = Some(Unconfirmed {
                            cseq: offer.cseq,
                            transmit,
                            resend_at: now + ACCEPT_RESEND,
                            interval: ACCEPT_RESEND,
                            give_up: now + ACCEPT_GIVE_UP,
                            is_first: false,
                            holds_offer: !offer.has_sdp,
                            early_answer: None,
                        });
                    }
                }
            }
        }
    }

    /// The answer to the offer that came in the 200 to our INVITE without one.
    fn answer_held_ack(&mut self, core: &mut Core, answer: &AnswerOffer, now: Instant) -> bool {
        let peer = self.peer;
        let State::Established(established) = &mut self.state else {
            return false;
        };
        let Some((key, cseq)) = established.held_ack.take() else {
            return false;
        };
        let mut ack = established.dialog.request_with(Method::Ack, cseq);
        if let AnswerOffer::Accept { sdp } = answer {
            ack.headers.push(HeaderName::ContentType, "application/sdp");
            ack.body.clone_from(sdp);
        }
        let to = core.destination(&established.dialog.next_hop(), peer);
        let tag = established.dialog.remote_tag.clone();
        core.send_ack(&key, &tag, ack, to);
        if matches!(answer, AnswerOffer::Reject { .. }) {
            self.hang_up(core, None, now);
        }
        true
    }

    /// Ends a re-INVITE or UPDATE nobody will answer any more.
    pub(super) fn refuse_their_offer(&mut self, core: &mut Core, now: Instant) {
        if let Some(offer) = self.their_offer.take() {
            core.respond(&offer.key, Reply::new(487).tag(&self.local_tag), now);
        }
    }

    /// CANCEL of a re-INVITE.
    pub(super) fn offer_cancelled(&mut self, core: &mut Core, key: &ServerKey, now: Instant) {
        if self
            .their_offer
            .as_ref()
            .is_some_and(|offer| offer.key == *key)
        {
            self.refuse_their_offer(core, now);
        }
    }

    pub(super) fn offers_timeout(&mut self, core: &mut Core, now: Instant) {
        if self
            .their_offer
            .as_ref()
            .is_some_and(|offer| offer.until <= now)
            && let Some(offer) = self.their_offer.take()
        {
            core.respond(&offer.key, Reply::new(500).tag(&self.local_tag), now);
        }
        if self.our_offer.poll_timeout().is_none_or(|at| at > now) {
            return;
        }
        match std::mem::replace(&mut self.our_offer, OurOffer::None) {
            OurOffer::None => {}
            OurOffer::Waiting { sdp, tries, at } => {
                let busy = self.their_offer.is_some()
                    || matches!(&self.state, State::Established(e) if e.unconfirmed.is_some());
                if busy {
                    // Theirs came first; ours follows when it is done.
                    let at = at.max(now) + Duration::from_millis(200);
                    self.our_offer = OurOffer::Waiting { sdp, tries, at };
                } else {
                    self.send_offer(core, sdp, tries.saturating_add(1), now);
                }
            }
            OurOffer::Sent { key, .. } => {
                core.send_cancel(&key, None, now);
                let failure = Failure {
                    status: None,
                    reason: "no final answer".to_owned(),
                    cause: None,
                    retry_after_s: None,
                    kind: FailureKind::Timeout,
                };
                self.offer_rejected(core, failure);
            }
        }
    }
}

impl TheirOffer {
    fn new(
        key: &ServerKey,
        request: &Request,
        essentials: &Essentials,
        has_sdp: bool,
        now: Instant,
    ) -> Self {
        let mut contact = Headers::new();
        if let Some(value) = request.headers.get(&HeaderName::Contact) {
            contact.push(HeaderName::Contact, value);
        }
        Self {
            key: key.clone(),
            is_invite: request.method == Method::Invite,
            cseq: essentials.cseq.number,
            has_sdp,
            contact,
            until: now + ANSWER_WAIT,
        }
    }
}

/// Takes the number of a request into its dialog.
pub(super) fn in_order(dialog: &mut Dialog, essentials: &Essentials) -> bool {
    dialog.receive(essentials.cseq.number) == Order::Next
}

/// §14.2: an INVITE before the last one is answered.
fn overlapping(core: &mut Core) -> Reply {
    let wait = core.ids.number(0..11);
    Reply::new(500).header(HeaderName::RetryAfter, wait.to_string())
}

/// The SDP of a request, `None` when it has no body.
pub(super) fn offered(request: &Request) -> Result<Option<Vec<u8>>, Reply> {
    let encoded = request
        .headers
        .elements(&HeaderName::ContentEncoding)
        .any(|encoding| !encoding.eq_ignore_ascii_case(b"identity"));
    if encoded && !request.body.is_empty() {
        return Err(Reply::new(415).header(HeaderName::AcceptEncoding, "identity"));
    }
    match body::look(&request.headers, &request.body) {
        body::Body::Empty => Ok(None),
        body::Body::Sdp(sdp) => Ok(Some(sdp.to_vec())),
        body::Body::Other(_) => Err(Reply::new(415).header(HeaderName::Accept, "application/sdp")),
    }
}

fn cseq(request: &Request) -> Option<u32> {
    let value = request.headers.get(&HeaderName::CSeq)?;
    Some(crate::message::CSeq::read(value).ok()?.number)
}
