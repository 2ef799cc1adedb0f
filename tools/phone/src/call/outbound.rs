//! The caller's side, and requests of this phone within a call.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::agent::{Agent, invite_event};
use super::run::{ALLOW, Call, Change, Input, State};
use super::script::{HoldStyle, Step, script};
use crate::events::{CallNumber, Event, Side};
use crate::media::session::Ports;
use crate::sip::dialog::Dialog;
use crate::sip::digest;
use crate::sip::message::{Method, Request, Response};
use crate::sip::sdp::{DTMF, Direction};
use crate::sip::transaction::Incoming;
use crate::sip::transport::Peer;

impl Call {
    pub(super) fn outgoing(
        agent: Arc<Agent>,
        number: CallNumber,
        from: &str,
        to: &str,
        peer: Peer,
        inbox: mpsc::UnboundedSender<Input>,
    ) -> Self {
        let contact = agent.contact(peer.protocol);
        let dialog = Dialog::of_caller(from, to, peer, contact);
        // An echo is asked for by the caller's own number; nothing else of a script fits a caller.
        let own = crate::sip::address::user(crate::sip::address::name_addr(from).uri).to_owned();
        let mut script = script(&own, false, false);
        script.before.clear();
        script.after.clear();
        let invite = Incoming {
            peer,
            request: Request::new(Method::Invite, to),
        };
        Self::new(agent, number, dialog, script, invite, State::Calling, inbox)
    }

    /// Sends the INVITE.
    pub(super) async fn invite_out(&mut self) {
        let Some(address) = self.open_media(DTMF).await else {
            self.state = State::Over;
            return self
                .finish(Side::Local, None, "no media ports".into())
                .await;
        };
        let body = self.ours(address, Direction::SendRecv).offer();
        let mut request = self.dialog.request(Method::Invite);
        request.headers.push("Supported", "100rel");
        request.headers.push("Allow", ALLOW);
        request.headers.push("Content-Type", "application/sdp");
        request.body = body;
        self.agent
            .events
            .emit(invite_event(self.number, "out", &request));
        self.invite.request = request.clone();
        self.send_invite(request);
    }

    /// The INVITE keeps its Via here so that a CANCEL can carry the same.
    fn send_invite(&mut self, mut request: Request) {
        self.agent.endpoint.add_via(self.dialog.peer, &mut request);
        self.invite.request = request.clone();
        self.ask(request);
    }

    /// Once more, with credentials.
    pub(super) async fn invite_again(&mut self) {
        let request = self.invite.request.clone();
        self.send_invite(request);
    }

    pub(super) async fn cancel(&mut self) {
        self.state = State::Cancelling;
        if !self.provisional {
            // Nothing came yet: CANCEL goes out with the first provisional response (RFC 3261 section 9.1).
            return;
        }
        self.send_cancel();
    }

    fn send_cancel(&self) {
        let invite = &self.invite.request;
        let mut cancel = Request::new(Method::Cancel, invite.uri.clone());
        for (name, value) in invite.headers.iter() {
            match name {
                "Via" | "From" | "To" | "Call-ID" | "Route" | "Max-Forwards" => {
                    cancel.headers.push(name, value);
                }
                "CSeq" => cancel.headers.push(name, value.replace("INVITE", "CANCEL")),
                _ => {}
            }
        }
        self.ask(cancel);
    }

    /// A response to any request of ours.
    pub(super) async fn response(&mut self, method: Method, sequence: u32, response: Response) {
        match (method, self.state) {
            (Method::Invite, State::Calling | State::Cancelling) => {
                self.invited(sequence, response).await;
            }
            (Method::Invite, _) => self.reinvited(sequence, response).await,
            (Method::Bye, State::Ending) if response.status >= 200 => self.state = State::Over,
            (Method::Update, State::Standing) if response.status >= 200 => {
                let (call, status) = (self.number, response.status);
                self.agent.events.emit(Event::Update {
                    call,
                    by: Side::Local,
                    status,
                });
            }
            (Method::PRack, _) if response.status >= 200 => {
                self.agent.events.emit(Event::Prack {
                    call: self.number,
                    by: Side::Local,
                });
            }
            _ => {}
        }
    }

    async fn invited(&mut self, sequence: u32, response: Response) {
        match response.status {
            0..=199 => self.progressed(sequence, &response),
            200..=299 => {
                self.dialog.established_by(&response);
                self.acknowledge(sequence).await;
                if let Some(answer) = Self::described_in(&response.body) {
                    self.follow(&answer);
                }
                let cancelled = self.state == State::Cancelling;
                self.stand();
                if cancelled {
                    self.hang_up().await;
                }
            }
            401 | 407 if !self.tried_credentials && self.state == State::Calling => {
                self.tried_credentials = true;
                let call_id = self.call_id().to_owned();
                self.agent.events.emit(Event::Challenged {
                    call_id,
                    status: response.status,
                });
                let mut request = self.dialog.request(Method::Invite);
                for name in ["Supported", "Allow", "Content-Type"] {
                    if let Some(value) = self.invite.request.headers.first(name) {
                        request.headers.push(name, value);
                    }
                }
                request.body.clone_from(&self.invite.request.body);
                if digest::answer(&mut request, &response, &self.agent.config.credentials) {
                    self.send_invite(request);
                } else {
                    self.refused(&response).await;
                }
            }
            _ => self.refused(&response).await,
        }
    }

    async fn refused(&mut self, response: &Response) {
        let by = if self.state == State::Cancelling {
            Side::Local
        } else {
            Side::Remote
        };
        let cause = response
            .headers
            .first("Reason")
            .unwrap_or(&response.reason)
            .to_owned();
        self.state = State::Over;
        self.finish(by, Some(response.status), cause).await;
    }

    fn progressed(&mut self, sequence: u32, response: &Response) {
        self.provisional = true;
        if self.state == State::Cancelling {
            return self.send_cancel();
        }
        let reliable = response.headers.lists("Require", "100rel");
        let theirs = Self::described_in(&response.body);
        if response.status > 100 {
            let (call, status, sdp) = (self.number, response.status, theirs.is_some());
            self.agent.events.emit(Event::Progress {
                call,
                status,
                sdp,
                reliable,
            });
        }
        if let Some(rseq) = response
            .headers
            .first("RSeq")
            .and_then(|v| v.trim().parse::<u32>().ok())
            && reliable
            && self.last_rseq.is_none_or(|last| rseq > last)
        {
            self.last_rseq = Some(rseq);
            self.dialog.established_by(response);
            let mut prack = self.dialog.request(Method::PRack);
            prack
                .headers
                .push("RAck", format!("{rseq} {sequence} INVITE"));
            self.ask(prack);
        }
        if let Some(theirs) = theirs {
            self.follow(&theirs);
        }
    }

    async fn acknowledge(&self, sequence: u32) {
        let ack = self.dialog.ack(sequence);
        self.agent.endpoint.send(self.dialog.hop(), ack).await;
    }

    pub(super) async fn step_standing(&mut self, step: Step) {
        match step {
            Step::Hold(_) | Step::Resume | Step::Move => self.reinvite(step).await,
            Step::Update => {
                let update = self.dialog.request(Method::Update);
                self.ask(update);
            }
            Step::Press(digits) => match (&self.media, self.dtmf) {
                (Some(media), Some(_)) => media.press(&digits, 100, 80),
                _ => self.failed("the far end takes no telephone events".into()),
            },
            Step::Ring | Step::EarlyMedia | Step::Answer | Step::Reject(_) | Step::Retry => {}
            Step::Hangup => self.hang_up().await,
        }
    }

    async fn reinvite(&mut self, step: Step) {
        if self.change.is_some() {
            // One at a time (RFC 3261 section 14.1).
            return self
                .agenda
                .extend(Instant::now(), [(Duration::from_millis(20), step)]);
        }
        let Some(mut address) = self.address else {
            return;
        };
        let direction = match &step {
            Step::Hold(HoldStyle::Inactive) => Direction::Inactive,
            Step::Hold(_) => Direction::SendOnly,
            Step::Move => self.direction,
            _ => Direction::SendRecv,
        };
        let mut ports = None;
        if step == Step::Move {
            match Ports::bind(self.media_ip()).await {
                Ok(new) => {
                    address = new.address;
                    ports = Some(new);
                }
                Err(error) => return self.failed(format!("no media ports: {error}")),
            }
        }
        self.version += 1;
        let mut request = self.dialog.request(Method::Invite);
        request.headers.push("Allow", ALLOW);
        request.headers.push("Content-Type", "application/sdp");
        request.body = self.ours(address, direction).offer();
        self.change = Some(Change {
            step,
            direction,
            ports,
        });
        self.ask(request);
    }

    async fn reinvited(&mut self, sequence: u32, response: Response) {
        if response.status < 200 {
            return;
        }
        let success = response.status < 300;
        if success {
            self.acknowledge(sequence).await;
        }
        let Some(change) = self.change.take() else {
            // A 2xx once more: the ACK was all it wanted.
            return;
        };
        self.tell_reinvite(Side::Local, response.status, change.direction.name());
        if !success {
            return self.change_refused(change, &response).await;
        }
        self.dialog.retarget(response.headers.first("Contact"));
        self.direction = change.direction;
        if let Some(ports) = change.ports {
            self.address = Some(ports.address);
            if let Some(media) = &self.media {
                media.set_ports(ports);
            }
        }
        let (call, by) = (self.number, Side::Local);
        let was = self.held_by_us;
        match change.step {
            Step::Hold(style) => self.held_by_us = Some(style),
            Step::Resume => self.held_by_us = None,
            _ => {}
        }
        if let Some(answer) = Self::described_in(&response.body) {
            self.follow(&answer);
        }
        match (was, self.held_by_us) {
            (None, Some(_)) => self.agent.events.emit(Event::Held { call, by }),
            (Some(_), None) => self.agent.events.emit(Event::Resumed { call, by }),
            _ => {}
        }
    }

    async fn change_refused(&mut self, change: Change, response: &Response) {
        match response.status {
            // Both changed at once: the caller waits longer than the callee (RFC 3261 section 14.1).
            491 => {
                let wait = Duration::from_millis(if self.provisional { 2500 } else { 700 });
                self.agenda.extend(Instant::now(), [(wait, change.step)]);
            }
            408 | 481 => {
                let bye = self.dialog.request(Method::Bye);
                self.ask(bye);
                self.state = State::Ending;
                self.finish(Side::Remote, Some(response.status), response.reason.clone())
                    .await;
            }
            _ => {}
        }
    }
}
