//! What comes in: reading, checking, finding the transaction, the dialog, the method (RFC 3261 §8.2, §18.2).

use std::net::SocketAddr;
use std::time::Instant;

use super::Endpoint;
use super::call::{Call, State, retry_after};
use super::command::{CallId, Transport};
use super::core::{
    ALLOW, ClientUser, Core, Delivery, EXTENSIONS, Reply, ServerKey, Source, supported,
};
use super::event::{Event, Party};
use super::offers::{in_order, offered};
use super::placing::release_fork;
use super::register::RegisterAnswer;
use super::session_timer::{Asked, Timer};
use super::transfer::{Replaced, may_replace};
use crate::message::check::{self, Essentials};
use crate::message::{
    HeaderName, Headers, MediaType, Message, Method, NameAddr, ReadError, ReadErrorKind, Replaces,
    Request, Response, UriKind, Via, read, reason_phrase, syntax,
};

impl Endpoint {
    pub(super) fn receive(
        &mut self,
        transport: Transport,
        remote: SocketAddr,
        bytes: &[u8],
        now: Instant,
    ) {
        let mut source = Source::new(transport, remote);
        self.core.counts.received += 1;
        if !self.core.config.accept_from.accepts(transport, remote) {
            self.core.counts.not_accepted += 1;
            return;
        }
        match read(bytes) {
            Ok(Message::Request(request)) => match check::request(&request) {
                Ok(essentials) => {
                    source.secure = request.uri.is_secure();
                    self.receive_request(&request, &essentials, source, now);
                }
                Err(defect) => {
                    self.core.counts.malformed += 1;
                    let what = format!("{} refused: {defect}", request.method);
                    self.core.refused(remote, what, now);
                    if request.method != Method::Ack {
                        let phrase = format!("Bad Request ({defect})");
                        let reply = Reply::new(400).phrase(phrase);
                        self.refuse_broken(&request.headers, source, reply, bytes.len());
                    }
                }
            },
            Ok(Message::Response(response)) => match check::response(&response) {
                Ok(essentials) => self.receive_response(&response, &essentials, source, now),
                Err(defect) => {
                    self.core.counts.malformed += 1;
                    let what = format!("response dropped: {defect}");
                    self.core.refused(remote, what, now);
                }
            },
            Err(error) => self.receive_unreadable(&error, source, bytes.len(), now),
        }
    }

    fn receive_unreadable(
        &mut self,
        error: &ReadError,
        source: Source,
        length: usize,
        now: Instant,
    ) {
        if error.kind == ReadErrorKind::Empty {
            return;
        }
        self.core.counts.malformed += 1;
        self.core
            .refused(source.remote, format!("unreadable message: {error}"), now);
        if let (Some(status), Some(partial)) = (error.status(), &error.partial) {
            let phrase = format!("{} ({error})", reason_phrase(status));
            let reply = Reply::new(status).phrase(phrase);
            self.refuse_broken(&partial.headers, source, reply, length);
        }
    }

    /// Answers a broken request when it has what an answer needs to find its way. Over UDP its sender may be forged, so
    /// what comes back is never more than what came: where it must be short it does not name the fault.
    fn refuse_broken(&mut self, headers: &Headers, source: Source, reply: Reply, length: usize) {
        let needed = [
            HeaderName::Via,
            HeaderName::From,
            HeaderName::To,
            HeaderName::CallId,
            HeaderName::CSeq,
        ];
        if needed
            .iter()
            .any(|name| headers.get(name).is_none_or(<[u8]>::is_empty))
        {
            self.core.counts.discarded += 1;
            return;
        }
        let via = check::top_via(headers).and_then(|(top, _)| Via::read(top).ok());
        let most = match source.transport {
            Transport::Udp => length,
            Transport::Tcp | Transport::Tls => usize::MAX,
        };
        if !self
            .core
            .respond_within(most, headers, via.as_ref(), source, reply)
        {
            self.core.counts.discarded += 1;
        }
    }

    // Responses.

    fn receive_response(
        &mut self,
        response: &Response,
        essentials: &Essentials,
        source: Source,
        now: Instant,
    ) {
        let Some(key) = Core::client_key(essentials) else {
            self.core.counts.discarded += 1;
            return;
        };
        let delivery = self
            .core
            .handle_response(&key, response, essentials, source, now);
        match delivery {
            Delivery::Stray => self.core.counts.discarded += 1,
            Delivery::Handled => {}
            Delivery::To(ClientUser::Nobody) => {}
            Delivery::To(ClientUser::Request(_)) if response.status < 200 => {}
            Delivery::To(ClientUser::Request(request)) if key.method == Method::Register => {
                self.core.event(Event::RegisterAnswered {
                    request,
                    answer: RegisterAnswer {
                        status: response.status,
                        reason: syntax::lossy(&response.reason),
                        headers: response.headers.clone(),
                        transport: source.transport,
                        remote: source.remote,
                    },
                });
            }
            Delivery::To(ClientUser::Request(request)) => {
                self.core.event(Event::RequestAnswered {
                    request,
                    status: response.status,
                    retry_after_s: retry_after(&response.headers),
                });
            }
            Delivery::To(ClientUser::Call(id)) => {
                if let Some(call) = self.calls.get_mut(&id) {
                    call.handle_response(&mut self.core, &key, response, essentials, now);
                } else if key.method == Method::Invite && (200..300).contains(&response.status) {
                    // Answered after the call was given up.
                    release_fork(&mut self.core, &key, response, essentials, source, now);
                } else if key.method == Method::Invite && response.status < 200 {
                    // Given up before CANCEL could be sent (§9.1).
                    self.core.send_late_cancel(&key, now);
                }
                self.settle_call(id, now);
            }
        }
        self.core.settle_client(&key);
    }

    // Requests.

    fn receive_request(
        &mut self,
        request: &Request,
        essentials: &Essentials,
        source: Source,
        now: Instant,
    ) {
        if request.method == Method::Ack {
            self.receive_ack(request, essentials, now);
            return;
        }
        let key = Core::server_key(request, essentials, &request.method);
        if self.core.retransmitted_request(&key) {
            return;
        }
        if request.method == Method::Cancel {
            self.receive_cancel(&key, request, essentials, source, now);
            return;
        }
        let to_tag = essentials.to.tag();
        let refused =
            self.core.refusing_calls && to_tag.is_none() && request.method == Method::Invite;
        if refused || self.core.is_full(to_tag.is_some()) {
            self.overloaded(request, essentials, source);
            return;
        }
        match to_tag {
            Some(tag) => {
                let index = (essentials.call_id.clone(), tag.to_vec());
                let call = self.by_dialog.get(&index).copied();
                self.core.open_server(&key, request, essentials, source);
                self.receive_in_dialog(call, &key, request, essentials, source, now);
            }
            None => self.receive_outside(&key, request, essentials, source, now),
        }
    }

    fn overloaded(&mut self, request: &Request, essentials: &Essentials, source: Source) {
        self.core.counts.overloaded += 1;
        let wait = self.core.config.retry_after_s.to_string();
        let reply = Reply::new(503).header(HeaderName::RetryAfter, wait);
        self.core
            .respond_stateless(&request.headers, Some(&essentials.via), source, reply);
    }

    fn receive_ack(&mut self, request: &Request, essentials: &Essentials, now: Instant) {
        let key = Core::server_key(request, essentials, &Method::Invite);
        if self.core.handle_ack(&key, now) {
            return;
        }
        let tag = essentials.to.tag().unwrap_or_default().to_vec();
        let call = self.by_dialog.get(&(essentials.call_id.clone(), tag));
        let mut expected = false;
        if let Some(id) = call.copied() {
            if let Some(call) = self.calls.get_mut(&id)
                && call.dialog_mut(essentials.from_tag()).is_some()
            {
                expected = call.handle_ack(&mut self.core, request, essentials, now);
            }
            self.settle_call(id, now);
        }
        if !expected {
            self.core.counts.discarded += 1;
        }
    }

    fn receive_cancel(
        &mut self,
        key: &ServerKey,
        request: &Request,
        essentials: &Essentials,
        source: Source,
        now: Instant,
    ) {
        let invite = Core::server_key(request, essentials, &Method::Invite);
        if self.core.is_full(true) {
            self.overloaded(request, essentials, source);
            return;
        }
        self.core.open_server(key, request, essentials, source);
        if !self.core.has_server(&invite) {
            self.answer(key, request, essentials, Reply::new(481), now);
            return;
        }
        let id = self.core.server_user(&invite);
        let tag = id
            .and_then(|id| self.calls.get(&id))
            .map(|call| call.local_tag.clone());
        let mut reply = Reply::new(200);
        reply.to_tag = tag;
        self.answer(key, request, essentials, reply, now);
        if !self.core.is_unanswered(&invite) {
            return;
        }
        if let Some(id) = id {
            if let Some(call) = self.calls.get_mut(&id) {
                match &call.state {
                    State::Ringing(ringing) if ringing.is_of(&invite) => {
                        call.cancelled(&mut self.core, &request.headers, now);
                    }
                    _ => call.offer_cancelled(&mut self.core, &invite, now),
                }
            }
            self.settle_call(id, now);
        }
    }

    fn receive_in_dialog(
        &mut self,
        id: Option<CallId>,
        key: &ServerKey,
        request: &Request,
        essentials: &Essentials,
        source: Source,
        now: Instant,
    ) {
        let refusal =
            refused_method(&request.method, true).or_else(|| unknown_extension(request, true));
        let core = &mut self.core;
        let call = id.and_then(|id| self.calls.get_mut(&id));
        let Some((call, dialog_found)) = call.map(|call| {
            let found = call.dialog_mut(essentials.from_tag()).is_some();
            (call, found)
        }) else {
            let reply = match refusal {
                Some(reply) if !is_dialog_method(&request.method) => reply,
                _ if request.method == Method::Options => options_reply(core, source),
                _ => Reply::new(481),
            };
            self.answer(key, request, essentials, reply, now);
            return;
        };
        if !dialog_found {
            core.respond(key, Reply::new(481), now);
            return;
        }
        let in_order = call
            .dialog_mut(essentials.from_tag())
            .is_some_and(|dialog| in_order(dialog, essentials));
        if !in_order {
            // There are peers that take the first "CSeq" of a message for the header's.
            core.respond(key, Reply::new(500).phrase("Request Out Of Order"), now);
            return;
        }
        if let Some(reply) = refusal {
            core.respond(key, reply, now);
            return;
        }
        match request.method {
            Method::Invite => call.handle_reinvite(core, key, request, essentials, now),
            Method::Update => call.handle_update(core, key, request, essentials, now),
            Method::Bye => call.handle_bye(core, key, request, now),
            Method::Prack => call.handle_prack(core, key, request, essentials, now),
            Method::Info => call.handle_info(core, key, request, now),
            Method::Refer => call.handle_refer(core, key, request, essentials, now),
            Method::Notify => call.handle_notify(core, key, request, now),
            _ => {
                let reply = options_reply(core, source);
                core.respond(key, reply, now);
            }
        }
        if let Some(id) = id {
            self.settle_call(id, now);
        }
    }

    fn receive_outside(
        &mut self,
        key: &ServerKey,
        request: &Request,
        essentials: &Essentials,
        source: Source,
        now: Instant,
    ) {
        let merged = self.core.is_merged(essentials);
        let timer = self.core.offers_timer();
        self.core.open_server(key, request, essentials, source);
        let refusal = refused_method(&request.method, false)
            .or_else(|| unknown_scheme(request))
            .or_else(|| merged.then(|| Reply::new(482)))
            .or_else(|| unknown_extension(request, timer));
        if let Some(reply) = refusal {
            let what = format!("{} refused with {}", request.method, reply.status);
            self.core.refused(source.remote, what, now);
            self.answer(key, request, essentials, reply, now);
            return;
        }
        match request.method {
            Method::Invite => self.receive_invite(key, request, essentials, source, now),
            Method::Options => {
                let reply = options_reply(&self.core, source);
                self.answer(key, request, essentials, reply, now);
            }
            // Methods of a dialog, without one.
            _ => self.answer(key, request, essentials, Reply::new(481), now),
        }
    }

    fn receive_invite(
        &mut self,
        key: &ServerKey,
        request: &Request,
        essentials: &Essentials,
        source: Source,
        now: Instant,
    ) {
        let sdp = if check::max_forwards(&request.headers) == Some(0) {
            // The call would be carried on: a back-to-back agent counts hops (RFC 7332).
            Err(Reply::new(483))
        } else {
            offered(request).and_then(|sdp| match takes_sdp(&request.headers) {
                true => Ok(sdp),
                false => Err(Reply::new(406)),
            })
        };
        let sdp = match sdp {
            Ok(_) if self.calls.len() >= self.core.config.max_dialogs => {
                self.core.counts.overloaded += 1;
                let wait = self.core.config.retry_after_s.to_string();
                Err(Reply::new(503).header(HeaderName::RetryAfter, wait))
            }
            sdp => sdp,
        };
        let timer = Timer::new(self.core.config.session_timer);
        let too_short = timer.refuses(&Asked::read(&request.headers));
        let sdp = match (sdp, too_short) {
            (Ok(_), Some(min_s)) => {
                Err(Reply::new(422).header(HeaderName::MinSe, min_s.to_string()))
            }
            (sdp, _) => sdp,
        };
        let sdp = match sdp {
            Ok(sdp) => sdp,
            Err(reply) => {
                // 422 is no refusal: the caller asks again.
                if reply.status != 422 {
                    let what = format!("INVITE refused with {}", reply.status);
                    self.core.refused(source.remote, what, now);
                }
                self.answer(key, request, essentials, reply, now);
                return;
            }
        };
        let replaces = match self.replaced_by(&request.headers) {
            Replaced::Nothing => None,
            Replaced::Call(replaced) => Some(replaced),
            Replaced::Refused(status) => {
                self.answer(key, request, essentials, Reply::new(status), now);
                return;
            }
        };
        let id = CallId(self.core.handle());
        let mut call = Call::ring(&mut self.core, id, key, request, essentials, source, now);
        call.replaces = replaces;
        self.insert_call(call, now);
        let text = |name: &HeaderName| request.headers.get(name).map(syntax::lossy);
        self.core.event(Event::Incoming {
            call: id,
            transport: source.transport,
            remote: source.remote,
            request_uri: request.uri.to_string(),
            from: party(&essentials.from),
            to: party(&essentials.to),
            asserted: request
                .headers
                .elements(&HeaderName::PAssertedIdentity)
                .find_map(|value| NameAddr::read(value).ok())
                .map(|asserted| party(&asserted)),
            sdp,
            replaces,
            user_to_user: text(&HeaderName::UserToUser),
            headers: request
                .headers
                .iter()
                .map(|header| (header.name.to_string(), syntax::lossy(&header.value)))
                .collect(),
        });
    }

    /// The call that an INVITE with these headers replaces (RFC 3891 §3).
    fn replaced_by(&mut self, headers: &Headers) -> Replaced {
        let mut values = headers.elements(&HeaderName::Replaces);
        let replaces = match (values.next(), values.next()) {
            (None, _) => return Replaced::Nothing,
            (Some(value), None) => Replaces::read(value),
            (Some(_), Some(_)) => return Replaced::Refused(400),
        };
        let Ok(replaces) = replaces else {
            return Replaced::Refused(400);
        };
        let index = (
            replaces.call_id.clone().into_bytes(),
            replaces.to_tag.clone().into_bytes(),
        );
        let call = self.by_dialog.get(&index).copied();
        may_replace(call.and_then(|id| self.calls.get_mut(&id)), &replaces)
    }

    /// A response with a tag that is the same each time, to a request outside any call.
    fn answer(
        &mut self,
        key: &ServerKey,
        request: &Request,
        essentials: &Essentials,
        mut reply: Reply,
        now: Instant,
    ) {
        let via = request.headers.get(&HeaderName::Via).unwrap_or_default();
        let tag = self
            .core
            .ids
            .stateless_tag(&[&essentials.call_id, essentials.from_tag(), via]);
        reply.to_tag.get_or_insert(tag);
        self.core.respond(key, reply, now);
    }
}

fn is_dialog_method(method: &Method) -> bool {
    matches!(
        method,
        Method::Invite
            | Method::Bye
            | Method::Update
            | Method::Info
            | Method::Prack
            | Method::Refer
            | Method::Notify
    )
}

fn refused_method(method: &Method, in_dialog: bool) -> Option<Reply> {
    let not_allowed = || Reply::new(405).header(HeaderName::Allow, ALLOW);
    match method {
        Method::Invite
        | Method::Ack
        | Method::Bye
        | Method::Cancel
        | Method::Options
        | Method::Prack
        | Method::Update
        | Method::Info => None,
        // Nobody registers here, whatever the credentials.
        Method::Register => Some(Reply::new(403)),
        Method::Refer if in_dialog => None,
        // Nobody may have the box call somebody who is in no call with it (RFC 3515 §5.2).
        Method::Refer => Some(Reply::new(403)),
        // Without a subscription of ours it is answered 481, in a call and out of one (RFC 6665 §4.1.3).
        Method::Notify => None,
        Method::Subscribe | Method::Message | Method::Publish => Some(not_allowed()),
        Method::Other(_) => Some(Reply::new(501).header(HeaderName::Allow, ALLOW)),
    }
}

fn unknown_scheme(request: &Request) -> Option<Reply> {
    match request.uri.kind() {
        UriKind::Sip(_) | UriKind::Tel { .. } => None,
        UriKind::Other { .. } => Some(Reply::new(416)),
    }
}

fn unknown_extension(request: &Request, timer: bool) -> Option<Reply> {
    let unknown: Vec<String> = request
        .headers
        .elements(&HeaderName::Require)
        .filter(|option| {
            let known = |name: &&str| option.eq_ignore_ascii_case(name.as_bytes());
            !EXTENSIONS.iter().any(known) || (!timer && known(&"timer"))
        })
        .map(syntax::lossy)
        .collect();
    (!unknown.is_empty())
        .then(|| Reply::new(420).header(HeaderName::Unsupported, unknown.join(", ")))
}

/// Whether the caller can read SDP. An empty Accept is taken for none: who sends it has forgotten the value.
fn takes_sdp(headers: &Headers) -> bool {
    let mut accepts = headers.elements(&HeaderName::Accept).peekable();
    if accepts.peek().is_none() {
        return true;
    }
    accepts.any(|value| match MediaType::read(value) {
        Ok(media_type) => matches!(
            media_type.essence.as_str(),
            "application/sdp" | "application/*" | "*/*"
        ),
        Err(_) => true,
    })
}

fn options_reply(core: &Core, source: Source) -> Reply {
    Reply::new(200)
        .header(HeaderName::Contact, core.contact(source))
        .header(HeaderName::Allow, ALLOW)
        .header(HeaderName::Accept, "application/sdp")
        .header(HeaderName::AcceptEncoding, "identity")
        .header(HeaderName::AcceptLanguage, "en")
        .header(HeaderName::Supported, supported(core.offers_timer()))
}

fn party(address: &NameAddr) -> Party {
    Party {
        display: address.display.clone(),
        user: address.uri.user(),
        uri: address.uri.to_string(),
    }
}
