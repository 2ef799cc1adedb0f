//! The sending half of a path: sound into packets of the agreed length, events between them,
//! all on one [`Timeline`].

use super::output::Output;
use super::timeline::Timeline;
use super::{OutputIdentity, PathCounters, PathError};
use crate::dtmf::Event;
use crate::g711::Law;
use crate::g722;
use crate::opus::{self, Bandwidth, Encoded, Encoder, EncoderSettings, SILENCE_20_MS};
use crate::plan::{AudioCodec, AudioFormat, DtmfFormat};
use crate::red;
use crate::steering::FarLoss;
use std::time::{Duration, Instant};

/// A network that stalls for less delivers afterwards what it kept; after more, packets that
/// follow without a gap in their timestamps come from a clock that stood still (hold).
const ASLEEP: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Emitter {
    pub(super) format: AudioFormat,
    pub(super) timeline: Timeline,
    bandwidth: Bandwidth,
    encoder: Option<Encoder>,
    g722: g722::Encoder,
    /// Encoded G.711 or G.722 that does not fill a packet yet.
    octets: Vec<u8>,
    /// Samples that do not fill an Opus frame yet.
    samples: Vec<i16>,
    /// Payload type under which a packet may carry the one before it (RFC 2198).
    redundancy: Option<u8>,
    /// The frame sent last when that is done, and room for the next.
    before: Vec<u8>,
    spare: Vec<u8>,
    settings: EncoderSettings,
    loss: FarLoss,
    /// The encoder is silent, and the far side knows.
    is_discontinuous: bool,
    /// Payload type of comfort noise.
    comfort_noise: Option<u8>,
    /// The next sound does not follow the last.
    broken: bool,
    /// Sound becomes silence.
    pub(super) muted: bool,
}

impl Emitter {
    pub(super) fn new(
        format: AudioFormat,
        bandwidth: Bandwidth,
        identity: OutputIdentity,
    ) -> Result<Self, PathError> {
        Ok(Self {
            format,
            bandwidth,
            timeline: Timeline::new(identity, format.codec.clock_rate()),
            encoder: encoder_for(format, bandwidth, EncoderSettings::default())?,
            g722: g722::Encoder::default(),
            redundancy: None,
            before: Vec::new(),
            spare: Vec::new(),
            settings: EncoderSettings::default(),
            loss: FarLoss::default(),
            is_discontinuous: false,
            comfort_noise: None,
            octets: Vec::with_capacity(4_096),
            samples: Vec::with_capacity(4_096),
            broken: false,
            muted: false,
        })
    }

    /// Changes the format; nothing has changed when it fails.
    pub(super) fn set_format(
        &mut self,
        format: AudioFormat,
        bandwidth: Bandwidth,
    ) -> Result<(), PathError> {
        if self.format.codec != format.codec || self.bandwidth != bandwidth {
            // G.722 is gone on with: what the far side has heard of it still steers its decoder.
            self.encoder = encoder_for(format, bandwidth, self.settings)?;
            self.bandwidth = bandwidth;
            self.samples.clear();
        }
        if self.format.codec != format.codec {
            if self.format.codec.clock_rate() != format.codec.clock_rate() {
                self.timeline.set_clock_rate(format.codec.clock_rate());
            }
            self.break_off();
        }
        self.format = format;
        Ok(())
    }

    /// The payload type under which the far side takes packets with the one before in them.
    pub(super) fn set_redundancy(&mut self, payload_type: Option<u8>) {
        if self.redundancy != payload_type {
            self.redundancy = payload_type;
            self.before.clear();
            self.steer();
        }
    }

    /// The far side lost so much of what we sent.
    pub(super) fn note_loss(&mut self, share: f32) {
        self.loss.report(share);
        self.steer();
    }

    pub(super) fn set_complexity(&mut self, complexity: u8) {
        if self.settings.complexity != complexity {
            self.settings.complexity = complexity;
            self.steer();
        }
    }

    pub(super) fn set_dtx(&mut self, on: bool) {
        if self.settings.dtx != on {
            self.settings.dtx = on;
            self.steer();
        }
    }

    pub(super) fn set_comfort_noise(&mut self, payload_type: Option<u8>) {
        self.comfort_noise = payload_type;
    }

    /// Whether the far side makes its own noise; muted it gets silence instead, which is sent.
    pub(super) fn makes_own_noise(&self) -> bool {
        self.comfort_noise.is_some() && !self.muted && self.format.codec != AudioCodec::Opus
    }

    /// Tells the far side to make noise of a loudness in −dBov (RFC 3389 section 3.1).
    pub(super) fn tell_noise(&mut self, level: u8, now: Instant, out: &mut Sink<'_>) {
        let Some(payload_type) = self.comfort_noise else {
            return;
        };
        self.octets.clear();
        self.resume(now);
        let units = self.units(self.frame());
        self.packet_as(payload_type, units, 1, now, out, |room| {
            room.fill(level & 0x7F);
            Some(1)
        });
        // What follows stands at the time it comes.
        self.broken = true;
    }

    fn is_redundant(&self) -> bool {
        self.redundancy.is_some() && self.loss.wants_redundancy()
    }

    /// Brings the encoder in line.
    fn steer(&mut self) {
        self.settings = self.loss.settings(self.settings, self.is_redundant());
        if let Some(encoder) = &mut self.encoder {
            // None of them is out of range; if one were, the encoder would go on as it was.
            let _ = encoder.set(self.settings);
        }
    }

    /// Samples at 8 kHz in a packet of ours.
    pub(super) fn frame(&self) -> usize {
        usize::from(self.packet_time_ms()) * 8
    }

    pub(super) fn packet_time(&self) -> Duration {
        Duration::from_millis(u64::from(self.packet_time_ms()))
    }

    /// Of the sound that it takes.
    pub(super) const fn bandwidth(&self) -> Bandwidth {
        self.bandwidth
    }

    fn packet_time_ms(&self) -> u8 {
        match (self.format.codec, self.format.ptime_ms) {
            // Opus has no frame of 30 ms (RFC 6716 section 2.1.4).
            (AudioCodec::Opus, 30) => 20,
            (_, ms) => ms,
        }
    }

    /// The next sound begins anew: at the time it comes, with the marker.
    pub(super) fn break_off(&mut self) {
        self.broken = true;
        self.octets.clear();
        self.samples.clear();
        self.before.clear();
    }

    /// Moves the timeline to `now` when something was broken off, when nothing left for so long
    /// that the source must have slept with its clock stopped, or when the sound lags behind.
    fn resume(&mut self, now: Instant) {
        if self.is_quiet_for(ASLEEP, now) || self.timeline.has_slipped() {
            self.break_off();
        }
        if std::mem::take(&mut self.broken) {
            let quantum = self.units(self.frame());
            self.timeline.realign(now, quantum);
        }
    }

    fn is_quiet_for(&self, time: Duration, now: Instant) -> bool {
        let last = self.timeline.last_sent();
        last.is_some_and(|last| now.saturating_duration_since(last) >= time)
    }

    /// Sends sound in the bandwidth of the path.
    pub(super) fn sound(&mut self, pcm: &[i16], now: Instant, out: &mut Sink<'_>) {
        self.resume(now);
        match silence(self.format.codec) {
            Some(silence) => {
                let start = self.octets.len();
                let length = pcm.len() / self.bandwidth.factor();
                self.octets.resize(start + length, silence);
                if let Some(room) = self.octets.get_mut(start..) {
                    match (Law::of(self.format.codec), self.bandwidth, self.muted) {
                        (Some(_), _, true) => 0,
                        (Some(law), _, false) => law.encode_into(pcm, room),
                        // What silence is to the far side depends on what it has heard.
                        (None, _, true) => self.g722.encode_silence(room),
                        (None, Bandwidth::Narrow, false) => self.g722.encode_narrow(pcm, room),
                        (None, Bandwidth::Wide, false) => self.g722.encode(pcm, room),
                    };
                }
                self.flush_octets(now, out);
            }
            None => {
                let start = self.samples.len();
                self.samples.extend_from_slice(pcm);
                if self.muted
                    && let Some(muted) = self.samples.get_mut(start..)
                {
                    muted.fill(0);
                }
                self.flush_samples(now, out);
            }
        }
    }

    /// Sends sound of our own, which muting the far side's does not silence.
    pub(super) fn unmuted_sound(&mut self, pcm: &[i16], now: Instant, out: &mut Sink<'_>) {
        if self.is_quiet_for(self.packet_time() * 2, now) {
            self.break_off();
        }
        let muted = std::mem::take(&mut self.muted);
        self.sound(pcm, now, out);
        self.muted = muted;
    }

    /// Sends G.711 as G.711, or G.722 as G.722, without going through samples.
    pub(super) fn octets(
        &mut self,
        from: AudioCodec,
        payload: &[u8],
        now: Instant,
        out: &mut Sink<'_>,
    ) {
        self.resume(now);
        let to = self.format.codec;
        if self.muted {
            let filled = self.octets.len() + payload.len();
            let silence = silence(to).unwrap_or_default();
            self.octets.resize(filled, silence);
        } else if let (Some(from), Some(to)) = (Law::of(from), Law::of(to))
            && from != to
        {
            let converted = payload.iter().map(|octet| from.convert(to, *octet));
            self.octets.extend(converted);
        } else {
            self.octets.extend_from_slice(payload);
        }
        self.flush_octets(now, out);
    }

    /// Sends an Opus packet of `samples` as it is.
    pub(super) fn forward_opus(
        &mut self,
        payload: &[u8],
        samples: usize,
        now: Instant,
        out: &mut Sink<'_>,
    ) {
        self.resume(now);
        let payload = if self.muted { &SILENCE_20_MS } else { payload };
        self.packet(self.units(samples), payload.len(), now, out, |room| {
            room.copy_from_slice(payload);
            Some(payload.len())
        });
    }

    /// Shows the far side a hole of `lost` packets with `frame` samples each, where sound is
    /// passed on as it comes; returns how many numbers that leaves out.
    pub(super) fn hole(&mut self, lost: u16, frame: usize) -> u16 {
        let samples = usize::from(lost) * frame;
        let aligned = self.octets.is_empty() && self.samples.is_empty();
        if !aligned {
            // What waits for its other half is too old to be of use.
            self.octets.clear();
        }
        let packets = match self.format.codec {
            AudioCodec::Opus => lost,
            AudioCodec::Pcmu | AudioCodec::Pcma | AudioCodec::G722 => {
                (samples / self.frame().max(1)) as u16
            }
        };
        self.timeline.skip(self.units(samples), packets);
        packets
    }

    /// Leaves out sound that is not worth making up.
    pub(super) fn leave_out(&mut self, samples: usize) {
        self.timeline.skip(self.units(samples), 0);
    }

    /// Sends one packet of silence that belongs to nothing.
    pub(super) fn silence(&mut self, now: Instant, out: &mut Sink<'_>) {
        self.break_off();
        self.resume(now);
        match silence(self.format.codec) {
            Some(silence) => {
                let frame = self.frame();
                self.packet(self.units(frame), frame, now, out, |room| {
                    room.fill(silence);
                    Some(frame)
                });
            }
            None => {
                let units = 160 * opus::CLOCK_PER_SAMPLE;
                self.packet(units, SILENCE_20_MS.len(), now, out, |room| {
                    room.copy_from_slice(&SILENCE_20_MS);
                    Some(SILENCE_20_MS.len())
                });
            }
        }
        self.break_off();
    }

    /// Begins an event at `now`; returns its timestamp.
    pub(super) fn begin_event(&mut self, now: Instant) -> u32 {
        self.break_off();
        self.resume(now);
        self.broken = true;
        self.timeline.position()
    }

    /// Sends one event packet. `segment` and `total` count in the event's clock; timestamps
    /// stay in that of the sound, which is the same unless a browser knows only 8 kHz events.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn event(
        &mut self,
        dtmf: DtmfFormat,
        begin: u32,
        (segment, total): (u32, u32),
        marker: bool,
        event: Event,
        now: Instant,
        out: &mut Sink<'_>,
    ) {
        let clock_rate = self.format.codec.clock_rate();
        let header = self.timeline.event(
            dtmf.payload_type,
            marker,
            scale(segment, dtmf.clock_rate, clock_rate),
            begin,
            (
                scale(total, dtmf.clock_rate, clock_rate),
                self.units(self.frame()),
            ),
            now,
        );
        let payload = event.to_bytes();
        out.push(header, payload.len(), |room| {
            room.copy_from_slice(&payload);
            Some(payload.len())
        });
        self.broken = true;
    }

    fn flush_octets(&mut self, now: Instant, out: &mut Sink<'_>) {
        let frame = self.frame().max(1);
        let units = self.units(frame);
        let waiting = std::mem::take(&mut self.octets);
        let mut packets = waiting.chunks_exact(frame);
        for octets in packets.by_ref() {
            self.packet(units, frame, now, out, |room| {
                room.copy_from_slice(octets);
                Some(frame)
            });
        }
        let rest = packets.remainder().len();
        self.octets = waiting;
        keep_last(&mut self.octets, rest);
    }

    fn flush_samples(&mut self, now: Instant, out: &mut Sink<'_>) {
        let frame = self.frame().max(1);
        let units = self.units(frame);
        let waiting = std::mem::take(&mut self.samples);
        let mut encoder = self.encoder.take();
        let mut frames = waiting.chunks_exact(frame * self.bandwidth.factor());
        let redundancy = self.redundancy.filter(|_| self.is_redundant());
        let mut discontinuous = self.is_discontinuous;
        for samples in frames.by_ref() {
            let mut silent = false;
            let before = std::mem::take(&mut self.before);
            let mut kept = std::mem::take(&mut self.spare);
            kept.clear();
            let heads = redundancy
                .and_then(|_| red::headers(self.format.payload_type, units, before.len()));
            let start = heads.map_or(0, |heads| heads.len() + before.len());
            let payload_type = redundancy
                .filter(|_| heads.is_some())
                .unwrap_or(self.format.payload_type);
            let room = start + opus::MAX_PACKET;
            let sent = self.packet_as(payload_type, units, room, now, out, |room| {
                let (front, room) = room.split_at_mut_checked(start)?;
                if let Some((heads_room, before_room)) = front.split_at_mut_checked(red::HEADERS) {
                    heads_room.copy_from_slice(&heads?);
                    before_room.copy_from_slice(&before);
                }
                let encoded = encoder.as_mut()?.encode(samples, room);
                let was = std::mem::replace(
                    &mut discontinuous,
                    matches!(encoded, Ok(Encoded::Silence(_))),
                );
                match encoded {
                    // The first tells the decoder that none will follow.
                    Ok(Encoded::Silence(octets)) if !was && octets > 0 => Some(start + octets),
                    Ok(Encoded::Packet(octets)) => {
                        if redundancy.is_some() {
                            kept.extend_from_slice(room.get(..octets)?);
                        }
                        Some(start + octets)
                    }
                    Ok(Encoded::Silence(_)) | Err(_) => {
                        silent = true;
                        None
                    }
                }
            });
            (self.before, self.spare) = (kept, before);
            if !sent && silent {
                self.timeline.skip(units, 0);
                self.broken = true;
            }
        }
        let rest = frames.remainder().len();
        self.is_discontinuous = discontinuous;
        self.encoder = encoder;
        self.samples = waiting;
        keep_last(&mut self.samples, rest);
    }

    /// Sends one packet of sound that lasts `units`.
    fn packet(
        &mut self,
        units: u32,
        room: usize,
        now: Instant,
        out: &mut Sink<'_>,
        fill: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> bool {
        self.packet_as(self.format.payload_type, units, room, now, out, fill)
    }

    fn packet_as(
        &mut self,
        payload_type: u8,
        units: u32,
        room: usize,
        now: Instant,
        out: &mut Sink<'_>,
        fill: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> bool {
        let header = self.timeline.next(payload_type);
        let sent = out.push(header, room, fill);
        if sent {
            self.timeline.sent(units, now);
        }
        sent
    }

    /// Samples at 8 kHz in units of the RTP clock.
    fn units(&self, samples: usize) -> u32 {
        samples as u32 * (self.format.codec.clock_rate() / opus::SAMPLE_RATE)
    }
}

/// Where packets go, and where they are counted.
#[derive(Debug)]
pub(super) struct Sink<'a> {
    pub(super) output: &'a mut Output,
    pub(super) counters: &'a mut PathCounters,
}

impl Sink<'_> {
    fn push(
        &mut self,
        header: crate::rtp::Header,
        room: usize,
        fill: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> bool {
        let used = self.output.push_packet(header, room, fill);
        if let Some(octets) = used {
            self.counters.packets_out += 1;
            self.counters.octets_out += octets as u64;
        }
        used.is_some()
    }
}

/// A duration in another clock.
pub(super) fn scale(units: u32, from: u32, to: u32) -> u32 {
    let scaled = u64::from(units) * u64::from(to) / u64::from(from.max(1));
    u32::try_from(scaled).unwrap_or(u32::MAX)
}

fn keep_last<T: Copy>(buffer: &mut Vec<T>, kept: usize) {
    let gone = buffer.len() - kept;
    buffer.copy_within(gone.., 0);
    buffer.truncate(kept);
}

/// The octet of silence of a codec whose octets stand for one length of time; `None` for Opus.
const fn silence(codec: AudioCodec) -> Option<u8> {
    match codec {
        AudioCodec::Opus => None,
        AudioCodec::Pcmu => Some(Law::Mu.silence()),
        AudioCodec::Pcma => Some(Law::A.silence()),
        AudioCodec::G722 => Some(g722::SILENCE),
    }
}

fn encoder_for(
    format: AudioFormat,
    bandwidth: Bandwidth,
    settings: EncoderSettings,
) -> Result<Option<Encoder>, PathError> {
    Ok(match format.codec {
        AudioCodec::Opus => Some(Encoder::new(bandwidth, settings)?),
        AudioCodec::Pcmu | AudioCodec::Pcma | AudioCodec::G722 => None,
    })
}
