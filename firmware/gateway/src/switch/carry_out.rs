//! Carries out what calls ask for.

use super::Switch;
use super::active::{ActiveCall, CallKey, WebOffer};
use crate::legs::info_digits::Due;
use crate::legs::{trunk, web};
use crate::media::Command as Media;
use causeway_api::request::SessionId;
use causeway_api::wire::{IncomingFrom, ServerMessage};
use causeway_call::route::TrunkRoute;
use causeway_call::{Cause, CauseCode, Command, Event, FarCause, Told};
use causeway_directory::{AppKey, TrunkName};
use causeway_media::plan::Direction;
use causeway_sip::endpoint::Info;
use serde_json::Map;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long who was handed a call on has to end the leg that was left: its BYE shall not cross ours, which would hide
/// from it what became of the transfer.
pub(super) const FAREWELL: Duration = Duration::from_secs(1);

impl Switch {
    /// Drains a call's commands, in order.
    pub(super) fn carry_out(&mut self, key: CallKey, now: Instant) {
        while let Some(command) = self.calls.get_mut(&key).and_then(|c| c.call.poll_command()) {
            self.command(key, command, now);
        }
        self.settle_picture(key);
        self.reschedule(key);
    }

    fn command(&mut self, key: CallKey, command: Command, now: Instant) {
        let Some(active) = self.calls.get_mut(&key) else {
            return;
        };
        let id = active.id.clone();
        match command {
            Command::Tell { device, told, seq } => {
                // A record from the beginning on: a power cut leaves a trace of what ran.
                if matches!(told, Told::Trying | Told::Answered) {
                    active.mark_times();
                    self.store.put_call(active.record.clone());
                }
                let message = ServerMessage::State(web::state(&id, &told, seq, active.web.codec));
                self.tell(SessionId(device.0), message);
            }
            Command::Reply {
                device,
                request,
                result,
            } => {
                let message = match result {
                    Ok(()) => ServerMessage::Ok {
                        id: request.0,
                        fields: Map::new(),
                    },
                    Err(refusal) => web::refusal(request.0, &id, &refusal),
                };
                self.tell(SessionId(device.0), message);
            }
            Command::RingDevice { device } => {
                let message = ServerMessage::Incoming {
                    call: id,
                    resume: active.resume.clone(),
                    from: if active.caller_hidden {
                        IncomingFrom {
                            number: "anonymous".to_owned(),
                            name: None,
                        }
                    } else {
                        IncomingFrom {
                            number: active.record.from_number.clone().unwrap_or_default(),
                            name: active.caller_name.clone(),
                        }
                    },
                    to: active.record.to_number.clone(),
                    diverted_from: active.diverted_from.clone(),
                    context: active.context.as_ref().map(|t| t.as_str().to_owned()),
                    expires_s: u32::try_from(self.timing.ring.as_secs()).unwrap_or(u32::MAX),
                };
                self.tell(SessionId(device.0), message);
            }
            Command::TellDigit {
                device,
                digit,
                duration_ms,
            } => {
                let message = ServerMessage::Digit {
                    call: id,
                    digit,
                    duration_ms,
                };
                self.tell(SessionId(device.0), message);
            }
            Command::TellTransfer { device, status } => {
                self.tell(
                    SessionId(device.0),
                    ServerMessage::Transfer { call: id, status },
                );
            }
            Command::Warn {
                device,
                code,
                message,
            } => {
                let (code, message) = (code.to_owned(), message.to_owned());
                self.tell(
                    SessionId(device.0),
                    ServerMessage::Warning {
                        call: id,
                        code,
                        message,
                    },
                );
            }
            Command::OpenWeb { .. } => self.open_web(key),
            Command::PlaceTrunk => self.place_trunk(key, now),
            Command::RingTrunk => {
                if let Some(sip) = active.trunk.sip {
                    self.endpoint.progress(sip, 180, None, now);
                }
            }
            Command::AnswerTrunk => self.answer_trunk(key, now),
            Command::RejectTrunk { cause } => {
                if let Some(sip) = active.trunk.sip {
                    self.by_sip.remove(&sip);
                    let (status, _, _) = cause.towards_trunk();
                    self.endpoint
                        .reject(sip, status, Some(trunk::reason_of(&cause)), now);
                }
            }
            Command::CancelTrunk { cause } => {
                if let Some(sip) = active.trunk.sip {
                    self.by_sip.remove(&sip);
                    self.endpoint
                        .abandon(sip, Some(trunk::reason_of(&cause)), now);
                }
            }
            Command::EndTrunk { cause } => {
                if let Some(sip) = active.trunk.sip {
                    self.by_sip.remove(&sip);
                    let reason = Some(trunk::reason_of(&cause));
                    if cause.code == CauseCode::Transferred {
                        self.endpoint.bye_after(sip, reason, FAREWELL, now);
                    } else {
                        self.endpoint.bye(sip, reason, now);
                    }
                }
            }
            Command::ReferTrunk { target } => self.refer_trunk(key, &target, now),
            Command::AcceptReplacement => self.accept_replacement(key, now),
            Command::RefuseReplacement => self.refuse_replacement(key, now),
            Command::PlaceTransfer => self.place_transfer(key, now),
            Command::RefuseTransfer => self.refuse_transfer(key, now),
            Command::ReportTransfer { status } => self.report_transfer(key, status, now),
            Command::CompleteTransfer => self.complete_transfer(key, now),
            Command::AbandonTransfer => self.abandon_transfer(key, now),
            Command::OfferTrunk { direction } => self.offer_trunk(key, direction, now),
            Command::OfferPicture { begins } => self.offer_picture(key, begins, now),
            Command::SendDigits {
                digits,
                duration_ms,
                gap_ms,
            } => {
                if let Some(info) = &mut active.trunk.info {
                    info.send(&digits, duration_ms, gap_ms, now);
                    return self.send_info_digits(key, now);
                }
                let leg = active.trunk.media;
                self.media.send(Media::SendDigits {
                    leg,
                    digits,
                    duration_ms,
                    gap_ms,
                });
            }
            Command::Bridge => {
                if let Some(a) = active.web.media {
                    self.media.send(Media::Bridge {
                        a,
                        b: active.trunk.media,
                    });
                }
            }
            Command::Echo => self.media.send(Media::Echo {
                leg: active.trunk.media,
            }),
            Command::DirectWeb { direction } => {
                if let Some(leg) = active.web.media {
                    self.media.send(Media::DirectWeb { leg, direction });
                }
            }
            Command::Finish { cause } => self.finish(key, cause, now),
        }
    }

    fn open_web(&mut self, key: CallKey) {
        let leg = self.new_leg(key);
        let Some(active) = self.calls.get_mut(&key) else {
            return;
        };
        active.web.media = Some(leg);
        active.offers.push_back(WebOffer::Accept);
        let directory = active.directory(&self.directory);
        let app = active.record.app.clone().map(AppKey);
        let app = app.and_then(|key| directory.app(&key));
        let trunk = directory.trunk(&TrunkName(active.trunk.trunk.clone()));
        let (policy, dtx) = web::sound(app, trunk);
        let offer = active.accept_sdp.take().unwrap_or_default();
        let picture = active.trunk.session.has_video();
        self.media.send(Media::OpenWeb {
            leg,
            offer,
            policy,
            dtx,
            video: picture,
        });
    }

    /// Sends the INVITE to the best target that has not had it.
    pub(super) fn place_trunk(&mut self, key: CallKey, now: Instant) {
        let Some(active) = self.calls.get(&key) else {
            return;
        };
        let tried = active.trunk.attempt.tried();
        match self.probes.pick(&active.trunk.trunk, tried, now) {
            Some(target) => {
                self.probes.drawn();
                self.place_at(key, target, now);
            }
            None => self.no_target(key, now),
        }
    }

    /// Sends the INVITE, which has changed, to the target that has just answered it.
    pub(super) fn place_again(&mut self, key: CallKey, now: Instant) {
        let target = self.calls.get(&key).and_then(|c| c.trunk.attempt.target());
        if let Some(target) = target {
            self.place_at(key, target, now);
        }
    }

    pub(super) fn place_at(&mut self, key: CallKey, target: SocketAddr, now: Instant) {
        self.follow_family(key, target);
        let Some(active) = self.calls.get_mut(&key) else {
            return;
        };
        let directory = active.directory(&self.directory);
        active.trunk.attempt.begin(target, now);
        let name = TrunkName(active.trunk.trunk.clone());
        let app = active.app.as_ref().and_then(|key| directory.app(key));
        let placed = match (directory.trunk(&name), app) {
            (Some(to), Some(app)) => {
                let route = TrunkRoute {
                    trunk: to,
                    app,
                    number: active.record.to_number.clone(),
                    caller_number: active.record.from_number.clone().unwrap_or_default(),
                    caller_name: active.caller_name.clone(),
                };
                let sdp = active.trunk.session.offer(Direction::SendRecv);
                let mut invite = trunk::invite(
                    &directory,
                    &route,
                    directory.located_at(to, target),
                    active.context.as_ref(),
                    sdp,
                    super::unix_ms(),
                );
                // To stays who was called first (RFC 3261 section 8.1.3.4).
                if let Some(user) = active.trunk.redirection.user() {
                    invite.request_uri = trunk::uri_at(to, directory.located_at(to, target), user);
                }
                self.endpoint
                    .invite(invite, now)
                    .map_err(|fault| fault.to_string())
            }
            _ => Err("the trunk or the app is not configured any more".to_owned()),
        };
        match placed {
            Ok(sip) => {
                active.trunk.sip = Some(sip);
                active.record.sip_call_id = self.endpoint.sip_call_id(sip).map(str::to_owned);
                if let Some(name) = &active.record.sip_call_id {
                    self.ladders.assign(name, &active.id);
                }
                self.by_sip.insert(sip, key);
                // Its silence is judged in a while.
                self.reschedule(key);
            }
            Err(fault) => {
                tracing::error!(call = active.id, fault, "INVITE cannot be sent");
                let reason = Some(fault);
                let cause = FarCause {
                    status: Some(500),
                    reason,
                    ..FarCause::default()
                };
                self.feed(key, Event::TrunkFailed { cause }, now);
            }
        }
    }

    fn answer_trunk(&mut self, key: CallKey, now: Instant) {
        let Some(active) = self.calls.get_mut(&key) else {
            return;
        };
        let Some(sip) = active.trunk.sip else {
            return;
        };
        let wanted = active.call.trunk_direction();
        match active.trunk.offer.take() {
            // The plan comes with the ACK.
            None => {
                let offer = active.trunk.session.offer(wanted);
                self.endpoint.accept(sip, offer.into_bytes(), now);
            }
            Some(offer) => match active.trunk.session.receive_offer(&offer, wanted) {
                Ok((answer, plan)) => {
                    active.trunk.plan = Some(plan);
                    self.media.send(Media::PlanTrunk {
                        leg: active.trunk.media,
                        plan: Box::new(plan),
                    });
                    self.endpoint.accept(sip, answer.into_bytes(), now);
                    self.feed(
                        key,
                        Event::TrunkAnswered {
                            direction: plan.direction,
                        },
                        now,
                    );
                }
                Err(fault) => {
                    // It was looked at when the call came in, so this is ours.
                    let reason = fault.to_string();
                    self.feed(key, Event::WebFailed { reason }, now);
                }
            },
        }
    }

    pub(super) fn offer_trunk(&mut self, key: CallKey, direction: Direction, now: Instant) {
        let Some(active) = self.calls.get_mut(&key) else {
            return;
        };
        let sip = active.trunk.sip;
        let offer = active.trunk.session.offer(direction).into_bytes();
        let sent = sip.map(|sip| self.endpoint.offer(sip, offer, now));
        if let Some(Err(fault)) = sent {
            let reason = Some(fault.to_string());
            let cause = FarCause {
                status: Some(491),
                reason,
                ..FarCause::default()
            };
            self.feed(key, Event::TrunkRefused { cause }, now);
        }
    }

    /// Sends the digits whose time has come as INFO.
    fn send_info_digits(&mut self, key: CallKey, now: Instant) {
        loop {
            let Some(active) = self.calls.get_mut(&key) else {
                return;
            };
            let (sip, info) = (active.trunk.sip, active.trunk.info.as_mut());
            let Some(info) = info else { return };
            let sent = match (info.handle_timeout(now), sip) {
                (None, _) => return,
                (Some(Due::Sent), _) => {
                    self.feed(key, Event::DigitsSent, now);
                    continue;
                }
                (Some(Due::Digit { digit, duration_ms }), Some(sip)) => {
                    let duration_ms = u32::from(duration_ms);
                    self.endpoint
                        .info(sip, Info::Digit { digit, duration_ms }, now)
                        .map_err(|fault| fault.to_string())
                }
                (Some(Due::Digit { .. }), None) => Err("there is no trunk leg".to_owned()),
            };
            if let Err(fault) = sent {
                for _ in 0..info.give_up() {
                    let reason = Some(fault.clone());
                    let cause = FarCause {
                        reason,
                        ..FarCause::default()
                    };
                    self.feed(key, Event::DigitsRefused { cause }, now);
                }
            }
        }
    }

    fn finish(&mut self, key: CallKey, cause: Cause, now: Instant) {
        let Some(active) = self.calls.get_mut(&key) else {
            return;
        };
        let web_leg = active.web.media;
        if let Some(leg) = web_leg {
            self.media.send(Media::Close { leg });
        }
        self.media.send(Media::Close {
            leg: active.trunk.media,
        });
        tracing::info!(
            call = active.id,
            cause = cause.code.as_str(),
            by = web::by(cause.by),
            "call ended"
        );
        self.totals
            .ended(cause.code, active.call.marks().answered.is_some());
        let cause_code = cause.code;
        active.finish(cause, web_leg.is_some(), true, now);
        // Its line is free for the next call at once.
        active.trunk.line = None;
        // Its last state stays askable; the SIP side is done with it.
        if let Some(sip) = active.trunk.sip {
            self.by_sip.remove(&sip);
        }
        let transferred = cause_code == CauseCode::Transferred;
        self.referring_over(key, transferred, now);
    }

    pub(super) fn call_timeout(&mut self, key: CallKey, now: Instant) {
        let Some(active) = self.calls.get_mut(&key) else {
            return;
        };
        if active.finished.is_some() {
            tracing::warn!(call = active.id, "media did not close in time");
            self.bury(key, now);
        } else {
            active.call.handle_timeout(now);
            self.carry_out(key, now);
            self.send_info_digits(key, now);
            self.judge_target(key, now);
        }
    }

    /// Writes the record and forgets the call.
    pub(super) fn bury(&mut self, key: CallKey, now: Instant) {
        let Some(active) = self.calls.remove(&key) else {
            return;
        };
        self.forget(key, &active);
        self.ladders.ended(&active.id);
        if let Some(finished) = &active.finished {
            let (_, seq) = active.call.snapshot();
            let told = Told::Ended(finished.cause.clone());
            let state = web::state(&active.id, &told, seq, active.web.codec);
            self.recent.remember(active.resume.clone(), state, now);
        }
        self.store.put_call(active.record);
    }

    /// A call whose browser offer was refused: it leaves no trace.
    pub(super) fn drop_unplaced(&mut self, key: CallKey) {
        if let Some(active) = self.calls.remove(&key) {
            for leg in active.web.media.iter().chain([&active.trunk.media]) {
                self.media.send(Media::Close { leg: *leg });
            }
            self.forget(key, &active);
        }
    }

    fn forget(&mut self, key: CallKey, active: &ActiveCall) {
        self.media_threads.remove(&key);
        self.timers.forget(key);
        self.by_name.remove(&active.id);
        for leg in active.web.media.iter().chain([&active.trunk.media]) {
            self.by_leg.remove(leg);
        }
        if let Some(sip) = active.trunk.sip {
            self.by_sip.remove(&sip);
        }
        self.ports.release_leg(active.trunk.ports);
    }
}
