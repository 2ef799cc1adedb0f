//! A call we place: INVITE, provisional responses, forks, CANCEL, the final response (RFC 3261 §13.2, RFC 3262 §4).
//!
//! | cancel | 1xx | 2xx | 300–699 | no answer |
//! |---|---|---|---|---|
//! | not wanted | Progress, PRACK when reliable | ACK, Answered → Established | Failed (401/407: again with credentials) | Failed |
//! | wanted | send CANCEL | ACK, BYE → Closing | Failed | Failed |
//! | sent | – | ACK, BYE → Closing | Failed | Failed |
//!
//! A call that is abandoned before any response is Failed at once; `receive.rs` sends CANCEL, or ACK and BYE, when a
//! response comes after all.

use std::time::Instant;

use super::call::{Call, Descriptions, State, failure, reason_value};
use super::command::{CallId, EndpointError, Identity, Invite, ReasonHeader, Reliable};
use super::core::{ClientKey, ClientUser, Core, Source};
use super::event::{Event, Failure, FailureKind, Side};
use super::offering::OurOffer;
use super::session::Established;
use super::session_timer::{SessionTimerMode, Timer};
use super::transfer::Refers;
use crate::credentials::Authenticator;
use crate::dialog::Dialog;
use crate::message::check::Essentials;
use crate::message::{
    HeaderName, Headers, MAX_MESSAGE, Method, Request, Response, Uri, body, syntax,
};
use crate::timers::{CANCEL_WAIT, PROVISIONAL_WAIT};

/// Early dialogs kept of one INVITE.
const MAX_EARLY: usize = 16;

/// Headers the endpoint writes itself.
const RESERVED: [HeaderName; 21] = [
    HeaderName::Via,
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
    HeaderName::Contact,
    HeaderName::MaxForwards,
    HeaderName::ContentLength,
    HeaderName::ContentType,
    HeaderName::Route,
    HeaderName::RecordRoute,
    HeaderName::Supported,
    HeaderName::Require,
    HeaderName::Allow,
    HeaderName::Authorization,
    HeaderName::ProxyAuthorization,
    HeaderName::UserAgent,
    HeaderName::RAck,
    HeaderName::RSeq,
    HeaderName::SessionExpires,
    HeaderName::MinSe,
];

#[derive(Debug)]
pub(super) struct Placing {
    /// The INVITE now under way; another one after a challenge.
    pub(super) invite: ClientKey,
    early: Vec<Early>,
    cancel: Cancel,
    /// After provisional responses: when to stop waiting.
    give_up: Option<Instant>,
    /// It was us who stopped waiting.
    timed_out: bool,
    has_offer: bool,
}

#[derive(Debug)]
struct Early {
    dialog: Dialog,
    last_rseq: Option<u32>,
    /// What it said last, which counts when its 2xx says nothing.
    sdp: Option<Vec<u8>>,
}

#[derive(Debug, PartialEq, Eq)]
enum Cancel {
    NotWanted,
    /// No provisional response yet, so none may be sent (§9.1).
    Wanted(Option<ReasonHeader>),
    Sent,
}

impl Placing {
    pub(super) fn early_dialog(&mut self, remote_tag: &[u8]) -> Option<&mut Dialog> {
        self.early
            .iter_mut()
            .map(|early| &mut early.dialog)
            .find(|dialog| dialog.remote_tag == remote_tag)
    }

    /// What a fork wants now: said in a provisional response, or in an UPDATE since.
    pub(super) fn note_description(&mut self, remote_tag: &[u8], sdp: Option<Vec<u8>>) {
        let is_its = |early: &&mut Early| early.dialog.remote_tag == remote_tag;
        if let Some(early) = self.early.iter_mut().find(is_its) {
            early.sdp = sdp;
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.give_up
    }
}

/// The next hop of a call: what is called by a sips URI stays secure.
fn peer_of(invite: &Invite, request_uri: &Uri) -> Source {
    let mut peer = Source::new(invite.transport, invite.remote);
    peer.secure = request_uri.is_secure();
    peer
}

/// Checks the command and writes the INVITE, all but Via.
pub(super) fn write_invite(
    core: &mut Core,
    invite: &Invite,
    call_id: &[u8],
    tag: &[u8],
    timer: &Timer,
) -> Result<Request, EndpointError> {
    let uri =
        |text: &str| Uri::read(text.as_bytes()).map_err(|_| EndpointError::BadUri(text.to_owned()));
    let request_uri = uri(&invite.request_uri)?.as_target();
    let (from, to) = (uri(&invite.from.uri)?, uri(&invite.to)?);
    let mut headers = Headers::new();
    headers.push(HeaderName::MaxForwards, "70");
    let mut from = address(&invite.from, &from);
    from.extend_from_slice(b";tag=");
    from.extend_from_slice(tag);
    headers.push(HeaderName::From, from);
    headers.push(HeaderName::To, [b"<", to.as_bytes(), b">"].concat());
    headers.push(HeaderName::CallId, call_id);
    headers.push(HeaderName::CSeq, "1 INVITE");
    headers.push(
        HeaderName::Contact,
        core.contact(peer_of(invite, &request_uri)),
    );
    let mut supported = vec!["norefersub", "replaces"];
    let mut required = Vec::new();
    match (invite.reliable, &invite.sdp) {
        (Reliable::Required, _) => {
            supported.push("100rel");
            required.push("100rel");
        }
        (Reliable::Supported, Some(_)) => supported.push("100rel"),
        // Without an offer a reliable 18x could hold theirs, which the PRACK would have to answer at once.
        (Reliable::Off, _) | (Reliable::Supported, None) => {}
    }
    match invite.session_timer.mode {
        SessionTimerMode::Off => {}
        SessionTimerMode::Supported => supported.push("timer"),
        SessionTimerMode::Required => {
            supported.push("timer");
            required.push("timer");
        }
    }
    headers.push(HeaderName::Supported, supported.join(", "));
    if !required.is_empty() {
        headers.push(HeaderName::Require, required.join(", "));
    }
    timer.ask(&mut headers);
    for (name, value) in &invite.headers {
        let read = HeaderName::from_bytes(name.as_bytes())
            .ok_or_else(|| EndpointError::BadHeader(name.clone()))?;
        if RESERVED.contains(&read) {
            return Err(EndpointError::ReservedHeader(name.clone()));
        }
        if value.chars().any(|c| c.is_control() && c != '\t') {
            return Err(EndpointError::BadHeader(name.clone()));
        }
        headers.push(read, value.as_bytes());
    }
    if invite.sdp.is_some() {
        headers.push(HeaderName::ContentType, "application/sdp");
    }
    let request = Request {
        method: Method::Invite,
        uri: request_uri,
        headers,
        body: invite.sdp.clone().unwrap_or_default(),
    };
    // Room for Via and for an answer to a challenge.
    if request.to_bytes().len() + 2_048 > MAX_MESSAGE {
        return Err(EndpointError::TooLarge);
    }
    Ok(request)
}

fn address(identity: &Identity, uri: &Uri) -> Vec<u8> {
    let mut value = Vec::new();
    if let Some(display) = identity.display.as_deref().filter(|name| !name.is_empty()) {
        value.extend_from_slice(syntax::quote(display).as_bytes());
        value.push(b' ');
    }
    value.push(b'<');
    value.extend_from_slice(uri.as_bytes());
    value.push(b'>');
    value
}

impl Call {
    pub(super) fn place(
        core: &mut Core,
        id: CallId,
        invite: Invite,
        now: Instant,
    ) -> Result<Self, EndpointError> {
        let (call_id, tag) = (core.ids.call_id(), core.ids.tag());
        let timer = Timer::new(invite.session_timer);
        let request = write_invite(core, &invite, &call_id, &tag, &timer)?;
        let peer = peer_of(&invite, &request.uri);
        let key = core.send_request(request, peer, ClientUser::Call(id), now);
        Ok(Self {
            id,
            peer,
            owns_call_id: true,
            sip_call_id: call_id,
            local_tag: tag,
            auth: Authenticator::new(invite.credentials),
            state: State::Placing(Box::new(Placing {
                invite: key,
                early: Vec::new(),
                cancel: Cancel::NotWanted,
                give_up: None,
                timed_out: false,
                has_offer: invite.sdp.is_some(),
            })),
            our_offer: OurOffer::None,
            their_offer: None,
            sdp: Descriptions {
                local: invite.sdp,
                remote: None,
            },
            timer,
            refresh: None,
            refers: Refers::default(),
            warning: None,
            replaces: None,
            takes_update: false,
        })
    }

    /// See [`Endpoint::is_proceeding`](super::Endpoint::is_proceeding).
    pub(super) fn is_proceeding(&self) -> bool {
        match &self.state {
            // Set by every provisional response.
            State::Placing(placing) => placing.give_up.is_some(),
            State::Ringing(_) | State::Established(_) | State::Closing(_) | State::Closed => true,
        }
    }

    pub(super) fn cancel(&mut self, core: &mut Core, reason: Option<ReasonHeader>, now: Instant) {
        let State::Placing(placing) = &mut self.state else {
            return;
        };
        if placing.cancel != Cancel::NotWanted {
            return;
        }
        placing.cancel = Cancel::Wanted(reason);
        placing.send_wanted_cancel(core, now);
    }

    /// Gives the call up. One that nothing has answered is over at once: its transaction goes on by itself, and what
    /// still comes of it is cancelled or ended without the call.
    pub(super) fn abandon(&mut self, core: &mut Core, reason: Option<ReasonHeader>, now: Instant) {
        if self.is_proceeding() {
            return self.cancel(core, reason, now);
        }
        let mut failure = own_failure(FailureKind::Timeout, "given up without any answer");
        failure.status = Some(487);
        self.fail(core, failure);
    }

    pub(super) fn handle_invite_response(
        &mut self,
        core: &mut Core,
        key: &ClientKey,
        response: &Response,
        essentials: &Essentials,
        now: Instant,
    ) {
        match response.status {
            100..200 => self.handle_provisional(core, key, response, essentials, now),
            200..300 => self.handle_success(core, key, response, essentials, now),
            401 | 407 => {
                let request = self.authorized(core, key, response, now);
                self.invite_again(core, request, response, essentials, now);
            }
            422 => {
                let request = core.sent_request(key).map(|sent| sent.request.clone());
                let request =
                    request
                        .filter(|_| self.timer.raise(&response.headers))
                        .map(|mut request| {
                            request.headers.remove(&HeaderName::Via);
                            self.timer.ask(&mut request.headers);
                            request
                        });
                self.invite_again(core, request, response, essentials, now);
            }
            _ => self.fail(core, failure(response)),
        }
    }

    fn handle_provisional(
        &mut self,
        core: &mut Core,
        key: &ClientKey,
        response: &Response,
        essentials: &Essentials,
        now: Instant,
    ) {
        let (id, peer) = (self.id, self.peer);
        self.note_allow(&response.headers);
        let State::Placing(placing) = &mut self.state else {
            return;
        };
        if placing.cancel == Cancel::NotWanted {
            placing.give_up = Some(now + PROVISIONAL_WAIT);
        } else {
            placing.send_wanted_cancel(core, now);
        }
        if response.status == 100 {
            return;
        }
        let tag = essentials.to.tag().unwrap_or_default();
        if !tag.is_empty()
            && placing.early_dialog(tag).is_none()
            && placing.early.len() < MAX_EARLY
            && let Some(transaction) = core.sent_request(key)
        {
            let dialog = Dialog::from_response(&transaction.request, response, essentials);
            placing.early.push(Early {
                dialog,
                last_rseq: None,
                sdp: None,
            });
        }
        if response.headers.has_token(&HeaderName::Require, "100rel") {
            let early = placing
                .early
                .iter_mut()
                .find(|early| early.dialog.remote_tag == tag);
            let rseq = response
                .headers
                .get(&HeaderName::RSeq)
                .and_then(syntax::number)
                .and_then(|number| u32::try_from(number).ok());
            let (Some(early), Some(rseq)) = (early, rseq) else {
                core.counts.discarded += 1;
                return;
            };
            // RFC 3262 §4: neither repeated nor out of order ones are acknowledged or passed up.
            if early
                .last_rseq
                .is_some_and(|last| last.checked_add(1) != Some(rseq))
            {
                core.counts.discarded += 1;
                return;
            }
            early.last_rseq = Some(rseq);
            let mut prack = early.dialog.request(Method::Prack);
            let rack = format!("{rseq} {}", essentials.cseq);
            prack.headers.push(HeaderName::RAck, rack);
            let dialog = early.dialog.clone();
            Self::send_in_dialog(core, &dialog, peer, prack, ClientUser::Call(id), now);
        }
        if placing.cancel != Cancel::NotWanted {
            return;
        }
        let early = sdp(response);
        if early.is_some() {
            self.sdp.remote.clone_from(&early);
            placing.note_description(tag, early.clone());
        }
        core.event(Event::Progress {
            call: id,
            status: response.status,
            reason: syntax::lossy(&response.reason),
            sdp: early,
        });
    }

    fn handle_success(
        &mut self,
        core: &mut Core,
        key: &ClientKey,
        response: &Response,
        essentials: &Essentials,
        now: Instant,
    ) {
        let State::Placing(placing) = &mut self.state else {
            return;
        };
        let Some(transaction) = core.sent_request(key) else {
            return;
        };
        let mut dialog = Dialog::from_response(&transaction.request, response, essentials);
        // Requests in the early dialog have used numbers, and may have brought some.
        if let Some(early) = placing.early_dialog(&dialog.remote_tag) {
            dialog.follow(early);
        }
        let cancelled = placing.cancel != Cancel::NotWanted;
        let timed_out = placing.timed_out;
        let has_offer = placing.has_offer;
        let tag = dialog.remote_tag.clone();
        let cseq = essentials.cseq.number;
        // Another fork than the one heard last answers, and has said before what it wants (RFC 3261 §13.2.2.4).
        let early = placing
            .early
            .iter_mut()
            .find(|early| early.dialog.remote_tag == tag)
            .and_then(|early| early.sdp.take())
            .filter(|sdp| has_offer && self.sdp.remote.as_ref() != Some(sdp));
        let answer = sdp(response).or(early);
        let mut established = Established::new(dialog);
        if !cancelled && !has_offer && answer.is_some() {
            established.held_ack = Some((key.clone(), cseq));
        } else {
            let ack = established.dialog.request_with(Method::Ack, cseq);
            let to = core.destination(&established.dialog.next_hop(), self.peer);
            core.send_ack(key, &tag, ack, to);
        }
        self.state = State::Established(Box::new(established));
        self.note_allow(&response.headers);
        self.timer.accepted(&response.headers, now);
        if answer.is_some() {
            self.sdp.remote.clone_from(&answer);
        }
        if cancelled {
            let side = if timed_out { Side::Fault } else { Side::Local };
            self.send_bye(core, None, side, now);
        } else {
            core.event(Event::Answered {
                call: self.id,
                sdp: answer,
            });
        }
    }

    /// Sends the INVITE again as its refusal demands; without such a request the call has failed.
    fn invite_again(
        &mut self,
        core: &mut Core,
        request: Option<Request>,
        response: &Response,
        essentials: &Essentials,
        now: Instant,
    ) {
        let cancelled =
            matches!(&self.state, State::Placing(placing) if placing.cancel != Cancel::NotWanted);
        let Some(mut request) = request.filter(|_| !cancelled) else {
            self.fail(core, failure(response));
            return;
        };
        let number = essentials.cseq.number.saturating_add(1);
        request
            .headers
            .set(HeaderName::CSeq, format!("{number} INVITE"));
        let key = core.send_request(request, self.peer, ClientUser::Call(self.id), now);
        if let State::Placing(placing) = &mut self.state {
            placing.invite = key;
            placing.early.clear();
            placing.give_up = None;
        }
    }

    /// A 2xx to an INVITE that is already decided: another fork answered too, or a re-INVITE we gave up.
    pub(super) fn handle_late_success(
        &mut self,
        core: &mut Core,
        key: &ClientKey,
        response: &Response,
        essentials: &Essentials,
        now: Instant,
    ) {
        let tag = essentials.to.tag().unwrap_or_default();
        let held = matches!(&self.state, State::Established(established)
            if established.held_ack.as_ref().is_some_and(|(held, _)| held == key));
        let peer = self.peer;
        match self.dialog_mut(tag) {
            Some(_) if held => {}
            Some(dialog) => {
                let ack = dialog.request_with(Method::Ack, essentials.cseq.number);
                let to = core.destination(&dialog.next_hop(), peer);
                core.send_ack(key, tag, ack, to);
            }
            None => release_fork(core, key, response, essentials, peer, now),
        }
    }

    pub(super) fn handle_invite_unanswered(
        &mut self,
        core: &mut Core,
        key: &ClientKey,
        transport_failed: bool,
    ) {
        if !matches!(&self.state, State::Placing(placing) if placing.invite == *key) {
            return;
        }
        let (kind, reason) = if transport_failed {
            (FailureKind::Transport, "the far side cannot be reached")
        } else {
            (FailureKind::Timeout, "no answer")
        };
        self.fail(core, own_failure(kind, reason));
    }

    pub(super) fn placing_timeout(&mut self, core: &mut Core, now: Instant) {
        let State::Placing(placing) = &mut self.state else {
            return;
        };
        if placing.give_up.is_none_or(|at| at > now) {
            return;
        }
        if placing.cancel == Cancel::Sent {
            let failure = own_failure(FailureKind::Timeout, "no answer to CANCEL");
            self.fail(core, failure);
            return;
        }
        placing.timed_out = true;
        placing.cancel = Cancel::Wanted(Some(ReasonHeader::sip(408, "Request Timeout")));
        placing.give_up = Some(now + CANCEL_WAIT);
        placing.send_wanted_cancel(core, now);
        placing.cancel = Cancel::Sent;
    }

    fn fail(&mut self, core: &mut Core, mut failure: Failure) {
        if matches!(&self.state, State::Placing(placing) if placing.timed_out) {
            failure.kind = FailureKind::Timeout;
        }
        let call = self.id;
        self.close(core, Event::Failed { call, failure });
    }
}

impl Placing {
    fn send_wanted_cancel(&mut self, core: &mut Core, now: Instant) {
        if let Cancel::Wanted(reason) = &self.cancel {
            let reason = reason.as_ref().map(reason_value);
            if core.send_cancel(&self.invite, reason, now) {
                self.cancel = Cancel::Sent;
                self.give_up = Some(now + CANCEL_WAIT);
            }
        }
    }
}

/// Acknowledges and ends a dialog that nobody wants.
pub(super) fn release_fork(
    core: &mut Core,
    key: &ClientKey,
    response: &Response,
    essentials: &Essentials,
    peer: Source,
    now: Instant,
) {
    let Some(transaction) = core.sent_request(key) else {
        return;
    };
    let mut dialog = Dialog::from_response(&transaction.request, response, essentials);
    let ack = dialog.request_with(Method::Ack, essentials.cseq.number);
    let to = core.destination(&dialog.next_hop(), peer);
    let tag = dialog.remote_tag.clone();
    core.send_ack(key, &tag, ack, to);
    let bye = dialog.request(Method::Bye);
    core.send_request(bye, to, ClientUser::Nobody, now);
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

/// The SDP of a response.
pub(super) fn sdp(response: &Response) -> Option<Vec<u8>> {
    match body::look(&response.headers, &response.body) {
        body::Body::Sdp(sdp) => Some(sdp.to_vec()),
        body::Body::Empty | body::Body::Other(_) => None,
    }
}
