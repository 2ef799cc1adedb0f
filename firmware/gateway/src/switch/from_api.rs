//! What pages ask for.

use super::active::{CallKey, WebOffer};
use super::calling_back::Wish;
use super::place::{Place, same_secret};
use super::{Session, Switch, figures};
use crate::legs::web;
use crate::media::Command as Media;
use causeway_api::ladder::Ladder;
use causeway_api::request::{Identity, LadderOf, Request, SessionId};
use causeway_api::wire::{
    ClientMessage, ErrorCode, HangupReason, RejectReason, RequestNumber, ServerMessage,
};
use causeway_call::{DeviceId, Event, Phase, RequestId};
use causeway_directory::TrunkName;
use serde_json::{Map, Value, json};
use std::time::Instant;

impl Switch {
    pub(super) fn handle_request(&mut self, request: Request, now: Instant) {
        match request {
            Request::Opened {
                session,
                identity,
                out,
            } => {
                self.open_session(session, identity.clone(), Session { identity, out }, now);
            }
            Request::Message { session, message } => self.message(session, message, now),
            Request::Closed { session } => self.close_session(session, now),
            Request::Trunks { reply } => {
                let _ = reply.send(self.trunk_views(now));
            }
            Request::Listen { out, reply } => {
                let _ = reply.send(self.listen(out, now));
            }
            Request::Status { reply } => {
                let _ = reply.send(self.status());
            }
            Request::CheckTrunk {
                trunk,
                number,
                reply,
            } => {
                let _ = reply.send(self.check_trunk(&trunk, number));
            }
            Request::TrunkCheck { trunk, reply } => {
                let _ = reply.send(self.checks.report(&trunk));
            }
            Request::Ladder { of, reply } => {
                let _ = reply.send(self.ladder(&of));
            }
            Request::Call { id, reply } => {
                let call = self
                    .by_name
                    .get(&id)
                    .and_then(|key| self.calls.get_mut(key));
                let _ = reply.send(call.map(|active| {
                    active.mark_times();
                    figures::call_json(active)
                }));
            }
        }
    }

    fn ladder(&self, of: &LadderOf) -> Option<Ladder> {
        match of {
            LadderOf::Call(id) => self.ladders.of_call(id),
            LadderOf::Trunk(name) => self
                .directory
                .trunks()
                .any(|t| t.name.get_ref().0 == *name)
                .then(|| self.ladders.of_trunk(name)),
        }
    }

    /// A person's new browser joins what rings for that person.
    fn open_session(&mut self, session: SessionId, identity: Identity, new: Session, now: Instant) {
        self.sessions.insert(session, new);
        let Some(account) = identity.account else {
            return;
        };
        let rings = |call: &super::ActiveCall| {
            call.call.phase() == Phase::Offered && call.account.as_ref() == Some(&account)
        };
        let ringing: Vec<CallKey> = self
            .calls
            .iter()
            .filter(|(_, c)| rings(c))
            .map(|(key, _)| *key)
            .collect();
        for key in ringing {
            self.feed(
                key,
                Event::DeviceJoined {
                    device: DeviceId(session.0),
                },
                now,
            );
        }
    }

    fn close_session(&mut self, session: SessionId, now: Instant) {
        self.sessions.remove(&session);
        self.end_tests_of(session);
        let device = DeviceId(session.0);
        let concerned: Vec<CallKey> = self
            .calls
            .iter()
            .filter(|(_, c)| c.call.concerns(device))
            .map(|(key, _)| *key)
            .collect();
        for key in concerned {
            self.feed(key, Event::DeviceGone { device }, now);
        }
    }

    fn message(&mut self, session: SessionId, message: ClientMessage, now: Instant) {
        let device = DeviceId(session.0);
        match message {
            ClientMessage::Place {
                id,
                to,
                sdp,
                context,
                audio,
                video,
                from,
            } => {
                if audio {
                    self.place(
                        session,
                        Place {
                            id,
                            to,
                            sdp,
                            video,
                            context,
                            from,
                        },
                        now,
                    );
                } else {
                    let message = "a call without audio cannot reach a telephone";
                    self.tell(session, web::error(id, ErrorCode::BadRequest, message));
                }
            }
            ClientMessage::Candidate { call, candidate } => {
                let key = self.call_of(session, &call);
                let leg = key.and_then(|key| self.calls.get(&key)?.web.media);
                if let (Some(leg), Some(candidate)) = (leg, candidate) {
                    self.media.send(Media::WebCandidate {
                        leg,
                        candidate: candidate.candidate,
                    });
                }
            }
            ClientMessage::Accept { id, call, sdp } => {
                if let Some(key) = self.known_call(session, &call, id) {
                    let request = RequestId(id);
                    if let Some(active) = self.calls.get_mut(&key)
                        && active.call.phase() == Phase::Offered
                    {
                        active.accept_sdp = Some(sdp);
                        let speaker = self.sessions.get(&session).map(|s| s.identity.clone());
                        if let Some(speaker) = speaker {
                            active.record.app = Some(speaker.app.0);
                            active.record.origin = speaker.origin;
                            active.record.page = speaker.page;
                        }
                    }
                    self.feed(key, Event::Accept { device, request }, now);
                }
            }
            ClientMessage::Reject { id, call, reason } => {
                let busy = reason == Some(RejectReason::Busy);
                let event = Event::Reject {
                    device,
                    request: RequestId(id),
                    busy,
                };
                self.ask_call(session, &call, id, event, now);
            }
            ClientMessage::Hangup {
                id,
                call,
                reason: Some(HangupReason::NoPath),
            } => {
                if let Some(key) = self.known_call(session, &call, id) {
                    let reason = "the browser found no way for media".to_owned();
                    self.feed(key, Event::WebFailed { reason }, now);
                    let fields = Map::new();
                    self.tell(session, ServerMessage::Ok { id, fields });
                }
            }
            ClientMessage::Callback {
                id,
                number,
                name,
                to,
                call,
                context,
            } => {
                let wish = Wish {
                    number,
                    name,
                    to,
                    call,
                    context: context.unwrap_or_default(),
                };
                self.call_back(session, id, wish, now);
            }
            ClientMessage::Hangup {
                id,
                call,
                reason: None,
            } => {
                let event = Event::Hangup {
                    device,
                    request: RequestId(id),
                };
                self.ask_call(session, &call, id, event, now);
            }
            ClientMessage::Hold { id, call } => {
                let event = Event::Hold {
                    device,
                    request: RequestId(id),
                };
                self.ask_call(session, &call, id, event, now);
            }
            ClientMessage::Resume { id, call } => {
                let event = Event::Resume {
                    device,
                    request: RequestId(id),
                };
                self.ask_call(session, &call, id, event, now);
            }
            ClientMessage::Dtmf {
                id,
                call,
                digits,
                duration_ms,
                gap_ms,
            } => {
                if let Err(message) = check_digits(&digits, duration_ms, gap_ms) {
                    self.tell(session, web::error(id, ErrorCode::BadRequest, message));
                    return;
                }
                let request = RequestId(id);
                let event = Event::Digits {
                    device,
                    request,
                    digits,
                    duration_ms,
                    gap_ms,
                };
                self.ask_call(session, &call, id, event, now);
            }
            ClientMessage::Transfer { id, call, to, with } => {
                let wish = (to.as_deref(), with.as_deref());
                self.transfer_call(session, id, &call, wish, now);
            }
            ClientMessage::Video { id, call, video } => {
                self.ask_for_video(session, id, &call, video, now);
            }
            ClientMessage::Restart { id, call, sdp } => self.restart(session, id, &call, sdp),
            ClientMessage::Reattach {
                id,
                call,
                resume,
                sdp,
                video,
            } => {
                let key = self.reattach(session, id, &call, &resume, sdp.is_none(), now);
                if let (Some(key), Some(sdp)) = (key, sdp) {
                    self.rejoin(session, id, key, sdp, video);
                }
            }
            ClientMessage::MediaTest { id, sdp } => self.test_media(session, id, sdp, now),
            ClientMessage::Report { call, stats } => {
                let key = self.call_of(session, &call);
                if let Some(active) = key.and_then(|key| self.calls.get_mut(&key)) {
                    active.record.browser_stats = Some(Value::Object(stats));
                }
            }
            // The API answers these itself.
            ClientMessage::Hello { id, .. }
            | ClientMessage::TokenRefresh { id, .. }
            | ClientMessage::Ping { id } => {
                let message = "this message does not belong here";
                self.tell(session, web::error(id, ErrorCode::Unsupported, message));
            }
        }
    }

    /// A call this session has a part in.
    pub(super) fn call_of(&self, session: SessionId, call: &str) -> Option<CallKey> {
        let key = *self.by_name.get(call)?;
        let active = self.calls.get(&key)?;
        active.call.concerns(DeviceId(session.0)).then_some(key)
    }

    pub(super) fn known_call(
        &mut self,
        session: SessionId,
        call: &str,
        id: RequestNumber,
    ) -> Option<CallKey> {
        let key = self.call_of(session, call);
        if key.is_none() {
            self.no_such_call(session, id, call);
        }
        key
    }

    fn no_such_call(&mut self, session: SessionId, id: RequestNumber, call: &str) {
        let message = ServerMessage::Error {
            id: Some(id),
            call: Some(call.chars().take(64).collect()),
            code: ErrorCode::CallNotFound,
            message: "there is no such call, or it is not this session's".to_owned(),
            sip: None,
        };
        self.tell(session, message);
    }

    fn ask_call(
        &mut self,
        session: SessionId,
        call: &str,
        id: RequestNumber,
        event: Event,
        now: Instant,
    ) {
        if let Some(key) = self.known_call(session, call, id) {
            self.feed(key, event, now);
        }
    }

    fn restart(&mut self, session: SessionId, id: RequestNumber, call: &str, sdp: String) {
        let Some(key) = self.known_call(session, call, id) else {
            return;
        };
        let Some(active) = self.calls.get_mut(&key) else {
            return;
        };
        match active
            .web
            .media
            .filter(|_| active.finished.is_none() && active.offers.len() < 4)
        {
            Some(leg) => {
                active.offers.push_back(WebOffer::Restart(session, id));
                let video = active.takes_picture();
                self.media.send(Media::RestartWeb {
                    leg,
                    offer: sdp,
                    video,
                });
            }
            None => {
                let message = "the call has no media that could be restarted now";
                self.tell(session, web::error(id, ErrorCode::WrongState, message));
            }
        }
    }

    /// A page that was loaded anew brings a new connection for its call. The PBX hears nothing of it.
    fn rejoin(
        &mut self,
        session: SessionId,
        id: RequestNumber,
        key: CallKey,
        sdp: String,
        video: bool,
    ) {
        let Some(active) = self.calls.get_mut(&key) else {
            return;
        };
        let leg = active.web.media.filter(|_| active.offers.len() < 4);
        let Some(leg) = leg else {
            let message = "the call has no media that could be taken up again now";
            self.tell(session, web::error(id, ErrorCode::WrongState, message));
            return;
        };
        let directory = active.directory(&self.directory);
        let app = active.app.as_ref().and_then(|app| directory.app(app));
        let trunk = directory.trunk(&TrunkName(active.trunk.trunk.clone()));
        let (policy, dtx) = web::sound(app, trunk);
        active.offers.push_back(WebOffer::Rejoin(session, id));
        self.media.send(Media::RejoinWeb {
            leg,
            offer: sdp,
            policy,
            dtx,
            // One that was not agreed on with the PBX is not begun now.
            video: video && active.takes_picture(),
        });
    }

    /// Gives a call to the session that knows its secret, and tells it how the call stands. A call that still runs is
    /// given back instead unless `tells`.
    fn reattach(
        &mut self,
        session: SessionId,
        id: RequestNumber,
        call: &str,
        resume: &str,
        tells: bool,
        now: Instant,
    ) -> Option<CallKey> {
        let identity = self.sessions.get(&session).map(|s| s.identity.clone())?;
        let key = self.by_name.get(call).copied().filter(|key| {
            self.calls.get(key).is_some_and(|c| {
                same_secret(&c.resume, resume)
                    && c.account == identity.account
                    && c.app.as_ref().is_none_or(|app| *app == identity.app)
            })
        });
        let state = match key {
            Some(key) => {
                self.feed(
                    key,
                    Event::DeviceBack {
                        device: DeviceId(session.0),
                    },
                    now,
                );
                let active = self.calls.get(&key)?;
                if !tells && active.finished.is_none() {
                    return Some(key);
                }
                Some(snapshot(active))
            }
            None => self.recent.find(call, resume).map(|state| json!(state)),
        };
        match state {
            Some(state) => {
                let fields = Map::from_iter([("state".to_owned(), state)]);
                self.tell(session, ServerMessage::Ok { id, fields });
            }
            None => self.no_such_call(session, id, call),
        }
        None
    }
}

/// The full state of a call, as `call.reattach` answers it.
pub(super) fn snapshot(active: &super::ActiveCall) -> Value {
    let (told, seq) = active.call.snapshot();
    let mut state = match told {
        Some(told) => json!(web::state(&active.id, told, seq, active.web.codec)),
        None => json!({
            "call": active.id,
            "state": if active.call.phase() == Phase::Placed { "trying" } else { "incoming" },
            "seq": seq,
        }),
    };
    if let Value::Object(fields) = &mut state {
        fields.insert("answer".to_owned(), json!(active.web.answer));
        fields.insert("video".to_owned(), json!(active.has_picture()));
    }
    state
}

fn check_digits(digits: &str, duration_ms: u16, gap_ms: u16) -> Result<(), &'static str> {
    if digits.is_empty() || digits.len() > 64 {
        return Err("`digits` has 1 to 64 characters");
    }
    let known = |b: u8| b.is_ascii_digit() || matches!(b, b'A'..=b'D' | b'*' | b'#' | b',');
    if !digits.bytes().all(known) {
        return Err("`digits` holds 0-9, A-D, * and #, and `,` for a pause");
    }
    if !(40..=2000).contains(&duration_ms) {
        return Err("`duration_ms` is 40 to 2000");
    }
    if !(30..=2000).contains(&gap_ms) {
        return Err("`gap_ms` is 30 to 2000");
    }
    Ok(())
}
