//! What Q.24 asks of a receiver, and what is no digit.

use crate::dtmf::{Heard, ToneDetector};

const RATE: f64 = 8_000.0;
const ROWS: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS: [f64; 4] = [1209.0, 1336.0, 1477.0, 1633.0];

/// Event code, low and high frequency of all sixteen.
fn digits() -> impl Iterator<Item = (u8, f64, f64)> {
    let codes = [[1, 2, 3, 12], [4, 5, 6, 13], [7, 8, 9, 14], [10, 0, 11, 15]];
    (0..16).map(move |n| (codes[n / 4][n % 4], ROWS[n / 4], COLUMNS[n % 4]))
}

/// Noise that is the same each time.
struct Noise(u32);

impl Noise {
    /// −1…1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(self.0 >> 8) / f64::from(1 << 23) - 1.0
    }
}

/// dBm0 of a sine that fills the scale (ITU-T G.711).
const FULL_SCALE: f64 = 3.139;

/// Peak of a sine of so many dBm0.
fn peak(dbm0: f64) -> f64 {
    32_767.0 * 10_f64.powf((dbm0 - FULL_SCALE) / 20.0)
}

/// So many milliseconds of sines, given as frequency and dBm0, beginning anywhere in their phase.
fn sines(parts: &[(f64, f64)], ms: f64, phase: f64) -> Vec<f64> {
    (0..(ms * 8.0) as usize)
        .map(|n| {
            let time = n as f64 / RATE * std::f64::consts::TAU;
            parts
                .iter()
                .map(|(hertz, level)| peak(*level) * (hertz * time + phase).sin())
                .sum()
        })
        .collect()
}

fn silence(ms: f64) -> Vec<f64> {
    vec![0.0; (ms * 8.0) as usize]
}

fn hear(sound: &[f64]) -> Vec<Heard> {
    let samples: Vec<i16> = sound
        .iter()
        .map(|s| s.clamp(-32_768.0, 32_767.0) as i16)
        .collect();
    let mut heard = Vec::new();
    let mut detector = ToneDetector::default();
    for piece in samples.chunks(160) {
        detector.push(piece, |digit| heard.push(digit));
    }
    detector.push(&[0; 800], |digit| heard.push(digit));
    heard
}

fn codes(sound: &[f64]) -> Vec<u8> {
    hear(sound).iter().map(|heard| heard.code).collect()
}

#[test]
fn every_digit_of_40_ms_at_any_offset_is_heard_once() {
    for (code, low, high) in digits() {
        for offset in 0..13 {
            let phase = f64::from(offset) * 0.7;
            let sound = [
                silence(20.0 + f64::from(offset) / 2.0),
                sines(&[(low, -10.0), (high, -10.0)], 40.0, phase),
                silence(40.0),
                sines(&[(low, -10.0), (high, -8.0)], 40.0, phase),
            ]
            .concat();
            assert_eq!(codes(&sound), [code, code], "offset {offset}");
        }
    }
}

#[test]
fn a_digit_of_23_ms_is_none() {
    for (code, low, high) in digits() {
        for offset in 0..13 {
            let sound = [
                silence(20.0 + f64::from(offset) / 2.0),
                sines(&[(low, -6.0), (high, -6.0)], 23.0, f64::from(offset)),
            ]
            .concat();
            assert_eq!(codes(&sound), [], "{code} at {offset}");
        }
    }
}

#[test]
fn a_number_dialled_fast_is_heard_in_order() {
    let mut sound = silence(7.0);
    for (_, low, high) in digits() {
        sound.extend(sines(&[(low, -10.0), (high, -8.0)], 45.0, 0.3));
        sound.extend(silence(45.0));
    }
    let expected: Vec<u8> = digits().map(|(code, ..)| code).collect();
    assert_eq!(codes(&sound), expected);
    // Without any pause, two different ones are still two.
    let sound = [
        sines(&[(697.0, -10.0), (1209.0, -10.0)], 60.0, 0.0),
        sines(&[(770.0, -10.0), (1336.0, -10.0)], 60.0, 0.0),
    ]
    .concat();
    assert_eq!(codes(&sound), [1, 5]);
}

#[test]
fn levels_twist_and_frequencies_are_those_of_q24() {
    let one = |parts: [(f64, f64); 2], phase| codes(&sines(&parts, 60.0, phase)).len();
    for (code, low, high) in digits() {
        for phase in [0.0, 1.0, 2.0] {
            // 0 to −25 dBm0 a tone.
            for level in [0.0, -10.0, -25.0] {
                assert_eq!(
                    one([(low, level - 3.0), (high, level - 3.0)], phase),
                    1,
                    "{code} {level} {phase}"
                );
            }
            assert_eq!(one([(low, -40.0), (high, -40.0)], phase), 0);
            // High over low up to 8 dB, low over high up to 4.
            assert_eq!(
                one([(low, -16.0), (high, -8.0)], phase),
                1,
                "{code} up {phase}"
            );
            assert_eq!(
                one([(low, -8.0), (high, -12.0)], phase),
                1,
                "{code} down {phase}"
            );
            assert_eq!(one([(low, -22.0), (high, -8.0)], phase), 0, "{code}");
            assert_eq!(one([(low, -8.0), (high, -16.0)], phase), 0, "{code}");
            // ±1.5 % work, ±3.5 % do not.
            for off in [0.985, 1.015] {
                assert_eq!(
                    one([(low * off, -10.0), (high * off, -10.0)], phase),
                    1,
                    "{code} {off}"
                );
            }
            for off in [0.965, 1.035] {
                assert_eq!(
                    one([(low * off, -10.0), (high * off, -10.0)], phase),
                    0,
                    "{code} {off}"
                );
            }
        }
    }
}

#[test]
fn a_break_of_10_ms_splits_nothing_and_the_length_is_told() {
    for offset in 0..8 {
        let sound = [
            silence(10.0 + f64::from(offset)),
            sines(&[(941.0, -10.0), (1336.0, -10.0)], 60.0, 0.0),
            silence(10.0),
            sines(&[(941.0, -10.0), (1336.0, -10.0)], 130.0, 0.0),
        ]
        .concat();
        let heard = hear(&sound);
        assert_eq!(heard.len(), 1, "{heard:?}");
        assert!((185..=215).contains(&heard[0].duration_ms), "{heard:?}");
    }
}

#[test]
fn digits_are_heard_through_noise_at_15_db() {
    let mut noise = Noise(7);
    for (code, low, high) in digits() {
        for _ in 0..10 {
            let mut sound = silence(30.0);
            sound.extend(sines(&[(low, -13.0), (high, -13.0)], 60.0, noise.next()));
            sound.extend(silence(60.0));
            // Both tones together are −10 dBm0; uniform noise has a third of its peak's square.
            let amplitude = peak(-10.0 - 15.0) / 2_f64.sqrt() * 3_f64.sqrt();
            for sample in &mut sound {
                *sample += amplitude * noise.next();
            }
            assert_eq!(codes(&sound), [code]);
        }
    }
}

#[test]
fn noise_and_other_tones_are_no_digits() {
    let mut noise = Noise(1);
    let hiss: Vec<f64> = (0..60 * 8_000).map(|_| 12_000.0 * noise.next()).collect();
    assert_eq!(codes(&hiss), []);
    for parts in [
        &[(440.0, -10.0), (480.0, -10.0)][..],
        &[(350.0, -10.0), (440.0, -10.0)],
        &[(1004.0, -6.0)],
        &[(697.0, -6.0)],
        &[(1336.0, -6.0)],
        &[(697.0, -9.0), (770.0, -9.0), (1209.0, -9.0)],
        &[(697.0, -9.0), (1209.0, -9.0), (1336.0, -9.0)],
        &[(425.0, -10.0)],
        &[(1100.0, -10.0), (2100.0, -10.0)],
        &[(697.0, -9.0), (1209.0, -9.0), (300.0, -6.0), (2500.0, -9.0)],
    ] {
        assert_eq!(codes(&sines(parts, 2_000.0, 0.0)), [], "{parts:?}");
    }
}

/// Five minutes of something like speech, without a breath: a voice whose pitch and formants wander, with hiss. Talk-off
/// is what a receiver on a line with people suffers from; a digit a minute is what the usual half-hour test allows.
#[test]
fn a_voice_is_hardly_ever_a_digit() {
    let mut noise = Noise(42);
    let mut sound = Vec::new();
    let mut phase = 0.0_f64;
    let (mut pitch, mut formants) = (140.0, [600.0, 1300.0, 2500.0]);
    while sound.len() < 5 * 60 * 8_000 {
        let target = 90.0 + 130.0 * (noise.next() + 1.0);
        let goals = [
            500.0 + 300.0 * noise.next(),
            1400.0 + 600.0 * noise.next(),
            2600.0 + 500.0 * noise.next(),
        ];
        let length = 400 + (800.0 * (noise.next() + 1.0)) as usize;
        let loud = peak(-12.0 + 6.0 * noise.next());
        let voiced = noise.next() > -0.6;
        for _ in 0..length {
            pitch += (target - pitch) * 0.002;
            for (formant, goal) in formants.iter_mut().zip(goals) {
                *formant += (goal - *formant) * 0.003;
            }
            phase =
                (phase + std::f64::consts::TAU * pitch / RATE) % (std::f64::consts::TAU * 1_000.0);
            let sample: f64 = if voiced {
                (1..=(3_400.0 / pitch) as u32)
                    .map(|n| {
                        let hertz = f64::from(n) * pitch;
                        let gain: f64 = formants
                            .iter()
                            .map(|f| 1.0 / (1.0 + ((hertz - f) / 90.0).powi(2)))
                            .sum();
                        gain * (f64::from(n) * phase).sin()
                    })
                    .sum::<f64>()
                    * 0.5
            } else {
                0.2 * noise.next()
            };
            sound.push(loud * sample);
        }
    }
    let heard = codes(&sound);
    assert!(heard.len() <= 2, "in five minutes: {heard:?}");
}

#[test]
fn lost_sound_ends_a_digit_and_a_new_source_forgets_it() {
    let tone: Vec<i16> = sines(&[(697.0, -10.0), (1209.0, -10.0)], 80.0, 0.0)
        .iter()
        .map(|s| *s as i16)
        .collect();
    let mut heard = Vec::new();
    let mut detector = ToneDetector::default();
    detector.push(&tone, |digit| heard.push(digit.code));
    detector.gap(1_000_000, |digit| heard.push(digit.code));
    assert_eq!(heard, [1]);
    detector.push(&tone, |digit| heard.push(digit.code));
    detector.reset();
    detector.push(&[0; 1_000], |digit| heard.push(digit.code));
    assert_eq!(heard, [1]);
}
