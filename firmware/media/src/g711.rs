//! G.711 (ITU-T G.711, RFC 3551 section 4.5.14): µ-law and A-law through tables made at
//! compile time, and the direct table from one law to the other.
//!
//! Encoding follows the reference of ITU-T G.191 (14-bit µ-law with bias 33, 13-bit A-law).

use crate::plan::AudioCodec;

/// One of the two laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Law {
    Mu,
    A,
}

impl Law {
    /// The law of a G.711 codec; `None` for any other.
    pub const fn of(codec: AudioCodec) -> Option<Self> {
        match codec {
            AudioCodec::Pcmu => Some(Self::Mu),
            AudioCodec::Pcma => Some(Self::A),
            AudioCodec::Opus | AudioCodec::G722 => None,
        }
    }

    /// The octet of silence.
    pub const fn silence(self) -> u8 {
        match self {
            Self::Mu => 0xFF,
            Self::A => 0xD5,
        }
    }

    /// Octet to linear 16-bit sample.
    #[inline]
    pub fn decode(self, octet: u8) -> i16 {
        let table = match self {
            Self::Mu => &MU_TO_LINEAR,
            Self::A => &A_TO_LINEAR,
        };
        lookup(table, octet)
    }

    /// Linear 16-bit sample to octet.
    #[inline]
    pub fn encode(self, sample: i16) -> u8 {
        // The tables have one entry for each step the law can tell apart: 14 and 13 bits.
        let (table, shift): (&[u8], u32) = match self {
            Self::Mu => (&LINEAR_TO_MU, 2),
            Self::A => (&LINEAR_TO_A, 3),
        };
        let index = usize::from((i32::from(sample) + 32_768) as u16 >> shift);
        table.get(index).copied().unwrap_or(self.silence())
    }

    /// Decodes as many octets as both slices hold; returns how many.
    pub fn decode_into(self, octets: &[u8], samples: &mut [i16]) -> usize {
        for (sample, octet) in samples.iter_mut().zip(octets) {
            *sample = self.decode(*octet);
        }
        octets.len().min(samples.len())
    }

    /// Encodes as many samples as both slices hold; returns how many.
    pub fn encode_into(self, samples: &[i16], octets: &mut [u8]) -> usize {
        for (octet, sample) in octets.iter_mut().zip(samples) {
            *octet = self.encode(*sample);
        }
        samples.len().min(octets.len())
    }

    /// An octet of this law as the nearest one of `other`.
    #[inline]
    pub fn convert(self, other: Self, octet: u8) -> u8 {
        match (self, other) {
            (Self::Mu, Self::A) => lookup(&MU_TO_A, octet),
            (Self::A, Self::Mu) => lookup(&A_TO_MU, octet),
            (Self::Mu, Self::Mu) | (Self::A, Self::A) => octet,
        }
    }
}

#[inline]
fn lookup<T: Copy + Default>(table: &[T; 256], octet: u8) -> T {
    // 256 entries and an octet: the compiler drops the bounds check.
    table.get(usize::from(octet)).copied().unwrap_or_default()
}

/// G.191 `ulaw_expand`.
const fn expand_mu(octet: u8) -> i16 {
    let inverted = !octet;
    let exponent = (inverted >> 4) & 0x07;
    let mantissa = (inverted & 0x0F) as i32;
    let step = 4 << (exponent + 1);
    let magnitude = (0x80 << exponent) + step * mantissa + step / 2 - 4 * 33;
    (if octet & 0x80 == 0 {
        -magnitude
    } else {
        magnitude
    }) as i16
}

/// G.191 `ulaw_compress`, on a 14-bit sample.
const fn compress_mu(sample14: i32) -> u8 {
    // One's complement for negative values, as the reference does.
    let mut magnitude = (if sample14 < 0 { !sample14 } else { sample14 }) + 33;
    if magnitude > 0x1FFF {
        magnitude = 0x1FFF;
    }
    let mut segment = 1;
    let mut rest = magnitude >> 6;
    while rest != 0 {
        segment += 1;
        rest >>= 1;
    }
    let high = 8 - segment;
    let low = 0x0F - ((magnitude >> segment) & 0x0F);
    let octet = ((high << 4) | low) as u8;
    if sample14 >= 0 { octet | 0x80 } else { octet }
}

/// G.191 `alaw_expand`.
const fn expand_a(octet: u8) -> i16 {
    let plain = octet ^ 0x55;
    let exponent = (plain & 0x70) >> 4;
    let mut magnitude = (plain & 0x0F) as i32;
    if exponent > 0 {
        magnitude += 16;
    }
    magnitude = (magnitude << 4) + 8;
    if exponent > 1 {
        magnitude <<= exponent - 1;
    }
    (if plain & 0x80 == 0 {
        -magnitude
    } else {
        magnitude
    }) as i16
}

/// G.191 `alaw_compress`, on a 13-bit sample.
const fn compress_a(sample13: i32) -> u8 {
    let mut magnitude = (if sample13 < 0 { !sample13 } else { sample13 }) >> 1;
    if magnitude > 15 {
        let mut exponent = 1;
        while magnitude > 16 + 15 {
            magnitude >>= 1;
            exponent += 1;
        }
        magnitude -= 16;
        magnitude += exponent << 4;
    }
    let octet = magnitude as u8;
    (if sample13 >= 0 { octet | 0x80 } else { octet }) ^ 0x55
}

#[allow(clippy::indexing_slicing)] // evaluated by the compiler, which checks it
const fn expand_table(a_law: bool) -> [i16; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        table[at] = if a_law {
            expand_a(at as u8)
        } else {
            expand_mu(at as u8)
        };
        at += 1;
    }
    table
}

#[allow(clippy::indexing_slicing)] // evaluated by the compiler, which checks it
const fn compress_table<const N: usize>(a_law: bool) -> [u8; N] {
    let mut table = [0; N];
    let mut at = 0;
    while at < N {
        let sample = at as i32 - (N / 2) as i32;
        table[at] = if a_law {
            compress_a(sample)
        } else {
            compress_mu(sample)
        };
        at += 1;
    }
    table
}

#[allow(clippy::indexing_slicing)] // evaluated by the compiler, which checks it
const fn convert_table(a_to_mu: bool) -> [u8; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        table[at] = if a_to_mu {
            compress_mu((expand_a(at as u8) >> 2) as i32)
        } else {
            compress_a((expand_mu(at as u8) >> 3) as i32)
        };
        at += 1;
    }
    table
}

static MU_TO_LINEAR: [i16; 256] = expand_table(false);
static A_TO_LINEAR: [i16; 256] = expand_table(true);
static LINEAR_TO_MU: [u8; 1 << 14] = compress_table(false);
static LINEAR_TO_A: [u8; 1 << 13] = compress_table(true);
static MU_TO_A: [u8; 256] = convert_table(false);
static A_TO_MU: [u8; 256] = convert_table(true);

#[cfg(test)]
mod tests {
    use super::*;

    /// The decision values and outputs printed in G.711 tables 1 and 2, by the formulas of
    /// the segments: µ: (2·m + 33)·2^e − 33 on 14 bits, A: on 13 bits.
    fn mu_by_formula(octet: u8) -> i32 {
        let code = !octet;
        let (sign, e, m) = (code >> 7, i32::from(code >> 4 & 7), i32::from(code & 15));
        let magnitude = ((2 * m + 33) << e) - 33;
        4 * if sign == 1 { -magnitude } else { magnitude }
    }

    fn a_by_formula(octet: u8) -> i32 {
        let code = octet ^ 0x55;
        let (sign, e, m) = (code >> 7, i32::from(code >> 4 & 7), i32::from(code & 15));
        let magnitude = if e == 0 {
            2 * m + 1
        } else {
            (2 * m + 33) << (e - 1)
        };
        8 * if sign == 0 { -magnitude } else { magnitude }
    }

    #[test]
    fn every_octet_decodes_to_the_value_of_the_recommendation() {
        for octet in 0..=255 {
            assert_eq!(
                i32::from(Law::Mu.decode(octet)),
                mu_by_formula(octet),
                "µ {octet:#x}"
            );
            assert_eq!(
                i32::from(Law::A.decode(octet)),
                a_by_formula(octet),
                "A {octet:#x}"
            );
        }
        assert_eq!(Law::Mu.decode(0x00), -32_124);
        assert_eq!(Law::Mu.decode(0x80), 32_124);
        assert_eq!(Law::A.decode(0x2A), -32_256);
        assert_eq!(Law::A.decode(0xAA), 32_256);
    }

    #[test]
    fn every_octet_survives_decoding_and_encoding() {
        for octet in 0..=255_u8 {
            // 0x7F is the negative zero, which linear samples cannot tell from the positive.
            let expected = if octet == 0x7F { 0xFF } else { octet };
            assert_eq!(Law::Mu.encode(Law::Mu.decode(octet)), expected);
            assert_eq!(Law::A.encode(Law::A.decode(octet)), octet);
        }
    }

    #[test]
    fn every_sample_lands_within_half_a_step() {
        for sample in i16::MIN..=i16::MAX {
            for law in [Law::Mu, Law::A] {
                let back = i32::from(law.decode(law.encode(sample)));
                let error = (back - i32::from(sample)).abs();
                let magnitude = i32::from(sample).abs();
                // 16 steps a segment, so half a step is at most 1/32 of the segment's start;
                // above the highest decision value both laws clip.
                let bound = if magnitude > 32_000 {
                    768
                } else {
                    magnitude / 31 + 9
                };
                assert!(error <= bound, "{law:?} {sample} → {back}");
            }
        }
    }

    #[test]
    fn conversion_goes_to_the_nearest_octet_and_silence_stays_silence() {
        for octet in 0..=255_u8 {
            for (from, to) in [(Law::Mu, Law::A), (Law::A, Law::Mu)] {
                let direct = to.decode(from.convert(to, octet));
                let linear = to.decode(to.encode(from.decode(octet)));
                assert_eq!(direct, linear);
            }
        }
        assert_eq!(Law::Mu.convert(Law::A, Law::Mu.silence()), Law::A.silence());
        assert!(Law::A.decode(Law::A.silence()).abs() <= 8);
        assert_eq!(Law::Mu.decode(Law::Mu.silence()), 0);
    }
}
