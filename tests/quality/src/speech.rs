//! The speech: recordings at 8 kHz of a person, cut into clips, and the same at 48 kHz for a browser's microphone.

use std::path::Path;

use causeway_phone::media::wav;

/// Samples of a clip: 8 s, as PESQ wants them.
pub const CLIP: usize = 64_000;
/// Samples of silence before the first clip, while the call is set up.
pub const LEAD: usize = 16_000;
/// Samples of silence behind the last, so that nothing of it is cut off.
pub const TAIL: usize = 8_000;

/// What is said.
#[derive(Debug, Clone)]
pub struct Speech {
    /// At 8 kHz, the silences included.
    pub narrow: Vec<i16>,
    pub clips: usize,
}

impl Speech {
    /// Reads `names` in `folder` (8 kHz, 16 bit, mono) and cuts the first `clips` clips of them all.
    ///
    /// # Errors
    /// A sentence with the file that is no such recording.
    pub fn read(folder: &Path, names: &[&str], clips: usize) -> Result<Self, String> {
        let mut all = Vec::new();
        for name in names {
            let path = folder.join(name);
            let file = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            all.extend(
                wav::read(&file, 8_000)
                    .ok_or_else(|| format!("{}: not 8 kHz, 16 bit, one channel", path.display()))?,
            );
        }
        if all.len() < clips * CLIP {
            return Err(format!(
                "{clips} clips were wanted, and {} s of speech found",
                all.len() / 8_000
            ));
        }
        let mut narrow = vec![0; LEAD];
        narrow.extend_from_slice(&all[..clips * CLIP]);
        narrow.resize(narrow.len() + TAIL, 0);
        Ok(Self { narrow, clips })
    }

    /// Where the `n`th clip lies in [`Self::narrow`].
    pub fn clip(&self, n: usize) -> std::ops::Range<usize> {
        let start = LEAD + n * CLIP;
        start..start + CLIP
    }

    /// The same at 48 kHz.
    pub fn wide(&self) -> Vec<i16> {
        six_times(&self.narrow)
    }
}

/// Upsamples by a windowed sinc of 32 periods on either side.
fn six_times(narrow: &[i16]) -> Vec<i16> {
    const REACH: i64 = 32;
    let kernel = |distance: f64| {
        let x = distance * std::f64::consts::PI;
        let sinc = if x.abs() < 1e-9 { 1.0 } else { x.sin() / x };
        let window = 0.5 + 0.5 * (x / (REACH as f64)).cos();
        sinc * window
    };
    let mut wide = Vec::with_capacity(narrow.len() * 6);
    for phase in 0..6 {
        let weights: Vec<f64> = (-REACH..=REACH)
            .map(|k| kernel(f64::from(phase) / 6.0 - k as f64))
            .collect();
        wide.push(weights);
    }
    let kernels = std::mem::take(&mut wide);
    let mut out = Vec::with_capacity(narrow.len() * 6);
    for at in 0..narrow.len() as i64 {
        for weights in &kernels {
            let sum: f64 = (-REACH..=REACH)
                .zip(weights)
                .filter_map(|(k, weight)| {
                    let sample = narrow.get(usize::try_from(at + k).ok()?)?;
                    Some(f64::from(*sample) * weight)
                })
                .sum();
            out.push(sum.clamp(-32_768.0, 32_767.0) as i16);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_stays_the_tone_it_was() {
        let tone = |rate: f64, n: usize| {
            ((n as f64 / rate * 1_000.0 * std::f64::consts::TAU).sin() * 8_000.0) as i16
        };
        let narrow: Vec<i16> = (0..800).map(|n| tone(8_000.0, n)).collect();
        let wide = six_times(&narrow);
        assert_eq!(wide.len(), 4_800);
        for (n, sample) in wide.iter().enumerate().take(4_200).skip(600) {
            assert!((sample - tone(48_000.0, n)).abs() < 60, "{n}");
        }
    }
}
