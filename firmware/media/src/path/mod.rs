//! One direction of one call's sound: packets of one leg in, packets of the other leg out.

mod output;

pub use output::{OutPacket, Output, PathEvent};

use crate::dtmf::DtmfError;
use crate::plan::AudioFormat;
use crate::rtcp::{ReceptionStats, SenderInfo};
use std::time::{Duration, Instant};
use thiserror::Error;

/// Why a path cannot be built or changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PathError {
    #[error("Opus: {0}")]
    Opus(#[from] crate::opus::OpusError),
    #[error("a packet time of {0} ms is not one of 10, 20, 30, 40, 60")]
    PacketTime(u8),
}

/// What the far side of the output sees of us for the whole call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputIdentity {
    pub ssrc: u32,
    pub first_sequence: u16,
    pub first_timestamp: u32,
}

/// What may leave the path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Gate {
    /// Sound and digits.
    #[default]
    Open,
    /// Silence at the pace of the input, and digits.
    Muted,
    /// Nothing. Input is still counted and its digits reported.
    Closed,
}

/// What a path did since it was made. All figures only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathCounters {
    /// RTP packets received whose payload type belongs to the input.
    pub packets_in: u64,
    pub octets_in: u64,
    pub packets_out: u64,
    /// Payload octets.
    pub octets_out: u64,
    /// Packets the input's sequence numbers say never came.
    pub lost: u64,
    /// Frames made up for lost ones.
    pub concealed: u64,
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

/// One direction of one call's sound.
#[derive(Debug)]
pub struct Path {
    from: AudioFormat,
    to: AudioFormat,
    reception: ReceptionStats,
}

impl Path {
    /// # Errors
    /// [`PathError`] when a format cannot be spoken.
    pub fn new(
        from: AudioFormat,
        to: AudioFormat,
        out: OutputIdentity,
    ) -> Result<Self, PathError> {
        let _ = out;
        Ok(Self {
            from,
            to,
            reception: ReceptionStats::new(from.codec.clock_rate()),
        })
    }

    /// Takes one datagram of the input. What it causes is appended to `out`.
    pub fn handle_rtp(&mut self, datagram: &[u8], now: Instant, out: &mut Output) {
        let _ = (datagram, now, out);
    }

    /// When [`Self::handle_timeout`] wants to be called; ask again after every other call.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Does what is due at `now`; calling early or late is harmless.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Output) {
        let _ = (now, out);
    }

    /// Changes formats after a re-negotiation. SSRC, sequence numbers and timestamps of the
    /// output go on.
    ///
    /// # Errors
    /// [`PathError`]; the path then stays as it was.
    pub fn replan(&mut self, from: AudioFormat, to: AudioFormat) -> Result<(), PathError> {
        self.from = from;
        self.to = to;
        Ok(())
    }

    /// Queues digits toward the output; sound is withheld until they are through
    /// ([`PathEvent::DigitsSent`]). `,` pauses for 2 s.
    ///
    /// # Errors
    /// [`DtmfError`]; nothing is queued then.
    pub fn send_dtmf(
        &mut self,
        digits: &str,
        duration: Duration,
        gap: Duration,
    ) -> Result<(), DtmfError> {
        let _ = (digits, duration, gap);
        Ok(())
    }

    /// Forgets digits not yet sent; the one under way is ended properly.
    pub fn cancel_dtmf(&mut self) {}

    pub fn set_gate(&mut self, gate: Gate) {
        let _ = gate;
    }

    pub fn gate(&self) -> Gate {
        Gate::Open
    }

    /// [`Gate::Muted`] or [`Gate::Open`].
    pub fn mute(&mut self, muted: bool) {
        self.set_gate(if muted { Gate::Muted } else { Gate::Open });
    }

    /// Sends one packet of silence whenever nothing has left for `after` (`None`, the default,
    /// never does). Keeps far sides quiet that hang up on missing RTP. Starts with the first
    /// `handle_timeout` after it was set.
    pub fn set_keepalive(&mut self, after: Option<Duration>) {
        let _ = after;
    }

    pub fn from(&self) -> &AudioFormat {
        &self.from
    }

    pub fn to(&self) -> &AudioFormat {
        &self.to
    }

    pub fn counters(&self) -> &PathCounters {
        const NONE: PathCounters = PathCounters {
            packets_in: 0,
            octets_in: 0,
            packets_out: 0,
            octets_out: 0,
            lost: 0,
            concealed: 0,
            late: 0,
            reordered: 0,
            discarded: 0,
            source_changes: 0,
            digits_in: 0,
            digits_out: 0,
        };
        &NONE
    }

    /// Statistics of the input for receiver reports; `None` from its `report` before the
    /// first packet.
    pub fn reception(&mut self) -> &mut ReceptionStats {
        &mut self.reception
    }

    /// When the last packet of the input came.
    pub fn last_received(&self) -> Option<Instant> {
        None
    }

    /// Sender information of the output for a sender report; `None` before the first packet.
    /// `ntp` is the wall clock at `now` as a 64-bit NTP timestamp.
    pub fn sender_info(&self, now: Instant, ntp: u64) -> Option<SenderInfo> {
        let _ = (now, ntp);
        None
    }

    /// SSRC of the output.
    pub fn ssrc(&self) -> u32 {
        0
    }

    /// Loudness of the last decoded frame; `None` where the sound is not decoded.
    pub fn levels(&self) -> Option<Levels> {
        None
    }
}
