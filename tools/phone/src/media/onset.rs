//! Finds the instant at which sound jumps from quiet to loud, to the sample.
//!
//! A sample is a candidate when it is four times (12 dB) above everything in the 20 ms that ended 1 ms
//! before it; that last millisecond may hold the flank of the jump, and the onset is where the flank
//! left the old level. In the 5 ms that follow at least a quarter of the samples must be twice as loud
//! as the old peak: a click is not an onset.

use std::collections::VecDeque;

/// How much louder the sound must become: 12 dB as a ratio of amplitudes.
const JUMP: f64 = 4.0;
/// The least amplitude of an onset, for what comes out of silence (about −40 dBFS).
const FLOOR: f64 = 320.0;

/// The detector. Feed it every sample in order.
#[derive(Debug)]
pub struct OnsetDetector {
    recent: VecDeque<f64>,
    before: usize,
    flank: usize,
    after: usize,
    hold_off: usize,
    quiet_for: usize,
    candidate: Option<Candidate>,
    seen: u64,
}

#[derive(Debug)]
struct Candidate {
    at: u64,
    old_peak: f64,
    loud: usize,
    count: usize,
}

impl OnsetDetector {
    /// A detector for sound of `sample_rate` samples a second.
    pub fn new(sample_rate: u32) -> Self {
        let per_ms = sample_rate as usize / 1000;
        Self {
            recent: VecDeque::with_capacity(21 * per_ms),
            before: 20 * per_ms,
            flank: per_ms,
            after: 5 * per_ms,
            hold_off: 100 * per_ms,
            quiet_for: 100 * per_ms,
            candidate: None,
            seen: 0,
        }
    }

    /// Samples fed so far: the index the next one will have.
    pub fn position(&self) -> u64 {
        self.seen
    }

    /// Feeds one sample; returns the index of an onset's first loud sample when one was just confirmed.
    pub fn push(&mut self, sample: i16) -> Option<u64> {
        let amplitude = f64::from(sample).abs();
        let found = match self.candidate.take() {
            Some(candidate) => self.confirm(candidate, amplitude),
            None => {
                self.candidate = self.suspect(amplitude);
                None
            }
        };
        self.quiet_for = if found.is_some() {
            0
        } else {
            self.quiet_for.saturating_add(1)
        };
        if self.recent.len() == self.before + self.flank {
            self.recent.pop_front();
        }
        self.recent.push_back(amplitude);
        self.seen += 1;
        found
    }

    fn suspect(&self, amplitude: f64) -> Option<Candidate> {
        let full = self.recent.len() == self.before + self.flank;
        if !full || amplitude <= FLOOR || self.quiet_for < self.hold_off {
            return None;
        }
        // The newest samples refuse most candidates, so this seldom looks far back.
        let old = self.recent.iter().take(self.before);
        if !old.clone().rev().all(|b| b * JUMP < amplitude) {
            return None;
        }
        let old_peak = old.copied().fold(FLOOR / JUMP, f64::max);
        let flank = self.recent.iter().skip(self.before);
        let steep = flank.rev().take_while(|a| **a > old_peak * 1.25).count();
        Some(Candidate {
            at: self.seen - steep as u64,
            old_peak,
            loud: 1,
            count: 1,
        })
    }

    fn confirm(&mut self, mut candidate: Candidate, amplitude: f64) -> Option<u64> {
        candidate.count += 1;
        candidate.loud += usize::from(amplitude > candidate.old_peak * 2.0);
        if candidate.count < self.after {
            self.candidate = Some(candidate);
            return None;
        }
        (candidate.loud * 4 >= self.after).then_some(candidate.at)
    }

    /// Tells the detector that silence of `samples` passed without packets.
    pub fn silence(&mut self, samples: usize) {
        for _ in 0..samples.min(self.before + self.flank) {
            self.push(0);
        }
        self.quiet_for = self.quiet_for.saturating_add(samples);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{g711::Law, tone::Tone};

    fn onsets(samples: &[i16]) -> Vec<u64> {
        let mut detector = OnsetDetector::new(8000);
        samples.iter().filter_map(|s| detector.push(*s)).collect()
    }

    #[test]
    fn every_jump_of_the_test_tone_is_found_within_half_a_millisecond() {
        for hz in [440.0, 1004.0] {
            let mut tone = Tone::new(hz, 8000);
            let mut samples = vec![0_i16; 8000 * 5 + 400];
            tone.fill(&mut samples);
            let coded: Vec<i16> = samples
                .iter()
                .map(|s| Law::Pcmu.decode(Law::Pcmu.encode(*s)))
                .collect();
            let found = onsets(&coded);
            assert_eq!(found.len(), 5, "{found:?}");
            for (index, at) in found.iter().enumerate() {
                let wanted = 8000 * (index as u64 + 1);
                assert!(at.abs_diff(wanted) <= 4, "{at} is not {wanted}");
            }
        }
    }

    #[test]
    fn a_click_is_not_an_onset() {
        let mut samples = vec![0_i16; 8000];
        samples[4000] = 20_000;
        assert!(onsets(&samples).is_empty());
    }

    #[test]
    fn a_steady_tone_has_none() {
        let samples: Vec<i16> = (0..16_000)
            .map(|i| ((f64::from(i) * 0.345).sin() * 9000.0) as i16)
            .collect();
        assert!(onsets(&samples).is_empty());
    }
}
