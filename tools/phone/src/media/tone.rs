//! The test tone: a steady sine whose level jumps in a fixed pattern.
//!
//! 700 ms loud (−6 dBFS peak), 300 ms 20 dB quieter, repeated. The jump from quiet to loud is the
//! marker by which the time from one end to the other is measured.

use std::f64::consts::TAU;

/// Length of the loud part, ms.
pub const LOUD_MS: u32 = 700;
/// Length of the quiet part, ms.
pub const QUIET_MS: u32 = 300;
/// Peak of the loud part relative to full scale: −6 dBFS.
pub const LOUD_PEAK: f64 = 0.501;
/// Peak of the quiet part: −26 dBFS.
pub const QUIET_PEAK: f64 = 0.0501;

/// A tone generator with a continuous phase.
#[derive(Debug, Clone)]
pub struct Tone {
    phase: f64,
    step: f64,
    position: u64,
    loud_samples: u64,
    period_samples: u64,
}

impl Tone {
    /// A tone of `hz` at `sample_rate` samples a second, starting loud.
    pub fn new(hz: f64, sample_rate: u32) -> Self {
        let per_ms = u64::from(sample_rate) / 1000;
        Self {
            phase: 0.0,
            step: hz / f64::from(sample_rate),
            position: 0,
            loud_samples: u64::from(LOUD_MS) * per_ms,
            period_samples: u64::from(LOUD_MS + QUIET_MS) * per_ms,
        }
    }

    /// Starts the pattern again with its loud part.
    pub fn restart(&mut self) {
        self.position = 0;
    }

    /// Fills `out`. Returns the index of the first loud sample of a new loud part, when one begins in it.
    pub fn fill(&mut self, out: &mut [i16]) -> Option<usize> {
        let mut marker = None;
        for (index, sample) in out.iter_mut().enumerate() {
            let position = self.position % self.period_samples;
            if position == 0 {
                marker = Some(index);
            }
            let peak = if position < self.loud_samples {
                LOUD_PEAK
            } else {
                QUIET_PEAK
            };
            *sample = ((self.phase * TAU).sin() * peak * 32_767.0).round() as i16;
            self.phase = (self.phase + self.step).fract();
            self.position += 1;
        }
        marker
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_is_700_loud_300_quiet() {
        let mut tone = Tone::new(1004.0, 8000);
        let mut markers = Vec::new();
        let mut peaks = Vec::new();
        for frame in 0..100 {
            let mut samples = [0_i16; 160];
            if let Some(index) = tone.fill(&mut samples) {
                markers.push(frame * 160 + index);
            }
            peaks.push(samples.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0));
        }
        assert_eq!(markers, [0, 8000]);
        assert!(peaks[..35].iter().all(|p| *p > 16_000));
        assert!(peaks[35..50].iter().all(|p| *p < 1_700 && *p > 1_500));
    }
}
