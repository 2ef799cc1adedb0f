//! G.711 µ-law and A-law, from the segment description in ITU-T G.711 (11/88).
//!
//! Written for the phone alone: the box has its own, and the two check each other.

/// A G.711 companding law, as carried in RTP (RFC 3551 section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Law {
    /// µ-law, static payload type 0.
    Pcmu,
    /// A-law, static payload type 8.
    Pcma,
}

impl Law {
    /// The static RTP payload type.
    pub fn payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
        }
    }

    /// The name used in `a=rtpmap`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }

    /// The law with this `a=rtpmap` name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Pcmu, Self::Pcma]
            .into_iter()
            .find(|law| law.name().eq_ignore_ascii_case(name))
    }

    /// Compresses one 16-bit sample.
    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Pcmu => encode_mu(sample),
            Self::Pcma => encode_a(sample),
        }
    }

    /// Expands one byte to a 16-bit sample.
    pub fn decode(self, code: u8) -> i16 {
        match self {
            Self::Pcmu => decode_mu(code),
            Self::Pcma => decode_a(code),
        }
    }
}

/// µ-law works on a 14-bit magnitude biased by 33; scaled to 16 bits the bias is 132.
const MU_BIAS: i32 = 132;
const MU_CLIP: i32 = 32_635;

fn encode_mu(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let biased = i32::from(sample).abs().min(MU_CLIP) + MU_BIAS;
    // The segment is the position of the highest set bit above bit 7.
    let segment = (31 - biased.leading_zeros()) as i32 - 7;
    let step = (biased >> (segment + 3)) & 0x0F;
    !(sign | ((segment << 4) | step) as u8)
}

fn decode_mu(code: u8) -> i16 {
    let code = !code;
    let segment = i32::from((code >> 4) & 7);
    let step = i32::from(code & 0x0F);
    let magnitude = (((step << 3) + MU_BIAS) << segment) - MU_BIAS;
    (if code & 0x80 == 0 {
        magnitude
    } else {
        -magnitude
    }) as i16
}

fn encode_a(sample: i16) -> u8 {
    // A-law has a sign bit of 1 for positive values, and −1 shares a code with 0.
    let (sign, magnitude) = if sample >= 0 {
        (0x80, i32::from(sample))
    } else {
        (0, -i32::from(sample) - 1)
    };
    // In units of 16 the two lowest segments are linear; each further one doubles the step.
    let magnitude = magnitude >> 4;
    let code = if magnitude < 32 {
        magnitude
    } else {
        let segment = (31 - magnitude.leading_zeros()) as i32 - 3;
        (segment << 4) | ((magnitude >> (segment - 1)) & 0x0F)
    };
    (sign | code as u8) ^ 0x55
}

fn decode_a(code: u8) -> i16 {
    let code = code ^ 0x55;
    let segment = i32::from((code >> 4) & 7);
    let step = i32::from(code & 0x0F);
    let magnitude = match segment {
        0 => (step << 4) + 8,
        _ => ((step << 4) + 0x108) << (segment - 1),
    };
    (if code & 0x80 == 0 {
        -magnitude
    } else {
        magnitude
    }) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_decode_and_encode() {
        for law in [Law::Pcmu, Law::Pcma] {
            for code in 0..=255_u8 {
                let again = law.encode(law.decode(code));
                // µ-law has two zeros; the negative one comes back as the positive one.
                let expected = if law == Law::Pcmu && code == 0x7F {
                    0xFF
                } else {
                    code
                };
                assert_eq!(again, expected, "{law:?} {code:#04x}");
            }
        }
    }

    #[test]
    fn known_points_of_the_tables() {
        assert_eq!(Law::Pcmu.decode(0x00), -32_124);
        assert_eq!(Law::Pcmu.decode(0x80), 32_124);
        assert_eq!(Law::Pcmu.encode(0), 0xFF);
        assert_eq!(Law::Pcma.decode(0xD5), 8);
        assert_eq!(Law::Pcma.decode(0x55), -8);
        assert_eq!(Law::Pcma.decode(0xAA), 32_256);
        assert_eq!(Law::Pcma.encode(0), 0xD5);
    }

    #[test]
    fn the_error_stays_within_a_segment_step() {
        for law in [Law::Pcmu, Law::Pcma] {
            for sample in (-32_600..=32_600).step_by(7) {
                let sample = sample as i16;
                let error = (i32::from(law.decode(law.encode(sample))) - i32::from(sample)).abs();
                let allowed = 16 + i32::from(sample).abs() / 28;
                assert!(error <= allowed, "{law:?} {sample}: {error}");
            }
        }
    }
}
