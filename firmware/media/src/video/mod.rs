//! One direction of one call's H.264: packets of one leg in, packets of the other leg out (RFC 6184).
//!
//! | the input's packet | leaves |
//! |---|---|
//! | fits the target | at once, under a new header; holes stay holes, and who comes late has its place |
//! | too large for a target of mode 1 | as FU-A, in order |
//! | STAP-A or FU-A for a target of mode 0 | as single NAL units, in order |
//! | before the first key frame of a source, or while closed | not |
//! | with a payload that is not understood | not, and leaves no hole |
//!
//! No octet of a NAL unit is changed, nor their order. From the first packet that cannot leave as it came, early
//! packets wait for those before them, 50 ms and 64 packets at most. The output is one line of sequence numbers and
//! timestamps under one SSRC: see `numbers.rs`. Another SSRC, a jump in the sequence numbers, [`VideoRelay::restart`]
//! and opening begin something new: it goes on seamlessly with the first key frame.
//!
//! A loss asks for no key frame: who decodes knows whether one is needed, and says so.
//!
//! Order of calls: any `handle_*` or setter, then drain [`VideoOutput`], then
//! [`VideoRelay::take_key_frame_request`] and [`VideoRelay::poll_timeout`].

mod assembly;
pub mod codec;
mod level;
mod missing;
mod numbers;
mod order;
mod outlet;
mod output;
mod payload;
mod rate;
mod request;
mod sender;
mod sent;
mod sets;
mod source;
#[cfg(test)]
mod tests;
mod transcode;
mod transcoder;
mod vp8;
mod way;

pub use missing::MissingPackets;
pub use output::VideoOutput;
pub use sent::SentPackets;
pub use transcode::{TranscodeTarget, VideoTranscode};
pub use transcoder::TranscodeJob;
pub use way::VideoWay;

use crate::path::OutputIdentity;
use crate::rtcp::SenderInfo;
use crate::rtp::{self, Header};
use crate::sdp::video::PacketizationMode;
use order::Waiting;
use outlet::{Outlet, Passed, Turn};
use sender::Sender;
use source::{Arrival, Sources};
use std::time::Instant;

/// A codec of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VideoCodec {
    /// RFC 6386, in packets of RFC 7741.
    Vp8,
    /// ITU-T H.264, in packets of RFC 6184.
    H264,
}

/// What the far side of the output agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoTarget {
    pub payload_type: u8,
    pub mode: PacketizationMode,
    /// Octets of an RTP payload.
    pub max_payload: usize,
}

/// What a way did since it was made. All figures only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VideoCounters {
    /// RTP packets received.
    pub packets_in: u64,
    /// Payload octets.
    pub octets_in: u64,
    pub packets_out: u64,
    pub octets_out: u64,
    /// Whole frames that came, where they are transcoded.
    pub frames_in: u64,
    /// Of these, decoded at most: there was no time, no room or no key frame before them.
    pub frames_dropped: u64,
    /// Microseconds that transcoding took.
    pub transcode_us: u64,
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

impl VideoCounters {
    /// Both together.
    #[must_use]
    pub const fn plus(&self, other: &Self) -> Self {
        Self {
            packets_in: self.packets_in + other.packets_in,
            octets_in: self.octets_in + other.octets_in,
            packets_out: self.packets_out + other.packets_out,
            octets_out: self.octets_out + other.octets_out,
            frames_in: self.frames_in + other.frames_in,
            frames_dropped: self.frames_dropped + other.frames_dropped,
            transcode_us: self.transcode_us + other.transcode_us,
            frames: self.frames + other.frames,
            key_frames: self.key_frames + other.key_frames,
            lost: self.lost + other.lost,
            reordered: self.reordered + other.reordered,
            late: self.late + other.late,
            discarded: self.discarded + other.discarded,
            withheld: self.withheld + other.withheld,
            oversized: self.oversized + other.oversized,
            split: self.split + other.split,
            key_frame_requests: self.key_frame_requests + other.key_frame_requests,
        }
    }

    /// Of one picture and the next, where there were any.
    pub fn together(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(one.plus(&other)),
            (one, other) => one.or(other),
        }
    }

    /// What came to it since it was `before`.
    #[must_use]
    pub const fn since(&self, before: &Self) -> Self {
        Self {
            packets_in: self.packets_in - before.packets_in,
            octets_in: self.octets_in - before.octets_in,
            packets_out: self.packets_out - before.packets_out,
            octets_out: self.octets_out - before.octets_out,
            frames_in: self.frames_in - before.frames_in,
            frames_dropped: self.frames_dropped - before.frames_dropped,
            transcode_us: self.transcode_us - before.transcode_us,
            frames: self.frames - before.frames,
            key_frames: self.key_frames - before.key_frames,
            lost: self.lost - before.lost,
            reordered: self.reordered - before.reordered,
            late: self.late - before.late,
            discarded: self.discarded - before.discarded,
            withheld: self.withheld - before.withheld,
            oversized: self.oversized - before.oversized,
            split: self.split - before.split,
            key_frame_requests: self.key_frame_requests - before.key_frame_requests,
        }
    }
}

/// One direction of one call's H.264.
#[derive(Debug)]
pub struct VideoRelay {
    sources: Sources,
    /// From this number on packets are put in order.
    order_from: Option<u64>,
    waiting: Waiting,
    outlet: Outlet,
}

impl VideoRelay {
    /// Open, and without a source.
    pub fn new(to: VideoTarget, out: OutputIdentity) -> Self {
        Self {
            sources: Sources::default(),
            order_from: None,
            waiting: Waiting::new(order::PASSING),
            outlet: Outlet::new(Sender::new(to, out)),
        }
    }

    /// The same, going on where another way of the same output ended.
    fn with(to: VideoTarget, mut sender: Sender) -> Self {
        sender.to = to;
        sender.numbers.wait();
        Self {
            sources: Sources::default(),
            order_from: None,
            waiting: Waiting::new(order::PASSING),
            outlet: Outlet::new(sender),
        }
    }

    /// The far side of the output agreed on something else; SSRC, sequence numbers and timestamps go on.
    pub fn replan(&mut self, to: VideoTarget) {
        self.outlet.replan(to);
        if self.order_from.is_some() && self.waiting.is_empty() {
            self.order_from = None;
            self.outlet.sender.numbers.connect(self.waiting.next());
        }
    }

    /// Closed, nothing leaves. Opening again asks for a key frame and withholds everything until it comes.
    pub fn set_open(&mut self, open: bool) {
        if open == self.outlet.is_open {
            return;
        }
        self.outlet.is_open = open;
        self.begin_again();
        if open {
            self.outlet.request.want();
        }
    }

    /// SPS and PPS out of `sprop-parameter-sets`, used until the stream brings its own. Replaces what was set before.
    pub fn set_parameter_sets(&mut self, sets: &[Vec<u8>]) {
        self.outlet.sets.tell(sets);
    }

    /// The source changed: its next packet begins something new, and a key frame is wanted. Parameter sets of the
    /// stream are forgotten, those that were set are not.
    pub fn restart(&mut self) {
        self.sources.forget(&mut self.outlet.sender.counters);
        self.outlet.sets.forget_learned();
        self.begin_again();
        self.outlet.request.want();
    }

    /// Takes one datagram of the input, of whatever payload type. What it causes is appended to `out`.
    pub fn handle_rtp(&mut self, datagram: &[u8], now: Instant, out: &mut VideoOutput) {
        let Ok(packet) = rtp::read(datagram) else {
            self.counters_mut().discarded += 1;
            return;
        };
        let header = packet.header;
        let counters = self.counters_mut();
        counters.packets_in += 1;
        counters.octets_in += packet.payload.len() as u64;
        let counters = &mut self.outlet.sender.counters;
        let turn = match self.sources.arrive(&header, now, counters) {
            Arrival::InPlace(turn) => turn,
            Arrival::Begins { turn, is_other } => {
                if is_other {
                    self.outlet.sets.forget_learned();
                }
                self.begin_again();
                self.outlet.request.renew(now);
                turn
            }
            Arrival::Useless => {
                counters.late += 1;
                return;
            }
        };
        if self.order_from.is_some_and(|from| turn.number >= from) {
            self.order(turn.number, header, packet.payload, now, out);
            return;
        }
        let passed = self.outlet.pass(turn, &header, packet.payload, now, out);
        if passed == Passed::Done {
            return;
        }
        if self.order_from.is_some() {
            // From before the order began: there is one place for it, not several.
            self.counters_mut().late += 1;
            return;
        }
        self.begin_order(turn, &header, packet.payload, now, out);
    }

    /// Does what is due at `now`; calling early or late is harmless.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut VideoOutput) {
        self.release(now, out);
    }

    /// When [`Self::handle_timeout`] wants to be called; ask again after every other call.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.waiting.poll_timeout()
    }

    /// The far side of the output wants a key frame.
    pub fn request_key_frame(&mut self, _now: Instant) {
        self.outlet.request.want();
    }

    /// Whether the source shall be asked for a key frame now. Ask after every other call, and at
    /// [`Self::key_frame_due`].
    pub fn take_key_frame_request(&mut self, now: Instant) -> bool {
        let is_due = self.outlet.is_open && self.outlet.request.take(now);
        self.counters_mut().key_frame_requests += u64::from(is_due);
        is_due
    }

    /// When [`Self::take_key_frame_request`] will say yes next, if nothing comes in between. `None`: now, or not
    /// at all.
    pub fn key_frame_due(&self) -> Option<Instant> {
        self.outlet.request.due().filter(|_| self.outlet.is_open)
    }

    /// Sender information of the output for a sender report; `None` before the first packet.
    /// `ntp` is the wall clock at `now` as a 64-bit NTP timestamp.
    pub fn sender_info(&self, now: Instant, ntp: u64) -> Option<SenderInfo> {
        self.outlet.sender.info(now, ntp)
    }

    pub fn counters(&self) -> &VideoCounters {
        &self.outlet.sender.counters
    }

    /// SSRC of the output.
    pub fn ssrc(&self) -> u32 {
        self.outlet.sender.numbers.ssrc()
    }

    fn counters_mut(&mut self) -> &mut VideoCounters {
        &mut self.outlet.sender.counters
    }

    fn begin_again(&mut self) {
        self.order_from = None;
        self.waiting.begin(0);
        self.outlet.wait();
    }

    /// The first packet that does not leave as it came.
    fn begin_order(
        &mut self,
        turn: Turn,
        header: &Header,
        payload: &[u8],
        now: Instant,
        out: &mut VideoOutput,
    ) {
        let from = match self.sources.highest() {
            Some(highest) if !turn.is_newest => highest + 1,
            _ => turn.number,
        };
        // What is missing before it keeps its places.
        self.outlet.sender.numbers.order_from(from);
        self.order_from = Some(from);
        self.waiting.begin(from);
        if !turn.is_newest {
            self.counters_mut().late += 1;
            return;
        }
        self.waiting.advance();
        let turn = Turn {
            follows: true,
            ..turn
        };
        self.outlet.pass_in_order(turn, header, payload, now, out);
    }

    fn order(
        &mut self,
        number: u64,
        header: Header,
        payload: &[u8],
        now: Instant,
        out: &mut VideoOutput,
    ) {
        if number < self.waiting.next() {
            self.counters_mut().late += 1;
        } else if number == self.waiting.next() {
            self.waiting.advance();
            let turn = Turn {
                number,
                is_newest: true,
                follows: true,
            };
            self.outlet.pass_in_order(turn, &header, payload, now, out);
        } else {
            self.waiting.hold(number, header, payload, now);
        }
        self.release(now, out);
    }

    /// Sends what waited, as far as its turn has come.
    fn release(&mut self, now: Instant, out: &mut VideoOutput) {
        while let Some((held, number, is_lost)) = self.waiting.take(now) {
            let turn = Turn {
                number,
                is_newest: true,
                follows: !is_lost,
            };
            self.outlet
                .pass_in_order(turn, &held.header, &held.payload, now, out);
            self.waiting.free(held);
        }
    }
}
