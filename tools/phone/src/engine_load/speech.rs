//! Real speech, coded once and sent by every call, with marks in it by which a frame is known again on the far side.
//!
//! Every two seconds the speech gives way to 200 ms of silence and then to one frame of a loud 1 kHz tone: the mark.
//! A codec lets it through, and a network or an engine that renumbers packets cannot hide which frame it was.

use std::path::Path;

use bytes::Bytes;

use crate::media::g711::Law;
use crate::media::wav;

/// Frames of 20 ms between two marks.
const PERIOD: usize = 100;
/// Silent frames before a mark.
const SILENT: usize = 10;
const MARK_HZ: f64 = 1000.0;
/// Samples of a frame at 48 kHz, of Opus, and at 8 kHz.
const WIDE: usize = 960;
const NARROW: usize = 160;
/// What browsers give a voice.
const BITRATE: i32 = 32_000;
/// A frame quieter than this is silent (root mean square of 16-bit samples).
const QUIET: f64 = 200.0;
const LOUD: f64 = 2500.0;

/// A round of speech in both codecs, frame by frame.
#[derive(Debug)]
pub struct Speech {
    pub opus: Vec<Bytes>,
    pub pcmu: Vec<Bytes>,
}

impl Speech {
    /// Reads every `.wav` of `folder` (48 kHz, mono, 16 bit) in the order of their names.
    ///
    /// # Errors
    /// A sentence: no such folder, no file in it, another format.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let named = |e: std::io::Error| format!("{}: {e}", folder.display());
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .map_err(named)?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|e| e == "wav"))
            // Some sets of loudspeaker tests have a file of noise among the voices.
            .filter(|path| path.file_stem().is_none_or(|name| name != "Noise"))
            .collect();
        files.sort();
        let mut samples = Vec::new();
        for file in &files {
            let octets = std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
            let voice = wav::read(&octets, 48_000)
                .ok_or_else(|| format!("{} is not 48 kHz, mono, 16 bit", file.display()))?;
            samples.extend(voice);
        }
        if samples.len() < PERIOD * WIDE {
            return Err(format!("less than 2 s of speech in {}", folder.display()));
        }
        Self::code(samples)
    }

    fn code(mut samples: Vec<i16>) -> Result<Self, String> {
        let frames = samples.len() / (PERIOD * WIDE) * PERIOD;
        samples.truncate(frames * WIDE);
        for (n, frame) in samples.chunks_exact_mut(WIDE).enumerate() {
            let place = n % PERIOD;
            if place == 0 {
                for (at, sample) in frame.iter_mut().enumerate() {
                    let phase = std::f64::consts::TAU * MARK_HZ * at as f64 / 48_000.0;
                    *sample = (phase.sin() * 16_000.0) as i16;
                }
            } else if place >= PERIOD - SILENT {
                frame.fill(0);
            }
        }
        let said = |e: opus::Error| e.to_string();
        let mut encoder = opus::Encoder::new(48_000, opus::Channels::Mono, opus::Application::Voip)
            .map_err(said)?;
        encoder
            .set_bitrate(opus::Bitrate::Bits(BITRATE))
            .map_err(said)?;
        encoder.set_inband_fec(true).map_err(said)?;
        let mut speech = Self {
            opus: Vec::with_capacity(frames),
            pcmu: Vec::with_capacity(frames),
        };
        for frame in samples.chunks_exact(WIDE) {
            speech
                .opus
                .push(encoder.encode_vec(frame, 1400).map_err(said)?.into());
            // The mean of six neighbours is filter enough for a voice that is only there to cost something.
            let narrow: Vec<u8> = frame
                .chunks_exact(WIDE / NARROW)
                .map(|six| six.iter().map(|s| i32::from(*s)).sum::<i32>() / 6)
                .map(|sample| Law::Pcmu.encode(sample as i16))
                .collect();
            speech.pcmu.push(narrow.into());
        }
        Ok(speech)
    }

    /// Frames of a round.
    pub fn frames(&self) -> usize {
        self.opus.len()
    }

    /// Whether the `n`th frame sent, round and round, is a mark.
    pub fn is_mark(&self, n: usize) -> bool {
        (n % self.frames()).is_multiple_of(PERIOD)
    }
}

/// Finds marks in decoded sound.
#[derive(Debug, Default)]
pub struct MarkFinder {
    silent: u32,
}

impl MarkFinder {
    /// Whether this frame (8 kHz) begins a mark.
    pub fn take(&mut self, frame: &[i16]) -> bool {
        let count = frame.len().max(1) as f64;
        let energy: f64 = frame.iter().map(|s| f64::from(*s).powi(2)).sum();
        let level = (energy / count).sqrt();
        let was_silent = self.silent >= 3;
        self.silent = if level < QUIET { self.silent + 1 } else { 0 };
        was_silent && level > LOUD && share_at(frame, MARK_HZ, energy) > 0.4
    }
}

/// The share of a frame's energy at `hz` (Goertzel).
fn share_at(frame: &[i16], hz: f64, energy: f64) -> f64 {
    let turn = 2.0 * (std::f64::consts::TAU * hz / 8000.0).cos();
    let (mut one, mut two) = (0.0, 0.0);
    for sample in frame {
        (one, two) = (f64::from(*sample) + turn * one - two, one);
    }
    let power = one * one + two * two - turn * one * two;
    power / (energy.max(1.0) * frame.len() as f64 / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Something loud of many tones.
    fn hum(seconds: usize) -> Vec<i16> {
        (0..seconds * 48_000)
            .map(|n| {
                let t = n as f64 / 48_000.0;
                let tones = [170.0, 340.0, 510.0, 2100.0];
                let sum: f64 = tones
                    .map(|hz| (std::f64::consts::TAU * hz * t).sin())
                    .iter()
                    .sum();
                (sum * 4000.0) as i16
            })
            .collect()
    }

    #[test]
    fn marks_are_found_in_either_codec_and_nowhere_else() {
        let speech = Speech::code(hum(6)).expect("coded");
        assert_eq!((speech.frames(), speech.pcmu.len()), (300, 300));
        let mut decoder = opus::Decoder::new(8000, opus::Channels::Mono).expect("decoder");
        let mut finders = [MarkFinder::default(), MarkFinder::default()];
        let mut found = [Vec::new(), Vec::new()];
        for n in 0..600 {
            let mut frame = [0; NARROW];
            decoder
                .decode(&speech.opus[n % 300], &mut frame, false)
                .expect("decoded");
            let narrow: Vec<i16> = speech.pcmu[n % 300]
                .iter()
                .map(|c| Law::Pcmu.decode(*c))
                .collect();
            for (which, frame) in [&frame[..], &narrow].into_iter().enumerate() {
                if finders[which].take(frame) {
                    found[which].push(n);
                }
            }
        }
        // Nothing is silent before the very first one.
        assert_eq!(
            found,
            [vec![100, 200, 300, 400, 500], vec![100, 200, 300, 400, 500]]
        );
        assert!(found[0].iter().all(|n| speech.is_mark(*n)));
    }
}
