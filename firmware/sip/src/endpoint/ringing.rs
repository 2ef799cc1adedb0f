//! A call that comes in, until it is answered (RFC 3261 §13.3, RFC 3262 §3).
//!
//! | | we progress | we accept | we reject | CANCEL or BYE | PRACK | timer |
//! |---|---|---|---|---|---|---|
//! | nothing outstanding | 1xx | 200 → Established | final → Closed | 487, Cancelled → Closed | 481 | 1xx again |
//! | reliable 1xx outstanding | queue | hold until PRACK | final → Closed | 487, Cancelled → Closed | 200, next; with an offer Offer | 1xx again; 504 → Closed |
//! | an offer of theirs unanswered | 1xx | hold until our answer | final → Closed | 487, Cancelled → Closed | 481 | 500 to the offer |
//!
//! In either state `Expires` of the INVITE, once it is over, ends the call like CANCEL (§13.3.1). The last 1xx, reliable
//! ones as well, is repeated every minute, before a proxy's timer C gives the call up (§13.3.1.1).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::call::{Call, Descriptions, State, reason_header, reason_value};
use super::command::{CallId, ReasonHeader, Transmit};
use super::core::{ALLOW, Core, Reply, ServerKey, Source, supported};
use super::event::{Event, Side};
use super::offering::OurOffer;
use super::session::{Established, Unconfirmed};
use super::session_timer::{Asked, Timer};
use super::transfer::Refers;
use crate::credentials::Authenticator;
use crate::dialog::Dialog;
use crate::message::check::Essentials;
use crate::message::{HeaderName, Headers, RAck, Request, body, syntax};
use crate::timers::{
    ACCEPT_GIVE_UP, ACCEPT_RESEND, PROVISIONAL_KEEP_ALIVE, RELIABLE_GIVE_UP, RELIABLE_RESEND,
};

/// Reliable responses that wait for the PRACK of the one before.
const MAX_QUEUED: usize = 8;

#[derive(Debug)]
pub(super) struct Ringing {
    invite: ServerKey,
    /// Where the INVITE came from.
    source: Source,
    cseq: u32,
    pub(super) dialog: Dialog,
    record_routes: Vec<Vec<u8>>,
    /// Provisional responses go out reliably: the caller demands it, or can and the box wants it.
    reliable: bool,
    /// The caller can do 100rel.
    knows_reliable: bool,
    /// The INVITE held an offer.
    has_offer: bool,
    next_rseq: u32,
    outstanding: Option<Outstanding>,
    queued: VecDeque<(u16, Option<Vec<u8>>)>,
    /// Accepted while a reliable response was outstanding.
    held_accept: Option<Vec<u8>>,
    /// The answer to an offer of ours that a PRACK brought.
    early_answer: Option<Vec<u8>>,
    /// Our answer went out reliably and was acknowledged: offers may follow before the 200.
    pub(super) is_negotiated: bool,
    /// What the INVITE says about the session timer.
    timer: Asked,
    /// When the caller no longer wants an answer.
    expires: Option<Instant>,
    /// The last provisional response and when it is repeated.
    keep_alive: Option<(Instant, u16, Option<Vec<u8>>)>,
}

#[derive(Debug)]
struct Outstanding {
    rseq: u32,
    status: u16,
    transmit: Transmit,
    resend_at: Instant,
    interval: Duration,
    give_up: Instant,
    has_sdp: bool,
}

impl Ringing {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let outstanding = self
            .outstanding
            .as_ref()
            .map(|outstanding| outstanding.resend_at.min(outstanding.give_up));
        let keep_alive = self.keep_alive.as_ref().map(|(at, ..)| *at);
        [outstanding, keep_alive, self.expires]
            .into_iter()
            .flatten()
            .min()
    }

    pub(super) fn is_of(&self, key: &ServerKey) -> bool {
        self.invite == *key
    }

    fn reply(&self, core: &Core, status: u16) -> Reply {
        let mut reply = Reply::new(status).tag(&self.dialog.local_tag);
        for route in &self.record_routes {
            reply = reply.header(HeaderName::RecordRoute, route.clone());
        }
        reply
            .header(HeaderName::Contact, core.contact(self.source))
            .header(HeaderName::Allow, ALLOW)
    }

    fn send_progress(&mut self, core: &mut Core, status: u16, sdp: Option<Vec<u8>>, now: Instant) {
        let mut reply = self.reply(core, status).sdp(sdp.clone());
        if !self.reliable {
            core.respond(&self.invite, reply, now);
            self.keep_alive = Some((now + PROVISIONAL_KEEP_ALIVE, status, sdp));
            return;
        }
        if self.outstanding.is_some() {
            if self.queued.len() < MAX_QUEUED {
                self.queued.push_back((status, sdp));
            }
            return;
        }
        let rseq = self.next_rseq;
        self.next_rseq = self.next_rseq.saturating_add(1);
        reply = reply
            .header(HeaderName::Require, "100rel")
            .header(HeaderName::RSeq, rseq.to_string());
        if let Some(transmit) = core.respond(&self.invite, reply, now) {
            self.keep_alive = None;
            self.outstanding = Some(Outstanding {
                rseq,
                status,
                transmit,
                resend_at: now + RELIABLE_RESEND,
                interval: RELIABLE_RESEND,
                give_up: now + RELIABLE_GIVE_UP,
                has_sdp: sdp.is_some(),
            });
        }
    }
}

impl Call {
    /// A call from an INVITE whose transaction is open; 100 goes out here.
    pub(super) fn ring(
        core: &mut Core,
        id: CallId,
        key: &ServerKey,
        request: &Request,
        essentials: &Essentials,
        source: Source,
        now: Instant,
    ) -> Self {
        core.respond(key, Reply::new(100), now);
        core.assign_server(key, id);
        let tag = core.ids.tag();
        let dialog = Dialog::from_request(request, essentials, &tag);
        let next_rseq = u32::try_from(core.ids.number(1..1 << 20)).unwrap_or(1);
        let offer = match body::look(&request.headers, &request.body) {
            body::Body::Sdp(sdp) => Some(sdp.to_vec()),
            body::Body::Empty | body::Body::Other(_) => None,
        };
        let mut call = Self {
            id,
            peer: source,
            owns_call_id: false,
            sip_call_id: essentials.call_id.clone(),
            local_tag: tag,
            auth: Authenticator::default(),
            state: State::Ringing(Box::new(Ringing {
                invite: key.clone(),
                source,
                cseq: essentials.cseq.number,
                dialog,
                record_routes: values(&request.headers, &HeaderName::RecordRoute),
                reliable: request.headers.has_token(&HeaderName::Require, "100rel"),
                knows_reliable: request.headers.has_token(&HeaderName::Supported, "100rel"),
                has_offer: offer.is_some(),
                next_rseq,
                outstanding: None,
                queued: VecDeque::new(),
                held_accept: None,
                early_answer: None,
                is_negotiated: false,
                timer: Asked::read(&request.headers),
                expires: expires(&request.headers).map(|span| now + span),
                keep_alive: None,
            })),
            our_offer: OurOffer::None,
            their_offer: None,
            sdp: Descriptions {
                local: None,
                remote: offer,
            },
            timer: Timer::new(core.config.session_timer),
            refresh: None,
            refers: Refers::default(),
            warning: None,
            replaces: None,
            takes_update: false,
        };
        call.note_allow(&request.headers);
        call
    }

    /// Sends provisional responses reliably where the caller can take them so (RFC 3262 §3).
    pub(super) fn prefer_reliable(&mut self) {
        if let State::Ringing(ringing) = &mut self.state {
            // What went out unreliably is not repeated as something else.
            ringing.reliable |= ringing.knows_reliable && ringing.keep_alive.is_none();
        }
    }

    pub(super) fn progress(
        &mut self,
        core: &mut Core,
        status: u16,
        sdp: Option<Vec<u8>>,
        now: Instant,
    ) {
        if let State::Ringing(ringing) = &mut self.state
            && ringing.held_accept.is_none()
        {
            let status = if (101..200).contains(&status) {
                status
            } else {
                180
            };
            if sdp.is_some() {
                self.sdp.local.clone_from(&sdp);
            }
            ringing.send_progress(core, status, sdp, now);
        }
    }

    pub(super) fn accept(&mut self, core: &mut Core, sdp: Vec<u8>, now: Instant) {
        let State::Ringing(ringing) = &mut self.state else {
            return;
        };
        // RFC 3262 §3: no 2xx while a reliable response with a session description is unacknowledged. Waiting
        // for every reliable one costs nothing more and keeps their order. §5: nor before an offer is answered.
        if ringing.outstanding.is_some() || self.their_offer.is_some() {
            ringing.held_accept = Some(sdp);
            ringing.expires = None;
            ringing.queued.clear();
            return;
        }
        // What was agreed reliably stands: the 200 can only repeat it (RFC 6337 §2.2), and offers may have followed it.
        let agreed = self.sdp.local.take().filter(|_| ringing.is_negotiated);
        let sdp = agreed.unwrap_or(sdp);
        let mut reply = ringing
            .reply(core, 200)
            .header(HeaderName::Supported, supported(!self.timer.is_off()))
            .sdp(Some(sdp.clone()));
        self.timer.answer(&ringing.timer, &mut reply.headers, now);
        let Some(transmit) = core.respond(&ringing.invite, reply, now) else {
            return;
        };
        self.sdp.local = Some(sdp);
        let mut established = Established::new(ringing.dialog.clone());
        established.unconfirmed = Some(Unconfirmed {
            cseq: ringing.cseq,
            transmit,
            resend_at: now + ACCEPT_RESEND,
            interval: ACCEPT_RESEND,
            give_up: now + ACCEPT_GIVE_UP,
            is_first: true,
            holds_offer: !ringing.has_offer && !ringing.is_negotiated,
            early_answer: ringing.early_answer.take(),
        });
        self.state = State::Established(Box::new(established));
    }

    pub(super) fn reject(
        &mut self,
        core: &mut Core,
        status: u16,
        reason: Option<&ReasonHeader>,
        now: Instant,
    ) {
        let status = if (300..700).contains(&status) {
            status
        } else {
            500
        };
        self.reject_with(core, Reply::new(status), reason, now);
    }

    pub(super) fn reject_busy(
        &mut self,
        core: &mut Core,
        retry_after_s: u32,
        reason: Option<&ReasonHeader>,
        now: Instant,
    ) {
        let wait = retry_after_s.to_string();
        let reply = Reply::new(503).header(HeaderName::RetryAfter, wait);
        self.reject_with(core, reply, reason, now);
    }

    fn reject_with(
        &mut self,
        core: &mut Core,
        reply: Reply,
        reason: Option<&ReasonHeader>,
        now: Instant,
    ) {
        let State::Ringing(ringing) = &mut self.state else {
            return;
        };
        let mut reply = reply.tag(&ringing.dialog.local_tag);
        if let Some(reason) = reason {
            reply = reply.header(HeaderName::Reason, reason_value(reason));
        }
        if let Some(warning) = self.warning.take() {
            reply = reply.header(HeaderName::Warning, warning.to_value());
        }
        core.respond(&ringing.invite, reply, now);
        let event = Event::Ended {
            call: self.id,
            by: Side::Local,
            reason: reason.cloned(),
        };
        self.close(core, event);
    }

    /// The caller gave up: CANCEL of the INVITE, or BYE in the early dialog.
    pub(super) fn cancelled(&mut self, core: &mut Core, headers: &Headers, now: Instant) {
        let State::Ringing(ringing) = &mut self.state else {
            return;
        };
        let reply = Reply::new(487).tag(&ringing.dialog.local_tag);
        core.respond(&ringing.invite, reply, now);
        let event = Event::Cancelled {
            call: self.id,
            reason: reason_header(headers),
        };
        self.close(core, event);
    }

    /// PRACK in this call; the transaction is open.
    pub(super) fn handle_prack(
        &mut self,
        core: &mut Core,
        key: &ServerKey,
        request: &Request,
        essentials: &Essentials,
        now: Instant,
    ) {
        let rack = request
            .headers
            .get(&HeaderName::RAck)
            .and_then(|value| RAck::read(value).ok());
        let State::Ringing(ringing) = &mut self.state else {
            core.respond(key, Reply::new(481), now);
            return;
        };
        let fits = rack.is_some_and(|rack| {
            rack.cseq.number == ringing.cseq
                && rack.cseq.method == crate::message::Method::Invite
                && ringing
                    .outstanding
                    .as_ref()
                    .is_some_and(|outstanding| outstanding.rseq == rack.response)
        });
        if !fits {
            core.respond(key, Reply::new(481), now);
            return;
        }
        let outstanding = ringing.outstanding.take();
        let had_sdp = outstanding
            .as_ref()
            .is_some_and(|outstanding| outstanding.has_sdp);
        // What it described is agreed; said again it only keeps the call alive.
        ringing.keep_alive =
            outstanding.map(|outstanding| (now + PROVISIONAL_KEEP_ALIVE, outstanding.status, None));
        match body::look(&request.headers, &request.body) {
            body::Body::Sdp(answer) if had_sdp && !ringing.has_offer => {
                ringing.early_answer = Some(answer.to_vec());
                self.sdp.remote = Some(answer.to_vec());
                ringing.is_negotiated = true;
                core.respond(key, Reply::new(200), now);
            }
            // A new offer, once the first is answered (RFC 3262 §5); the 200 to the PRACK holds our answer.
            body::Body::Sdp(offer)
                if self.their_offer.is_none()
                    && (ringing.is_negotiated || (had_sdp && ringing.has_offer)) =>
            {
                ringing.is_negotiated = true;
                let offer = offer.to_vec();
                core.assign_server(key, self.id);
                self.take_offer(core, key, request, essentials, Some(offer), now);
            }
            // Before that it comes too early; the session stays as it is.
            body::Body::Sdp(_) => {
                core.respond(key, Reply::new(488), now);
            }
            body::Body::Empty | body::Body::Other(_) => {
                ringing.is_negotiated |= had_sdp && ringing.has_offer;
                core.respond(key, Reply::new(200), now);
            }
        }
        self.go_on_ringing(core, now);
    }

    /// Sends what waited for a PRACK; the 200 also waits for our answer to the offer a PRACK brought.
    pub(super) fn go_on_ringing(&mut self, core: &mut Core, now: Instant) {
        let State::Ringing(ringing) = &mut self.state else {
            return;
        };
        if ringing.outstanding.is_none()
            && let Some((status, sdp)) = ringing.queued.pop_front()
        {
            ringing.send_progress(core, status, sdp, now);
        }
        if self.their_offer.is_none()
            && let Some(sdp) = ringing.held_accept.take()
        {
            self.accept(core, sdp, now);
        }
    }

    pub(super) fn ringing_timeout(&mut self, core: &mut Core, now: Instant) {
        let State::Ringing(ringing) = &mut self.state else {
            return;
        };
        if ringing.expires.is_some_and(|at| at <= now) && ringing.held_accept.is_none() {
            self.cancelled(core, &Headers::new(), now);
            return;
        }
        if let Some(outstanding) = &mut ringing.outstanding {
            if outstanding.give_up <= now {
                let reply = Reply::new(504).tag(&ringing.dialog.local_tag);
                core.respond(&ringing.invite, reply, now);
                self.close_by_fault(core, 504, "no PRACK");
                return;
            }
            if outstanding.resend_at <= now {
                outstanding.interval *= 2;
                outstanding.resend_at = now + outstanding.interval;
                core.counts.retransmitted += 1;
                core.transmit(outstanding.transmit.clone());
            }
        }
        if ringing
            .keep_alive
            .as_ref()
            .is_some_and(|(at, ..)| *at <= now)
            && let Some((_, status, sdp)) = ringing.keep_alive.take()
        {
            ringing.send_progress(core, status, sdp, now);
        }
    }
}

/// How long the caller waits, when it says so. Nobody means "no time at all" (§20.19); a day is for ever.
fn expires(headers: &Headers) -> Option<Duration> {
    const MOST_S: u64 = 86_400;
    let seconds = headers.get(&HeaderName::Expires).and_then(syntax::number)?;
    (seconds > 0).then(|| Duration::from_secs(seconds.min(MOST_S)))
}

fn values(headers: &Headers, name: &HeaderName) -> Vec<Vec<u8>> {
    headers.all(name).map(<[u8]>::to_vec).collect()
}
