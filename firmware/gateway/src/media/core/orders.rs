//! What the switch asks of a media thread: legs, plans, bridges, digits.

use super::super::bridge;
use super::super::leg::{End, Leg, RTCP_EVERY};
use super::super::offer;
use super::super::quality;
use super::super::{Event, LegKey};
use super::Core;
use crate::media::counters::Counters;
use causeway_media::path::OutputIdentity;
use causeway_media::plan::{Direction, TrunkPlan};
use causeway_media::sdp::trunk::COMFORT_NOISE;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

impl Core {
    /// A web leg with its answer is there: its checks are taken.
    pub fn admit_web(&mut self, key: LegKey, answer: &str, now: Instant) {
        if let Some(fragment) = offer::attribute(answer, "ice-ufrag") {
            self.demux.listen(key, fragment.as_bytes());
        }
        self.restless.push(key);
        self.replan(&[key], now);
    }

    /// The box is known by other addresses: those of legs that stand learn it when they restart ICE.
    pub fn show_candidates(&mut self, udp: &[SocketAddr], tcp: &[SocketAddr]) {
        for leg in self.legs.values_mut() {
            if let End::Web(web) = &mut leg.end {
                web.leg.show(udp, tcp);
            }
        }
    }

    /// Puts a new connection in the place of a web leg's old one: whom it hears and what the switch allows stay, and the
    /// far side of its peer hears one stream that goes on. False when there is no such leg.
    pub fn renew_web(&mut self, key: LegKey, new: Leg, now: Instant) -> bool {
        let Some(leg) = self.legs.get_mut(&key) else {
            self.unknown();
            return false;
        };
        if let End::Trunk(_) = leg.end {
            self.unknown();
            return false;
        }
        self.demux.forget(key);
        leg.close(now, None, &mut self.scratch, &mut self.outbound);
        let old = leg.renew(new);
        if let End::Web(web) = old {
            crate::media::web::discard(web.leg);
        }
        let peer = leg.peer;
        self.restart_pictures(&[key]);
        self.replan_both(key, now);
        let path = peer
            .and_then(|peer| self.legs.get_mut(&peer))
            .and_then(|peer| peer.path.as_mut());
        if let Some(path) = path {
            path.expect_pause();
        }
        true
    }

    /// Takes a new offer of a browser; `picture` is what a picture that begins is to it, without which none is taken.
    pub fn restart_web(
        &mut self,
        key: LegKey,
        offer: &str,
        picture: Option<OutputIdentity>,
        now: Instant,
    ) {
        let Some(web) = self.web(key) else {
            return self.unknown();
        };
        let ssrc = picture.map(|picture| picture.ssrc);
        match web.restart(now, offer, ssrc) {
            Ok(answer) => {
                let (format, video) = (web.format(), web.picture().is_some());
                self.admit_web(key, &answer.sdp, now);
                self.show_web(key, picture, now);
                self.tell(Event::WebAnswer {
                    leg: key,
                    sdp: answer.sdp,
                    format,
                    video,
                    video_refused: answer.video_refused,
                });
            }
            Err(reason) => {
                self.restless.push(key);
                self.tell(Event::WebRefused { leg: key, reason });
            }
        }
    }

    /// An ICE-lite agent never looks for the browser, so a candidate is of no use to it: it is only
    /// looked at, for the sake of whoever debugs a page.
    pub fn on_candidate(&mut self, key: LegKey, candidate: &str) {
        if self.web(key).is_none() {
            return self.unknown();
        }
        let line = candidate.trim().trim_start_matches("a=");
        let is_candidate = line.is_empty()
            || line
                .strip_prefix("candidate:")
                .is_some_and(|rest| rest.split_whitespace().count() >= 8);
        if !is_candidate {
            Counters::add(&self.counters.bad_candidates, 1);
        }
    }

    pub fn plan_trunk(&mut self, key: LegKey, plan: TrunkPlan, now: Instant) {
        let Some(leg) = self.legs.get_mut(&key) else {
            return self.unknown();
        };
        let End::Trunk(trunk) = &mut leg.end else {
            return self.unknown();
        };
        let moved = trunk.replan(plan.flow(), now).unwrap_or_else(|error| {
            tracing::error!(leg = key.0, %error, "agreed SRTP keys cannot be used");
            true
        });
        let changed = moved || leg.format != Some(plan.format);
        leg.direction = plan.direction;
        leg.voip_metrics = plan.voip_metrics;
        leg.comfort_noise = plan.comfort_noise.then_some(COMFORT_NOISE);
        leg.speak(plan.format);
        leg.rtcp_due.get_or_insert(now + RTCP_EVERY);
        if let Some(picture) = &mut leg.picture {
            picture.agree(plan.video.as_ref(), now);
        }
        let peer = leg.peer;
        self.replan_both(key, now);
        let path = peer
            .and_then(|peer| self.legs.get_mut(&peer))
            .and_then(|peer| peer.path.as_mut());
        if let Some(path) = path.filter(|_| changed) {
            path.expect_pause();
        }
    }

    pub fn direct_web(&mut self, key: LegKey, direction: Direction, now: Instant) {
        let Some(leg) = self.legs.get_mut(&key) else {
            return self.unknown();
        };
        leg.direction = direction;
        self.replan_both(key, now);
    }

    pub fn bridge(&mut self, a: LegKey, b: LegKey, now: Instant) {
        let joined = self.legs.get(&a).is_some_and(|leg| leg.peer == Some(b));
        let affected = bridge::join(&mut self.legs, a, b);
        if affected.is_empty() {
            return self.unknown();
        }
        if !joined {
            self.restart_pictures(&affected);
        }
        self.replan(&affected, now);
    }

    pub fn echo(&mut self, key: LegKey, now: Instant) {
        let affected = bridge::echo(&mut self.legs, key);
        if affected.is_empty() {
            return self.unknown();
        }
        self.replan(&affected, now);
    }

    pub fn send_digits(
        &mut self,
        key: LegKey,
        digits: &str,
        duration: Duration,
        gap: Duration,
        now: Instant,
    ) {
        let Some(leg) = self.legs.get_mut(&key) else {
            return self.unknown();
        };
        let queued = match &mut leg.path {
            Some(path) => path.send_dtmf(digits, duration, gap).is_ok(),
            None => false,
        };
        if !queued {
            // The switch has checked the digits, so this is a leg that cannot carry any.
            return self.tell(Event::DigitsSent { leg: key });
        }
        if let Some(path) = &mut leg.path {
            path.handle_timeout(now, &mut self.output);
        }
        let peer = leg.peer;
        self.ship(peer, key, now);
    }

    pub fn report(&mut self, key: LegKey) {
        let Some(leg) = self.legs.get(&key) else {
            return self.unknown();
        };
        let figures = leg.figures();
        self.tell(Event::Figures { leg: key, figures });
    }

    pub fn close(&mut self, key: LegKey, now: Instant) {
        // What was heard since the last report, of both while both are there.
        let peer = self.legs.get(&key).and_then(|leg| leg.peer);
        for key in [Some(key), peer.filter(|peer| *peer != key)]
            .into_iter()
            .flatten()
        {
            self.tell_quality(key);
        }
        let metrics = quality::extended_report(&self.legs, key);
        let Some(mut leg) = self.legs.remove(&key) else {
            return self.unknown();
        };
        self.count_legs();
        self.timers.forget(key);
        self.demux.forget(key);
        leg.close(now, metrics.as_ref(), &mut self.scratch, &mut self.outbound);
        let figures = leg.figures();
        if let Some(picture) = &mut leg.picture {
            super::pictures::count(&self.counters, picture);
        }
        let widow = leg.peer.take();
        if let End::Web(web) = leg.end {
            crate::media::web::discard(web.leg);
        }
        if let Some(widow) = widow {
            if let Some(leg) = self.legs.get_mut(&widow) {
                leg.peer = None;
            }
            self.replan(&[widow], now);
        }
        self.tell(Event::Closed { leg: key, figures });
    }
}
