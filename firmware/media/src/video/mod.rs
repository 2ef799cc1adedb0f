//! One direction of one call's H.264: packets of one leg in, packets of the other leg out (RFC 6184).

mod output;

pub use output::VideoOutput;

use crate::path::OutputIdentity;
use crate::rtcp::SenderInfo;
use crate::sdp::video::PacketizationMode;
use std::time::Instant;

/// What the far side of the output agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoTarget {
    pub payload_type: u8,
    pub mode: PacketizationMode,
    /// Octets of an RTP payload.
    pub max_payload: usize,
}

/// What a relay did since it was made. All figures only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VideoCounters {
    /// RTP packets received.
    pub packets_in: u64,
    /// Payload octets.
    pub octets_in: u64,
    pub packets_out: u64,
    pub octets_out: u64,
    /// Access units of which something left.
    pub frames: u64,
    /// Of these, with an IDR picture.
    pub key_frames: u64,
    /// Packets the input's sequence numbers say never came.
    pub lost: u64,
    /// Packets that came out of order.
    pub reordered: u64,
    /// Came twice, or after their place was gone.
    pub late: u64,
    /// Not RTP, a payload that is not understood, or a fragment without its others.
    pub discarded: u64,
    /// What came before the key frame it needs.
    pub withheld: u64,
    /// NAL units that left larger than the target wants packets to be.
    pub oversized: u64,
    /// Packets that left as several.
    pub split: u64,
    /// Times the source was asked for a key frame.
    pub key_frame_requests: u64,
}

/// One direction of one call's H.264.
#[derive(Debug)]
pub struct VideoRelay {
    to: VideoTarget,
    out: OutputIdentity,
    counters: VideoCounters,
}

impl VideoRelay {
    pub fn new(to: VideoTarget, out: OutputIdentity) -> Self {
        Self {
            to,
            out,
            counters: VideoCounters::default(),
        }
    }

    /// The far side of the output agreed on something else; SSRC, sequence numbers and timestamps go on.
    pub fn replan(&mut self, to: VideoTarget) {
        self.to = to;
    }

    /// Closed, nothing leaves. Opening again asks for a key frame and withholds everything until it comes.
    pub fn set_open(&mut self, _open: bool) {}

    /// SPS and PPS out of `sprop-parameter-sets`, used until the stream brings its own.
    pub fn set_parameter_sets(&mut self, _sets: &[Vec<u8>]) {}

    /// The source changed: its next packet begins something new, and a key frame is wanted.
    pub fn restart(&mut self) {}

    /// Takes one datagram of the input. What it causes is appended to `out`.
    pub fn handle_rtp(&mut self, _datagram: &[u8], _now: Instant, _out: &mut VideoOutput) {}

    /// Does what is due at `now`; calling early or late is harmless.
    pub fn handle_timeout(&mut self, _now: Instant, _out: &mut VideoOutput) {}

    /// When [`Self::handle_timeout`] wants to be called; ask again after every other call.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// The far side of the output wants a key frame.
    pub fn request_key_frame(&mut self, _now: Instant) {}

    /// Whether the source shall be asked for a key frame now. Ask after every other call, and at
    /// [`Self::key_frame_due`].
    pub fn take_key_frame_request(&mut self, _now: Instant) -> bool {
        false
    }

    /// When [`Self::take_key_frame_request`] will say yes next, if nothing comes in between.
    pub fn key_frame_due(&self) -> Option<Instant> {
        None
    }

    /// Sender information of the output for a sender report; `None` before the first packet.
    /// `ntp` is the wall clock at `now` as a 64-bit NTP timestamp.
    pub fn sender_info(&self, _now: Instant, _ntp: u64) -> Option<SenderInfo> {
        None
    }

    pub fn counters(&self) -> &VideoCounters {
        &self.counters
    }

    /// SSRC of the output.
    pub fn ssrc(&self) -> u32 {
        self.out.ssrc
    }
}
