//! One leg's picture: what came from its far side, and the way that makes what goes there.
//!
//! It lives beside the sound and never touches it: a picture that cannot be had costs nothing else. Whole pictures
//! are asked for against the stream, and single packets on the way to and from a browser (NACK):
//!
//! | who lacks one | how it says so | whom we ask, and how |
//! |---|---|---|
//! | browser | PLI, FIR | the PBX: PLI or FIR where agreed, else INFO (RFC 5168) |
//! | PBX | PLI, FIR, INFO | the browser: PLI |
//! | nobody yet: a picture begins, its source has changed, or what is to be decoded was lost | the way | as above |
//!
//! Where pictures are transcoded, what the far side lacks is made here: nobody else is asked.

use super::leg::{RTCP_EVERY, ntp_now};
use super::trunk::TrunkLeg;
use causeway_media::path::{OutPacket, OutputIdentity};
use causeway_media::plan::{Direction, Feedback, PacketizationMode, VideoFormat, VideoPlan};
use causeway_media::rtcp::{self, ReceptionStats, ReportBlock};
use causeway_media::rtp;
use causeway_media::sdp::browser::{OfferedVideo, PictureCoding};
use causeway_media::video::{
    MissingPackets, SentPackets, TranscodeTarget, VideoCodec, VideoCounters, VideoTarget, VideoWay,
};
use std::time::Instant;

/// Octets of RTP payload that fit every path to a browser, with SRTP and a tunnel or two.
pub const MAX_PAYLOAD: usize = 1_200;
const CLOCK: u32 = 90_000;

/// The far end of a picture.
#[derive(Debug)]
pub enum PictureEnd {
    /// The browser's connection carries it beside the sound.
    Web,
    /// Sockets of its own.
    Trunk(Box<TrunkLeg>),
}

/// What is spoken with the far side of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureFormat {
    H264(VideoFormat),
    Vp8 {
        payload_type: u8,
        feedback: Feedback,
    },
}

impl PictureFormat {
    /// A browser's: at what it has offered.
    pub fn of(offered: &OfferedVideo) -> Self {
        match offered.coding {
            PictureCoding::H264(level) => Self::H264(VideoFormat {
                payload_type: offered.payload_type,
                mode: PacketizationMode::NonInterleaved,
                send: level,
                receive: level,
                feedback: offered.feedback,
                max_kbps: None,
            }),
            PictureCoding::Vp8 => Self::Vp8 {
                payload_type: offered.payload_type,
                feedback: offered.feedback,
            },
        }
    }

    pub const fn codec(&self) -> VideoCodec {
        match self {
            Self::H264(_) => VideoCodec::H264,
            Self::Vp8 { .. } => VideoCodec::Vp8,
        }
    }

    pub const fn payload_type(&self) -> u8 {
        match self {
            Self::H264(format) => format.payload_type,
            Self::Vp8 { payload_type, .. } => *payload_type,
        }
    }

    const fn feedback(&self) -> Feedback {
        match self {
            Self::H264(format) => format.feedback,
            Self::Vp8 { feedback, .. } => *feedback,
        }
    }

    /// Kilobits a second that may be sent to it.
    pub const fn max_kbps(&self) -> Option<u32> {
        match self {
            Self::H264(format) => format.max_kbps,
            Self::Vp8 { .. } => None,
        }
    }

    fn target(&self) -> TranscodeTarget {
        let (mode, profile_level) = match self {
            Self::H264(format) => (format.mode, Some(format.send)),
            Self::Vp8 { .. } => (PacketizationMode::NonInterleaved, None),
        };
        TranscodeTarget {
            packets: VideoTarget {
                payload_type: self.payload_type(),
                mode,
                max_payload: MAX_PAYLOAD,
            },
            profile_level,
            max_kbps: self.max_kbps(),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Picture {
    pub end: PictureEnd,
    pub identity: OutputIdentity,
    /// What is spoken with the far side; none while nothing is agreed.
    pub format: Option<PictureFormat>,
    /// What negotiation allows, seen from the box. A browser's follows the leg's.
    pub direction: Direction,
    pub way: Option<VideoWay>,
    pub rtcp_due: Option<Instant>,
    reception: ReceptionStats,
    /// Who sends from there, once it has.
    source: Option<u32>,
    /// Of FIR requests (RFC 5104 section 4.3.1.1).
    requests: u8,
    /// Kilobits a second that it may send: what the peer's far side takes.
    limit: Option<u32>,
    /// What has been told of.
    counted: VideoCounters,
    /// What was done until nothing was agreed any more.
    past: Option<VideoCounters>,
    /// With a far side that agreed on NACK.
    sent: SentPackets,
    missing: MissingPackets,
    lost: Vec<u16>,
}

/// How the far side is asked for a whole picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// An RTCP compound is ready.
    Rtcp,
    /// It knows no feedback: signalling has to.
    Signalling,
}

impl Picture {
    pub fn new(end: PictureEnd, identity: OutputIdentity, format: Option<PictureFormat>) -> Self {
        Self {
            end,
            identity,
            format,
            direction: Direction::SendRecv,
            way: None,
            rtcp_due: None,
            reception: ReceptionStats::new(CLOCK),
            source: None,
            requests: 0,
            limit: None,
            counted: VideoCounters::default(),
            past: None,
            sent: SentPackets::default(),
            missing: MissingPackets::default(),
            lost: Vec::new(),
        }
    }

    /// Whether a source is that of the far side's picture.
    pub fn is_source(&self, ssrc: u32) -> bool {
        self.source == Some(ssrc)
    }

    pub fn reception(&mut self) -> &mut ReceptionStats {
        &mut self.reception
    }

    /// Notes one packet of the far side.
    pub fn note_received(&mut self, header: &rtp::Header, now: Instant) {
        if self.source.replace(header.ssrc) != Some(header.ssrc) {
            self.reception = ReceptionStats::new(CLOCK);
        }
        if self.has_nack() {
            self.missing.handle(header.ssrc, header.sequence, now);
        }
        self.reception.on_packet(header, now);
    }

    pub fn note_sent(&mut self, packet: &OutPacket<'_>, now: Instant) {
        if self.has_nack() {
            self.sent.keep(packet, now);
        }
    }

    /// A packet that the far side has lost, when it may leave again.
    pub fn sent_again(&mut self, sequence: u16, now: Instant) -> Option<OutPacket<'_>> {
        self.sent.again(sequence, now)
    }

    /// Writes a compound that asks the far side for what was lost on the way here; false when nothing was.
    pub fn ask_again(&mut self, now: Instant, name: &str, compound: &mut Vec<u8>) -> bool {
        self.lost.clear();
        self.missing.take(now, &mut self.lost);
        let Some(source) = self.source.filter(|_| !self.lost.is_empty()) else {
            return false;
        };
        compound.clear();
        let mut writer = rtcp::Writer::new(compound);
        writer.receiver_report(self.identity.ssrc, &[]);
        writer.canonical_name(self.identity.ssrc, name);
        writer.nack(self.identity.ssrc, source, &self.lost);
        true
    }

    fn has_nack(&self) -> bool {
        self.format.is_some_and(|format| format.feedback().nack)
    }

    /// Takes what was negotiated on a trunk.
    pub fn agree(&mut self, plan: Option<&VideoPlan>, now: Instant) {
        let PictureEnd::Trunk(trunk) = &mut self.end else {
            return;
        };
        self.format = plan.map(|plan| PictureFormat::H264(plan.format));
        self.direction = plan.map_or(Direction::Inactive, |plan| plan.direction);
        match plan {
            None => trunk.shut(),
            Some(plan) => {
                if let Err(error) = trunk.replan(plan.flow(), now) {
                    tracing::error!(%error, "agreed SRTP keys of a picture cannot be used");
                }
            }
        }
    }

    /// Brings the way towards the far side in line with what is agreed there, what the peer's far side speaks, and
    /// whether anything may pass. `limit` is what the peer's far side takes, in kilobits a second.
    pub fn plan(&mut self, open: bool, from: Option<VideoCodec>, limit: Option<u32>, now: Instant) {
        let Some(format) = &self.format else {
            self.past = self.counters();
            self.way = None;
            return;
        };
        let target = format.target();
        let way = match &mut self.way {
            None => {
                let from = from.unwrap_or(format.codec());
                let way = VideoWay::new(from, target, self.identity);
                self.way.insert(way)
            }
            Some(way) => {
                way.replan(from.unwrap_or(way.from()), target);
                way
            }
        };
        way.set_open(open);
        self.rtcp_due.get_or_insert(now + RTCP_EVERY);
        if std::mem::replace(&mut self.limit, limit) != limit {
            self.rtcp_due = Some(now);
        }
    }

    /// The far side has another peer from now on.
    pub fn restart(&mut self) {
        if let Some(way) = &mut self.way {
            way.restart();
        }
    }

    /// The far side wants a whole picture.
    pub fn request_key_frame(&mut self, now: Instant) {
        if let Some(way) = &mut self.way {
            way.request_key_frame(now);
        }
    }

    /// The far side estimates that it can take so many bits a second (REMB).
    pub fn on_estimate(&mut self, bits: u64) {
        if let Some(way) = &mut self.way {
            way.on_estimate(bits);
        }
    }

    /// The far side says how our picture reaches it.
    pub fn on_report(&mut self, block: &ReportBlock, now: Instant) {
        if let Some(way) = self
            .way
            .as_mut()
            .filter(|_| block.ssrc == self.identity.ssrc)
        {
            way.on_report(block.fraction_lost, now);
        }
    }

    /// What was done towards the far side; none where nothing was ever agreed with it.
    pub fn counters(&self) -> Option<VideoCounters> {
        let now = self.way.as_ref().map(VideoWay::counters);
        VideoCounters::together(self.past, now)
    }

    /// What was done towards the far side since this was asked last.
    pub fn take_progress(&mut self) -> VideoCounters {
        let now = self.counters();
        // A way that is gone took its figures along.
        let now = now.unwrap_or_default();
        let before = std::mem::replace(&mut self.counted, now);
        match before.packets_in <= now.packets_in {
            true => now.since(&before),
            false => now,
        }
    }

    /// Whether the peer's far side shall be asked for one now.
    pub fn take_key_frame_request(&mut self, now: Instant) -> bool {
        self.way
            .as_mut()
            .is_some_and(|way| way.take_key_frame_request(now))
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let way = self.way.as_ref();
        let waits = way.and_then(VideoWay::poll_timeout);
        let wants = way.and_then(VideoWay::key_frame_due);
        let lacks = self.missing.poll_timeout();
        [waits, wants, lacks, self.rtcp_due]
            .into_iter()
            .flatten()
            .min()
    }

    /// Writes SR or RR with SDES of the picture's own source.
    pub fn report(&mut self, now: Instant, name: &str, compound: &mut Vec<u8>) {
        compound.clear();
        let ssrc = self.identity.ssrc;
        let block = self.reception.report(now);
        let info = self
            .way
            .as_ref()
            .and_then(|way| way.sender_info(now, ntp_now()));
        let mut writer = rtcp::Writer::new(compound);
        match &info {
            Some(info) => writer.sender_report(ssrc, info, block.as_slice()),
            None => writer.receiver_report(ssrc, block.as_slice()),
        }
        writer.canonical_name(ssrc, name);
        // A trunk was told in SDP.
        if let (PictureEnd::Web, Some(source), Some(limit)) = (&self.end, self.source, self.limit) {
            writer.bitrate_limit(ssrc, source, u64::from(limit) * 1_000);
        }
    }

    /// Asks the far side for a whole picture: writes the compound that does, where it is taken.
    pub fn ask(&mut self, name: &str, compound: &mut Vec<u8>) -> Asking {
        let feedback = self
            .format
            .map(|format| format.feedback())
            .unwrap_or_default();
        if !feedback.pli && !feedback.fir {
            return Asking::Signalling;
        }
        compound.clear();
        let (ssrc, source) = (self.identity.ssrc, self.source.unwrap_or(0));
        let mut writer = rtcp::Writer::new(compound);
        // Feedback stands in a compound (RFC 4585 section 3.1).
        writer.receiver_report(ssrc, &[]);
        writer.canonical_name(ssrc, name);
        if feedback.pli {
            writer.picture_loss(ssrc, source);
        } else {
            self.requests = self.requests.wrapping_add(1);
            writer.full_intra_request(ssrc, source, self.requests);
        }
        Asking::Rtcp
    }
}
