//! DTMF as tones in the sound (ITU-T Q.23), recognised as Q.24 asks of a receiver.
//!
//! Blocks of [`BLOCK`] samples, one every [`HOP`], are measured at the eight frequencies with
//! Goertzel's filter. A block names a digit when
//!
//! | check | bound | why |
//! |---|---|---|
//! | level of each tone | −32 dBm0 | Q.24 wants −25 dBm0 to work; line noise is below |
//! | twist, high over low | −6…+11 dB | Q.24 wants −4…+8 dB, and each tone leaks into the other; a telephone line attenuates the high group |
//! | each tone above the others of its group | 8 dB | one row and one column |
//! | both tones of all the block's energy | 70 % | speech and music have more than two tones |
//!
//! and blocks in turn are of one digit only when, from block to block,
//!
//! | check | bound | why |
//! |---|---|---|
//! | each tone's frequency, by how far its phase went | 2.2 % and 4 Hz off | Q.24 wants 1.5 % and 2 Hz to work and 3.5 % not to; a voice glides |
//! | the block's energy | 1.3 dB apart | a voice swells; a block that is half tone is none |
//! | each tone's level | 5 dB apart | the other tone leaks into it, so this can be no tighter |
//!
//! | state | block | next |
//! |---|---|---|
//! | idle | the [`BEGIN`]th in turn with one digit | pressed |
//! | pressed | the digit | pressed |
//! | pressed | the [`END`]th in turn without it | idle, the digit is told |
//! | pressed | the [`BEGIN`]th in turn with another digit | the digit is told, the other is pressed |
//!
//! So 40 ms are always enough, 23 ms never; a break of 10 ms does not end a digit, one of 40 ms does.

/// Samples of a block at 8 kHz: short enough that a tone 1.8 % off is still in its bin.
const BLOCK: usize = 102;
/// Samples between two blocks' beginnings.
const HOP: usize = BLOCK / 2;
/// Blocks in turn that make a digit.
const BEGIN: usize = 4;
/// Blocks in turn that end it.
const END: u8 = 4;

const LOW: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
/// Event codes by row and column.
const CODES: [[u8; 4]; 4] = [[1, 2, 3, 12], [4, 5, 6, 13], [7, 8, 9, 14], [10, 0, 11, 15]];

const SAMPLE_RATE: f32 = 8_000.0;
/// Mean square of a sine at −32 dBm0; one that fills the scale has +3.14 dBm0 (ITU-T G.711).
const FLOOR: f32 = 164_000.0;
/// 8 dB.
const ABOVE_OTHERS: f32 = 6.3;
/// +11 dB and −6 dB.
const HIGH_OVER_LOW: f32 = 12.6;
const LOW_OVER_HIGH: f32 = 4.0;
const OF_ALL: f32 = 0.7;
/// −1.3 dB of the block, −5 dB of a tone.
const STEADY: [f32; 3] = [0.74, 0.3, 0.3];
/// Lost sound is taken for so much silence at most: enough to end a digit.
const MAX_GAP: usize = BLOCK + (END as usize + 1) * HOP;

/// A digit whose tones have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Event code 0–15.
    pub code: u8,
    /// Within some 6 ms.
    pub duration_ms: u32,
}

/// See the module. Fed with sound at 8 kHz in pieces of any length.
#[derive(Clone, Debug)]
pub struct ToneDetector {
    /// The block that is being filled.
    block: [i16; BLOCK],
    filled: usize,
    /// Goertzel coefficients.
    low: [f32; 4],
    high: [f32; 4],
    /// What the last blocks named, the newest in front.
    recent: [Option<Named>; BEGIN],
    pressed: Option<Pressed>,
}

/// One tone in one block.
#[derive(Clone, Copy, Debug)]
struct Tone {
    hertz: f32,
    power: f32,
    /// At the block's end, in radians.
    phase: f32,
}

/// A block that names a digit.
#[derive(Clone, Copy, Debug)]
struct Named {
    code: u8,
    /// Of the whole block, of low and high tone.
    energies: [f32; 3],
    tones: [Tone; 2],
}

#[derive(Clone, Copy, Debug)]
struct Pressed {
    code: u8,
    /// Blocks since it began, and those of them at the end that lack it.
    blocks: u32,
    missing: u8,
}

impl Default for ToneDetector {
    fn default() -> Self {
        let coefficient = |hertz: f32| 2.0 * (std::f32::consts::TAU * hertz / SAMPLE_RATE).cos();
        Self {
            block: [0; BLOCK],
            filled: 0,
            low: LOW.map(coefficient),
            high: HIGH.map(coefficient),
            recent: [None; BEGIN],
            pressed: None,
        }
    }
}

impl ToneDetector {
    /// Another source begins: what was under way is forgotten.
    pub fn reset(&mut self) {
        self.filled = 0;
        self.recent = [None; BEGIN];
        self.pressed = None;
    }

    /// Takes sound; `heard` is told each digit that has ended.
    pub fn push(&mut self, sound: &[i16], mut heard: impl FnMut(Heard)) {
        for sample in sound {
            self.take(*sample, &mut heard);
        }
    }

    /// Takes note of lost sound: as much silence.
    pub fn gap(&mut self, samples: usize, mut heard: impl FnMut(Heard)) {
        for _ in 0..samples.min(MAX_GAP) {
            self.take(0, &mut heard);
        }
    }

    fn take(&mut self, sample: i16, heard: &mut impl FnMut(Heard)) {
        if let Some(place) = self.block.get_mut(self.filled) {
            *place = sample;
            self.filled += 1;
        }
        if self.filled == BLOCK {
            let named = self.judge();
            self.block.copy_within(HOP.., 0);
            self.filled = BLOCK - HOP;
            if let Some(digit) = self.step(named) {
                heard(digit);
            }
        }
    }

    /// What the block names.
    fn judge(&self) -> Option<Named> {
        let energy: f32 = self
            .block
            .iter()
            .map(|s| f32::from(*s) * f32::from(*s))
            .sum();
        if energy < 2.0 * FLOOR * BLOCK as f32 {
            return None;
        }
        let (row, low) = self.strongest(&self.low, &LOW)?;
        let (column, high) = self.strongest(&self.high, &HIGH)?;
        let fits = low.power >= FLOOR
            && high.power >= FLOOR
            && high.power <= low.power * HIGH_OVER_LOW
            && low.power <= high.power * LOW_OVER_HIGH
            && (low.power + high.power) * BLOCK as f32 >= energy * OF_ALL;
        if !fits {
            return None;
        }
        Some(Named {
            code: CODES.get(row)?.get(column).copied()?,
            energies: [energy, low.power, high.power],
            tones: [low, high],
        })
    }

    /// The strongest of a group, when it stands out.
    fn strongest(&self, coefficients: &[f32; 4], group: &[f32; 4]) -> Option<(usize, Tone)> {
        let states = coefficients.map(|coefficient| self.filter(coefficient));
        let mut powers = [0.0; 4];
        for ((power, (last, before)), coefficient) in
            powers.iter_mut().zip(states).zip(coefficients)
        {
            let square = last * last + before * before - coefficient * last * before;
            *power = square * 2.0 / (BLOCK * BLOCK) as f32;
        }
        let (at, power) = powers
            .iter()
            .copied()
            .enumerate()
            .max_by(|(_, a), (_, b)| a.total_cmp(b))?;
        let alone = powers
            .iter()
            .enumerate()
            .all(|(other, of_other)| other == at || of_other * ABOVE_OTHERS <= power);
        let (last, before) = *states.get(at)?;
        let (hertz, coefficient) = (*group.get(at)?, coefficients.get(at)? / 2.0);
        let sine = (1.0 - coefficient * coefficient).max(0.0).sqrt();
        let phase = (before * sine).atan2(last - before * coefficient);
        alone.then_some((
            at,
            Tone {
                hertz,
                power,
                phase,
            },
        ))
    }

    /// Goertzel's filter over the block: its last two states.
    fn filter(&self, coefficient: f32) -> (f32, f32) {
        let (mut last, mut before) = (0.0_f32, 0.0_f32);
        for sample in &self.block {
            let next = f32::from(*sample) + coefficient * last - before;
            before = std::mem::replace(&mut last, next);
        }
        (last, before)
    }

    fn step(&mut self, named: Option<Named>) -> Option<Heard> {
        self.recent.rotate_right(1);
        if let Some(newest) = self.recent.first_mut() {
            *newest = named;
        }
        let code = named.map(|named| named.code);
        let mut ended = None;
        if let Some(pressed) = &mut self.pressed {
            pressed.blocks += 1;
            if code == Some(pressed.code) {
                pressed.missing = 0;
            } else {
                pressed.missing += 1;
                if pressed.missing >= END {
                    ended = self.pressed.take();
                }
            }
        }
        if let Some(code) = self.agreed()
            && self.pressed.is_none_or(|pressed| pressed.code != code)
        {
            ended = ended.or(self.pressed);
            self.pressed = Some(Pressed {
                code,
                blocks: BEGIN as u32,
                missing: 0,
            });
        }
        ended.map(|pressed| Heard {
            code: pressed.code,
            duration_ms: duration(pressed),
        })
    }

    /// The digit of all the last blocks, when they belong together.
    fn agreed(&self) -> Option<u8> {
        let newest = self.recent.first().copied().flatten()?;
        let (mut least, mut most) = (newest.energies, newest.energies);
        let mut after = newest;
        for named in self.recent.iter().skip(1) {
            let named = (*named)?;
            let mut tones = named.tones.iter().zip(&after.tones);
            if named.code != newest.code || !tones.all(|(before, tone)| tone.follows(before)) {
                return None;
            }
            for ((energy, least), most) in named.energies.iter().zip(&mut least).zip(&mut most) {
                *least = least.min(*energy);
                *most = most.max(*energy);
            }
            after = named;
        }
        let mut bounds = least.iter().zip(most).zip(STEADY);
        bounds
            .all(|((least, most), steady)| *least >= most * steady)
            .then_some(newest.code)
    }
}

impl Tone {
    /// Whether its phase is where its frequency takes it from one block to the next.
    fn follows(&self, before: &Self) -> bool {
        use std::f32::consts::{PI, TAU};
        let per_hertz = TAU * HOP as f32 / SAMPLE_RATE;
        let off = self.phase - before.phase - self.hertz * per_hertz;
        let off = (off + PI).rem_euclid(TAU) - PI;
        (off / per_hertz).abs() <= 0.022 * self.hertz + 4.0
    }
}

/// From the first block's middle to the last one's, and a half block at each end.
fn duration(pressed: Pressed) -> u32 {
    let blocks = pressed.blocks - u32::from(pressed.missing);
    (blocks.saturating_sub(1) * HOP as u32 + BLOCK as u32) / 8
}
