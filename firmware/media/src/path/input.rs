//! The receiving half of a path: which codec a packet is in, how it connects to the one before,
//! and its sound at 8 kHz, or at 16 where that is worth it. Lengths are in samples at 8 kHz everywhere.

use super::PathError;
use super::conceal::Concealer;
use crate::g711::Law;
use crate::g722;
use crate::opus::{self, Bandwidth};
use crate::plan::{AudioCodec, AudioFormat};
use crate::rtp::Header;

/// Lost frames that are made up; what is lost beyond is left out.
pub(super) const MAX_CONCEALED: u16 = 5;
/// Octets of a payload that is looked at.
pub(super) const MAX_PAYLOAD: usize = 2_048;
/// Octets of G.711 that are kept for who asks how loud it is: a packet of 30 ms.
pub(super) const KEPT_OCTETS: usize = 240;
/// Comfort noise (RFC 3389): the far side's word that it is silent.
const COMFORT_NOISE: u8 = 13;

/// No room is quieter than −60 dBov, nor louder than −30 when nobody speaks.
const QUIETEST: f32 = 32.0;
const LOUDEST_QUIET: f32 = 1_000.0;

#[derive(Debug)]
pub(super) struct Input {
    pub(super) format: AudioFormat,
    bandwidth: Bandwidth,
    decoder: Option<opus::Decoder>,
    g722: g722::Decoder,
    concealer: Concealer,
    /// Room for any payload: of one octet there is a sample at 8 kHz at most.
    pcm: Vec<i16>,
    /// Samples of the last decoded frame in `pcm`.
    decoded: usize,
    /// The last G.711 that passed undecoded: its law and how many octets.
    kept: [u8; KEPT_OCTETS],
    passed: Option<(Law, usize)>,
    /// Where the next packet's timestamp is expected.
    next_timestamp: Option<u32>,
    /// Samples in the last packet of sound.
    frame: usize,
    /// How loud it is when nobody speaks.
    quiet: f32,
}

/// How a packet of sound connects to the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Continuity {
    Follows,
    /// After a hole of so many packets of `frame` samples each.
    After {
        lost: u16,
        frame: usize,
    },
    /// Not at all: the timestamps in between mean nothing.
    Jump,
}

impl Input {
    pub(super) fn new(format: AudioFormat, bandwidth: Bandwidth) -> Result<Self, PathError> {
        Ok(Self {
            format,
            bandwidth,
            decoder: decoder_for(format, bandwidth)?,
            g722: g722::Decoder::default(),
            concealer: Concealer::new(bandwidth),
            pcm: vec![0; MAX_PAYLOAD * bandwidth.factor()],
            decoded: 0,
            kept: [0; KEPT_OCTETS],
            passed: None,
            next_timestamp: None,
            frame: 0,
            quiet: LOUDEST_QUIET,
        })
    }

    /// Changes the format; nothing has changed when it fails.
    pub(super) fn set_format(
        &mut self,
        format: AudioFormat,
        bandwidth: Bandwidth,
    ) -> Result<(), PathError> {
        if (self.format.codec, self.bandwidth) != (format.codec, bandwidth) {
            self.decoder = decoder_for(format, bandwidth)?;
            self.bandwidth = bandwidth;
            self.pcm.resize(MAX_PAYLOAD * bandwidth.factor(), 0);
            if self.format.codec == format.codec {
                self.forget_sound();
            } else {
                self.restart();
            }
        }
        self.format = format;
        Ok(())
    }

    /// Another source begins.
    pub(super) fn restart(&mut self) {
        self.next_timestamp = None;
        self.frame = 0;
        self.forget_sound();
        if let Some(decoder) = &mut self.decoder {
            decoder.reset();
        }
    }

    /// What was heard so far says nothing of what comes.
    fn forget_sound(&mut self) {
        self.decoded = 0;
        self.passed = None;
        self.concealer.reset(self.bandwidth);
        self.g722 = g722::Decoder::default();
    }

    pub(super) const fn bandwidth(&self) -> Bandwidth {
        self.bandwidth
    }

    /// Whether packets of this type belong to the stream.
    pub(super) fn knows(&self, payload_type: u8) -> bool {
        self.is_event(payload_type)
            || payload_type == COMFORT_NOISE
            || self.codec_of(payload_type).is_some()
    }

    pub(super) fn is_event(&self, payload_type: u8) -> bool {
        self.format
            .dtmf
            .is_some_and(|dtmf| dtmf.payload_type == payload_type)
    }

    /// The codec of a payload type. PBXs change from one codec of a telephone to another without a word;
    /// the static types leave no doubt, so all are understood.
    pub(super) fn codec_of(&self, payload_type: u8) -> Option<AudioCodec> {
        if payload_type == self.format.payload_type {
            return Some(self.format.codec);
        }
        match (self.format.codec, payload_type) {
            (AudioCodec::Opus, _) => None,
            (_, 0) => Some(AudioCodec::Pcmu),
            (_, 8) => Some(AudioCodec::Pcma),
            (_, 9) => Some(AudioCodec::G722),
            _ => None,
        }
    }

    /// Places a packet of `samples` behind the one before.
    pub(super) fn place(
        &mut self,
        header: &Header,
        samples: usize,
        lost: u16,
        restart: bool,
    ) -> Continuity {
        let per_sample = self.format.codec.clock_rate() / opus::SAMPLE_RATE;
        let frame = std::mem::replace(&mut self.frame, samples);
        let units = samples as u32 * per_sample;
        let expected = self
            .next_timestamp
            .replace(header.timestamp.wrapping_add(units));
        let Some(expected) = expected.filter(|_| !restart) else {
            return Continuity::Jump;
        };
        let hole = u32::from(lost) * frame as u32 * per_sample;
        let off = header.timestamp.wrapping_sub(expected.wrapping_add(hole)) as i32;
        // Clocks that limp by less than a packet are followed by what they carry.
        if off.unsigned_abs() >= units.max(frame as u32 * per_sample) {
            Continuity::Jump
        } else if lost == 0 {
            Continuity::Follows
        } else {
            Continuity::After { lost, frame }
        }
    }

    /// Decodes one payload.
    pub(super) fn decode(&mut self, codec: AudioCodec, payload: &[u8]) -> Option<&[i16]> {
        self.passed = None;
        let Self { pcm, g722, .. } = self;
        self.decoded = match (codec, self.bandwidth) {
            (AudioCodec::Opus, _) => self.decoder.as_mut()?.decode(payload, pcm).ok()?,
            (AudioCodec::G722, Bandwidth::Wide) => g722.decode(payload, pcm),
            (AudioCodec::G722, Bandwidth::Narrow) => g722.decode_narrow(payload, pcm),
            (AudioCodec::Pcmu | AudioCodec::Pcma, Bandwidth::Narrow) => {
                Law::of(codec)?.decode_into(payload, pcm)
            }
            (AudioCodec::Pcmu | AudioCodec::Pcma, Bandwidth::Wide) => {
                // The PBX has said G.722 and sends this.
                let law = Law::of(codec)?;
                for (octet, pair) in payload.iter().zip(pcm.chunks_exact_mut(2)) {
                    g722.widen(&[law.decode(*octet)], pair);
                }
                (payload.len() * 2).min(pcm.len())
            }
        };
        let sound = self.pcm.get_mut(..self.decoded)?;
        if codec != AudioCodec::Opus {
            self.concealer.heard(sound);
        }
        Some(sound)
    }

    /// Makes up a lost frame of so many samples at 8 kHz; `next` is the packet right behind it, if that is at hand.
    pub(super) fn conceal(
        &mut self,
        codec: AudioCodec,
        samples: usize,
        next: Option<&[u8]>,
    ) -> Option<&[i16]> {
        let sound = self.pcm.get_mut(..samples * self.bandwidth.factor())?;
        match (codec, &mut self.decoder, next) {
            (AudioCodec::Opus, Some(decoder), Some(next)) => _ = decoder.fec(next, sound).ok()?,
            (AudioCodec::Opus, Some(decoder), None) => _ = decoder.plc(sound).ok()?,
            (AudioCodec::Opus, None, _) => return None,
            _ => self.concealer.conceal(sound),
        }
        Some(sound)
    }

    /// Samples by which a packet stands behind where the next is expected.
    pub(super) fn gap(&self, header: &Header) -> i32 {
        let per_sample = (self.format.codec.clock_rate() / opus::SAMPLE_RATE) as i32;
        let expected = self.next_timestamp.unwrap_or(header.timestamp);
        header.timestamp.wrapping_sub(expected) as i32 / per_sample.max(1)
    }

    /// A pause begins there.
    pub(super) fn pauses_at(&mut self, timestamp: u32) {
        self.next_timestamp = Some(timestamp);
    }

    /// Noise of a loudness in −dBov; `dice` is what it is drawn from, which goes on.
    pub(super) fn noise(&mut self, level: u8, samples: usize, dice: &mut u32) -> &[i16] {
        // Evenly spread, its greatest is √3 of its effective value.
        let most = 32_768.0 * 10_f32.powf(-f32::from(level) / 20.0) * 3_f32.sqrt();
        let length = (samples * self.bandwidth.factor()).min(self.pcm.len());
        let room = self.pcm.get_mut(..length).unwrap_or_default();
        for sample in room.iter_mut() {
            *dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let drawn = f32::from((*dice >> 16) as i16) / 32_768.0;
            *sample = (drawn * most) as i16;
        }
        room
    }

    /// Samples in the last packet of sound; 0 before the first.
    pub(super) const fn frame(&self) -> usize {
        self.frame
    }

    /// Whether nobody speaks in the last frame decoded.
    pub(super) fn is_silent(&mut self) -> bool {
        let frame = self.pcm.get(..self.decoded).unwrap_or_default();
        let energy: f32 = frame.iter().map(|s| f32::from(*s) * f32::from(*s)).sum();
        let loudness = (energy / frame.len().max(1) as f32).sqrt();
        // The quietest of late, which is forgotten slowly: 1 dB in a second.
        self.quiet = (self.quiet * 1.002)
            .min(loudness)
            .clamp(QUIETEST, LOUDEST_QUIET);
        loudness < self.quiet * 2.0
    }

    /// Notes G.711 that passes without being decoded.
    pub(super) fn keep(&mut self, law: Law, payload: &[u8]) {
        let length = payload.len().min(KEPT_OCTETS);
        if let (Some(room), Some(head)) = (self.kept.get_mut(..length), payload.get(..length)) {
            room.copy_from_slice(head);
        }
        self.passed = Some((law, length));
    }

    /// The last frame that was decoded, or that can be; `room` is where it is decoded to.
    pub(super) fn last_frame<'a>(&'a self, room: &'a mut [i16; KEPT_OCTETS]) -> &'a [i16] {
        match self.passed {
            Some((law, length)) => {
                let octets = self.kept.get(..length).unwrap_or_default();
                let decoded = law.decode_into(octets, room);
                room.get(..decoded).unwrap_or_default()
            }
            None => self.pcm.get(..self.decoded).unwrap_or_default(),
        }
    }
}

/// Whether a payload type says that the far side is silent.
pub(super) const fn is_comfort_noise(payload_type: u8) -> bool {
    payload_type == COMFORT_NOISE
}

/// Samples at 8 kHz that a payload holds; `None` when its codec cannot have made it.
pub(super) fn samples(codec: AudioCodec, payload: &[u8]) -> Option<usize> {
    match codec {
        AudioCodec::Opus => opus::samples(payload),
        AudioCodec::Pcmu | AudioCodec::Pcma | AudioCodec::G722 => Some(payload.len()),
    }
}

fn decoder_for(
    format: AudioFormat,
    bandwidth: Bandwidth,
) -> Result<Option<opus::Decoder>, PathError> {
    Ok(match format.codec {
        AudioCodec::Opus => Some(opus::Decoder::new(bandwidth)?),
        AudioCodec::Pcmu | AudioCodec::Pcma | AudioCodec::G722 => None,
    })
}
