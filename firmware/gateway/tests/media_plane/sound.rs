//! Tones, and whether one is there.

use std::f64::consts::TAU;

pub const RATE: usize = 8_000;
/// Samples in 20 ms.
pub const FRAME: usize = 160;

/// A sine that goes on from frame to frame.
pub struct Tone {
    hertz: f64,
    position: usize,
}

impl Tone {
    pub fn new(hertz: f64) -> Self {
        Self { hertz, position: 0 }
    }

    pub fn frame(&mut self) -> Vec<i16> {
        let start = self.position;
        self.position += FRAME;
        (start..self.position)
            .map(|n| ((n as f64 * self.hertz * TAU / RATE as f64).sin() * 10_000.0) as i16)
            .collect()
    }
}

/// Share of the energy of `samples` that is at `hertz` (Goertzel): 1 for a pure tone.
pub fn share_at(samples: &[i16], hertz: f64) -> f64 {
    let omega = hertz * TAU / RATE as f64;
    let (mut before, mut last) = (0.0, 0.0);
    let mut energy = 0.0;
    for sample in samples {
        let sample = f64::from(*sample);
        energy += sample * sample;
        let next = sample + 2.0 * omega.cos() * last - before;
        before = last;
        last = next;
    }
    if energy == 0.0 {
        return 0.0;
    }
    let power = last * last + before * before - 2.0 * omega.cos() * last * before;
    2.0 * power / (energy * samples.len() as f64)
}

/// The mean share of pieces of 40 ms. A frame that came late and was made up moves the phase of all that follows it,
/// which takes nothing away from the tone that is heard.
pub fn mean_share_at(samples: &[i16], hertz: f64) -> f64 {
    let pieces = samples.chunks_exact(2 * FRAME);
    let count = pieces.len().max(1) as f64;
    pieces.map(|piece| share_at(piece, hertz)).sum::<f64>() / count
}
