//! Offers of the far side inside a call: re-INVITE, UPDATE and PRACK (RFC 3261 §14.2, RFC 3311 §5.2, RFC 3262 §5,
//! RFC 6337).
//!
//! | | re-INVITE or UPDATE with another offer | the same offer as last | UPDATE without one | `answer_offer` | 32 s |
//! |---|---|---|---|---|---|
//! | nothing under way, ours waiting | Offer | 200 with our last one | 200 | – | – |
//! | ours sent | 491 | 491 | 200 | – | – |
//! | theirs unanswered | 500, Retry-After | 500, Retry-After | 200 | 200 or 4xx | 500 |
//!
//! A far side that repeats its session description to the byte refreshes the session: our last description
//! answers it, its version unchanged, and nobody touches the media (RFC 3264 §8, RFC 4028 §7.4).

use std::time::Instant;

use super::call::{Call, State};
use super::command::AnswerOffer;
use super::core::{ALLOW, Core, Reply, ServerKey, supported};
use super::event::Event;
use super::session::Unconfirmed;
use super::session_timer::Asked;
use crate::dialog::{Dialog, Order};
use crate::message::check::Essentials;
use crate::message::{HeaderName, Headers, Method, Request, body};
use crate::timers::{ACCEPT_GIVE_UP, ACCEPT_RESEND, ANSWER_WAIT};

/// An offer of theirs that the box has not answered yet.
#[derive(Debug)]
pub(super) struct TheirOffer {
    key: ServerKey,
    is_invite: bool,
    cseq: u32,
    /// The tag of the dialog it came in: before the answer there may be several.
    from: Vec<u8>,
    sdp: Option<Vec<u8>>,
    contact: Headers,
    timer: Asked,
    pub(super) until: Instant,
}

impl Call {
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
        if let Some(reply) = self.timer_too_short(request) {
            core.respond(key, reply, now);
        } else if self.their_offer.is_some() {
            let reply = overlapping(core);
            core.respond(key, reply, now);
        } else if offer_unanswered || self.our_offer.is_sent() {
            core.respond(key, Reply::new(491), now);
        } else {
            // Who sends the next INVITE has seen the answer to the last one, though its ACK be late or lost.
            self.confirm(core, None);
            core.respond(key, Reply::new(100), now);
            core.assign_server(key, self.id);
            self.take_offer(core, key, request, essentials, sdp, now);
        }
    }

    /// Keeps an offer for the box, or answers it with what is agreed already.
    pub(super) fn take_offer(
        &mut self,
        core: &mut Core,
        key: &ServerKey,
        request: &Request,
        essentials: &Essentials,
        sdp: Option<Vec<u8>>,
        now: Instant,
    ) {
        self.note_allow(&request.headers);
        let is_refresh = sdp.is_some() && sdp == self.sdp.remote;
        let last = self.sdp.local.clone().filter(|_| is_refresh);
        let offer = TheirOffer::new(key, request, essentials, sdp.clone(), now);
        self.their_offer = Some(offer);
        match last {
            Some(sdp) => self.answer_offer(core, AnswerOffer::Accept { sdp }, now),
            None => core.event(Event::Offer { call: self.id, sdp }),
        }
    }

    /// 422 when the far side asks for a session timer that is too short.
    fn timer_too_short(&self, request: &Request) -> Option<Reply> {
        let min_s = self.timer.refuses(&Asked::read(&request.headers))?;
        Some(Reply::new(422).header(HeaderName::MinSe, min_s.to_string()))
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
        let contact = core.contact(self.peer);
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
        if let Some(reply) = self.timer_too_short(request) {
            core.respond(key, reply, now);
        } else if sdp.is_none() {
            if let Some(dialog) = self.dialog_mut(essentials.from_tag()) {
                dialog.refresh_target(&request.headers);
            }
            self.note_allow(&request.headers);
            let mut reply = Reply::new(200)
                .header(HeaderName::Contact, contact)
                .header(HeaderName::Allow, ALLOW)
                .header(HeaderName::Supported, supported(!self.timer.is_off()));
            // Before the answer the INVITE and its 2xx say what is agreed.
            if matches!(self.state, State::Established(_)) {
                let asked = Asked::read(&request.headers);
                self.timer.answer(&asked, &mut reply.headers, now);
            }
            core.respond(key, reply, now);
        } else if self.their_offer.is_some() || !negotiated {
            let reply = overlapping(core);
            core.respond(key, reply, now);
        } else if offering || self.our_offer.is_sent() {
            core.respond(key, Reply::new(491), now);
        } else {
            core.assign_server(key, self.id);
            self.take_offer(core, key, request, essentials, sdp, now);
        }
    }

    pub(super) fn answer_offer(&mut self, core: &mut Core, answer: AnswerOffer, now: Instant) {
        if self.answer_held_ack(core, &answer, now) {
            return;
        }
        let Some(offer) = self.their_offer.take() else {
            return;
        };
        self.settle_offer(core, offer, answer, now);
        self.go_on_ringing(core, now);
    }

    fn settle_offer(
        &mut self,
        core: &mut Core,
        offer: TheirOffer,
        answer: AnswerOffer,
        now: Instant,
    ) {
        match answer {
            AnswerOffer::Reject { status, warning } => {
                let status = if (400..700).contains(&status) {
                    status
                } else {
                    488
                };
                let mut reply = Reply::new(status).tag(&self.local_tag);
                if let Some(warning) = warning {
                    reply = reply.header(HeaderName::Warning, warning.to_value());
                }
                core.respond(&offer.key, reply, now);
            }
            AnswerOffer::Accept { sdp } => {
                let mut reply = Reply::new(200)
                    .tag(&self.local_tag)
                    .header(HeaderName::Contact, core.contact(self.peer))
                    .header(HeaderName::Allow, ALLOW)
                    .header(HeaderName::Supported, supported(!self.timer.is_off()))
                    .sdp(Some(sdp.clone()));
                if matches!(self.state, State::Established(_)) {
                    self.timer.answer(&offer.timer, &mut reply.headers, now);
                }
                // The same again, as in a refresh, changes nothing.
                if self.sdp.local.as_ref() != Some(&sdp) || self.sdp.remote != offer.sdp {
                    self.our_offer.note_change();
                }
                let holds_offer = offer.sdp.is_none();
                self.sdp.local = Some(sdp);
                if offer.sdp.is_some() {
                    if let State::Placing(placing) = &mut self.state {
                        placing.note_description(&offer.from, offer.sdp.clone());
                    }
                    self.sdp.remote = offer.sdp;
                }
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
                            holds_offer,
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
            self.sdp.local = Some(sdp.clone());
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
        self.our_offer_timeout(core, now);
    }
}

impl TheirOffer {
    fn new(
        key: &ServerKey,
        request: &Request,
        essentials: &Essentials,
        sdp: Option<Vec<u8>>,
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
            from: essentials.from_tag().to_vec(),
            sdp,
            contact,
            timer: Asked::read(&request.headers),
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
