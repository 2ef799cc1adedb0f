//! Opus over libopus, mono at 8 kHz, which is all that a trunk in G.711 needs of it, at a third of the
//! cost of 48 kHz, or at 16 kHz for one in G.722. The RTP clock is 48 kHz regardless (RFC 7587 section 4.1).
//!
//! Nothing is allocated after `new`.

use ::opus as libopus;
use libopus::{Application, Bitrate, Channels, Signal};
use thiserror::Error;

/// Samples a second on our side of the codec in [`Bandwidth::Narrow`], in which durations are counted everywhere.
pub const SAMPLE_RATE: u32 = 8_000;
/// Samples of the longest Opus packet, 120 ms (RFC 6716 section 3.2.5).
pub const MAX_SAMPLES: usize = 960;
/// RTP clock units per sample at 8 kHz.
pub const CLOCK_PER_SAMPLE: u32 = 6;
/// Octets that hold any packet we encode.
pub const MAX_PACKET: usize = 400;
/// 20 ms of silence, as a receiver of any state decodes it: the frame other stacks send for a
/// muted microphone (CELT, full band, nothing coded).
pub const SILENCE_20_MS: [u8; 3] = [0xF8, 0xFF, 0xFE];

/// How much of the sound there is on our side of a codec.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bandwidth {
    /// 8000 samples a second.
    #[default]
    Narrow,
    /// 16 000.
    Wide,
}

impl Bandwidth {
    /// Samples for each at 8 kHz.
    pub const fn factor(self) -> usize {
        match self {
            Self::Narrow => 1,
            Self::Wide => 2,
        }
    }

    /// In Hz.
    pub const fn sample_rate(self) -> u32 {
        SAMPLE_RATE * self.factor() as u32
    }
}

/// What libopus refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{operation}: {description}")]
pub struct OpusError {
    pub operation: &'static str,
    pub description: &'static str,
}

impl From<libopus::Error> for OpusError {
    fn from(error: libopus::Error) -> Self {
        Self {
            operation: error.function(),
            description: error.description(),
        }
    }
}

/// Duration of a packet in samples at 8 kHz, from its first octets (RFC 6716 section 3.1);
/// `None` when it is not an Opus packet. A whole number for every duration but 2.5 ms × odd,
/// which is 20 samples and whole as well.
pub fn samples(packet: &[u8]) -> Option<usize> {
    let (toc, rest) = packet.split_first()?;
    let config = toc >> 3;
    // In samples at 8 kHz: SILK 10–60 ms, hybrid 10–20 ms, CELT 2.5–20 ms.
    let frame: usize = match config {
        0..=11 => match config & 3 {
            0 => 80,
            1 => 160,
            2 => 320,
            _ => 480,
        },
        12..=15 => 80 << (config & 1),
        _ => 20 << (config & 3),
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => usize::from(rest.first()? & 0x3F),
    };
    let total = frame * frames;
    (1..=MAX_SAMPLES).contains(&total).then_some(total)
}

/// Decodes whatever a browser sends (any bandwidth, stereo, 2.5–120 ms) to mono.
#[derive(Debug)]
pub struct Decoder {
    inner: libopus::Decoder,
}

impl Decoder {
    /// # Errors
    /// [`OpusError`] when memory is short.
    pub fn new(bandwidth: Bandwidth) -> Result<Self, OpusError> {
        Ok(Self {
            inner: libopus::Decoder::new(bandwidth.sample_rate(), Channels::Mono)?,
        })
    }

    /// Decodes one packet; returns the samples written. `pcm` of [`MAX_SAMPLES`] (twice as many in wide) always fits.
    ///
    /// # Errors
    /// [`OpusError`] for an empty or invalid packet, or too small a buffer.
    pub fn decode(&mut self, packet: &[u8], pcm: &mut [i16]) -> Result<usize, OpusError> {
        if packet.is_empty() {
            // libopus would take it for a lost packet.
            return Err(OpusError {
                operation: "decode",
                description: "empty packet",
            });
        }
        Ok(self.inner.decode(packet, pcm, false)?)
    }

    /// Makes up `pcm.len()` samples (a multiple of 20) for a lost packet (PLC).
    ///
    /// # Errors
    /// [`OpusError`] for a length libopus does not conceal.
    pub fn plc(&mut self, pcm: &mut [i16]) -> Result<usize, OpusError> {
        Ok(self.inner.decode(&[], pcm, false)?)
    }

    /// Restores the `pcm.len()` samples just before `next` from its in-band redundancy, or
    /// makes them up when it has none. Decode `next` itself afterwards.
    ///
    /// # Errors
    /// [`OpusError`] for an invalid packet or length.
    pub fn fec(&mut self, next: &[u8], pcm: &mut [i16]) -> Result<usize, OpusError> {
        Ok(self.inner.decode(next, pcm, true)?)
    }

    /// Forgets the stream's past: the next packet comes from another encoder.
    pub fn reset(&mut self) {
        // Fails only for an invalid decoder, which `new` does not make.
        let _ = self.inner.reset_state();
    }
}

/// What an [`Encoder`] is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderSettings {
    /// 0–10.
    pub complexity: u8,
    pub bits_per_second: i32,
    /// How much loss the in-band redundancy reckons with, in per cent; 0 writes none.
    pub expected_loss_percent: u8,
    /// Whether silence may go unsent.
    pub dtx: bool,
}

impl Default for EncoderSettings {
    fn default() -> Self {
        Self {
            complexity: 5,
            bits_per_second: 24_000,
            expected_loss_percent: 5,
            dtx: false,
        }
    }
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoded {
    /// Octets written.
    Packet(usize),
    /// Discontinuous transmission: the first of these in a row, of so many octets, tells a decoder that it begins; the
    /// others are not to be sent.
    Silence(usize),
}

/// Encodes mono speech with in-band redundancy.
#[derive(Debug)]
pub struct Encoder {
    inner: libopus::Encoder,
}

impl Encoder {
    /// # Errors
    /// [`OpusError`] when memory is short or a setting is out of range.
    pub fn new(bandwidth: Bandwidth, settings: EncoderSettings) -> Result<Self, OpusError> {
        let rate = bandwidth.sample_rate();
        let mut inner = libopus::Encoder::new(rate, Channels::Mono, Application::Voip)?;
        inner.set_signal(Signal::Voice)?;
        let mut encoder = Self { inner };
        encoder.set(settings)?;
        Ok(encoder)
    }

    /// Changes the settings between two frames.
    ///
    /// # Errors
    /// [`OpusError`] when one is out of range.
    pub fn set(&mut self, settings: EncoderSettings) -> Result<(), OpusError> {
        let inner = &mut self.inner;
        inner.set_complexity(i32::from(settings.complexity))?;
        inner.set_bitrate(Bitrate::Bits(settings.bits_per_second))?;
        inner.set_inband_fec(settings.expected_loss_percent > 0)?;
        inner.set_packet_loss_perc(i32::from(settings.expected_loss_percent))?;
        inner.set_dtx(settings.dtx)?;
        Ok(())
    }

    /// Encodes one frame of 20, 40, 80, 160, 320 or 480 samples, in wide of twice as many.
    ///
    /// # Errors
    /// [`OpusError`] for another length or too small a buffer ([`MAX_PACKET`] fits).
    pub fn encode(&mut self, pcm: &[i16], packet: &mut [u8]) -> Result<Encoded, OpusError> {
        let octets = self.inner.encode(pcm, packet)?;
        // opus_encode: a return value of 2 bytes or less need not be transmitted.
        Ok(if octets <= 2 {
            Encoded::Silence(octets)
        } else {
            Encoded::Packet(octets)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(samples: usize) -> Vec<i16> {
        (0..samples)
            .map(|n| ((n as f32 * 440.0 * std::f32::consts::TAU / 8_000.0).sin() * 8_000.0) as i16)
            .collect()
    }

    #[test]
    fn durations_agree_with_libopus() {
        for toc in 0..=255_u8 {
            for count in [1_u8, 2, 6, 48] {
                let packet = [toc, count, 0, 0];
                let theirs = libopus::packet::get_nb_samples(&packet, 8_000).ok();
                assert_eq!(samples(&packet), theirs, "toc {toc:#x} count {count}");
            }
        }
        assert_eq!(samples(&[]), None);
        assert_eq!(samples(&[0xFB]), None);
    }

    #[test]
    fn the_silence_frame_is_twenty_milliseconds_of_silence() {
        let mut pcm = [1_i16; MAX_SAMPLES];
        let mut decoder = Decoder::new(Bandwidth::Narrow).unwrap();
        assert_eq!(decoder.decode(&SILENCE_20_MS, &mut pcm).unwrap(), 160);
        assert!(pcm[..160].iter().all(|s| s.abs() < 4));
        assert_eq!(samples(&SILENCE_20_MS), Some(160));
    }

    #[test]
    fn silence_is_flagged_when_dtx_is_on() {
        let settings = EncoderSettings {
            dtx: true,
            ..EncoderSettings::default()
        };
        let mut encoder = Encoder::new(Bandwidth::Narrow, settings).unwrap();
        let mut packet = [0; MAX_PACKET];
        let silent = (0..100)
            .filter(|_| {
                let encoded = encoder.encode(&[0; 160], &mut packet).unwrap();
                matches!(encoded, Encoded::Silence(1..=2))
            })
            .count();
        assert!(silent > 50, "{silent} of 100 frames were flagged");
        assert!(matches!(
            encoder.encode(&tone(160), &mut packet).unwrap(),
            Encoded::Packet(20..)
        ));
    }

    #[test]
    fn a_lost_packet_is_restored_from_the_next() {
        let mut encoder = Encoder::new(
            Bandwidth::Narrow,
            EncoderSettings {
                expected_loss_percent: 20,
                ..EncoderSettings::default()
            },
        )
        .unwrap();
        let sound = tone(160 * 20);
        let packets: Vec<Vec<u8>> = sound
            .chunks(160)
            .map(|frame| {
                let mut packet = [0; MAX_PACKET];
                let Encoded::Packet(octets) = encoder.encode(frame, &mut packet).unwrap() else {
                    panic!("a tone is no silence");
                };
                packet[..octets].to_vec()
            })
            .collect();
        let mut decoder = Decoder::new(Bandwidth::Narrow).unwrap();
        let mut pcm = [0; MAX_SAMPLES];
        for packet in &packets[..10] {
            decoder.decode(packet, &mut pcm).unwrap();
        }
        let restored = decoder.fec(&packets[11], &mut pcm[..160]).unwrap();
        let energy: i64 = pcm[..restored].iter().map(|s| i64::from(*s).pow(2)).sum();
        assert!(
            energy / 160 > 4_000 * 4_000 / 2,
            "restored frame is too quiet"
        );
        assert!(decoder.decode(&[], &mut pcm).is_err());
    }
}
