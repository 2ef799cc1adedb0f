//! One direction of one call's sound: packets of one leg in, packets of the other leg out.
//!
//! | input → output | way |
//! |---|---|
//! | the same codec | payloads pass untouched under new headers; losses stay visible |
//! | PCMU ↔ PCMA | octet by octet through a table |
//! | Opus ↔ G.711, G.722 ↔ G.711 | decoded and encoded at 8 kHz; losses are concealed |
//! | Opus ↔ G.722 | the same at 16 kHz |
//!
//! The output is one unbroken line of sequence numbers and timestamps under one SSRC: see
//! `timeline.rs`. Digits: see `digits.rs`.
//!
//! Order of calls: any `handle_*` or setter, then drain [`Output`], then
//! [`Path::poll_timeout`]. Call [`Path::handle_timeout`] right after
//! [`Path::send_dtmf`] and [`Path::set_keepalive`]: a path that has never been told
//! the time cannot name a moment to be woken at.

mod comfort;
mod conceal;
mod digits;
mod emitter;
mod figures;
mod holes;
mod input;
mod output;
mod passage;
mod playout;
mod timeline;
mod tones;
mod tones_in;

pub use figures::{Levels, PathCounters};
pub use output::{OutPacket, Output, PathEvent};
pub use passage::is_transcoded;

use crate::dtmf::DtmfError;
use crate::g711::Law;
use crate::jitter::{Delivery, Playout, Sequencer};
use crate::plan::{AudioCodec, AudioFormat};
use crate::red;
use crate::rtcp::ReceptionStats;
use crate::rtp::{self, Header};
use comfort::Comfort;
use digits::Digits;
use emitter::{Emitter, Sink};
use holes::{conceal, fill};
use input::{Continuity, Input, MAX_PAYLOAD};
use passage::{Passage, bandwidth};
use playout::Merge;
use std::time::{Duration, Instant};
use thiserror::Error;
use tones_in::Listener;

/// Why a path cannot be built or changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PathError {
    #[error("Opus: {0}")]
    Opus(#[from] crate::opus::OpusError),
    #[error("a packet time of {0} ms is not one of 10, 20, 30, 40, 60")]
    PacketTime(u8),
}

/// What the far side of the output sees of us for the whole call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputIdentity {
    pub ssrc: u32,
    pub first_sequence: u16,
    pub first_timestamp: u32,
}

/// What may leave the path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Gate {
    /// Sound and digits.
    #[default]
    Open,
    /// Silence at the pace of the input, and digits.
    Muted,
    /// Nothing. Input is still counted and its digits reported.
    Closed,
}

/// One direction of one call's sound.
#[derive(Debug)]
pub struct Path {
    sequencer: Sequencer,
    /// Where sound is coded anew for a trunk: who passes packets on leaves delays to the listener.
    playout: Option<Box<Playout>>,
    /// Payload type under which packets of the input carry those before them.
    redundancy: Option<u8>,
    reception: ReceptionStats,
    conversion: Conversion,
    /// The latest time this path was told.
    seen: Option<Instant>,
    last_received: Option<Instant>,
    keepalive: Option<Duration>,
    /// Nothing left before this.
    quiet_since: Option<Instant>,
}

/// Everything behind the sequencer: packets come in order here.
#[derive(Debug)]
struct Conversion {
    input: Input,
    emitter: Emitter,
    digits: Digits,
    /// Looks for digits in the sound of a far side that has no events.
    tones: Option<Box<Listener>>,
    gate: Gate,
    /// Frames made up since the last packet, in place of what its number says is lost.
    made_up: u16,
    merge: Merge,
    comfort: Comfort,
    counters: PathCounters,
}

impl Path {
    /// # Errors
    /// [`PathError`] when a format cannot be spoken.
    pub fn new(from: AudioFormat, to: AudioFormat, out: OutputIdentity) -> Result<Self, PathError> {
        check(&from)?;
        check(&to)?;
        let bandwidth = bandwidth(from.codec, to.codec);
        let emitter = Emitter::new(to, bandwidth, out)?;
        let clock_rate = from.codec.clock_rate();
        Ok(Self {
            sequencer: Sequencer::new(clock_rate),
            playout: playout::playout_for(&from, &to),
            redundancy: None,
            reception: ReceptionStats::new(clock_rate),
            conversion: Conversion {
                input: Input::new(from, bandwidth)?,
                digits: Digits::new(&from, &to, emitter.packet_time()),
                emitter,
                tones: None,
                gate: Gate::Open,
                made_up: 0,
                merge: Merge::default(),
                comfort: Comfort::default(),
                counters: PathCounters::default(),
            },
            seen: None,
            last_received: None,
            keepalive: None,
            quiet_since: None,
        })
    }

    /// Takes one datagram of the input. What it causes is appended to `out`.
    pub fn handle_rtp(&mut self, datagram: &[u8], now: Instant, out: &mut Output) {
        self.seen = Some(now);
        let conversion = &mut self.conversion;
        let counters = &mut conversion.counters;
        let Ok(packet) = rtp::read(datagram) else {
            counters.discarded += 1;
            return;
        };
        let mut header = packet.header;
        let mut payload = packet.payload;
        let mut redundant = None;
        if self.redundancy == Some(header.payload_type) {
            let Ok(read) = red::read(payload) else {
                counters.discarded += 1;
                return;
            };
            header.payload_type = read.primary.payload_type;
            payload = read.primary.payload;
            redundant = Some(read);
        }
        let known = conversion.input.knows(header.payload_type);
        // An unknown payload type holds its place in the order, but it founds no source.
        if payload.len() > MAX_PAYLOAD || (!known && self.sequencer.ssrc() != Some(header.ssrc)) {
            counters.discarded += 1;
            return;
        }
        if known {
            counters.packets_in += 1;
            counters.octets_in += packet.payload.len() as u64;
        }
        self.last_received = Some(now);
        if let Some(redundant) = redundant {
            for (header, payload) in redundant.earlier(header) {
                self.restore(header, payload, now, out);
            }
        }
        let belongs = self.take(header, payload, false, now, out);
        if belongs {
            self.reception.on_packet(&header, now);
        }
        self.count_sequence();
    }

    fn take(
        &mut self,
        header: Header,
        payload: &[u8],
        restored: bool,
        now: Instant,
        out: &mut Output,
    ) -> bool {
        if self.playout.is_some() {
            return self.buffer(header, payload, restored, now, out);
        }
        let conversion = &mut self.conversion;
        self.sequencer.push(header, payload, now, |delivery| {
            conversion.deliver(delivery, now, out);
        })
    }

    /// Takes an earlier packet that a later one has brought, where it is missing.
    fn restore(&mut self, header: Header, payload: &[u8], now: Instant, out: &mut Output) {
        let sounds = self
            .conversion
            .input
            .codec_of(header.payload_type)
            .is_some();
        let missing = match &self.playout {
            Some(playout) if playout.is_on() => playout.lacks(&header),
            _ => self.sequencer.lacks(&header),
        };
        let ours = self.sequencer.ssrc() == Some(header.ssrc);
        if sounds && missing && ours && payload.len() <= MAX_PAYLOAD {
            self.conversion.counters.restored += 1;
            self.take(header, payload, true, now, out);
        }
    }

    /// When [`Self::handle_timeout`] wants to be called; ask again after every other call.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let keepalive = self
            .keepalive
            .filter(|_| self.conversion.gate != Gate::Closed)
            .zip(self.last_sent())
            .map(|(after, last)| last + after);
        [
            self.sequencer.poll_timeout(),
            self.playout.as_ref().and_then(|p| p.poll_timeout()),
            self.conversion.digits.poll_timeout(self.seen),
            self.conversion.comfort.poll_timeout(),
            keepalive,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Does what is due at `now`; calling early or late is harmless.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Output) {
        self.seen = Some(now);
        let conversion = &mut self.conversion;
        self.sequencer
            .handle_timeout(now, |delivery| conversion.deliver(delivery, now, out));
        self.play_due(now, out);
        self.conversion.digits_due(now, out);
        self.conversion.comfort_due(now, out);
        self.count_sequence();
        self.keep_alive(now, out);
    }

    /// Changes formats after a re-negotiation. SSRC, sequence numbers and timestamps of the
    /// output go on.
    ///
    /// # Errors
    /// [`PathError`]; the path then stays as it was.
    pub fn replan(&mut self, from: AudioFormat, to: AudioFormat) -> Result<(), PathError> {
        check(&from)?;
        check(&to)?;
        let bandwidth = bandwidth(from.codec, to.codec);
        let Conversion { input, emitter, .. } = &mut self.conversion;
        let (before, narrowness) = (input.format, input.bandwidth());
        input.set_format(from, bandwidth)?;
        if let Err(error) = emitter.set_format(to, bandwidth) {
            input.set_format(before, narrowness)?;
            return Err(error);
        }
        if narrowness != bandwidth {
            self.conversion.merge = Merge::default();
        }
        let clock_rate = from.codec.clock_rate();
        self.sequencer.set_clock_rate(clock_rate);
        if playout::is_worth_it(&from, &to) {
            self.playout = self.playout.take().or(playout::playout_for(&from, &to));
        } else {
            self.playout = None;
        }
        if before.codec != from.codec {
            self.sequencer.expect_restart();
            self.conversion.comfort = Comfort::default();
        }
        self.reception.set_clock_rate(clock_rate);
        let packet_time = self.conversion.emitter.packet_time();
        self.conversion.digits.set_formats(&from, &to, packet_time);
        Ok(())
    }

    /// Plays at once what waits: the source is about to speak in another codec.
    pub fn drain(&mut self, now: Instant, out: &mut Output) {
        self.seen = Some(now);
        self.empty(now, out);
        let conversion = &mut self.conversion;
        self.sequencer.release(now, &mut |delivery: Delivery<'_>| {
            conversion.deliver(delivery, now, out);
        });
    }

    /// Queues digits toward the output; sound is withheld until they are through
    /// ([`PathEvent::DigitsSent`]). `,` pauses for 2 s. They go as RFC 4733 events, or as
    /// tones in the sound when the far side has not agreed on events.
    ///
    /// # Errors
    /// [`DtmfError`]; nothing is queued then.
    pub fn send_dtmf(
        &mut self,
        digits: &str,
        duration: Duration,
        gap: Duration,
    ) -> Result<(), DtmfError> {
        self.conversion.digits.queue(digits, duration, gap)
    }

    /// Forgets digits not yet sent; the one under way is ended properly.
    pub fn cancel_dtmf(&mut self) {
        self.conversion.digits.cancel();
    }

    /// What may leave from now on. Closing also forgets digits not yet sent.
    pub fn set_gate(&mut self, gate: Gate) {
        let conversion = &mut self.conversion;
        conversion.gate = gate;
        conversion.emitter.muted = gate == Gate::Muted;
        if gate == Gate::Closed {
            conversion.comfort.stop();
            conversion.emitter.break_off();
            conversion.digits.cancel();
        }
    }

    /// The source was asked to pause or to go on, or is another one: its clock may have stood
    /// still. The next sound stands at the time it comes, not right behind the last.
    pub fn expect_pause(&mut self) {
        self.conversion.comfort.stop();
        self.conversion.emitter.break_off();
        if let Some(playout) = &mut self.playout {
            playout.reset();
        }
    }

    pub fn gate(&self) -> Gate {
        self.conversion.gate
    }

    /// The payload type under which the input's packets may carry those before them (RFC 2198).
    pub fn set_redundancy(&mut self, payload_type: Option<u8>) {
        self.redundancy = payload_type;
    }

    /// The payload type under which the output's packets may carry the one before them; they do while losses are
    /// reported, where sound is coded here.
    pub fn set_redundancy_out(&mut self, payload_type: Option<u8>) {
        self.conversion.emitter.set_redundancy(payload_type);
    }

    /// The output's far side reports that it lost so much (0…1) since its last report.
    pub fn note_far_loss(&mut self, share: f32) {
        self.conversion.emitter.note_loss(share);
    }

    /// The payload type under which the output's far side takes comfort noise and makes its own of it (RFC 3389): while
    /// the input announces silence nothing else leaves then. Without it noise is sent as sound.
    pub fn set_comfort_noise(&mut self, payload_type: Option<u8>) {
        self.conversion.emitter.set_comfort_noise(payload_type);
    }

    /// Whether an encoder may leave out silence (discontinuous transmission).
    pub fn set_dtx(&mut self, on: bool) {
        self.conversion.emitter.set_dtx(on);
    }

    /// How hard an encoder works, 0–10.
    pub fn set_complexity(&mut self, complexity: u8) {
        self.conversion.emitter.set_complexity(complexity);
    }

    /// Whether tones in the input's G.711 or G.722 are reported as digits. The sound passes with them in it.
    pub fn set_tone_detection(&mut self, on: bool) {
        let tones = &mut self.conversion.tones;
        if on != tones.is_some() {
            *tones = on.then(Box::default);
        }
    }

    /// [`Gate::Muted`] or [`Gate::Open`].
    pub fn mute(&mut self, muted: bool) {
        self.set_gate(if muted { Gate::Muted } else { Gate::Open });
    }

    /// Sends one packet of silence whenever nothing has left for `after` (`None`, the default,
    /// never does). Keeps far sides quiet that hang up on missing RTP. Starts with the first
    /// `handle_timeout` after it was set.
    pub fn set_keepalive(&mut self, after: Option<Duration>) {
        self.keepalive = after.map(|after| after.max(MIN_KEEPALIVE));
    }

    fn last_sent(&self) -> Option<Instant> {
        self.conversion
            .emitter
            .timeline
            .last_sent()
            .max(self.quiet_since)
    }

    fn keep_alive(&mut self, now: Instant, out: &mut Output) {
        let Some(after) = self.keepalive else {
            return;
        };
        let idle = self.conversion.gate != Gate::Closed && !self.conversion.digits.is_sending();
        match self.last_sent() {
            None => self.quiet_since = Some(now),
            Some(last) if last + after > now => {}
            // A closed gate is looked at again one interval later.
            Some(_) if !idle => self.quiet_since = Some(now),
            Some(_) => {
                let Conversion {
                    emitter, counters, ..
                } = &mut self.conversion;
                emitter.silence(
                    now,
                    &mut Sink {
                        output: out,
                        counters,
                    },
                );
            }
        }
    }

    fn count_sequence(&mut self) {
        let sequence = *self.sequencer.counters();
        let counters = &mut self.conversion.counters;
        counters.delivered = sequence.delivered;
        counters.lost = sequence.lost;
        counters.holes = sequence.holes;
        let buffered = self.playout.as_ref().map(|playout| playout.waited());
        counters.waited = sequence.waited + buffered.unwrap_or_default();
        counters.late = sequence.late;
        counters.reordered = sequence.reordered;
        // The first source is no change.
        counters.source_changes = sequence.restarts.saturating_sub(1);
    }
}

impl Conversion {
    /// Takes a packet in its turn.
    fn deliver(&mut self, delivery: Delivery<'_>, now: Instant, output: &mut Output) {
        let payload_type = delivery.header.payload_type;
        if delivery.restart {
            self.source_ended(now, output);
            if self.counters.packets_in > 1 {
                output.push_event(PathEvent::SourceChanged {
                    ssrc: delivery.header.ssrc,
                });
            }
        }
        if self.input.is_event(payload_type) {
            self.event(&delivery, now, output);
        } else if let Some(codec) = self.input.codec_of(payload_type) {
            self.sound(codec, &delivery, now, output);
        } else if input::is_comfort_noise(payload_type) {
            self.noise_announced(&delivery, now, output);
        } else if !self.input.knows(payload_type) {
            self.counters.discarded += 1;
        }
    }

    /// What was under way from the source before this one is over.
    fn source_ended(&mut self, now: Instant, output: &mut Output) {
        self.finish_event(now, output);
        self.digits.forget_source();
        self.tones_broken(usize::MAX, output);
        self.comfort = Comfort::default();
        self.input.restart();
    }

    fn sound(
        &mut self,
        codec: AudioCodec,
        delivery: &Delivery<'_>,
        now: Instant,
        output: &mut Output,
    ) {
        let payload = delivery.payload;
        let made_up = std::mem::take(&mut self.made_up);
        if payload.is_empty() {
            // Keeps a NAT open (RFC 6263) and says nothing.
            return;
        }
        let Some(samples) = input::samples(codec, payload) else {
            self.counters.discarded += 1;
            return;
        };
        if self.digits.is_overdue(now) {
            self.finish_event(now, output);
        }
        let gap = self.input.gap(&delivery.header);
        let mut place =
            self.input
                .place(&delivery.header, samples, delivery.lost, delivery.restart);
        if self.pause_ends(gap, now, output) {
            // What was lost in it has noise in its place.
            place = Continuity::Follows;
        }
        self.tones_in(codec, payload, place, output);
        if self.gate == Gate::Closed || self.digits.withhold_sound() {
            self.emitter.break_off();
            return;
        }
        if place == Continuity::Jump {
            self.emitter.break_off();
        }
        let Self {
            input,
            emitter,
            merge,
            counters,
            ..
        } = self;
        let out = &mut Sink { output, counters };
        let hole = match place {
            Continuity::After { lost, frame } => Some((lost.saturating_sub(made_up), frame)),
            Continuity::Follows | Continuity::Jump => None,
        };
        match Passage::between(codec, emitter.format.codec) {
            Passage::Whole => {
                if let Some((lost, frame)) = hole {
                    out.counters.passed_on += u64::from(emitter.hole(lost, frame));
                }
                emitter.forward_opus(payload, samples, now, out);
            }
            Passage::Octets => {
                if let Some((lost, frame)) = hole {
                    out.counters.passed_on += u64::from(emitter.hole(lost, frame));
                }
                if let Some(law) = Law::of(codec) {
                    input.keep(law, payload);
                }
                emitter.octets(codec, payload, now, out);
            }
            Passage::Coded => {
                if let Some((lost, frame)) = hole {
                    fill(input, emitter, codec, (lost, frame), payload, now, out);
                }
                if let Some(pcm) = input.decode(codec, payload) {
                    if let Some(pcm) = merge.take(pcm) {
                        emitter.sound(pcm, now, out);
                    }
                } else {
                    // The payload is broken; its time still passes.
                    out.counters.discarded += 1;
                    conceal(input, emitter, codec, samples, None, now, out);
                }
            }
        }
        self.heard(codec, payload, now);
    }
}

/// Silence is not sent more often than a packet of sound would be.
const MIN_KEEPALIVE: Duration = Duration::from_millis(20);

fn check(format: &AudioFormat) -> Result<(), PathError> {
    if matches!(format.ptime_ms, 10 | 20 | 30 | 40 | 60) {
        Ok(())
    } else {
        Err(PathError::PacketTime(format.ptime_ms))
    }
}

#[cfg(test)]
mod tests;
