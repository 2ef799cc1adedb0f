//! Concealment of lost G.711 and G.722: the last pitch period goes on and fades within 60 ms, as in
//! ITU-T G.711 appendix I but without its look-ahead.

use crate::opus::Bandwidth;

/// Samples of the past: two of the longest periods. As all below at 8 kHz.
const HISTORY: usize = 320;
/// Pitch of 400 to 50 Hz, in samples at 8 kHz.
const SHORTEST_PERIOD: usize = 20;
const LONGEST_PERIOD: usize = 160;
/// Samples compared in search of the period.
const COMPARED: usize = 160;
/// Samples at full level, and those of the fade behind.
const FULL: u32 = 80;
const FADE: u32 = 400;
/// Samples in which made-up sound passes into real sound.
const BLEND: usize = 32;

#[derive(Clone, Debug)]
pub(super) struct Concealer {
    /// Samples for each at 8 kHz.
    factor: usize,
    past: [i16; HISTORY * 2],
    /// The hole under way: its period, and the samples made up so far.
    hole: Option<(usize, u32)>,
}

impl Concealer {
    pub(super) const fn new(bandwidth: Bandwidth) -> Self {
        Self {
            factor: bandwidth.factor(),
            past: [0; HISTORY * 2],
            hole: None,
        }
    }

    /// Another source begins: its past is silence.
    pub(super) fn reset(&mut self, bandwidth: Bandwidth) {
        *self = Self::new(bandwidth);
    }

    /// Notes sound that came, and smooths its beginning behind a hole.
    pub(super) fn heard(&mut self, sound: &mut [i16]) {
        if let Some((period, made)) = self.hole.take() {
            let mut made_up = [0; BLEND * 2];
            let blend = BLEND * self.factor;
            if let Some(made_up) = made_up.get_mut(..blend) {
                self.make_up(period, made, made_up);
            }
            let pairs = sound.iter_mut().zip(made_up).take(blend);
            for (at, (real, made_up)) in (0_i32..).zip(pairs) {
                let mixed = i32::from(*real) * at + i32::from(made_up) * (blend as i32 - at);
                *real = (mixed / blend as i32) as i16;
            }
        }
        self.remember(sound);
    }

    /// Makes up lost sound.
    pub(super) fn conceal(&mut self, sound: &mut [i16]) {
        let (period, made) = self.hole.unwrap_or_else(|| (self.period(), 0));
        self.make_up(period, made, sound);
        self.hole = Some((period, made.saturating_add(sound.len() as u32)));
        // Not remembered: every hole repeats what was really heard.
    }

    fn make_up(&self, period: usize, made: u32, sound: &mut [i16]) {
        let end = self.past.len();
        let cycle = self.past.get(end - period..).unwrap_or(&self.past);
        let factor = self.factor as u32;
        let turns = cycle.iter().cycle().skip(made as usize % period);
        for (at, (sample, past)) in (made..).zip(sound.iter_mut().zip(turns)) {
            let level = FADE.saturating_sub((at / factor).saturating_sub(FULL));
            *sample = (i64::from(*past) * i64::from(level) / i64::from(FADE)) as i16;
        }
    }

    /// The lag at which the newest sound is most like itself.
    fn period(&self) -> usize {
        let factor = self.factor;
        let (end, compared) = (self.past.len(), COMPARED * factor);
        let longest = LONGEST_PERIOD * factor;
        let Some(newest) = self.past.get(end - compared..) else {
            return longest;
        };
        let mut best = (longest, 0.0_f64);
        for lag in SHORTEST_PERIOD * factor..=longest {
            let start = end - compared - lag;
            let Some(earlier) = self.past.get(start..start + compared) else {
                continue;
            };
            let mut product = 0_i64;
            let mut energy = 1_i64;
            // The pitch is looked for in every second sample of a wide sound.
            for (a, b) in newest.iter().zip(earlier).step_by(factor) {
                product += i64::from(*a) * i64::from(*b);
                energy += i64::from(*b) * i64::from(*b);
            }
            let likeness = product as f64 / (energy as f64).sqrt();
            // A multiple of the period is as like; the shortest wins unless clearly beaten.
            if likeness > best.1 * 1.001 {
                best = (lag, likeness);
            }
        }
        best.0
    }

    fn remember(&mut self, sound: &[i16]) {
        let length = self.past.len();
        let newest = sound
            .get(sound.len().saturating_sub(length)..)
            .unwrap_or(sound);
        self.past.copy_within(newest.len().., 0);
        if let Some(end) = self.past.get_mut(length - newest.len()..) {
            end.copy_from_slice(newest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(from: usize, samples: usize, rate: u32) -> Vec<i16> {
        (from..from + samples)
            .map(|n| {
                let turn = n as f32 * 400.0 / rate as f32;
                ((turn * std::f32::consts::TAU).sin() * 8_000.0) as i16
            })
            .collect()
    }

    #[test]
    fn a_tone_goes_on_in_phase_and_fades() {
        for bandwidth in [Bandwidth::Narrow, Bandwidth::Wide] {
            let (rate, factor) = (bandwidth.sample_rate(), bandwidth.factor());
            let mut concealer = Concealer::new(bandwidth);
            concealer.heard(&mut tone(0, 800 * factor, rate));
            let mut made = [0; 160];
            concealer.conceal(&mut made[..80 * factor]);
            let real = tone(800 * factor, 80 * factor, rate);
            for (made, real) in made.iter().zip(real) {
                assert!((made - real).abs() < 200, "{made} instead of {real}");
            }
            let mut rest = [1; 960];
            concealer.conceal(&mut rest[..480 * factor]);
            assert!(rest[401 * factor..480 * factor].iter().all(|s| *s == 0));
        }
    }

    #[test]
    fn silence_stays_silence() {
        let mut concealer = Concealer::new(Bandwidth::Narrow);
        let mut made = [1; 160];
        concealer.conceal(&mut made);
        assert_eq!(made, [0; 160]);
    }
}
