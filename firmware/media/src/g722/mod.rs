//! G.722 at 64 kbit/s (ITU-T G.722, mode 1): sound of 7 kHz in two bands, each an adaptive differential code.
//!
//! An octet stands for two samples at 16 kHz: four of its values are those of the upper band (the two high bits), the
//! other 64 of the lower. The lower band alone is sound at 8 kHz, so a far side that has no more costs no
//! resampling: [`Encoder::encode_narrow`], [`Decoder::decode_narrow`]. The RTP clock is 8 kHz all the same, one unit an
//! octet (RFC 3551 section 4.5.2).
//!
//! The names of the steps are those of the recommendation. Nothing is allocated.

mod band;
mod tables;

use band::{Band, saturate};
use tables::QMF;

/// Samples a second of what is coded.
pub const SAMPLE_RATE: u32 = 16_000;
/// What any decoder plays as silence, but for −50 dBov that its predictor may keep. Better is what an [`Encoder`] whose octets it heard before makes of silence.
pub const SILENCE: u8 = 0xFF;

/// Samples that both filters look back on.
const TAPS: usize = 24;

/// Linear sound to octets.
#[derive(Clone, Debug)]
pub struct Encoder {
    low: Band,
    high: Band,
    past: [i16; TAPS],
}

impl Default for Encoder {
    fn default() -> Self {
        Self {
            low: Band::low(),
            high: Band::high(),
            past: [0; TAPS],
        }
    }
}

impl Encoder {
    /// Encodes samples at 16 kHz, two an octet, as many as both slices hold; returns the octets written.
    pub fn encode(&mut self, samples: &[i16], octets: &mut [u8]) -> usize {
        let pairs = samples.chunks_exact(2);
        let written = pairs.len().min(octets.len());
        for (pair, octet) in pairs.zip(octets) {
            self.past.copy_within(2.., 0);
            if let ([.., older, newest], [first, second]) = (&mut self.past, pair) {
                (*older, *newest) = (*first, *second);
            }
            let (odd, even) = filter(&self.past);
            *octet = self.octet((even + odd) >> 14, (even - odd) >> 14);
        }
        written
    }

    /// Encodes samples at 8 kHz, one an octet; returns the octets written.
    pub fn encode_narrow(&mut self, samples: &[i16], octets: &mut [u8]) -> usize {
        for (sample, octet) in samples.iter().zip(octets.iter_mut()) {
            // The filter would halve it.
            *octet = self.octet(i32::from(*sample) >> 1, 0);
        }
        samples.len().min(octets.len())
    }

    /// Encodes silence; returns the octets written.
    pub fn encode_silence(&mut self, octets: &mut [u8]) -> usize {
        for octet in octets.iter_mut() {
            self.encode(&[0; 2], std::slice::from_mut(octet));
        }
        octets.len()
    }

    /// One value of each band.
    fn octet(&mut self, low: i32, high: i32) -> u8 {
        self.high.encode_high(high) << 6 | self.low.encode_low(low)
    }
}

/// Octets to linear sound.
#[derive(Clone, Debug)]
pub struct Decoder {
    low: Band,
    high: Band,
    past: [i16; TAPS],
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            low: Band::low(),
            high: Band::high(),
            past: [0; TAPS],
        }
    }
}

impl Decoder {
    /// Decodes to 16 kHz, two samples an octet, as many as both slices hold; returns the samples written.
    pub fn decode(&mut self, octets: &[u8], samples: &mut [i16]) -> usize {
        let pairs = samples.chunks_exact_mut(2);
        let written = pairs.len().min(octets.len()) * 2;
        for (octet, pair) in octets.iter().zip(pairs) {
            let (low, high) = self.bands(*octet);
            self.join(low, high, pair);
        }
        written
    }

    /// Decodes to 8 kHz, one sample an octet; returns the samples written.
    pub fn decode_narrow(&mut self, octets: &[u8], samples: &mut [i16]) -> usize {
        for (octet, sample) in octets.iter().zip(samples.iter_mut()) {
            let (low, _) = self.bands(*octet);
            *sample = saturate(low << 1);
        }
        octets.len().min(samples.len())
    }

    /// Sound at 8 kHz as sound at 16 kHz, as if it had come as a lower band; returns the samples written.
    pub fn widen(&mut self, narrow: &[i16], samples: &mut [i16]) -> usize {
        let pairs = samples.chunks_exact_mut(2);
        let written = pairs.len().min(narrow.len()) * 2;
        for (sample, pair) in narrow.iter().zip(pairs) {
            self.join(i32::from(*sample) >> 1, 0, pair);
        }
        written
    }

    fn bands(&mut self, octet: u8) -> (i32, i32) {
        (
            self.low.decode_low(octet & 0x3F),
            self.high.decode_high(octet >> 6),
        )
    }

    fn join(&mut self, low: i32, high: i32, pair: &mut [i16]) {
        self.past.copy_within(2.., 0);
        let [.., sum, difference] = &mut self.past;
        (*sum, *difference) = (saturate(low + high), saturate(low - high));
        let (odd, even) = filter(&self.past);
        if let [first, second] = pair {
            (*first, *second) = (saturate(even >> 11), saturate(odd >> 11));
        }
    }
}

/// Both halves of the quadrature mirror filter, over the samples of odd and of even number.
#[inline]
fn filter(past: &[i16; TAPS]) -> (i32, i32) {
    let (mut odd, mut even) = (0, 0);
    for (pair, (forth, back)) in past.chunks_exact(2).zip(QMF.iter().zip(QMF.iter().rev())) {
        if let [a, b] = pair {
            odd += i32::from(*a) * forth;
            even += i32::from(*b) * back;
        }
    }
    (odd, even)
}

#[cfg(test)]
mod tests;
