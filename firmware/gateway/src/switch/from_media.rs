//! What the media plane reports.

use super::Switch;
use super::active::{CallKey, WebOffer, note_picture, packets};
use super::from_api::snapshot;
use crate::legs::web;
use crate::media::{Event as Media, LegKey, WebRefusal};
use causeway_api::wire::{ErrorCode, ServerMessage};
use causeway_call::{Event, RequestId};
use causeway_media::plan::AudioFormat;
use causeway_sip::endpoint::Info;
use serde_json::Map;
use std::time::Instant;

impl Switch {
    pub(super) fn handle_media(&mut self, event: Media, now: Instant) {
        match event {
            Media::WebAnswer {
                leg,
                sdp,
                format,
                video,
                video_refused,
            } => self.web_answer(leg, sdp, format, (video, video_refused), now),
            Media::WebSpoken { leg, format } => self.web_spoken(leg, format),
            Media::KeyFrameWanted { leg } => self.key_frame_wanted(leg, now),
            Media::WebRefused { leg, reason } => self.web_refused(leg, reason, now),
            Media::WebConnected { leg } => self.feed_leg(leg, Event::WebConnected, now),
            Media::WebLost { leg } => self.feed_leg(leg, Event::WebLost, now),
            Media::WebBack { leg } => self.feed_leg(leg, Event::WebBack, now),
            Media::WebFailed { leg, reason } => {
                self.end_test(leg);
                self.feed_leg(leg, Event::WebFailed { reason }, now);
            }
            Media::TrunkSilent { leg, seconds } => {
                self.feed_leg(leg, Event::TrunkSilent { seconds }, now);
            }
            Media::TrunkHeard { .. } => {}
            Media::Figures { leg, figures } => {
                if let Some(key) = self.call_of_leg(leg) {
                    self.trunk_figures(key, &figures, now);
                }
            }
            Media::Digit {
                leg,
                digit,
                duration_ms,
            } => {
                // What the browser presses is relayed by the media plane; only the other way is news.
                let from_trunk = self
                    .call_of_leg(leg)
                    .is_some_and(|key| self.calls.get(&key).is_some_and(|c| c.trunk.media == leg));
                if from_trunk {
                    self.feed_leg(leg, Event::TrunkDigit { digit, duration_ms }, now);
                }
            }
            Media::Quality { leg, sample } => self.quality(leg, &sample, now),
            Media::DigitsSent { leg } => self.feed_leg(leg, Event::DigitsSent, now),
            Media::Closed { leg, figures } => {
                let Some(key) = self.by_leg.remove(&leg) else {
                    return;
                };
                if let Some(active) = self.calls.get_mut(&key) {
                    let is_trunk = active.trunk.media == leg;
                    let kept = if is_trunk {
                        &mut active.record.trunk_leg
                    } else {
                        &mut active.record.web
                    };
                    *kept = packets(&figures);
                    note_picture(&mut active.record, &figures, is_trunk);
                    if is_trunk {
                        self.ports.release_leg(active.trunk.ports);
                    }
                    if let Some(finished) = &mut active.finished {
                        if is_trunk {
                            finished.trunk_open = false;
                        } else {
                            finished.web_open = false;
                        }
                        if !finished.web_open && !finished.trunk_open {
                            self.bury(key, now);
                        }
                    }
                }
            }
        }
    }

    fn call_of_leg(&self, leg: LegKey) -> Option<CallKey> {
        self.by_leg.get(&leg).copied()
    }

    fn feed_leg(&mut self, leg: LegKey, event: Event, now: Instant) {
        if let Some(key) = self.call_of_leg(leg) {
            self.feed(key, event, now);
        }
    }

    fn web_answer(
        &mut self,
        leg: LegKey,
        sdp: String,
        format: AudioFormat,
        (video, video_refused): (bool, bool),
        now: Instant,
    ) {
        if self.test_answered(leg, &sdp) {
            return;
        }
        let Some(key) = self.call_of_leg(leg) else {
            return;
        };
        let Some(active) = self.calls.get_mut(&key).filter(|c| c.finished.is_none()) else {
            return;
        };
        active.web.answer = Some(sdp.clone());
        active.web.speaks(format.codec);
        active.web.video = video;
        active.web.offers_video = video || video_refused;
        if !video && active.trunk.plan.is_none() {
            // Nobody would look at it.
            active.trunk.session.set_video(None);
        }
        let id = active.id.clone();
        let offer = active.offers.pop_front();
        if let Some(WebOffer::Place(session, _)) = offer
            && !self.sessions.contains_key(&session)
        {
            // The page left before it learnt of its call, so it could never end it.
            self.drop_unplaced(key);
            return;
        }
        let (session, ok) = match offer {
            Some(WebOffer::Place(session, request)) => {
                let fields = Map::from_iter([
                    ("call".to_owned(), active.id.clone().into()),
                    ("resume".to_owned(), active.resume.clone().into()),
                ]);
                (
                    Some(session),
                    Some(ServerMessage::Ok {
                        id: request,
                        fields,
                    }),
                )
            }
            Some(WebOffer::Restart(session, request)) => (
                Some(session),
                Some(ServerMessage::Ok {
                    id: request,
                    fields: Map::new(),
                }),
            ),
            Some(WebOffer::Rejoin(session, request)) => {
                let fields = Map::from_iter([("state".to_owned(), snapshot(active))]);
                (
                    Some(session),
                    Some(ServerMessage::Ok {
                        id: request,
                        fields,
                    }),
                )
            }
            Some(WebOffer::Accept) | None => (None, None),
        };
        if let (Some(session), Some(ok)) = (session, ok) {
            self.tell(session, ok);
        }
        if let Some(WebOffer::Rejoin(..)) = offer {
            // The snapshot holds the answer, and nothing of the call has changed.
            return;
        }
        // `ok` to an accept comes from the call, and before the answer.
        if !matches!(offer, Some(WebOffer::Restart(..))) {
            if matches!(offer, Some(WebOffer::Place(..))) {
                self.totals.placed += 1;
                self.answer_page(key, &id, sdp);
                self.feed(
                    key,
                    Event::WebAnswered {
                        codec: format.codec,
                    },
                    now,
                );
            } else {
                self.feed(
                    key,
                    Event::WebAnswered {
                        codec: format.codec,
                    },
                    now,
                );
                self.answer_page(key, &id, sdp);
            }
        } else {
            self.answer_page(key, &id, sdp);
            if video_refused && let Some(session) = session {
                let message = "The call has no picture: ask for one first.".to_owned();
                let code = "no_picture".to_owned();
                let call = id;
                let warning = ServerMessage::Warning {
                    call,
                    code,
                    message,
                };
                self.tell(session, warning);
            }
        }
    }

    /// The box speaks another codec with the browser: its page is asked to follow.
    fn web_spoken(&mut self, leg: LegKey, format: AudioFormat) {
        let Some(key) = self.call_of_leg(leg) else {
            return;
        };
        let Some(active) = self.calls.get_mut(&key).filter(|c| c.finished.is_none()) else {
            return;
        };
        active.web.speaks(format.codec);
        tracing::info!(
            call = active.id,
            codec = format.codec.name(),
            "another codec is spoken with the browser"
        );
        let call = active.id.clone();
        if let Some(device) = active.call.device() {
            let session = causeway_api::request::SessionId(device.0);
            self.tell(session, ServerMessage::Renegotiate { call });
        }
    }

    /// A PBX that takes no RTCP feedback is asked for a whole picture by INFO. What it answers changes nothing.
    fn key_frame_wanted(&mut self, leg: LegKey, now: Instant) {
        let key = self.call_of_leg(leg);
        let sip = key.and_then(|key| self.calls.get(&key)?.trunk.sip);
        if let Some(sip) = sip {
            let _ = self.endpoint.info(sip, Info::PictureFastUpdate, now);
        }
    }

    fn answer_page(&mut self, key: CallKey, call: &str, sdp: String) {
        let device = self.calls.get(&key).and_then(|c| c.call.device());
        if let Some(device) = device {
            let message = ServerMessage::Answer {
                call: call.to_owned(),
                sdp,
            };
            self.tell(causeway_api::request::SessionId(device.0), message);
        }
    }

    fn web_refused(&mut self, leg: LegKey, refusal: WebRefusal, now: Instant) {
        if self.test_refused(leg, &refusal) {
            return;
        }
        let Some(key) = self.call_of_leg(leg) else {
            return;
        };
        let Some(active) = self.calls.get_mut(&key) else {
            return;
        };
        let code = refusal_code(&refusal);
        match active.offers.pop_front() {
            Some(WebOffer::Place(session, request)) => {
                // It never became a call: nothing was placed, nothing is recorded.
                self.totals.refused += 1;
                self.tell(session, web::error(request, code, refusal.to_string()));
                self.drop_unplaced(key);
            }
            Some(WebOffer::Restart(session, request) | WebOffer::Rejoin(session, request)) => {
                self.tell(session, web::error(request, code, refusal.to_string()));
            }
            Some(WebOffer::Accept) | None => {
                let reason = refusal.to_string();
                if let Some((device, RequestId(request))) = active.call.take_accept() {
                    let session = causeway_api::request::SessionId(device.0);
                    self.tell(session, web::error(request, code, reason.clone()));
                }
                self.feed(key, Event::WebFailed { reason }, now);
            }
        }
    }
}

/// What a page is told of a refused offer.
pub(super) const fn refusal_code(refusal: &WebRefusal) -> ErrorCode {
    match refusal {
        WebRefusal::BadSdp(_) | WebRefusal::NoCodec => ErrorCode::BadSdp,
        WebRefusal::Full => ErrorCode::RateLimited,
        WebRefusal::Internal(_) => ErrorCode::Internal,
    }
}
