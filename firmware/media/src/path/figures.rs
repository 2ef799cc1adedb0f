//! What a path tells of itself.

use super::{Path, input};
use crate::plan::AudioFormat;
use crate::quality::LossPattern;
use crate::rtcp::{ReceptionStats, SenderInfo};
use std::time::{Duration, Instant};

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

impl Path {
    pub fn from(&self) -> &AudioFormat {
        &self.conversion.input.format
    }

    pub fn to(&self) -> &AudioFormat {
        &self.conversion.emitter.format
    }

    pub fn counters(&self) -> &PathCounters {
        &self.conversion.counters
    }

    /// Statistics of the input for receiver reports; `None` from its `report` before the
    /// first packet.
    pub fn reception(&mut self) -> &mut ReceptionStats {
        &mut self.reception
    }

    /// How the input's losses lie.
    pub fn loss_pattern(&self) -> &LossPattern {
        self.sequencer.pattern()
    }

    /// When the last packet of the input came.
    pub fn last_received(&self) -> Option<Instant> {
        self.last_received
    }

    /// Sender information of the output for a sender report; `None` before the first packet.
    /// `ntp` is the wall clock at `now` as a 64-bit NTP timestamp.
    pub fn sender_info(&self, now: Instant, ntp: u64) -> Option<SenderInfo> {
        let counters = self.counters();
        Some(SenderInfo {
            ntp,
            rtp_timestamp: self.conversion.emitter.timeline.at(now)?,
            // Both wrap (RFC 3550 section 6.4.1).
            packets: counters.packets_out as u32,
            octets: counters.octets_out as u32,
        })
    }

    /// What is held back of the input because its packets come irregularly; 0 on a calm network, and where packets are
    /// passed on as they are.
    pub fn playout_target(&self) -> Duration {
        let playout = self.playout.as_ref();
        playout.map_or(Duration::ZERO, |playout| playout.target())
    }

    /// SSRC of the output.
    pub fn ssrc(&self) -> u32 {
        self.conversion.emitter.timeline.ssrc()
    }

    /// Loudness of the last frame; `None` before the first, and where Opus or G.722 passes untouched.
    pub fn levels(&self) -> Option<Levels> {
        let mut room = [0; input::KEPT_OCTETS];
        let frame = self.conversion.input.last_frame(&mut room);
        Levels::of(frame)
    }

    /// Whether nobody speaks in the last frame that was decoded.
    pub fn is_silent(&mut self) -> bool {
        self.conversion.input.is_silent()
    }
}
