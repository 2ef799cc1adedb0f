//! The caller's sound: a second of tone coded once and sent by all, and a decoder that measures a sample.

use crate::media::g711::Law;
use crate::media::measure::{Heard, measure};
use crate::media::tone::Tone;

/// What the caller offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// Opus at 48 kHz.
    Opus,
    /// G.711.
    G711(Law),
}

impl Codec {
    /// By name: opus, pcmu, pcma.
    ///
    /// # Errors
    /// A sentence with the name.
    pub fn from_name(name: &str) -> Result<Self, String> {
        if name.eq_ignore_ascii_case("opus") {
            return Ok(Self::Opus);
        }
        Law::from_name(name)
            .map(Self::G711)
            .ok_or_else(|| format!("{name} is not opus, pcmu or pcma"))
    }

    /// Samples of the RTP clock in 20 ms.
    pub(crate) fn ticks(self) -> u32 {
        match self {
            Self::Opus => 960,
            Self::G711(_) => 160,
        }
    }

    pub(crate) fn payload_type(self) -> u8 {
        match self {
            Self::Opus => 111,
            Self::G711(law) => law.payload_type(),
        }
    }
}

/// Fifty frames of 20 ms: one period of the level pattern.
#[derive(Debug)]
pub(crate) struct ToneFrames {
    frames: Vec<bytes::Bytes>,
}

impl ToneFrames {
    /// Codes the tone. A whole number of Hz loops without a seam.
    pub(crate) fn new(codec: Codec, hz: f64) -> Result<Self, String> {
        let mut frames = Vec::with_capacity(50);
        match codec {
            Codec::Opus => {
                let mut encoder =
                    opus::Encoder::new(48_000, opus::Channels::Mono, opus::Application::Voip)
                        .map_err(|error| error.to_string())?;
                encoder
                    .set_bitrate(opus::Bitrate::Bits(32_000))
                    .map_err(|error| error.to_string())?;
                let mut tone = Tone::new(hz, 48_000);
                let mut samples = [0_i16; 960];
                // The first second sets the encoder; the second one is kept, so that its end meets its beginning.
                for round in 0..2 {
                    for _ in 0..50 {
                        tone.fill(&mut samples);
                        let frame = encoder
                            .encode_vec(&samples, 1000)
                            .map_err(|error| error.to_string())?;
                        if round == 1 {
                            frames.push(frame.into());
                        }
                    }
                }
            }
            Codec::G711(law) => {
                let mut tone = Tone::new(hz, 8000);
                let mut samples = [0_i16; 160];
                for _ in 0..50 {
                    tone.fill(&mut samples);
                    frames.push(samples.map(|sample| law.encode(sample)).to_vec().into());
                }
            }
        }
        Ok(Self { frames })
    }

    /// Frames that were coded elsewhere.
    pub(crate) fn coded(frames: Vec<bytes::Bytes>) -> Result<Self, String> {
        if frames.is_empty() {
            return Err("no frame to speak".to_owned());
        }
        Ok(Self { frames })
    }

    /// The `n`th frame, round and round.
    pub(crate) fn frame(&self, n: usize) -> bytes::Bytes {
        self.frames[n % self.frames.len()].clone()
    }
}

/// Decodes half a second now and then and says what it is.
#[derive(Debug)]
pub(crate) struct Sampler {
    codec: Codec,
    decoder: Option<opus::Decoder>,
    skipped: usize,
    samples: Vec<i16>,
}

/// Frames decoded before measuring, so that the decoder has settled.
const SETTLE: usize = 5;

impl Sampler {
    pub(crate) fn new(codec: Codec) -> Result<Self, String> {
        let decoder = match codec {
            Codec::Opus => Some(
                opus::Decoder::new(8000, opus::Channels::Mono)
                    .map_err(|error| error.to_string())?,
            ),
            Codec::G711(_) => None,
        };
        Ok(Self {
            codec,
            decoder,
            skipped: 0,
            samples: Vec::with_capacity(4160),
        })
    }

    /// Takes a payload; a measurement comes out each half second.
    pub(crate) fn take(&mut self, payload: &[u8]) -> Option<Heard> {
        let mut frame = [0_i16; 960];
        let count = match (&mut self.decoder, self.codec) {
            (Some(decoder), _) => decoder.decode(payload, &mut frame, false).ok()?,
            (None, Codec::G711(law)) => {
                for (sample, code) in frame.iter_mut().zip(payload) {
                    *sample = law.decode(*code);
                }
                payload.len().min(frame.len())
            }
            (None, Codec::Opus) => return None,
        };
        if self.skipped < SETTLE {
            self.skipped += 1;
            return None;
        }
        self.samples.extend_from_slice(&frame[..count]);
        if self.samples.len() < 4000 {
            return None;
        }
        let heard = measure(&self.samples[..4000], 8000);
        self.samples.clear();
        Some(heard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coded_frames_sound_as_they_should_round_and_round() {
        for codec in [Codec::Opus, Codec::G711(Law::Pcmu), Codec::G711(Law::Pcma)] {
            let frames = ToneFrames::new(codec, 440.0).expect("coded");
            let mut sampler = Sampler::new(codec).expect("decoder");
            let heard: Vec<Heard> = (0..200)
                .filter_map(|n| sampler.take(&frames.frame(n)))
                .collect();
            assert_eq!(heard.len(), 7, "{codec:?}");
            for heard in heard {
                assert!((heard.hz - 440.0).abs() < 2.2, "{codec:?} {heard:?}");
                assert!(heard.purity > 0.7, "{codec:?} {heard:?}");
            }
        }
    }
}
