//! Everything that is measured on a call's incoming RTP.

use std::time::Duration;

use super::dtmf;
use super::g711::Law;
use super::measure::{SILENCE_DBOV, measure};
use super::onset::OnsetDetector;
use super::rtp::{Figures, Packet, Place, Reception};
use crate::events::{CallNumber, Event, EventSink};

/// An RTP silence longer than this is reported as a gap.
const GAP_S: f64 = 0.1;
/// Half a second at 8 kHz.
const WINDOW: usize = 4000;

/// Listens to one call.
#[derive(Debug)]
pub struct Ears {
    call: CallNumber,
    events: EventSink,
    dtmf_in: u8,
    digits: dtmf::Receiver,
    reception: Reception,
    onsets: OnsetDetector,
    window: Vec<i16>,
    last_arrival: Option<f64>,
    last_source: Option<u32>,
    started: f64,
    /// RTCP packets received.
    pub rtcp: u64,
}

impl Ears {
    /// Ears for a call whose telephone events come under payload type `dtmf_in`.
    pub fn new(call: CallNumber, dtmf_in: u8, events: EventSink) -> Self {
        Self {
            call,
            events,
            dtmf_in,
            digits: dtmf::Receiver::default(),
            reception: Reception::default(),
            onsets: OnsetDetector::new(8000),
            window: Vec::with_capacity(WINDOW + 1600),
            last_arrival: None,
            last_source: None,
            started: crate::clock::unix_now(),
            rtcp: 0,
        }
    }

    /// Takes a packet that arrived at `now`; true when it carries sound in its turn.
    pub fn hear(&mut self, packet: &Packet<'_>, now: f64) -> bool {
        let since = Duration::from_secs_f64((now - self.started).max(0.0));
        let place = self.reception.packet(packet, since);
        if self.last_source != Some(packet.ssrc) {
            self.last_source = Some(packet.ssrc);
            self.events.emit_at(
                Event::Source {
                    call: self.call,
                    ssrc: packet.ssrc,
                },
                now,
            );
        }
        if let Some(last) = self.last_arrival.replace(now)
            && now - last > GAP_S
        {
            self.events.emit_at(
                Event::Gap {
                    call: self.call,
                    ms: ((now - last) * 1000.0).round(),
                },
                now,
            );
            self.onsets
                .silence(((now - last) * 8000.0).min(80_000.0) as usize);
        }
        if packet.payload_type == self.dtmf_in {
            if let Some(pressed) = self.digits.packet(packet.timestamp, packet.payload) {
                self.emit_digit(pressed);
            }
            return false;
        }
        let law = match packet.payload_type {
            0 => Law::Pcmu,
            8 => Law::Pcma,
            _ => return false,
        };
        if place == Place::Late {
            return false;
        }
        let first = self.onsets.position();
        for code in packet.payload {
            let sample = law.decode(*code);
            if self.window.len() < WINDOW + 1600 {
                self.window.push(sample);
            }
            if let Some(onset) = self.onsets.push(sample) {
                // May lie in the packet before, when the confirmation crossed the border.
                let offset = (onset as f64 - first as f64) / 8000.0;
                self.events
                    .emit_at(Event::Onset { call: self.call }, now + offset);
            }
        }
        true
    }

    /// Reports what was heard since the last report.
    pub fn report(&mut self) {
        let event = if self.window.len() < 400 {
            Event::Heard {
                call: self.call,
                hz: 0.0,
                dbov: SILENCE_DBOV,
                purity: 0.0,
            }
        } else {
            let heard = measure(
                &self.window[self.window.len().saturating_sub(WINDOW)..],
                8000,
            );
            let round = |value: f64, by: f64| (value * by).round() / by;
            Event::Heard {
                call: self.call,
                hz: round(heard.hz, 100.0),
                dbov: round(heard.dbov, 10.0),
                purity: round(heard.purity, 1000.0),
            }
        };
        self.window.clear();
        self.events.emit(event);
    }

    /// Reports a level jump of this phone's own sound.
    pub fn emit_marker(&self, at: f64) {
        self.events.emit_at(Event::Marker { call: self.call }, at);
    }

    /// Closes the books.
    pub fn figures(&mut self, sent: u64) -> Figures {
        if let Some(pressed) = self.digits.finish() {
            self.emit_digit(pressed);
        }
        Figures {
            sent,
            received: self.reception.received(),
            lost: self.reception.lost(),
            jitter_ms: (self.reception.jitter_ms() * 100.0).round() / 100.0,
            rtcp: self.rtcp,
            sources: self.reception.sources(),
        }
    }

    /// The reception behind the figures.
    pub fn reception(&self) -> &Reception {
        &self.reception
    }

    fn emit_digit(&self, pressed: dtmf::Pressed) {
        self.events.emit(Event::Dtmf {
            call: self.call,
            digit: pressed.digit,
            duration_ms: pressed.duration_ms,
        });
    }
}
