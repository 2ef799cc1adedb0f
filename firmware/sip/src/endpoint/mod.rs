//! The user agent core the gateway drives: calls in and out over UDP and TCP.
//!
//! A call is a handle, [`CallId`]; what happens to it comes out of [`Endpoint::poll_event`]. ACK, PRACK, 100 Trying,
//! retransmissions, credentials, glare and forks are dealt with inside. Reading order: `receive.rs` (what comes
//! in), `call.rs` (the states), `placing.rs`, `ringing.rs`, `session.rs`, `offering.rs`, `offers.rs`,
//! `session_timer.rs`, `transfer.rs` (one state machine each), `core/` (transactions and queues).
//!
//! Responses over UDP always go to where the request came from (RFC 3581), whether or not it asked for that:
//! a gateway behind or in front of a NAT has no other address that works.

mod accept;
mod call;
mod command;
mod config;
mod core;
mod event;
mod offering;
mod offers;
mod placing;
mod receive;
mod refreshing;
mod register;
mod ringing;
mod session;
mod session_timer;
mod transfer;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use self::call::Call;
use self::core::{ClientUser, Core, Owner, Source, Unanswered, supported};
use crate::message::{HeaderName, Headers, Method, ReferTo, Replaces, Request, Uri};

pub use crate::credentials::{Credentials, TrunkHosts};
pub use accept::{AcceptFrom, Peers};
pub use command::{
    AnswerOffer, CallId, EndpointError, Identity, Info, Invite, ReasonHeader, ReferId, Reliable,
    RequestId, Transmit, Transport, Warning,
};
pub use config::EndpointConfig;
pub use event::{Counts, Event, Failure, FailureKind, Party, Side};
pub use register::{Register, RegisterAnswer};
pub use session_timer::{INTERVAL_S, MIN_SE_S, Refresher, SessionTimer, SessionTimerMode};
pub use transfer::Referral;

/// A SIP user agent, client and server, without sockets or clock.
#[derive(Debug)]
pub struct Endpoint {
    core: Core,
    calls: BTreeMap<CallId, Call>,
    /// Call-ID and our tag, of every call.
    by_dialog: BTreeMap<(Vec<u8>, Vec<u8>), CallId>,
}

impl Endpoint {
    /// An endpoint with nothing under way.
    pub fn new(config: EndpointConfig, now: Instant) -> Self {
        Self {
            core: Core::new(config, now),
            calls: BTreeMap::new(),
            by_dialog: BTreeMap::new(),
        }
    }

    /// Takes one datagram, or one framed message of a stream. Never fails: what cannot be used is answered
    /// with the fitting status or counted and dropped.
    pub fn handle_message(
        &mut self,
        transport: Transport,
        _local: SocketAddr,
        remote: SocketAddr,
        bytes: &[u8],
        now: Instant,
    ) {
        self.receive(transport, remote, bytes, now);
    }

    /// Answers INVITEs that begin a call with 503 and `Retry-After` from now on, or no longer. That keeps no
    /// transaction (RFC 3261 §8.2.7). Calls that stand, and INVITEs sent again, are served as ever.
    pub fn refuse_calls(&mut self, refuse: bool) {
        self.core.refusing_calls = refuse;
    }

    /// The transport to `remote` failed: what waits for an answer from there fails now instead of in 32 s.
    pub fn handle_transport_failed(
        &mut self,
        transport: Transport,
        remote: SocketAddr,
        now: Instant,
    ) {
        for unanswered in self.core.transport_failed(transport, remote, now) {
            self.unanswered(&unanswered, now);
        }
    }

    /// Takes messages from other addresses than before, as when the names of trunks lead elsewhere. Connections that
    /// were let in by [`Endpoint::accept_connection`] stay.
    pub fn accept_from(&mut self, peers: Peers) {
        match &mut self.core.config.accept_from {
            AcceptFrom::Only(old) => old.replace_addresses(peers),
            anyone @ AcceptFrom::Anyone => *anyone = AcceptFrom::Only(peers),
        }
    }

    /// Another bound of calls at once. Calls that stand stay, even when they are more.
    pub const fn bound_calls(&mut self, max_dialogs: usize) {
        self.core.config.max_dialogs = max_dialogs;
    }

    /// The TLS connection with `remote` has shown a certificate of a trunk: its messages are looked at.
    pub fn accept_connection(&mut self, remote: SocketAddr) {
        if let AcceptFrom::Only(peers) = &mut self.core.config.accept_from {
            peers.allow_connection(remote);
        }
    }

    /// The connection with `remote` has ended.
    pub fn forget_connection(&mut self, remote: SocketAddr) {
        if let AcceptFrom::Only(peers) = &mut self.core.config.accept_from {
            peers.forget_connection(remote);
        }
    }

    /// Fires the timers that are due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(owner) = self.core.deadlines.pop_due(now) {
            match owner {
                Owner::Client(key) => {
                    if let Some(unanswered) = self.core.client_timeout(&key, now) {
                        self.unanswered(&unanswered, now);
                    }
                }
                Owner::Server(key) => self.core.server_timeout(&key, now),
                Owner::Call(id) => {
                    self.with_call(id, now, |call, core| call.handle_timeout(core, now));
                }
            }
        }
    }

    /// When [`Endpoint::handle_timeout`] is next due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.core.deadlines.next()
    }

    /// The next message to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.core.poll_transmit()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.core.poll_event()
    }

    /// Places a call.
    ///
    /// # Errors
    /// A URI or header that cannot be written, or too many calls.
    pub fn invite(&mut self, invite: Invite, now: Instant) -> Result<CallId, EndpointError> {
        if self.calls.len() >= self.core.config.max_dialogs {
            return Err(EndpointError::TooManyCalls);
        }
        let id = CallId(self.core.handle());
        let call = Call::place(&mut self.core, id, invite, now)?;
        self.insert_call(call, now);
        Ok(id)
    }

    /// Gives up a call that was placed and is not answered. A 200 that crosses is acknowledged and ended.
    /// The call closes with [`Event::Failed`] (487), or [`Event::Ended`] when the 200 crossed.
    pub fn cancel(&mut self, call: CallId, reason: Option<ReasonHeader>, now: Instant) {
        self.with_call(call, now, |call, core| call.cancel(core, reason, now));
    }

    /// The same, but a call that nothing has answered yet, not even with 100, closes at once with [`Event::Failed`]
    /// (487): it need not wait for a silent peer. What still comes is cancelled, or acknowledged and ended, inside.
    pub fn abandon(&mut self, call: CallId, reason: Option<ReasonHeader>, now: Instant) {
        self.with_call(call, now, |call, core| call.abandon(core, reason, now));
    }

    /// Ends a call in any state: BYE when answered, CANCEL or 603 before. The BYE of a call we answered waits
    /// for the caller's ACK, as RFC 3261 §15 demands, at most 32 s.
    pub fn bye(&mut self, call: CallId, reason: Option<ReasonHeader>, now: Instant) {
        self.with_call(call, now, |call, core| call.hang_up(core, reason, now));
    }

    /// The same, but an answered call gets `wait` for the BYE of the far side, which ours would cross: who has just
    /// handed a call on wants to end it itself.
    pub fn bye_after(
        &mut self,
        call: CallId,
        reason: Option<ReasonHeader>,
        wait: Duration,
        now: Instant,
    ) {
        self.with_call(call, now, |call, core| {
            call.hang_up_after(core, reason, wait, now);
        });
    }

    /// Sends an offer of ours in a re-INVITE. Answered by [`Event::OfferAnswered`] or [`Event::OfferRejected`],
    /// or by [`Event::Ended`] when the far side no longer knows the call. After 491 it is tried again by itself.
    ///
    /// # Errors
    /// No such call, not answered yet, or an offer is under way in either direction.
    pub fn offer(&mut self, call: CallId, sdp: Vec<u8>, now: Instant) -> Result<(), EndpointError> {
        let mut result = Err(EndpointError::NoSuchCall);
        self.with_call(call, now, |call, core| result = call.offer(core, sdp, now));
        result
    }

    /// Sends an offer of ours in an UPDATE. Answered as [`Endpoint::offer`] is.
    ///
    /// # Errors
    /// As [`Endpoint::offer`], and when the far side does not allow UPDATE.
    pub fn update(
        &mut self,
        call: CallId,
        sdp: Vec<u8>,
        now: Instant,
    ) -> Result<(), EndpointError> {
        let mut result = Err(EndpointError::NoSuchCall);
        self.with_call(call, now, |call, core| result = call.update(core, sdp, now));
        result
    }

    /// Asks the far side for an offer with a re-INVITE that has none. Its offer comes as [`Event::Offer`], our
    /// answer to that goes out in the ACK; or [`Event::OfferRejected`].
    ///
    /// # Errors
    /// As [`Endpoint::offer`].
    pub fn ask_offer(&mut self, call: CallId, now: Instant) -> Result<(), EndpointError> {
        let mut result = Err(EndpointError::NoSuchCall);
        self.with_call(call, now, |call, core| result = call.ask_offer(core, now));
        result
    }

    /// Sets the session timer of a call that is not answered yet; afterwards it changes nothing.
    pub fn set_session_timer(&mut self, call: CallId, setting: SessionTimer, now: Instant) {
        self.with_call(call, now, |call, _| call.set_session_timer(setting));
    }

    /// Sends the provisional responses of an incoming call reliably when its caller supports that (RFC 3262); to be said
    /// before the first of them. A caller that demands it gets them so in any case.
    pub fn prefer_reliable(&mut self, call: CallId, now: Instant) {
        self.with_call(call, now, |call, _| call.prefer_reliable());
    }

    /// Answers [`Event::Offer`]; also the offer that [`Event::Answered`] brought when our INVITE had none.
    /// Nothing happens when no offer waits.
    pub fn answer_offer(&mut self, call: CallId, answer: AnswerOffer, now: Instant) {
        self.with_call(call, now, |call, core| call.answer_offer(core, answer, now));
    }

    /// Sends 101…199 for an incoming call, reliably when the caller demands it.
    pub fn progress(&mut self, call: CallId, status: u16, sdp: Option<Vec<u8>>, now: Instant) {
        self.with_call(call, now, |call, core| {
            call.progress(core, status, sdp, now);
        });
    }

    /// Answers an incoming call with 200 and this SDP. [`Event::Confirmed`] follows.
    pub fn accept(&mut self, call: CallId, sdp: Vec<u8>, now: Instant) {
        let mut replaced = None;
        self.with_call(call, now, |call, core| {
            replaced = call.replaces.take();
            call.accept(core, sdp, now);
        });
        if let Some(replaced) = replaced {
            self.bye(replaced, None, now);
        }
    }

    /// Refuses an incoming call with 300…699 (anything else becomes 500). [`Event::Ended`] follows.
    pub fn reject(
        &mut self,
        call: CallId,
        status: u16,
        reason: Option<ReasonHeader>,
        now: Instant,
    ) {
        self.with_call(call, now, |call, core| {
            call.reject(core, status, reason.as_ref(), now);
        });
    }

    /// What the refusal of an incoming call that follows says besides (RFC 3261 §20.43).
    pub fn warn(&mut self, call: CallId, warning: Warning, now: Instant) {
        self.with_call(call, now, |call, _| call.warning = Some(warning));
    }

    /// Refuses an incoming call with 503 and `Retry-After` (RFC 3261 §21.5.4). [`Event::Ended`] follows.
    pub fn reject_busy(
        &mut self,
        call: CallId,
        retry_after_s: u32,
        reason: Option<ReasonHeader>,
        now: Instant,
    ) {
        self.with_call(call, now, |call, core| {
            call.reject_busy(core, retry_after_s, reason.as_ref(), now);
        });
    }

    /// Says 202 to [`Event::Referred`], and that the new call is tried.
    pub fn accept_refer(&mut self, call: CallId, refer: ReferId, now: Instant) {
        self.with_call(call, now, |call, core| call.accept_refer(core, refer, now));
    }

    /// Refuses [`Event::Referred`] with 300…699 (anything else becomes 603). The call stays as it is.
    pub fn reject_refer(&mut self, call: CallId, refer: ReferId, status: u16, now: Instant) {
        self.with_call(call, now, |call, core| {
            call.reject_refer(core, refer, status, now);
        });
    }

    /// Tells the far side how the new call goes, by its SIP status; 200 and above is the last word.
    pub fn notify_refer(&mut self, call: CallId, refer: ReferId, status: u16, now: Instant) {
        self.with_call(call, now, |call, core| {
            call.notify_refer(core, refer, status, now);
        });
    }

    /// Asks the far side to call `target` in place of us. [`Event::ReferProgress`] tells how it goes; the call
    /// stays until one side ends it.
    ///
    /// # Errors
    /// No such call, not answered yet, a URI that cannot be read, or too many transfers of this call.
    pub fn refer(
        &mut self,
        call: CallId,
        target: &str,
        replaces: Option<Replaces>,
        now: Instant,
    ) -> Result<ReferId, EndpointError> {
        let uri = Uri::read(target.as_bytes())
            .map_err(|_| EndpointError::BadUri(target.to_owned()))?
            .without_headers();
        let headers = Vec::new();
        let target = ReferTo {
            uri,
            replaces,
            headers,
        };
        let id = ReferId(self.core.handle());
        let mut result = Err(EndpointError::NoSuchCall);
        self.with_call(call, now, |call, core| {
            result = call.refer(core, id, &target, now);
        });
        result.map(|()| id)
    }

    /// Where the far side of an answered call wants requests: its `Contact`, for [`Endpoint::refer`] of another call.
    pub fn remote_target(&self, call: CallId) -> Option<String> {
        self.calls.get(&call)?.remote_target()
    }

    /// The answered call's dialog as a third party replaces it, for [`Endpoint::refer`] of another call.
    pub fn as_replaced(&self, call: CallId) -> Option<Replaces> {
        self.calls.get(&call)?.as_replaced()
    }

    /// Sends an INFO in an answered call; nobody hears of its answer.
    ///
    /// # Errors
    /// No such call, or not answered yet.
    pub fn info(&mut self, call: CallId, info: Info, now: Instant) -> Result<(), EndpointError> {
        let mut result = Err(EndpointError::NoSuchCall);
        self.with_call(call, now, |call, core| {
            result = call.send_info(core, info, now);
        });
        result
    }

    /// Probes a peer with OPTIONS. Answered by [`Event::RequestAnswered`] or [`Event::RequestFailed`]; the
    /// latter also when `request_uri` is none.
    pub fn options(
        &mut self,
        remote: SocketAddr,
        transport: Transport,
        request_uri: &str,
        now: Instant,
    ) -> RequestId {
        let id = RequestId(self.core.handle());
        let Ok(uri) = Uri::read(request_uri.as_bytes()) else {
            self.core.event(Event::RequestFailed { request: id });
            return id;
        };
        let uri = uri.as_target();
        let mut to = Source::new(transport, remote);
        to.secure = uri.is_secure();
        let mut from = self.core.contact(to).into_bytes();
        from.extend_from_slice(b";tag=");
        from.extend_from_slice(&self.core.ids.tag());
        let mut headers = Headers::new();
        headers.push(HeaderName::MaxForwards, "70");
        headers.push(HeaderName::From, from);
        headers.push(HeaderName::To, [b"<", uri.as_bytes(), b">"].concat());
        headers.push(HeaderName::CallId, self.core.ids.call_id());
        headers.push(HeaderName::CSeq, "1 OPTIONS");
        headers.push(HeaderName::Accept, "application/sdp");
        let extensions = supported(self.core.offers_timer());
        headers.push(HeaderName::Supported, extensions);
        let request = Request {
            method: Method::Options,
            uri,
            headers,
            body: Vec::new(),
        };
        self.core
            .send_request(request, to, ClientUser::Request(id), now);
        id
    }

    /// Stops a request outside calls before its 32 s are over: it is not sent again, and no event comes of it.
    /// Who asks whether a peer lives knows sooner than RFC 3261 gives up.
    pub fn forget_request(&mut self, request: RequestId) {
        self.core.forget_request(request);
    }

    /// Whether the INVITE of a placed call has been answered by anything, 100 included. True for every call that
    /// is past that, and for an unknown one.
    pub fn is_proceeding(&self, call: CallId) -> bool {
        self.calls.get(&call).is_none_or(Call::is_proceeding)
    }

    /// The `Call-ID` a call has on the wire, for records; `None` for an unknown call or one that is no text.
    pub fn sip_call_id(&self, call: CallId) -> Option<&str> {
        std::str::from_utf8(&self.calls.get(&call)?.sip_call_id).ok()
    }

    /// Counters and gauges.
    pub fn counts(&self) -> Counts {
        self.core.counts(self.calls.len())
    }

    /// Our address as a far side sees it in what is sent there.
    pub fn shown_to(&self, transport: Transport, remote: SocketAddr) -> SocketAddr {
        self.core.advertised(transport, remote)
    }

    /// The configuration it was made with.
    pub fn config(&self) -> &EndpointConfig {
        &self.core.config
    }

    fn insert_call(&mut self, call: Call, now: Instant) {
        let index = (call.sip_call_id.clone(), call.local_tag.clone());
        let id = call.id;
        self.by_dialog.insert(index, id);
        self.calls.insert(id, call);
        self.settle_call(id, now);
    }

    fn with_call(&mut self, id: CallId, now: Instant, act: impl FnOnce(&mut Call, &mut Core)) {
        if let Some(call) = self.calls.get_mut(&id) {
            act(call, &mut self.core);
            self.settle_call(id, now);
        }
    }

    fn unanswered(&mut self, unanswered: &Unanswered, now: Instant) {
        match unanswered.user {
            ClientUser::Nobody => {}
            ClientUser::Request(request) => self.core.event(Event::RequestFailed { request }),
            ClientUser::Call(id) => self.with_call(id, now, |call, core| {
                call.handle_unanswered(core, &unanswered.key, unanswered.transport_failed, now);
            }),
        }
    }

    /// Drops a call that has closed, or sets its next deadline.
    fn settle_call(&mut self, id: CallId, now: Instant) {
        let deadline = match self.calls.get_mut(&id) {
            Some(call) if call.is_closed() => {
                // However it ended: an offer that nobody can answer any more must not wait for ever.
                call.refuse_their_offer(&mut self.core, now);
                call.refuse_refers(&mut self.core, now);
                let index = (call.sip_call_id.clone(), call.local_tag.clone());
                self.by_dialog.remove(&index);
                self.calls.remove(&id);
                None
            }
            Some(call) => call.poll_timeout(),
            None => None,
        };
        self.core.deadlines.set(&Owner::Call(id), deadline);
    }
}
