//! The receiving half of a path: which codec a packet is in, how it connects to the one before,
//! and its sound at 8 kHz.

use super::PathError;
use super::conceal::Concealer;
use crate::g711::Law;
use crate::opus;
use crate::plan::{AudioCodec, AudioFormat};
use crate::rtp::Header;

/// Lost frames that are made up; what is lost beyond is left out.
pub(super) const MAX_CONCEALED: u16 = 5;
/// Octets of a payload that is looked at.
pub(super) const MAX_PAYLOAD: usize = 2_048;
/// Samples that any payload decodes to at most.
const MAX_SAMPLES: usize = MAX_PAYLOAD;
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
    decoder: Option<opus::Decoder>,
    concealer: Concealer,
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
    pub(super) fn new(format: AudioFormat) -> Result<Self, PathError> {
        Ok(Self {
            format,
            decoder: decoder_for(format)?,
            concealer: Concealer::new(),
            pcm: vec![0; MAX_SAMPLES],
            decoded: 0,
            kept: [0; KEPT_OCTETS],
            passed: None,
            next_timestamp: None,
            frame: 0,
            quiet: LOUDEST_QUIET,
        })
    }

    /// Changes the format; nothing has changed when it fails.
    pub(super) fn set_format(&mut self, format: AudioFormat) -> Result<(), PathError> {
        if self.format.codec != format.codec {
            self.decoder = decoder_for(format)?;
            self.restart();
        }
        self.format = format;
        Ok(())
    }

    /// Another source begins.
    pub(super) fn restart(&mut self) {
        self.next_timestamp = None;
        self.decoded = 0;
        self.passed = None;
        self.frame = 0;
        self.concealer.reset();
        if let Some(decoder) = &mut self.decoder {
            decoder.reset();
        }
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

    /// The codec of a payload type. PBXs change from one law to the other without a word;
    /// the static types leave no doubt, so both are understood.
    pub(super) fn codec_of(&self, payload_type: u8) -> Option<AudioCodec> {
        if payload_type == self.format.payload_type {
            return Some(self.format.codec);
        }
        match (self.format.codec, payload_type) {
            (AudioCodec::Pcmu | AudioCodec::Pcma, 0) => Some(AudioCodec::Pcmu),
            (AudioCodec::Pcmu | AudioCodec::Pcma, 8) => Some(AudioCodec::Pcma),
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

    /// Decodes one payload to 8 kHz.
    pub(super) fn decode(&mut self, codec: AudioCodec, payload: &[u8]) -> Option<&[i16]> {
        self.passed = None;
        self.decoded = match Law::of(codec) {
            Some(law) => {
                let decoded = law.decode_into(payload, &mut self.pcm);
                self.concealer.heard(self.pcm.get_mut(..decoded)?);
                decoded
            }
            None => self.decoder.as_mut()?.decode(payload, &mut self.pcm).ok()?,
        };
        self.pcm.get(..self.decoded)
    }

    /// Makes up a lost frame; `next` is the packet right behind it, if that is at hand.
    pub(super) fn conceal(
        &mut self,
        codec: AudioCodec,
        samples: usize,
        next: Option<&[u8]>,
    ) -> Option<&[i16]> {
        let sound = self.pcm.get_mut(..samples)?;
        match (Law::of(codec), &mut self.decoder, next) {
            (Some(_), _, _) => self.concealer.conceal(sound),
            (None, Some(decoder), Some(next)) => _ = decoder.fec(next, sound).ok()?,
            (None, Some(decoder), None) => _ = decoder.plc(sound).ok()?,
            (None, None, _) => return None,
        }
        self.pcm.get(..samples)
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

/// Samples at 8 kHz that a payload holds; `None` when its codec cannot have made it.
pub(super) fn samples(codec: AudioCodec, payload: &[u8]) -> Option<usize> {
    match codec {
        AudioCodec::Opus => opus::samples(payload),
        AudioCodec::Pcmu | AudioCodec::Pcma => Some(payload.len()),
    }
}

fn decoder_for(format: AudioFormat) -> Result<Option<opus::Decoder>, PathError> {
    Ok(match format.codec {
        AudioCodec::Opus => Some(opus::Decoder::new()?),
        AudioCodec::Pcmu | AudioCodec::Pcma => None,
    })
}
