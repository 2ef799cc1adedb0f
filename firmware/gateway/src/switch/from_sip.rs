//! What the trunk side reports.

use super::Switch;
use super::active::CallKey;
use super::overload::Turn;
use super::place::Incoming;
use super::replacing::Replacement;
use crate::io::inbox::NewCall;
use crate::io::sip::SipInput;
use crate::legs::trunk::{cause_of_failure, cause_of_reason};
use crate::media::Command as Media;
use causeway_call::record::CallDirection;
use causeway_call::{Event, FarCause};
use causeway_media::plan::{Direction, TrunkPlan};
use causeway_sip::endpoint::{self, AnswerOffer, Event as Sip, Warning};
use causeway_sip::targets::Sign;
use std::time::Instant;

impl Switch {
    pub(super) fn handle_sip_input(&mut self, input: SipInput, now: Instant) {
        self.ladders.received(&self.directory, &input);
        match input {
            SipInput::Message {
                transport,
                local,
                remote,
                bytes,
            } => {
                self.endpoint
                    .handle_message(transport, local, remote, &bytes, now);
            }
            SipInput::TransportFailed {
                transport, remote, ..
            } => {
                self.endpoint
                    .handle_transport_failed(transport, remote, now);
                self.registrations_lost(transport, remote, now);
            }
        }
    }

    /// An INVITE that begins a call, or that is sent again.
    pub(super) fn handle_new_call(&mut self, new_call: NewCall, now: Instant) {
        let NewCall { input, came, .. } = new_call;
        let full = self.calls.len() >= self.directory.config().settings.max_calls;
        let (late, turn) = self.overload.judge(came, now);
        match turn {
            Some(Turn::Began) => {
                tracing::warn!("overload: new calls are refused, those that stand are served");
            }
            Some(Turn::Ended) => {
                let refused = self.overload.refused();
                tracing::warn!(refused, "the overload is over");
            }
            None => {}
        }
        if !late && !full {
            return self.handle_sip_input(input, now);
        }
        if let SipInput::Message {
            transport,
            local,
            remote,
            bytes,
        } = input
        {
            self.endpoint.refuse_calls(true);
            self.endpoint
                .handle_message(transport, local, remote, &bytes, now);
            self.endpoint.refuse_calls(false);
            // No ladder is kept of it: what it costs is what there is too little of.
            while let Some(transmit) = self.endpoint.poll_transmit() {
                self.sockets.send(transmit);
            }
        }
    }

    pub(super) fn handle_sip(&mut self, event: Sip, now: Instant) {
        // What a trunk check began is its own.
        let Some(event) = self.checks.take(event) else {
            return;
        };
        let Some(event) = self.handle_transfer(event, now) else {
            return;
        };
        match event {
            Sip::Incoming {
                call,
                remote,
                request_uri,
                from,
                to,
                asserted,
                sdp,
                headers,
                replaces: None,
                ..
            } => {
                let invite = Incoming {
                    sip: call,
                    remote,
                    request_uri,
                    from,
                    to,
                    asserted,
                    sdp,
                    headers,
                };
                self.incoming(invite, now);
            }
            // The PBX gives a browser's call another of its dialogs.
            Sip::Incoming {
                call,
                remote,
                sdp,
                replaces: Some(replaced),
                ..
            } => {
                let invite = Replacement {
                    sip: call,
                    remote,
                    sdp,
                };
                self.replaced(replaced, invite, now);
            }
            Sip::Progress {
                call, sdp, status, ..
            } => {
                if let Some(key) = self.call_of_sip(call) {
                    self.target_spoke(key, status, true, now);
                    let early = sdp.and_then(|sdp| self.early_answer(key, &sdp));
                    self.feed(key, Event::TrunkProgress { early }, now);
                }
            }
            Sip::Answered { call, sdp } => {
                if let Some(key) = self.call_of_sip(call) {
                    self.target_spoke(key, 200, true, now);
                    self.answered(key, sdp, now);
                }
            }
            Sip::Confirmed { call, sdp } => {
                if let Some(key) = self.call_of_sip(call) {
                    self.confirmed(key, sdp, now);
                }
            }
            Sip::Failed { call, failure } => {
                if let Some(key) = self.by_sip.remove(&call) {
                    if failure.status == Some(488) && self.offers_otherwise(key) {
                        return self.place_again(key, now);
                    }
                    self.placing_failed(key, failure, now);
                }
            }
            Sip::Offer { call, sdp } => match self.call_of_sip(call) {
                Some(key) => self.far_offer(key, call, sdp, now),
                None => self
                    .endpoint
                    .answer_offer(call, refuse(481, 399, "no such call"), now),
            },
            Sip::OfferAnswered { call, sdp } => {
                if let Some(key) = self.call_of_sip(call) {
                    self.offer_answered(key, &sdp, now);
                }
            }
            Sip::OfferDue { call } => {
                if let Some(key) = self.call_of_sip(call) {
                    self.offer_again(key, now);
                }
            }
            Sip::OfferRejected { call, failure } => {
                if let Some(key) = self.call_of_sip(call) {
                    self.feed(
                        key,
                        Event::TrunkRefused {
                            cause: cause_of_failure(failure),
                        },
                        now,
                    );
                }
            }
            Sip::Cancelled { call, reason } => {
                if let Some(key) = self.by_sip.remove(&call) {
                    self.feed(
                        key,
                        Event::TrunkCancelled {
                            cause: cause_of_reason(reason),
                        },
                        now,
                    );
                }
            }
            Sip::Ended { call, reason, .. } => {
                if let Some(key) = self.by_sip.remove(&call) {
                    self.feed(
                        key,
                        Event::TrunkEnded {
                            cause: cause_of_reason(reason),
                        },
                        now,
                    );
                }
            }
            Sip::Dtmf {
                call,
                digit,
                duration_ms,
            } => {
                if let Some(key) = self.call_of_sip(call) {
                    self.feed(key, Event::TrunkDigit { digit, duration_ms }, now);
                }
            }
            Sip::Referred {
                call,
                refer,
                referral,
            } => self.referred(call, refer, referral, now),
            Sip::ReferAccepted { call, refer } => {
                if let Some(key) = self.referring_call(call, refer) {
                    self.feed(key, Event::ReferAccepted, now);
                }
            }
            Sip::ReferProgress {
                call,
                refer,
                status,
                reason,
                is_final,
            } => {
                if let Some(key) = self.referring_call(call, refer) {
                    self.refer_progress(key, status, reason, is_final, now);
                }
            }
            Sip::PictureFastUpdate { call } => {
                let key = self.call_of_sip(call);
                if let Some(active) = key.and_then(|key| self.calls.get(&key)) {
                    let leg = active.trunk.media;
                    self.media.send(Media::KeyFrame { leg });
                }
            }
            Sip::RequestAnswered {
                request,
                status,
                retry_after_s,
            } => {
                let sign = Sign::of_status(status, retry_after_s);
                self.probes.finished(request, sign, now);
            }
            // Its verdict came long before its transaction gave up: this is a transport that failed.
            Sip::RequestFailed { request } if self.registrar_failed(request, now) => {}
            Sip::RegisterAnswered { request, answer } => {
                self.registrar_answered(request, &answer, now);
            }
            Sip::RequestFailed { request } => {
                self.probes.finished(request, Sign::Unreachable, now);
            }
            Sip::Refused { remote, what } => tracing::info!(%remote, what, "SIP refused"),
        }
    }

    /// Whether a refused INVITE goes out once more: without a picture, or now as one that insists on SRTP.
    fn offers_otherwise(&mut self, key: CallKey) -> bool {
        self.calls.get_mut(&key).is_some_and(|active| {
            let placed = active.record.direction == CallDirection::FromBrowser;
            let session = &mut active.trunk.session;
            placed
                && active.finished.is_none()
                && (session.give_up_video() || session.insist_on_srtp())
        })
    }

    pub(super) fn call_of_sip(&self, call: endpoint::CallId) -> Option<CallKey> {
        self.by_sip.get(&call).copied()
    }

    /// Takes an answer of the far side and plans the media with it.
    fn take_answer(&mut self, key: CallKey, sdp: &[u8]) -> Result<TrunkPlan, String> {
        let active = self.calls.get_mut(&key).ok_or("the call is gone")?;
        let plan = active
            .trunk
            .session
            .receive_answer(sdp)
            .map_err(|e| e.to_string())?;
        self.plan_trunk(key, plan);
        Ok(plan)
    }

    fn plan_trunk(&mut self, key: CallKey, plan: TrunkPlan) {
        if let Some(active) = self.calls.get_mut(&key) {
            active.trunk.plan = Some(plan);
            self.media.send(Media::PlanTrunk {
                leg: active.trunk.media,
                plan: Box::new(plan),
            });
        }
    }

    /// A session description before the answer: the far side will be heard (early media).
    fn early_answer(&mut self, key: CallKey, sdp: &[u8]) -> Option<Direction> {
        match self.take_answer(key, sdp) {
            Ok(plan) => {
                if let Some(active) = self.calls.get_mut(&key) {
                    active.trunk.early = true;
                }
                Some(plan.direction)
            }
            Err(fault) => {
                tracing::warn!(fault, "early answer cannot be used");
                None
            }
        }
    }

    fn answered(&mut self, key: CallKey, sdp: Option<Vec<u8>>, now: Instant) {
        let plan = match sdp {
            Some(sdp) => self.take_answer(key, &sdp),
            // The answer came in a reliable provisional response (RFC 3262 section 5).
            None => self
                .calls
                .get(&key)
                .and_then(|c| c.trunk.plan)
                .ok_or_else(|| "the far side answered without a session description".to_owned()),
        };
        match plan {
            Ok(plan) => self.feed(
                key,
                Event::TrunkAnswered {
                    direction: plan.direction,
                },
                now,
            ),
            Err(fault) => self.give_up_trunk(key, &fault, now),
        }
    }

    /// An answered call that cannot be heard is ended at once.
    fn give_up_trunk(&mut self, key: CallKey, fault: &str, now: Instant) {
        tracing::warn!(fault, "answer cannot be used");
        let sip = self.calls.get(&key).and_then(|c| c.trunk.sip);
        if let Some(sip) = sip {
            self.by_sip.remove(&sip);
            let reason = endpoint::ReasonHeader::q850(88, "Incompatible destination");
            self.endpoint.bye(sip, Some(reason), now);
        }
        let cause = FarCause {
            status: Some(488),
            reason: Some(fault.chars().take(200).collect()),
            ..FarCause::default()
        };
        self.feed(key, Event::TrunkFailed { cause }, now);
    }

    /// The ACK of our 200: with an answer when our 200 held the offer.
    fn confirmed(&mut self, key: CallKey, sdp: Option<Vec<u8>>, now: Instant) {
        let offerless = self.calls.get(&key).is_some_and(|c| c.trunk.offerless);
        if !offerless {
            return;
        }
        let plan = match sdp {
            Some(sdp) => self.take_answer(key, &sdp),
            None => Err("the ACK has no session description".to_owned()),
        };
        match plan {
            Ok(plan) => self.feed(
                key,
                Event::TrunkAnswered {
                    direction: plan.direction,
                },
                now,
            ),
            Err(fault) => self.give_up_trunk(key, &fault, now),
        }
    }

    /// A re-INVITE or UPDATE ends here: the browser's leg is not touched.
    fn far_offer(
        &mut self,
        key: CallKey,
        sip: endpoint::CallId,
        sdp: Option<Vec<u8>>,
        now: Instant,
    ) {
        let Some(active) = self.calls.get_mut(&key).filter(|c| c.finished.is_none()) else {
            return self
                .endpoint
                .answer_offer(sip, refuse(481, 399, "the call has ended"), now);
        };
        let wanted = active.call.trunk_direction();
        let Some(sdp) = sdp else {
            let offer = active.trunk.session.offer(wanted).into_bytes();
            return self
                .endpoint
                .answer_offer(sip, AnswerOffer::Accept { sdp: offer }, now);
        };
        self.expect_picture(key, &sdp);
        let Some(active) = self.calls.get_mut(&key) else {
            return;
        };
        match active.trunk.session.receive_offer(&sdp, wanted) {
            Ok((answer, plan)) => {
                self.plan_trunk(key, plan);
                let answer = AnswerOffer::Accept {
                    sdp: answer.into_bytes(),
                };
                self.endpoint.answer_offer(sip, answer, now);
                self.feed(
                    key,
                    Event::TrunkReplanned {
                        direction: plan.direction,
                    },
                    now,
                );
            }
            Err(fault) => {
                tracing::info!(%fault, "offer of the far side refused");
                let answer = refuse(fault.sip_status(), fault.warn_code(), &fault.to_string());
                self.endpoint.answer_offer(sip, answer, now);
                self.settle_picture(key);
            }
        }
    }

    /// An offer of ours that waited for theirs: made anew of what is agreed now.
    fn offer_again(&mut self, key: CallKey, now: Instant) {
        let active = self.calls.get(&key).filter(|c| c.finished.is_none());
        if let Some(direction) = active.map(|active| active.call.offered_direction()) {
            self.offer_trunk(key, direction, now);
        }
    }

    fn offer_answered(&mut self, key: CallKey, sdp: &[u8], now: Instant) {
        let event = match self.take_answer(key, sdp) {
            Ok(plan) => Event::TrunkAgreed {
                direction: plan.direction,
                has_picture: plan.video.is_some(),
            },
            Err(fault) => {
                tracing::warn!(fault, "answer to our offer cannot be used");
                let reason = Some(fault.chars().take(200).collect());
                Event::TrunkRefused {
                    cause: FarCause {
                        status: Some(488),
                        reason,
                        ..FarCause::default()
                    },
                }
            }
        };
        self.feed(key, event, now);
    }
}

/// A refusal of an offer that says why.
pub(super) fn refuse(status: u16, code: u16, text: &str) -> AnswerOffer {
    AnswerOffer::Reject {
        status,
        warning: Some(warning(code, text)),
    }
}

pub(super) fn warning(code: u16, text: &str) -> Warning {
    let text = text.chars().filter(|c| !c.is_control()).take(120).collect();
    Warning { code, text }
}
