//! The user agent core the gateway drives: calls in and out over UDP and TCP.

mod command;
mod config;
mod event;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

pub use command::{
    AnswerOffer, CallId, Credentials, EndpointError, Identity, Invite, ReasonHeader, Reliable,
    RequestId, Transmit, Transport, Warning,
};
pub use config::EndpointConfig;
pub use event::{Counts, Event, Failure, FailureKind, Party, Side};

/// A SIP user agent, client and server, without sockets or clock.
#[derive(Debug)]
pub struct Endpoint {
    config: EndpointConfig,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
    counts: Counts,
    next: u64,
}

impl Endpoint {
    /// An endpoint with nothing under way.
    pub fn new(config: EndpointConfig, _now: Instant) -> Self {
        Self {
            config,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            counts: Counts::default(),
            next: 0,
        }
    }

    /// Takes one datagram, or one framed message of a stream. Never fails: what cannot be used is answered
    /// with the fitting status or counted and dropped.
    pub fn handle_message(
        &mut self,
        _transport: Transport,
        _local: SocketAddr,
        _remote: SocketAddr,
        _bytes: &[u8],
        _now: Instant,
    ) {
        self.counts.received += 1;
    }

    /// The transport to `remote` failed: what waits for an answer from there fails now instead of in 32 s.
    pub fn handle_transport_failed(
        &mut self,
        _transport: Transport,
        _remote: SocketAddr,
        _now: Instant,
    ) {
    }

    /// Fires the timers that are due.
    pub fn handle_timeout(&mut self, _now: Instant) {}

    /// When [`Endpoint::handle_timeout`] is next due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// The next message to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Places a call.
    ///
    /// # Errors
    /// A URI or header that cannot be written, or too many calls.
    pub fn invite(&mut self, _invite: Invite, _now: Instant) -> Result<CallId, EndpointError> {
        self.next += 1;
        Ok(CallId(self.next))
    }

    /// Gives up a call that was placed and is not answered. A 200 that crosses is acknowledged and ended.
    /// The call closes with [`Event::Failed`] (487), or [`Event::Ended`] when the 200 crossed.
    pub fn cancel(&mut self, _call: CallId, _reason: Option<ReasonHeader>, _now: Instant) {}

    /// Ends a call in any state: BYE when answered, CANCEL or 603 before.
    pub fn bye(&mut self, _call: CallId, _reason: Option<ReasonHeader>, _now: Instant) {}

    /// Sends an offer of ours in a re-INVITE. Answered by [`Event::OfferAnswered`] or [`Event::OfferRejected`].
    ///
    /// # Errors
    /// No such call, not answered yet, or an offer is under way in either direction.
    pub fn offer(
        &mut self,
        _call: CallId,
        _sdp: Vec<u8>,
        _now: Instant,
    ) -> Result<(), EndpointError> {
        Ok(())
    }

    /// Answers [`Event::Offer`]. Nothing happens when no offer waits.
    pub fn answer_offer(&mut self, _call: CallId, _answer: AnswerOffer, _now: Instant) {}

    /// Sends 101…199 for an incoming call, reliably when the caller demands it.
    pub fn progress(&mut self, _call: CallId, _status: u16, _sdp: Option<Vec<u8>>, _now: Instant) {}

    /// Answers an incoming call with 200 and this SDP. [`Event::Confirmed`] follows.
    pub fn accept(&mut self, _call: CallId, _sdp: Vec<u8>, _now: Instant) {}

    /// Refuses an incoming call with 300…699.
    pub fn reject(
        &mut self,
        _call: CallId,
        _status: u16,
        _reason: Option<ReasonHeader>,
        _now: Instant,
    ) {
    }

    /// Probes a peer with OPTIONS. Answered by [`Event::RequestAnswered`] or [`Event::RequestFailed`].
    pub fn options(
        &mut self,
        _remote: SocketAddr,
        _transport: Transport,
        _request_uri: &str,
        _now: Instant,
    ) -> RequestId {
        self.next += 1;
        RequestId(self.next)
    }

    /// Counters and gauges.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The configuration it was made with.
    pub fn config(&self) -> &EndpointConfig {
        &self.config
    }
}
