//! One call: its task, its state and what both directions share.
//!
//! | state | meaning | leaves by |
//! |---|---|---|
//! | `Calling` | our INVITE is out | 2xx → `Standing`, final → over, hang-up → `Cancelling` |
//! | `Cancelling` | we gave up | 487 → over, 2xx → ACK and BYE |
//! | `Ringing` | their INVITE is unanswered | 200 → `Standing`, rejection or CANCEL → over |
//! | `Standing` | both may talk | BYE from either → `Ending` or over |
//! | `Ending` | our BYE is out | its response → over |

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::agenda::Agenda;
use super::agent::Agent;
use super::script::{HoldStyle, Script, Sound, Step};
use crate::clock::random;
use crate::events::{CallNumber, Event, Side};
use crate::media::g711::Law;
use crate::media::record::Recorder;
use crate::media::session::{MediaSession, Ports, Remote, Source};
use crate::sip::dialog::Dialog;
use crate::sip::message::{Method, Request, Response};
use crate::sip::sdp::{self, Description, Direction, Ours};
use crate::sip::transaction::Incoming;

pub(super) const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO";

/// What reaches a call.
#[derive(Debug)]
pub(super) enum Input {
    /// A request with its Call-ID.
    Request(Incoming),
    /// A response to one of its own.
    Response(Method, u32, Response),
    /// The operator's wish.
    Order(Duration, Step),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Calling,
    Cancelling,
    Ringing,
    Standing,
    Ending,
    Over,
}

/// A re-INVITE of ours that is unanswered.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) step: Step,
    pub(super) direction: Direction,
    pub(super) ports: Option<Ports>,
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) agent: Arc<Agent>,
    pub(super) number: CallNumber,
    pub(super) inbox: mpsc::UnboundedSender<Input>,
    pub(super) dialog: Dialog,
    pub(super) script: Script,
    pub(super) agenda: Agenda,
    pub(super) state: State,
    /// The INVITE of the caller, or our own.
    pub(super) invite: Incoming,
    pub(super) media: Option<MediaSession>,
    pub(super) address: Option<SocketAddr>,
    pub(super) law: Option<Law>,
    pub(super) dtmf: Option<u8>,
    pub(super) session: u32,
    pub(super) version: u32,
    /// An offer of ours is out, its answer comes in ACK or PRACK.
    pub(super) offered: bool,
    /// A reliable response carried the answer already.
    pub(super) described: bool,
    pub(super) direction: Direction,
    pub(super) held_by_us: Option<HoldStyle>,
    pub(super) held_by_them: bool,
    pub(super) change: Option<Change>,
    pub(super) rseq: u32,
    pub(super) unacknowledged: Option<AbortHandle>,
    pub(super) last_rseq: Option<u32>,
    pub(super) tried_credentials: bool,
    pub(super) provisional: bool,
}

impl Call {
    pub(super) fn new(
        agent: Arc<Agent>,
        number: CallNumber,
        dialog: Dialog,
        script: Script,
        invite: Incoming,
        state: State,
        inbox: mpsc::UnboundedSender<Input>,
    ) -> Self {
        Self {
            agent,
            number,
            inbox,
            dialog,
            script,
            agenda: Agenda::default(),
            state,
            invite,
            media: None,
            address: None,
            law: None,
            dtmf: None,
            session: random() as u32 >> 1,
            version: 1,
            offered: false,
            described: false,
            direction: Direction::SendRecv,
            held_by_us: None,
            held_by_them: false,
            change: None,
            rseq: random() as u32 >> 8,
            unacknowledged: None,
            last_rseq: None,
            tried_credentials: false,
            provisional: false,
        }
    }

    pub(super) fn call_id(&self) -> &str {
        &self.dialog.call_id
    }

    pub(super) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Input>) {
        if self.state == State::Calling {
            self.invite_out().await;
        } else {
            self.respond(100, &[], None).await;
            let before = std::mem::take(&mut self.script.before);
            self.agenda.extend(Instant::now(), before);
        }
        while self.state != State::Over {
            tokio::select! {
                biased;
                input = inbox.recv() => match input {
                    Some(Input::Request(incoming)) => self.request(incoming).await,
                    Some(Input::Response(method, sequence, response)) => {
                        self.response(method, sequence, response).await;
                    }
                    Some(Input::Order(delay, step)) => self.agenda.extend(Instant::now(), [(delay, step)]),
                    None => break,
                },
                step = self.agenda.next() => self.step(step).await,
            }
        }
        if let Some(repeats) = self.unacknowledged.take() {
            repeats.abort();
        }
        // Late repeats of BYE are answered by the transaction table; late ACKs need nobody.
        self.agent.forget(&self.dialog.call_id);
    }

    async fn step(&mut self, step: Step) {
        match (self.state, step) {
            (State::Over | State::Ending | State::Cancelling, _) => {}
            (_, Step::Hangup) => self.hang_up().await,
            (State::Ringing, step) => self.step_ringing(step).await,
            (State::Standing, step) => self.step_standing(step).await,
            (State::Calling, Step::Retry) => self.invite_again().await,
            (State::Calling, step) => self.failed(format!("not before the answer: {step:?}")),
        }
    }

    pub(super) fn failed(&self, message: String) {
        self.agent.events.emit(Event::Failed {
            call: Some(self.number),
            message,
        });
    }

    /// Sends a request of this dialog; its responses come back as [`Input::Response`].
    pub(super) fn ask(&self, request: Request) {
        let inbox = self.inbox.clone();
        let (sequence, method) = request.headers.cseq().unwrap_or((0, request.method));
        self.agent
            .endpoint
            .request(self.dialog.hop(), request, move |response| {
                let _ = inbox.send(Input::Response(method, sequence, response));
            });
    }

    /// Answers any request of this dialog.
    pub(super) async fn reply(&self, incoming: &Incoming, status: u16, body: Option<Vec<u8>>) {
        let mut response = Response::to(&incoming.request, status);
        if status > 100 {
            response.headers.set("To", self.dialog.local());
        }
        response
            .headers
            .push("Contact", self.agent.contact(incoming.peer.protocol));
        response.headers.push("Allow", ALLOW);
        if let Some(body) = body {
            response.headers.push("Content-Type", "application/sdp");
            response.body = body;
        }
        self.agent
            .endpoint
            .respond(incoming.peer, &incoming.request, response)
            .await;
    }

    /// Our side of the description, with the ports the sound arrives at.
    pub(super) fn ours(&self, address: SocketAddr, direction: Direction) -> Ours {
        Ours {
            address,
            laws: self.agent.config.laws.clone(),
            direction,
            session: self.session,
            version: self.version,
        }
    }

    /// Opens the ports and starts listening, once.
    pub(super) async fn open_media(&mut self, dtmf: u8) -> Option<SocketAddr> {
        if self.address.is_some() {
            return self.address;
        }
        match Ports::bind(self.media_ip()).await {
            Ok(ports) => {
                let source = match self.script.sound {
                    Sound::Tone => match self.agent.config.speech {
                        Some(speech) => Source::Speech(speech),
                        None => Source::Tone(self.agent.config.tone),
                    },
                    Sound::Echo => Source::Echo,
                };
                self.address = Some(ports.address);
                let events = self.agent.events.clone();
                let record = self.agent.config.record.as_ref();
                let recorder = record.and_then(|folder| {
                    Recorder::create(&folder.join(format!("{}.rtp", self.number))).ok()
                });
                self.media = Some(MediaSession::start(
                    self.number,
                    ports,
                    source,
                    dtmf,
                    events,
                    recorder,
                ));
            }
            Err(error) => self.failed(format!("no media ports: {error}")),
        }
        self.address
    }

    /// The address told to the far end: ours, or the one the way to it begins at when we listen everywhere.
    pub(super) fn media_ip(&self) -> std::net::IpAddr {
        let local = self.agent.local().ip();
        if !local.is_unspecified() {
            return local;
        }
        std::net::UdpSocket::bind((local, 0))
            .and_then(|socket| {
                socket
                    .connect(self.dialog.peer.address)
                    .and_then(|()| socket.local_addr())
            })
            .map_or(local, |address| address.ip())
    }

    /// Points the sound at what the far end described.
    pub(super) fn follow(&mut self, theirs: &Description) {
        let Some(law) = theirs
            .laws
            .iter()
            .copied()
            .find(|law| self.agent.config.laws.contains(law))
        else {
            return;
        };
        self.law = Some(law);
        self.dtmf = theirs.dtmf;
        if let Some(media) = &self.media {
            media.set_remote(Remote {
                address: theirs.address,
                law,
                dtmf: theirs.dtmf,
            });
        }
        let held = !theirs.direction.listens() || !theirs.direction.sends();
        // What we asked for ourselves comes back mirrored; that is no hold of theirs.
        let held = held && self.held_by_us.is_none() && self.change.is_none();
        if held != self.held_by_them {
            self.held_by_them = held;
            let (call, by) = (self.number, Side::Remote);
            self.agent.events.emit(if held {
                Event::Held { call, by }
            } else {
                Event::Resumed { call, by }
            });
        }
        self.direct(theirs.direction.listens());
    }

    /// Sends sound when they listen and we do not hold silently.
    pub(super) fn direct(&self, they_listen: bool) {
        let silent = matches!(
            self.held_by_us,
            Some(HoldStyle::Silent | HoldStyle::Inactive)
        );
        if let Some(media) = &self.media {
            media.set_sending(they_listen && !silent);
        }
    }

    /// Both agreed: says so and turns to the script's second part.
    pub(super) fn stand(&mut self) {
        self.state = State::Standing;
        let codec = self.law.map_or("none", Law::name);
        let rtp = self.address.map(|a| a.to_string()).unwrap_or_default();
        self.agent.events.emit(Event::Answered {
            call: self.number,
            codec,
            dtmf: self.dtmf.is_some(),
            rtp,
        });
        let after = std::mem::take(&mut self.script.after);
        self.agenda.extend(Instant::now(), after);
    }

    /// Ends the sound and tells how the call went.
    pub(super) async fn finish(&mut self, by: Side, status: Option<u16>, cause: String) {
        self.agenda.clear();
        let rtp = match self.media.take() {
            Some(media) => media.stop().await,
            None => crate::media::rtp::Figures::default(),
        };
        self.agent.events.emit(Event::Ended {
            call: self.number,
            by,
            status,
            cause,
            rtp,
        });
    }

    pub(super) async fn hang_up(&mut self) {
        match self.state {
            State::Standing => {
                let bye = self.dialog.request(Method::Bye);
                self.ask(bye);
                self.state = State::Ending;
                self.finish(Side::Local, None, "bye".into()).await;
            }
            State::Calling => self.cancel().await,
            State::Ringing => self.reject(480, Side::Local).await,
            State::Cancelling | State::Ending | State::Over => {}
        }
    }

    /// Reads the description in a body, if there is one.
    pub(super) fn described_in(body: &[u8]) -> Option<Description> {
        if body.is_empty() {
            None
        } else {
            sdp::read(body)
        }
    }
}
