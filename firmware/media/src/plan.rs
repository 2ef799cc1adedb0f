//! What flows where, and through which codec: the words in which signalling tells a media
//! thread what to do with a leg.

use crate::sdp::h264::ProfileLevel;
use crate::srtp::SrtpPlan;
use std::net::SocketAddr;

/// An audio codec the box speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AudioCodec {
    /// RFC 6716, RTP clock 48 kHz (RFC 7587).
    Opus,
    /// G.711 µ-law, RTP clock 8 kHz, static payload type 0 (RFC 3551).
    Pcmu,
    /// G.711 A-law, RTP clock 8 kHz, static payload type 8 (RFC 3551).
    Pcma,
    /// G.722 at 64 kbit/s, sound of 16 kHz under an RTP clock of 8 kHz, static payload type 9 (RFC 3551 section 4.5.2).
    G722,
}

impl AudioCodec {
    /// The encoding name as SDP writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
        }
    }

    /// RTP clock in Hz.
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
        }
    }
}

/// Negotiated telephone-event stream (RFC 4733).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DtmfFormat {
    pub payload_type: u8,
    /// Clock of its timestamps and durations in Hz; equal to the audio clock it is multiplexed with.
    pub clock_rate: u32,
}

/// One negotiated audio format of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioFormat {
    pub codec: AudioCodec,
    pub payload_type: u8,
    /// Milliseconds of sound in a packet that we send: 10, 20, 30, 40 or 60.
    pub ptime_ms: u8,
    /// Absent when the far side did not agree on RFC 4733.
    pub dtmf: Option<DtmfFormat>,
}

/// Direction of a stream as seen from the box (RFC 3264 section 6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    /// Whether the box may send.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the box listens.
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same stream seen from the other end.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            same => same,
        }
    }

    /// Only what both allow.
    #[must_use]
    pub const fn intersect(self, other: Self) -> Self {
        match (
            self.sends() && other.sends(),
            self.receives() && other.receives(),
        ) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }
}

/// The negotiated media of a trunk leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrunkPlan {
    /// Where RTP goes; the unspecified address (0.0.0.0 hold, RFC 2543) never appears here:
    /// such an answer keeps the last address and has a direction without sending.
    pub remote: SocketAddr,
    /// Where RTCP goes: `a=rtcp` or the next port (RFC 3605).
    pub remote_rtcp: SocketAddr,
    pub format: AudioFormat,
    pub direction: Direction,
    /// Keys when the leg is encrypted (RFC 4568), none when it is plain RTP.
    pub srtp: Option<SrtpPlan>,
    /// Both sides take comfort noise (RFC 3389) in the place of silence, under payload type 13.
    pub comfort_noise: bool,
    /// The far side wants VoIP metrics in RTCP (RFC 3611 section 5.1).
    pub voip_metrics: bool,
    /// Absent when the session has no picture.
    pub video: Option<VideoPlan>,
}

/// Where the packets of one stream go, whether they may, and under which keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    pub remote: SocketAddr,
    pub remote_rtcp: SocketAddr,
    pub direction: Direction,
    pub srtp: Option<SrtpPlan>,
}

impl TrunkPlan {
    /// That of the sound.
    pub const fn flow(&self) -> Flow {
        Flow {
            remote: self.remote,
            remote_rtcp: self.remote_rtcp,
            direction: self.direction,
            srtp: self.srtp,
        }
    }
}

impl VideoPlan {
    pub const fn flow(&self) -> Flow {
        Flow {
            remote: self.remote,
            remote_rtcp: self.remote_rtcp,
            direction: self.direction,
            srtp: self.srtp,
        }
    }
}

/// How H.264 is put into packets (RFC 6184 section 5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketizationMode {
    /// 0: a NAL unit a packet.
    SingleNal,
    /// 1: fragments and aggregates, in order.
    NonInterleaved,
}

impl PacketizationMode {
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::SingleNal => 0,
            Self::NonInterleaved => 1,
        }
    }

    pub(crate) const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::SingleNal),
            1 => Some(Self::NonInterleaved),
            _ => None,
        }
    }
}

/// What can be said about a stream against its direction (RFC 4585, RFC 5104).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Feedback {
    pub pli: bool,
    pub fir: bool,
    pub nack: bool,
}

/// One negotiated H.264 format of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoFormat {
    pub payload_type: u8,
    pub mode: PacketizationMode,
    /// The most we may send.
    pub send: ProfileLevel,
    /// The most they may send.
    pub receive: ProfileLevel,
    pub feedback: Feedback,
    /// Kilobits a second we may send.
    pub max_kbps: Option<u32>,
}

/// The negotiated picture of a trunk leg; its fields are those of [`TrunkPlan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoPlan {
    pub remote: SocketAddr,
    pub remote_rtcp: SocketAddr,
    pub format: VideoFormat,
    pub direction: Direction,
    pub srtp: Option<SrtpPlan>,
}
