//! What a path tells of itself.

use std::time::Duration;

/// What a path did since it was made. All figures only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathCounters {
    /// RTP packets received whose payload type belongs to the input.
    pub packets_in: u64,
    pub octets_in: u64,
    pub packets_out: u64,
    /// Payload octets.
    pub octets_out: u64,
    /// Packets of the input that had their turn.
    pub delivered: u64,
    /// Packets the input's sequence numbers say never came.
    pub lost: u64,
    /// Losses without a packet between them count once.
    pub holes: u64,
    /// Numbers left out of the output because their packets were lost before it.
    pub passed_on: u64,
    /// All the time that packets waited for earlier ones.
    pub waited: Duration,
    /// Packets that were lost and came in a later one.
    pub restored: u64,
    /// Frames made up for lost ones.
    pub concealed: u64,
    /// Frames made up to have more time, and merged with others to have less.
    pub stretched: u64,
    pub merged: u64,
    /// Frames of noise in pauses that the source announced.
    pub noise: u64,
    /// Packets that came after their turn had passed, or twice.
    pub late: u64,
    /// Packets that came out of order and were put right.
    pub reordered: u64,
    /// Not RTP, unknown payload type, or a payload its codec refuses.
    pub discarded: u64,
    /// Times the source jumped: another SSRC, sequence or timestamp base.
    pub source_changes: u64,
    pub digits_in: u64,
    pub digits_out: u64,
}

/// Loudness of the last frame that passed, in dBov (0 is the loudest, −127 silence).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    pub peak_dbov: f32,
    pub rms_dbov: f32,
}

impl Levels {
    /// Of a frame; `None` when it has no sample.
    pub(super) fn of(frame: &[i16]) -> Option<Self> {
        let peak = frame.iter().map(|sample| sample.unsigned_abs()).max()?;
        let energy: f64 = frame.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
        Some(Self {
            peak_dbov: dbov(f64::from(peak)),
            rms_dbov: dbov((energy / frame.len() as f64).sqrt()),
        })
    }
}

fn dbov(amplitude: f64) -> f32 {
    let level = 20.0 * (amplitude / 32_768.0).log10();
    level.clamp(-127.0, 0.0) as f32
}
