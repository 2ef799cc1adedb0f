//! The callee's side, and requests of the far end within a call.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::agent::Agent;
use super::run::{Call, Input, State};
use super::script::{Script, Step, reason};
use crate::events::{CallNumber, Event, Side};
use crate::sip::dialog::Dialog;
use crate::sip::message::{Method, Response};
use crate::sip::sdp::{DTMF, Direction};
use crate::sip::transaction::Incoming;

impl Call {
    pub(super) fn incoming(
        agent: Arc<Agent>,
        number: CallNumber,
        invite: Incoming,
        script: Script,
        inbox: mpsc::UnboundedSender<Input>,
    ) -> Self {
        let contact = agent.contact(invite.peer.protocol);
        let dialog = Dialog::of_callee(&invite.request, invite.peer, contact);
        Self::new(agent, number, dialog, script, invite, State::Ringing, inbox)
    }

    /// A response to the INVITE that began the call.
    pub(super) async fn respond(
        &mut self,
        status: u16,
        extra: &[(&str, String)],
        body: Option<Vec<u8>>,
    ) {
        let mut response = Response::to(&self.invite.request, status);
        if status > 100 {
            response.headers.set("To", self.dialog.local());
            response
                .headers
                .push("Contact", self.agent.contact(self.invite.peer.protocol));
            response.headers.push("Allow", super::run::ALLOW);
            response.headers.push("Server", "causeway-phone");
        }
        for (name, value) in extra {
            response.headers.push(name, value.clone());
        }
        if let Some(body) = body {
            response.headers.push("Content-Type", "application/sdp");
            response.body = body;
        }
        self.agent
            .endpoint
            .respond(self.invite.peer, &self.invite.request, response)
            .await;
    }

    pub(super) async fn step_ringing(&mut self, step: Step) {
        match step {
            Step::Ring => self.progress(180, false).await,
            Step::EarlyMedia => self.progress(183, true).await,
            Step::Answer if self.unacknowledged.is_some() => {
                // A description sent reliably must be acknowledged first (RFC 3262 section 5).
                self.agenda
                    .extend(Instant::now(), [(Duration::from_millis(20), Step::Answer)]);
            }
            Step::Answer => self.accept().await,
            Step::Reject(status) => self.reject(status, Side::Local).await,
            other => self.failed(format!("not before the answer: {other:?}")),
        }
    }

    /// 18x, reliable when the script wants it.
    async fn progress(&mut self, status: u16, with_sdp: bool) {
        let headers = &self.invite.request.headers;
        let able = headers.lists("Supported", "100rel") || headers.lists("Require", "100rel");
        let must = headers.lists("Require", "100rel");
        if self.script.reliable_only && !able {
            self.respond(421, &[("Require", "100rel".into())], None)
                .await;
            self.finish(
                Side::Local,
                Some(421),
                "the caller does not support 100rel".into(),
            )
            .await;
            self.state = State::Over;
            return;
        }
        let reliable = must || (able && self.script.reliable);
        let body = if with_sdp {
            match self.describe(reliable).await {
                Ok(body) => body,
                Err(()) => return self.reject(488, Side::Local).await,
            }
        } else {
            None
        };
        if !reliable {
            return self.respond(status, &[], body).await;
        }
        self.described |= body.is_some();
        self.rseq += 1;
        let extra = [
            ("Require", "100rel".to_owned()),
            ("RSeq", self.rseq.to_string()),
        ];
        self.respond(status, &extra, body.clone()).await;
        self.repeat_until_prack(status, extra.to_vec(), body);
    }

    /// RFC 3262 section 3: T1, doubled without bound, and after 32 s the call is refused.
    fn repeat_until_prack(
        &mut self,
        status: u16,
        extra: Vec<(&'static str, String)>,
        body: Option<Vec<u8>>,
    ) {
        let mut response = Response::to(&self.invite.request, status);
        response.headers.set("To", self.dialog.local());
        response
            .headers
            .push("Contact", self.agent.contact(self.invite.peer.protocol));
        for (name, value) in extra {
            response.headers.push(name, value);
        }
        if let Some(body) = body {
            response.headers.push("Content-Type", "application/sdp");
            response.body = body;
        }
        let (agent, inbox) = (self.agent.clone(), self.inbox.clone());
        let (peer, request) = (self.invite.peer, self.invite.request.clone());
        let task = tokio::spawn(async move {
            let mut interval = Duration::from_millis(500);
            let end = Instant::now() + Duration::from_secs(32);
            while Instant::now() + interval < end {
                tokio::time::sleep(interval).await;
                agent
                    .endpoint
                    .respond(peer, &request, response.clone())
                    .await;
                interval *= 2;
            }
            let _ = inbox.send(Input::Order(Duration::ZERO, Step::Reject(504)));
        });
        if let Some(old) = self.unacknowledged.replace(task.abort_handle()) {
            old.abort();
        }
    }

    /// Our description: the answer to their offer, or an offer when there was none and one may be made now.
    async fn describe(&mut self, may_offer: bool) -> Result<Option<Vec<u8>>, ()> {
        let body = &self.invite.request.body;
        if body.is_empty() {
            if !may_offer || self.offered {
                return Ok(None);
            }
            let address = self.open_media(DTMF).await.ok_or(())?;
            self.offered = true;
            return Ok(Some(self.ours(address, Direction::SendRecv).offer()));
        }
        let offer = Self::described_in(body).ok_or(())?;
        let address = self
            .open_media(offer.dtmf.unwrap_or(DTMF))
            .await
            .ok_or(())?;
        let (answer, _) = self
            .ours(address, Direction::SendRecv)
            .answer(&offer)
            .ok_or(())?;
        self.follow(&offer);
        Ok(Some(answer))
    }

    async fn accept(&mut self) {
        let body = if self.described {
            None
        } else {
            match self.describe(true).await {
                Ok(body) => body,
                Err(()) => return self.reject(488, Side::Local).await,
            }
        };
        self.respond(200, &[], body).await;
        self.stand();
    }

    pub(super) async fn reject(&mut self, status: u16, by: Side) {
        let extra: Vec<_> = reason(status)
            .map(|reason| ("Reason", reason.to_owned()))
            .into_iter()
            .collect();
        self.respond(status, &extra, None).await;
        self.state = State::Over;
        let words = crate::sip::message::reason_phrase(status);
        self.finish(by, Some(status), words.into()).await;
    }

    /// A request of the far end.
    pub(super) async fn request(&mut self, incoming: Incoming) {
        let method = incoming.request.method;
        match (self.state, method) {
            (_, Method::Ack) => self.acknowledged(&incoming),
            (State::Ringing, Method::Cancel) => {
                self.reply(&incoming, 200, None).await;
                let cause = incoming
                    .request
                    .headers
                    .first("Reason")
                    .unwrap_or("cancelled")
                    .to_owned();
                self.respond(487, &[], None).await;
                self.state = State::Over;
                self.finish(Side::Remote, Some(487), cause).await;
            }
            (_, Method::Cancel) => self.reply(&incoming, 200, None).await,
            (_, Method::Bye) => {
                self.reply(&incoming, 200, None).await;
                if self.state == State::Ringing {
                    self.respond(487, &[], None).await;
                }
                if !matches!(self.state, State::Ending | State::Over) {
                    let cause = incoming
                        .request
                        .headers
                        .first("Reason")
                        .unwrap_or("bye")
                        .to_owned();
                    self.finish(Side::Remote, None, cause).await;
                }
                self.state = State::Over;
            }
            (_, Method::PRack) => self.pracked(&incoming).await,
            (State::Standing, Method::Invite | Method::Update)
                if !incoming.request.body.is_empty() =>
            {
                self.changed(&incoming).await;
            }
            (State::Standing, Method::Invite) => {
                // Without an offer we make one; the answer comes with the ACK.
                let Some(address) = self.address else {
                    return self.reply(&incoming, 500, None).await;
                };
                self.dialog
                    .retarget(incoming.request.headers.first("Contact"));
                self.version += 1;
                self.offered = true;
                let offer = self.ours(address, self.direction).offer();
                self.reply(&incoming, 200, Some(offer)).await;
                self.tell_reinvite(Side::Remote, 200, "no offer");
            }
            (_, Method::Invite) => self.reply(&incoming, 491, None).await,
            (_, Method::Update) => {
                self.dialog
                    .retarget(incoming.request.headers.first("Contact"));
                self.reply(&incoming, 200, None).await;
                self.agent.events.emit(Event::Update {
                    call: self.number,
                    by: Side::Remote,
                    status: 200,
                });
            }
            (_, Method::Options | Method::Info) => self.reply(&incoming, 200, None).await,
            (_, Method::Notify | Method::Message) => self.reply(&incoming, 200, None).await,
            (_, Method::Refer | Method::Publish | Method::Register | Method::Subscribe) => {
                self.reply(&incoming, 501, None).await;
            }
        }
    }

    /// A re-INVITE or UPDATE with an offer.
    async fn changed(&mut self, incoming: &Incoming) {
        if self.change.is_some() {
            return self.reply(incoming, 491, None).await;
        }
        let (offer, address) = (Self::described_in(&incoming.request.body), self.address);
        let answer = offer.as_ref().zip(address).and_then(|(offer, address)| {
            self.version += 1;
            self.ours(address, self.direction).answer(offer)
        });
        let (Some(offer), Some((answer, _))) = (offer, answer) else {
            self.reply(incoming, 488, None).await;
            return self.tell_reinvite(Side::Remote, 488, "not acceptable");
        };
        self.dialog
            .retarget(incoming.request.headers.first("Contact"));
        self.reply(incoming, 200, Some(answer)).await;
        self.follow(&offer);
        self.tell_reinvite(Side::Remote, 200, offer.direction.name());
    }

    pub(super) fn tell_reinvite(&self, by: Side, status: u16, media: &str) {
        self.agent.events.emit(Event::Reinvite {
            call: self.number,
            by,
            status,
            media: media.to_owned(),
        });
    }

    fn acknowledged(&mut self, incoming: &Incoming) {
        self.take_answer(&incoming.request.body);
    }

    fn take_answer(&mut self, body: &[u8]) {
        if self.offered
            && let Some(answer) = Self::described_in(body)
        {
            self.offered = false;
            self.follow(&answer);
        }
    }

    async fn pracked(&mut self, incoming: &Incoming) {
        let rack = incoming.request.headers.first("RAck").unwrap_or_default();
        let matches =
            rack.split_whitespace().next().and_then(|n| n.parse().ok()) == Some(self.rseq);
        if !matches || self.unacknowledged.is_none() {
            return self.reply(incoming, 481, None).await;
        }
        if let Some(repeats) = self.unacknowledged.take() {
            repeats.abort();
        }
        self.take_answer(&incoming.request.body);
        self.reply(incoming, 200, None).await;
        self.agent.events.emit(Event::Prack {
            call: self.number,
            by: Side::Remote,
        });
    }
}
