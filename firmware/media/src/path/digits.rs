//! Digits on a path: those of the input are reported and relayed, those of our own are sent.
//!
//! | input's event | output has events | output has none |
//! |---|---|---|
//! | first packet | an event begins at the output's own position | – |
//! | each packet | one packet, its duration in the other clock | – |
//! | end (or its loss noticed) | three packets with the end bit in all; reported | reported; its tone is sent |
//!
//! While an event passes or digits of our own are sent, sound is withheld.

use super::emitter::{Emitter, Sink, scale};
use super::output::{Output, PathEvent};
use super::{Conversion, Gate, tones};
use crate::dtmf::{
    self, DURATION_MS, Digit, DtmfError, DtmfPacket, DtmfReceiver, DtmfSender, Event, Progress,
    Segments, Step,
};
use crate::jitter::Delivery;
use crate::plan::{AudioFormat, DtmfFormat};
use std::time::{Duration, Instant};

/// Events in the sound are counted in samples.
const SAMPLE_CLOCK: u32 = 8_000;
/// Sound this long after an event's last packet shows that its end was lost.
const OVERDUE: Duration = Duration::from_millis(60);
/// Between relayed tones.
const TONE_GAP: Duration = Duration::from_millis(60);
const END_PACKETS: usize = 3;
/// Samples of 60 ms, the longest packet time, at 16 kHz.
const MAX_FRAME: usize = 960;

#[derive(Debug)]
pub(super) struct Digits {
    receiver: DtmfReceiver,
    receiver_clock: u32,
    last_event: Option<Instant>,
    relay: Option<Relay>,
    sender: DtmfSender,
    /// Timestamp of the event that the sender is in.
    sending_since: u32,
    /// Samples of the tone that were written.
    tone_written: u32,
    to: Option<DtmfFormat>,
}

/// An event of the input on its way out.
#[derive(Clone, Debug)]
struct Relay {
    begin: u32,
    segments: Segments,
    code: u8,
    volume: u8,
    /// In the output's clock.
    total: u32,
    ended: bool,
}

impl Digits {
    pub(super) fn new(from: &AudioFormat, to: &AudioFormat, packet_time: Duration) -> Self {
        let receiver_clock = event_clock(from);
        Self {
            receiver: DtmfReceiver::new(receiver_clock),
            receiver_clock,
            last_event: None,
            relay: None,
            sender: DtmfSender::new(sender_clock(to), packet_time),
            sending_since: 0,
            tone_written: 0,
            to: to.dtmf,
        }
    }

    pub(super) fn set_formats(
        &mut self,
        from: &AudioFormat,
        to: &AudioFormat,
        packet_time: Duration,
    ) {
        self.receiver_clock = event_clock(from);
        self.receiver.set_clock_rate(self.receiver_clock);
        self.sender.set_format(sender_clock(to), packet_time);
        if self.to.map(|dtmf| dtmf.clock_rate) != to.dtmf.map(|dtmf| dtmf.clock_rate) {
            // Its durations count another clock: no packet of it would be understood.
            self.relay = None;
        }
        self.to = to.dtmf;
    }

    pub(super) fn queue(
        &mut self,
        digits: &str,
        duration: Duration,
        gap: Duration,
    ) -> Result<(), DtmfError> {
        self.sender.queue(digits, duration, gap)
    }

    pub(super) fn cancel(&mut self) {
        self.sender.cancel();
    }

    pub(super) fn is_sending(&self) -> bool {
        self.sender.is_active()
    }

    /// Whether an event is in the place of sound.
    pub(super) fn withhold_sound(&self) -> bool {
        self.sender.is_sounding() || self.receiver.is_pressed()
    }

    /// Whether sound at `now` means that the end of an event was lost.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.receiver.is_pressed()
            && self
                .last_event
                .is_none_or(|last| now.saturating_duration_since(last) >= OVERDUE)
    }

    pub(super) fn forget_source(&mut self) {
        self.receiver.reset();
        self.relay = None;
    }

    pub(super) fn poll_timeout(&self, seen: Option<Instant>) -> Option<Instant> {
        [self.receiver.poll_timeout(), self.sender.poll_timeout(seen)]
            .into_iter()
            .flatten()
            .min()
    }
}

impl Conversion {
    /// Takes an event packet of the input.
    pub(super) fn event(&mut self, delivery: &Delivery<'_>, now: Instant, output: &mut Output) {
        let Ok(event) = dtmf::read(delivery.payload) else {
            self.counters.discarded += 1;
            return;
        };
        self.digits.last_event = Some(now);
        let header = delivery.header;
        let update = self
            .digits
            .receiver
            .on_event(header.timestamp, header.marker, event, now);
        if let Some(previous) = update.previous {
            self.end_relay(now, output);
            self.report(previous, output);
        }
        if let Some(progress) = update.progress {
            self.relay(progress, now, output);
        }
        if let Some(digit) = update.digit {
            self.report(digit, output);
        }
    }

    /// Ends an event whose end was lost.
    pub(super) fn finish_event(&mut self, now: Instant, output: &mut Output) {
        let digit = self.digits.receiver.finish();
        self.end_relay(now, output);
        if let Some(digit) = digit {
            self.report(digit, output);
        }
    }

    /// Does what is due for digits of either kind.
    pub(super) fn digits_due(&mut self, now: Instant, output: &mut Output) {
        if self
            .digits
            .receiver
            .poll_timeout()
            .is_some_and(|at| at <= now)
        {
            self.finish_event(now, output);
        }
        let Self {
            digits,
            emitter,
            counters,
            gate,
            ..
        } = self;
        let Digits {
            sender,
            sending_since,
            tone_written,
            to,
            ..
        } = digits;
        let closed = *gate == Gate::Closed;
        sender.handle_timeout(now, |step| {
            let out = &mut Sink {
                output: &mut *output,
                counters: &mut *counters,
            };
            match (step, *to) {
                (Step::Done, _) => {
                    emitter.break_off();
                    out.output.push_event(PathEvent::DigitsSent);
                }
                (Step::Event(_) | Step::Quiet, _) if closed => {}
                (Step::Event(packet), Some(dtmf)) => {
                    if packet.first {
                        *sending_since = emitter.begin_event(now);
                        out.counters.digits_out += 1;
                    }
                    let reach = (packet.segment, packet.total);
                    let begin = *sending_since;
                    emitter.event(dtmf, begin, reach, packet.first, packet.event, now, out);
                }
                (Step::Event(packet), None) => {
                    if packet.first {
                        *tone_written = 0;
                        out.counters.digits_out += 1;
                    }
                    tone(emitter, &packet, tone_written, now, out);
                }
                (Step::Quiet, Some(_)) => {}
                (Step::Quiet, None) => {
                    let silence = [0; MAX_FRAME];
                    let samples = emitter.frame() * emitter.bandwidth().factor();
                    let frame = silence.get(..samples).unwrap_or(&silence);
                    emitter.unmuted_sound(frame, now, out);
                }
            }
        });
    }

    fn report(&mut self, digit: Digit, output: &mut Output) {
        self.counters.digits_in += 1;
        output.push_event(PathEvent::Digit {
            digit: digit.digit,
            duration_ms: digit.duration_ms,
        });
        if self.digits.to.is_none() && self.gate != Gate::Closed {
            let (shortest, longest) = (*DURATION_MS.start(), *DURATION_MS.end());
            let duration_ms = digit.duration_ms.clamp(shortest, longest);
            let duration = Duration::from_millis(u64::from(duration_ms));
            let mut text = [0; 4];
            // When too many wait already, one more would come too late anyway.
            let _ = self
                .digits
                .queue(digit.digit.encode_utf8(&mut text), duration, TONE_GAP);
        }
    }

    fn relay(&mut self, progress: Progress, now: Instant, output: &mut Output) {
        let Some(dtmf) = self.digits.to else {
            return;
        };
        if self.gate == Gate::Closed || self.digits.sender.is_sounding() {
            return;
        }
        if progress.first {
            self.digits.relay = Some(Relay {
                begin: self.emitter.begin_event(now),
                segments: Segments::default(),
                code: progress.code,
                volume: progress.volume,
                total: 0,
                ended: false,
            });
            self.counters.digits_out += 1;
        }
        let Some(relay) = &mut self.digits.relay else {
            return;
        };
        relay.total = scale(
            progress.duration,
            self.digits.receiver_clock,
            dtmf.clock_rate,
        );
        relay.ended |= progress.end;
        let mut sink = Sink {
            output,
            counters: &mut self.counters,
        };
        relay.emit(
            dtmf,
            progress.first,
            progress.end,
            &mut self.emitter,
            now,
            &mut sink,
        );
    }

    /// Says the end of a relayed event that nobody said.
    fn end_relay(&mut self, now: Instant, output: &mut Output) {
        let (Some(mut relay), Some(dtmf)) = (self.digits.relay.take(), self.digits.to) else {
            return;
        };
        if relay.ended || self.gate == Gate::Closed {
            return;
        }
        let mut sink = Sink {
            output,
            counters: &mut self.counters,
        };
        for _ in 0..END_PACKETS {
            relay.emit(dtmf, false, true, &mut self.emitter, now, &mut sink);
        }
    }
}

impl Relay {
    fn emit(
        &mut self,
        dtmf: DtmfFormat,
        first: bool,
        end: bool,
        emitter: &mut Emitter,
        now: Instant,
        out: &mut Sink<'_>,
    ) {
        let (begin, total, code, volume) = (self.begin, self.total, self.code, self.volume);
        let mut marker = first;
        self.segments.advance(total, |segment, duration, last| {
            let event = Event {
                code,
                end: end && last,
                volume,
                duration,
            };
            let marker = std::mem::take(&mut marker);
            emitter.event(dtmf, begin, (segment, total), marker, event, now, out);
        });
    }
}

/// Writes the part of a tone that one packet time adds.
fn tone(
    emitter: &mut Emitter,
    packet: &DtmfPacket,
    written: &mut u32,
    now: Instant,
    out: &mut Sink<'_>,
) {
    let mut sound = [0; MAX_FRAME];
    let bandwidth = emitter.bandwidth();
    let factor = bandwidth.factor() as u32;
    // Said again, an end adds nothing.
    while *written < packet.total {
        let samples = (packet.total - *written).min(sound.len() as u32 / factor);
        let Some(part) = sound.get_mut(..(samples * factor) as usize) else {
            return;
        };
        let (begin, rate) = (*written * factor, bandwidth.sample_rate());
        tones::write(packet.event.code, begin, rate, part);
        *written += samples;
        emitter.unmuted_sound(part, now, out);
    }
}

fn event_clock(format: &AudioFormat) -> u32 {
    format
        .dtmf
        .map_or(format.codec.clock_rate(), |dtmf| dtmf.clock_rate)
        .max(1)
}

fn sender_clock(format: &AudioFormat) -> u32 {
    format.dtmf.map_or(SAMPLE_CLOCK, |dtmf| dtmf.clock_rate)
}
