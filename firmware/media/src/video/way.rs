//! A picture's way to one leg's far side: passed on where both sides speak the same codec, transcoded where they do not.
//!
//! | the legs speak | way |
//! |---|---|
//! | H.264 both | [`VideoRelay`] |
//! | anything else | [`VideoTranscode`] |
//!
//! From one way to the other the output goes on: the same SSRC, the next sequence number.

use super::sender::Sender;
use super::transcoder::TranscodeJob;
use super::{TranscodeTarget, VideoCodec, VideoCounters, VideoOutput, VideoRelay, VideoTranscode};
use crate::path::OutputIdentity;
use crate::rtcp::SenderInfo;
use std::time::Instant;

/// See the module; each method is that of the way it is.
#[derive(Debug)]
pub struct VideoWay {
    way: Way,
}

#[derive(Debug)]
enum Way {
    Relay(Box<VideoRelay>),
    Transcode(Box<VideoTranscode>),
    /// Between two.
    Nowhere,
}

impl VideoWay {
    /// Open, and without a source.
    pub fn new(from: VideoCodec, to: TranscodeTarget, out: OutputIdentity) -> Self {
        let sender = Sender::new(to.packets, out);
        Self {
            way: Way::lay(from, to, sender, 0),
        }
    }

    /// Either side agreed on something else; SSRC, sequence numbers and timestamps go on.
    pub fn replan(&mut self, from: VideoCodec, to: TranscodeTarget) {
        match &mut self.way {
            Way::Relay(relay) if is_relayed(from, &to) => return relay.replan(to.packets),
            Way::Transcode(transcode)
                if transcode.from() == from && transcode.codec() == to.codec() =>
            {
                return transcode.replan(to);
            }
            _ => {}
        }
        self.way = match std::mem::replace(&mut self.way, Way::Nowhere) {
            Way::Relay(relay) => Way::lay(from, to, relay.outlet.sender, 0),
            Way::Transcode(transcode) => {
                let generation = transcode.generation() + 1;
                Way::lay(from, to, transcode.sender, generation)
            }
            Way::Nowhere => Way::Nowhere,
        };
    }

    /// The codec of the input.
    pub const fn from(&self) -> VideoCodec {
        match &self.way {
            Way::Transcode(transcode) => transcode.from(),
            Way::Relay(_) | Way::Nowhere => VideoCodec::H264,
        }
    }

    /// Whether pictures are decoded and encoded on it.
    pub const fn is_transcoded(&self) -> bool {
        matches!(self.way, Way::Transcode(_))
    }

    pub fn set_open(&mut self, open: bool) {
        match &mut self.way {
            Way::Relay(relay) => relay.set_open(open),
            Way::Transcode(transcode) => transcode.set_open(open),
            Way::Nowhere => {}
        }
    }

    pub fn restart(&mut self) {
        match &mut self.way {
            Way::Relay(relay) => relay.restart(),
            Way::Transcode(transcode) => transcode.restart(),
            Way::Nowhere => {}
        }
    }

    pub fn handle_rtp(&mut self, datagram: &[u8], now: Instant, out: &mut VideoOutput) {
        match &mut self.way {
            Way::Relay(relay) => relay.handle_rtp(datagram, now, out),
            Way::Transcode(transcode) => transcode.handle_rtp(datagram, now),
            Way::Nowhere => {}
        }
    }

    pub fn handle_timeout(&mut self, now: Instant, out: &mut VideoOutput) {
        match &mut self.way {
            Way::Relay(relay) => relay.handle_timeout(now, out),
            Way::Transcode(transcode) => transcode.handle_timeout(now),
            Way::Nowhere => {}
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.way {
            Way::Relay(relay) => relay.poll_timeout(),
            Way::Transcode(transcode) => transcode.poll_timeout(),
            Way::Nowhere => None,
        }
    }

    /// Work to be done elsewhere; ask after every other call.
    pub fn poll_job(&mut self, now: Instant) -> Option<TranscodeJob> {
        match &mut self.way {
            Way::Transcode(transcode) => transcode.poll_job(now),
            Way::Relay(_) | Way::Nowhere => None,
        }
    }

    /// Takes work back that was done.
    pub fn finish(&mut self, job: TranscodeJob, now: Instant, out: &mut VideoOutput) {
        match &mut self.way {
            Way::Transcode(transcode) => transcode.finish(job, now, out),
            Way::Relay(_) | Way::Nowhere => {}
        }
    }

    pub fn request_key_frame(&mut self, now: Instant) {
        match &mut self.way {
            Way::Relay(relay) => relay.request_key_frame(now),
            Way::Transcode(transcode) => transcode.request_key_frame(now),
            Way::Nowhere => {}
        }
    }

    /// The far side's estimate in bits a second (REMB); a relay has no rate of its own.
    pub fn on_estimate(&mut self, bits: u64) {
        if let Way::Transcode(transcode) = &mut self.way {
            transcode.on_estimate(bits);
        }
    }

    /// The far side lost so many of 256 packets.
    pub fn on_report(&mut self, fraction_lost: u8, now: Instant) {
        if let Way::Transcode(transcode) = &mut self.way {
            transcode.on_report(fraction_lost, now);
        }
    }

    pub fn take_key_frame_request(&mut self, now: Instant) -> bool {
        match &mut self.way {
            Way::Relay(relay) => relay.take_key_frame_request(now),
            Way::Transcode(transcode) => transcode.take_key_frame_request(now),
            Way::Nowhere => false,
        }
    }

    pub fn key_frame_due(&self) -> Option<Instant> {
        match &self.way {
            Way::Relay(relay) => relay.key_frame_due(),
            Way::Transcode(transcode) => transcode.key_frame_due(),
            Way::Nowhere => None,
        }
    }

    /// Sender information of the output for a sender report; `None` before the first packet.
    /// `ntp` is the wall clock at `now` as a 64-bit NTP timestamp.
    pub fn sender_info(&self, now: Instant, ntp: u64) -> Option<SenderInfo> {
        match &self.way {
            Way::Relay(relay) => relay.sender_info(now, ntp),
            Way::Transcode(transcode) => transcode.sender.info(now, ntp),
            Way::Nowhere => None,
        }
    }

    /// Since it was first made, whichever way it went.
    pub fn counters(&self) -> VideoCounters {
        match &self.way {
            Way::Relay(relay) => *relay.counters(),
            Way::Transcode(transcode) => *transcode.counters(),
            Way::Nowhere => VideoCounters::default(),
        }
    }
}

impl Way {
    fn lay(from: VideoCodec, to: TranscodeTarget, sender: Sender, generation: u64) -> Self {
        if is_relayed(from, &to) {
            Self::Relay(Box::new(VideoRelay::with(to.packets, sender)))
        } else {
            let transcode = VideoTranscode::new(from, to, sender, generation);
            Self::Transcode(Box::new(transcode))
        }
    }
}

fn is_relayed(from: VideoCodec, to: &TranscodeTarget) -> bool {
    (from, to.codec()) == (VideoCodec::H264, VideoCodec::H264)
}
