//! The legs of a media thread and everything that is touched for a packet: from a datagram, a
//! command or a deadline to packets and events.
//!
//! ```text
//! datagram ─▶ leg it came from ─▶ RTP ─▶ path of the peer ─▶ far side of the peer
//! ```

mod codecs;
mod from_browser;
mod orders;
mod pictures;

use super::batch::Outbound;
use super::bridge;
use super::counters::Counters;
use super::demux::Demux;
use super::effort::Turns;
use super::engine::Events;
use super::leg::{End, Leg, RTCP_EVERY};
use super::liveness::Change;
use super::quality;
use super::transcoders::Transcoders;
use super::trunk::{Admission, TrunkLeg};
use super::web::{Fault, WebLeg, Yield};
use super::{Event, LegKey, Table};
use crate::timers::Timers;
use bytes::BytesMut;
use causeway_media::path::{Output, PathEvent};
use causeway_media::rtp;
use causeway_media::srtp::{SrtpError, SrtpPacket};
use causeway_media::video::VideoOutput;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two looks at a leg for the sake of its deadlines.
const SOONEST: Duration = Duration::from_millis(1);

/// See the module.
pub struct Core {
    pub legs: Table<LegKey, Leg>,
    pub demux: Demux,
    pub timers: Timers<LegKey>,
    /// Web legs whose stack has something to say at the end of the turn.
    restless: Vec<LegKey>,
    pub outbound: Outbound<BytesMut>,
    output: Output,
    pictures: VideoOutput,
    yielded: Yield,
    /// A packet or an RTCP compound under construction.
    scratch: Vec<u8>,
    events: Events,
    pub counters: Arc<Counters>,
    transcoders: Arc<Transcoders>,
    turns: Turns,
}

impl Core {
    pub fn new(
        events: Events,
        counters: Arc<Counters>,
        transcoders: Arc<Transcoders>,
        demux: Demux,
    ) -> Self {
        Self {
            legs: Table::default(),
            demux,
            timers: Timers::default(),
            restless: Vec::new(),
            outbound: Outbound::default(),
            output: Output::new(),
            pictures: VideoOutput::new(),
            yielded: Yield::default(),
            scratch: Vec::with_capacity(2048),
            events,
            counters,
            transcoders,
            turns: Turns::new(Instant::now()),
        }
    }

    /// The turn that began at `now` is over: encoders work as hard as the thread can afford. Once a second, thousandths
    /// of the time that it was busy.
    pub fn turn_over(&mut self, now: Instant) -> Option<u64> {
        let round = self.turns.note(now, Instant::now())?;
        let busy = &self.counters.busy_permille;
        busy.store(round.busy_permille, std::sync::atomic::Ordering::Relaxed);
        Counters::add(&self.counters.rounds, 1);
        for path in self.legs.values_mut().filter_map(|leg| leg.path.as_mut()) {
            path.set_complexity(round.complexity);
        }
        Some(round.busy_permille)
    }

    pub fn tell(&mut self, event: Event) {
        (self.events)(event);
    }

    // ---- datagrams

    /// One datagram on a trunk leg's RTP or RTCP socket.
    pub fn on_trunk(
        &mut self,
        key: LegKey,
        on_rtcp: bool,
        source: SocketAddr,
        datagram: &[u8],
        now: Instant,
    ) {
        let Some(leg) = self.legs.get_mut(&key) else {
            return;
        };
        let End::Trunk(trunk) = &mut leg.end else {
            return;
        };
        let Some((is_rtcp, opened)) = take(&self.counters, trunk, on_rtcp, source, datagram) else {
            leg.note_dropped();
            return;
        };
        let datagram = opened.as_deref().unwrap_or(datagram);
        if is_rtcp {
            if !leg.on_rtcp(datagram, now) {
                self.drop_not_rtp(key);
            } else if let End::Trunk(trunk) = &mut leg.end {
                trunk.note_heard(now);
            }
            return;
        }
        let Ok(packet) = rtp::read(datagram) else {
            self.drop_not_rtp(key);
            return;
        };
        if !trunk.may_speak(source, now) {
            Counters::add(&self.counters.dropped_source, 1);
            leg.note_dropped();
            return;
        }
        let first = !std::mem::replace(&mut trunk.heard, true);
        trunk.note_heard(now);
        leg.note_received(&packet.header, datagram.len(), now);
        let peer = leg.peer;
        if first {
            self.tell(Event::TrunkHeard { leg: key });
        }
        if let Some(peer) = peer {
            self.play(key, peer, datagram, now);
        }
    }

    fn drop_refused(&mut self, key: LegKey) {
        Counters::add(&self.counters.dropped_refused, 1);
        if let Some(leg) = self.legs.get_mut(&key) {
            leg.note_dropped();
        }
    }

    /// Counts a datagram of a trunk that is neither RTP nor RTCP.
    pub fn drop_not_rtp(&mut self, key: LegKey) {
        Counters::add(&self.counters.dropped_not_rtp, 1);
        if let Some(leg) = self.legs.get_mut(&key) {
            leg.note_dropped();
        }
    }

    /// Lets the far side of `to` hear one packet of `from`'s far side.
    fn play(&mut self, from: LegKey, to: LegKey, datagram: &[u8], now: Instant) {
        let Some(leg) = self.legs.get_mut(&to) else {
            return;
        };
        // Nothing is coded for a browser that is not there yet.
        if !leg.is_ready() {
            return;
        }
        if let Some(path) = &mut leg.path {
            path.handle_rtp(datagram, now, &mut self.output);
        }
        self.ship(Some(from), to, now);
    }

    /// Sends what the path of `to` has made, and tells what it has noticed.
    fn ship(&mut self, from: Option<LegKey>, to: LegKey, now: Instant) {
        let Some(leg) = self.legs.get_mut(&to) else {
            self.output.clear();
            return;
        };
        let mut fault = None;
        for packet in self.output.packets() {
            match leg.send(now, &packet, &mut self.outbound) {
                Ok(sent) => {
                    if let End::Trunk(_) = leg.end {
                        let counter = if sent {
                            &self.counters.trunk_datagrams_out
                        } else {
                            &self.counters.send_refused
                        };
                        Counters::add(counter, 1);
                    }
                }
                Err(error) => {
                    fault = Some(error);
                    break;
                }
            }
        }
        if let End::Web(web) = &leg.end
            && web.leg.is_restless()
        {
            self.restless.push(to);
        }
        for event in self.output.events() {
            match (*event, from) {
                (PathEvent::Digit { digit, duration_ms }, Some(from)) => {
                    (self.events)(Event::Digit {
                        leg: from,
                        digit,
                        duration_ms,
                    });
                }
                (PathEvent::DigitsSent, _) => (self.events)(Event::DigitsSent { leg: to }),
                // Counted by the path.
                (PathEvent::SourceChanged { .. } | PathEvent::Digit { .. }, _) => {}
            }
        }
        self.output.clear();
        match fault {
            Some(fault) => self.on_fault(to, fault),
            None => self.reschedule(to, now),
        }
    }

    // ---- the WebRTC stack

    /// Listens to every stack that was touched in this turn.
    pub fn settle(&mut self, now: Instant) {
        // Collecting may play into other web legs, which then are restless in turn.
        while let Some(key) = self.restless.pop() {
            self.collect(key, now);
        }
    }

    fn collect(&mut self, key: LegKey, now: Instant) {
        let Some(leg) = self.legs.get_mut(&key) else {
            return;
        };
        let End::Web(web) = &mut leg.end else {
            return;
        };
        let mut yielded = std::mem::take(&mut self.yielded);
        if let Err(fault) = web.leg.collect(now, &mut yielded, &mut self.outbound) {
            self.yielded = yielded;
            self.on_fault(key, fault);
            return;
        }
        for (target, transaction) in &yielded.checks {
            self.demux.expect(key, *target, *transaction);
        }
        let mut change = None;
        for source in &yielded.admitted {
            self.demux.admit(key, *source);
            change = web.liveness.heard(now).or(change);
        }
        if yielded.connected {
            change = web.liveness.connected(now).or(change);
            let long_way = usize::from(!web.leg.has_keys());
            Counters::add(&self.counters.web_long_ways, long_way);
            leg.rtcp_due = Some(now + RTCP_EVERY);
        }
        let failed = yielded.failed.take();
        let with_picture = leg.picture.is_some();
        for packet in &yielded.rtp {
            let mut datagram = std::mem::take(&mut self.scratch);
            put_together(packet, &mut datagram);
            self.take_from_browser(key, &datagram, now);
            self.scratch = datagram;
        }
        if with_picture {
            self.ask_for_picture(key, now);
            self.note_restless(key);
        }
        self.yielded = yielded;
        self.take_feedback(key, now);
        self.on_change(key, change, now);
        if let Some(reason) = failed {
            self.fail(key, reason);
        }
        self.reschedule(key, now);
    }

    fn on_change(&mut self, key: LegKey, change: Option<Change>, now: Instant) {
        match change {
            None => {}
            Some(Change::Connected) => {
                self.tell(Event::WebConnected { leg: key });
                self.replan(&[key], now);
            }
            Some(Change::Lost) => self.tell(Event::WebLost { leg: key }),
            Some(Change::Back) => self.tell(Event::WebBack { leg: key }),
            Some(Change::Failed) => {
                let connected = matches!(
                    self.legs.get(&key).map(|leg| &leg.end),
                    Some(End::Web(web)) if web.leg.is_connected()
                );
                let reason = if connected {
                    "the browser has not been heard for too long"
                } else {
                    "no ICE check and DTLS handshake came through in time"
                };
                self.tell(Event::WebFailed {
                    leg: key,
                    reason: reason.to_owned(),
                });
            }
        }
    }

    fn fail(&mut self, key: LegKey, reason: String) {
        if let Some(Leg {
            end: End::Web(web), ..
        }) = self.legs.get_mut(&key)
            && web.liveness.fail().is_some()
        {
            self.tell(Event::WebFailed { leg: key, reason });
        }
    }

    /// The stack under a leg has panicked. The leg keeps its figures until it is closed.
    fn on_fault(&mut self, key: LegKey, fault: Fault) {
        Counters::add(&self.counters.leg_faults, 1);
        tracing::error!(leg = key.0, fault = fault.0, "the WebRTC stack failed");
        self.demux.forget(key);
        let Some(leg) = self.legs.get_mut(&key) else {
            return;
        };
        if let End::Web(web) = std::mem::replace(&mut leg.end, End::Spent) {
            let mut liveness = web.liveness;
            super::web::discard(web.leg);
            if liveness.fail().is_some() {
                let reason = "internal error of the WebRTC stack".to_owned();
                self.tell(Event::WebFailed { leg: key, reason });
            }
        }
    }

    // ---- deadlines

    /// Does what is due for a leg.
    pub fn on_deadline(&mut self, key: LegKey, now: Instant) {
        let rtcp_due = |leg: &Leg| leg.rtcp_due.is_some_and(|due| due <= now);
        let reports = self.legs.get(&key).is_some_and(rtcp_due);
        let metrics = reports
            .then(|| quality::extended_report(&self.legs, key))
            .flatten();
        let Some(leg) = self.legs.get_mut(&key) else {
            return;
        };
        let mut change = None;
        let mut fault = None;
        let mut silent = None;
        if let End::Trunk(trunk) = &mut leg.end {
            silent = trunk.handle_timeout(now);
        }
        if let End::Web(web) = &mut leg.end {
            change = web.liveness.handle_timeout(now);
            fault = web.leg.handle_timeout(now).err();
            self.restless.push(key);
        }
        if fault.is_none() && reports {
            leg.rtcp_due = Some(now + RTCP_EVERY);
            match leg.send_rtcp(
                now,
                false,
                metrics.as_ref(),
                &mut self.scratch,
                &mut self.outbound,
            ) {
                Ok(true) if matches!(leg.end, End::Trunk(_)) => {
                    Counters::add(&self.counters.trunk_datagrams_out, 1);
                }
                Ok(_) => {}
                Err(error) => fault = Some(error),
            }
        }
        if let Some(fault) = fault {
            self.on_fault(key, fault);
            return;
        }
        if let Some(path) = &mut leg.path {
            path.handle_timeout(now, &mut self.output);
        }
        let (peer, has_picture) = (leg.peer, leg.picture.is_some());
        self.ship(peer, key, now);
        if reports {
            self.tell_quality(key);
            self.speak_anew(key, now);
        }
        if has_picture {
            self.picture_due(key, now);
        }
        self.on_change(key, change, now);
        if let Some(seconds) = silent {
            self.tell(Event::TrunkSilent { leg: key, seconds });
        }
    }

    /// Tells how the leg's far side hears.
    fn tell_quality(&mut self, key: LegKey) {
        if let Some(sample) = quality::sample(&mut self.legs, key) {
            self.tell(Event::Quality { leg: key, sample });
        }
    }

    /// Notes when the leg wants to be looked at; never in this turn, whatever its parts say, so
    /// that a part which is never content costs a turn a millisecond and no more.
    fn reschedule(&mut self, key: LegKey, now: Instant) {
        if let Some(due) = self.legs.get(&key).and_then(Leg::poll_timeout) {
            self.timers.schedule(key, due.max(now + SOONEST));
        }
    }

    // ---- commands

    pub fn insert(&mut self, key: LegKey, leg: Leg) {
        self.legs.insert(key, leg);
        Counters::add(&self.counters.legs_opened, 1);
        self.count_legs();
    }

    fn count_legs(&self) {
        let legs = self.legs.len() as u64;
        self.counters
            .legs
            .store(legs, std::sync::atomic::Ordering::Relaxed);
    }

    fn replan_both(&mut self, key: LegKey, now: Instant) {
        match self.legs.get(&key).and_then(|leg| leg.peer) {
            Some(peer) => self.replan(&[key, peer], now),
            None => self.replan(&[key], now),
        }
    }

    fn replan(&mut self, keys: &[LegKey], now: Instant) {
        for key in keys {
            if let Err(error) = bridge::plan_path(&mut self.legs, *key) {
                Counters::add(&self.counters.path_errors, 1);
                tracing::error!(leg = key.0, %error, "no sound can be made for this leg");
            }
            if let Some(path) = self.legs.get_mut(key).and_then(|leg| leg.path.as_mut()) {
                path.handle_timeout(now, &mut self.output);
            }
            self.ship(None, *key, now);
            self.plan_picture(*key, now);
        }
    }

    fn web(&mut self, key: LegKey) -> Option<&mut WebLeg> {
        match &mut self.legs.get_mut(&key)?.end {
            End::Web(web) => Some(&mut web.leg),
            End::Trunk(_) | End::Spent => None,
        }
    }

    fn unknown(&self) {
        Counters::add(&self.counters.unknown_legs, 1);
    }
}

/// The stack parses, paths and relays read datagrams: puts a packet together again, without extensions.
fn put_together(packet: &rtc::rtp::Packet, datagram: &mut Vec<u8>) {
    let header = rtp::Header {
        marker: packet.header.marker,
        payload_type: packet.header.payload_type,
        sequence: packet.header.sequence_number,
        timestamp: packet.header.timestamp,
        ssrc: packet.header.ssrc,
    };
    datagram.clear();
    datagram.extend_from_slice(&header.to_bytes());
    datagram.extend_from_slice(&packet.payload);
}

/// Whether a datagram on the sockets of a stream is RTCP, and what it was before it was protected; none, and counted,
/// when it may not be taken.
fn take(
    counters: &Counters,
    stream: &mut TrunkLeg,
    on_rtcp: bool,
    source: SocketAddr,
    datagram: &[u8],
) -> Option<(bool, Option<SrtpPacket>)> {
    // Some send RTCP to the RTP port unasked (RFC 5761 without its negotiation).
    let is_rtcp = on_rtcp || rtp::is_rtcp(datagram);
    let refused = match stream.admit(source, on_rtcp) {
        Admission::Granted => match stream.unprotect(datagram, is_rtcp) {
            Ok(opened) => return Some((is_rtcp, opened)),
            Err(SrtpError::Replayed) => &counters.dropped_replayed,
            Err(SrtpError::Malformed) => &counters.dropped_not_rtp,
            Err(SrtpError::Unauthentic | SrtpError::Cipher) => &counters.dropped_unauthentic,
        },
        Admission::Unplanned => &counters.dropped_unplanned,
        Admission::Foreign => &counters.dropped_source,
    };
    Counters::add(refused, 1);
    None
}
