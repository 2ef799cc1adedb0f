//! One of the two bands: a quantizer whose step follows the signal, and a predictor of two poles and six zeros.
//!
//! Both ends keep the same state, made of what was transmitted alone. Numbers are those of the recommendation: 16 bits
//! in fixed point, products cut off, sums that stay at their limit.

use super::tables::{
    HIGH_GROWTH, HIGH_HEARD, HIGH_LEVEL, LOW_GROWTH, LOW_HEARD, LOW_LEVELS, LOW_STEERS, POWERS,
};

/// Limits of the logarithm of a step.
const LOW_MOST: i32 = 18_432;
const HIGH_MOST: i32 = 22_528;
/// What leaves a band has 15 bits.
const LIMIT: std::ops::RangeInclusive<i32> = -16_384..=16_383;

#[derive(Clone, Debug)]
pub(super) struct Band {
    /// The prediction of the next value: all of it, and the part of the zeros.
    predicted: i32,
    predicted_by_zeros: i32,
    /// Coefficients of the poles and of the zeros.
    poles: [i32; 2],
    zeros: [i32; 6],
    /// The latest first: differences as the far side knows them, sums of them with the zeros' part, whole values.
    differences: [i32; 6],
    sums: [i32; 2],
    values: [i32; 2],
    /// The step, and its logarithm.
    step: i32,
    log_step: i32,
}

impl Band {
    pub(super) const fn low() -> Self {
        Self::with_step(32)
    }

    pub(super) const fn high() -> Self {
        Self::with_step(8)
    }

    const fn with_step(step: i32) -> Self {
        Self {
            predicted: 0,
            predicted_by_zeros: 0,
            poles: [0; 2],
            zeros: [0; 6],
            differences: [0; 6],
            sums: [0; 2],
            values: [0; 2],
            step,
            log_step: 0,
        }
    }

    /// A value of 15 bits to a code of 6.
    pub(super) fn encode_low(&mut self, value: i32) -> u8 {
        let difference = limit(value - self.predicted);
        let size = magnitude(difference);
        let step = self.step;
        let level = LOW_LEVELS.partition_point(|level| (level * step) >> 12 <= size) as u8;
        // Levels count from the smallest; the codes of either sign end with the smallest two.
        let code = match (difference < 0, level) {
            (true, 0..=1) => 63 - level,
            (true, _) => 33 - level,
            (false, _) => 61 - level,
        };
        self.follow_low(code);
        code
    }

    /// A code of 6 bits to a value of 15.
    pub(super) fn decode_low(&mut self, code: u8) -> i32 {
        let heard = (self.step * lookup(&LOW_HEARD, code)) >> 15;
        let value = limit(self.predicted + heard).clamp(*LIMIT.start(), *LIMIT.end());
        self.follow_low(code);
        value
    }

    fn follow_low(&mut self, code: u8) {
        let code = code >> 2;
        let difference = (self.step * lookup(&LOW_STEERS, code)) >> 15;
        self.set_step(lookup(&LOW_GROWTH, code), LOW_MOST, 8);
        self.predict(difference);
    }

    /// A value of 15 bits to a code of 2.
    pub(super) fn encode_high(&mut self, value: i32) -> u8 {
        let difference = limit(value - self.predicted);
        let large = magnitude(difference) >= (HIGH_LEVEL * self.step) >> 12;
        let code = match (difference < 0, large) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        };
        self.decode_high(code);
        code
    }

    /// A code of 2 bits to a value of 15.
    pub(super) fn decode_high(&mut self, code: u8) -> i32 {
        let difference = (self.step * lookup(&HIGH_HEARD, code)) >> 15;
        let value = limit(self.predicted + difference).clamp(*LIMIT.start(), *LIMIT.end());
        self.set_step(lookup(&HIGH_GROWTH, code), HIGH_MOST, 10);
        self.predict(difference);
        value
    }

    /// Brings the step in line with what was transmitted (LOGSCL, SCALEL and those of the upper band).
    fn set_step(&mut self, growth: i32, most: i32, shift: i32) {
        self.log_step = (((self.log_step * 127) >> 7) + growth).clamp(0, most);
        let power = lookup(&POWERS, (self.log_step >> 6 & 31) as u8);
        let down = shift - (self.log_step >> 11);
        let step = if down < 0 {
            power << -down
        } else {
            power >> down
        };
        self.step = step << 2;
    }

    /// Takes a difference that was transmitted and predicts what comes next (block 4).
    fn predict(&mut self, difference: i32) {
        let sum = limit(self.predicted_by_zeros + difference);
        let value = limit(self.predicted + difference);
        self.adapt_poles(sum);
        self.adapt_zeros(difference);

        let [before, _] = self.sums;
        self.sums = [sum, before];
        let [before, _] = self.values;
        self.values = [value, before];
        self.differences.copy_within(..5, 1);
        let [latest, ..] = &mut self.differences;
        *latest = difference;

        let by = |coefficient: i32, past: i32| (coefficient * limit(past * 2)) >> 15;
        let pairs = self.poles.iter().zip(&self.values);
        let by_poles = limit(pairs.map(|(c, past)| by(*c, *past)).sum());
        let pairs = self.zeros.iter().zip(&self.differences);
        self.predicted_by_zeros = limit(pairs.map(|(c, past)| by(*c, *past)).sum());
        self.predicted = limit(by_poles + self.predicted_by_zeros);
    }

    /// UPPOL2, UPPOL1.
    fn adapt_poles(&mut self, sum: i32) {
        let [first, second] = self.poles;
        let [before, earlier] = self.sums;
        let (as_before, as_earlier) = (is_like(sum, before), is_like(sum, earlier));
        let fourfold = limit(first * 4);
        let turned = if as_before {
            (-fourfold).min(32_767)
        } else {
            fourfold
        };
        let nudge = if as_earlier { 128 } else { -128 };
        let second = (nudge + (turned >> 7) + ((second * 32_512) >> 15)).clamp(-12_288, 12_288);
        let nudge = if as_before { 192 } else { -192 };
        let most = 15_360 - second;
        let first = limit(nudge + ((first * 32_640) >> 15)).clamp(-most, most);
        self.poles = [first, second];
    }

    /// UPZERO.
    fn adapt_zeros(&mut self, difference: i32) {
        let nudge = if difference == 0 { 0 } else { 128 };
        for (zero, past) in self.zeros.iter_mut().zip(&self.differences) {
            let signed = if is_like(difference, *past) {
                nudge
            } else {
                -nudge
            };
            *zero = limit(signed + ((*zero * 32_640) >> 15));
        }
    }
}

/// Both are negative, or none is.
const fn is_like(a: i32, b: i32) -> bool {
    (a < 0) == (b < 0)
}

/// Of a negative number one less, as the recommendation compares them.
const fn magnitude(value: i32) -> i32 {
    if value < 0 { -(value + 1) } else { value }
}

fn limit(value: i32) -> i32 {
    value.clamp(-32_768, 32_767)
}

pub(super) fn saturate(value: i32) -> i16 {
    limit(value) as i16
}

#[inline]
fn lookup<const N: usize>(table: &[i32; N], at: u8) -> i32 {
    table.get(usize::from(at)).copied().unwrap_or_default()
}
