//! What every leg has, whatever is at its far end.
//!
//! A leg owns the one [`Path`] *towards* its far side, from the moment its format is known until it
//! closes. Bridging, holding, a new codec or another peer only re-plan that path, so the far side
//! sees one SSRC with one run of sequence numbers and timestamps for the life of the leg.

use super::batch::Outbound;
use super::either::Either;
use super::feedback::Feedback;
use super::liveness::Liveness;
use super::trunk::TrunkLeg;
use super::video::{Picture, PictureEnd};
use super::web::{Fault, WebLeg};
use super::{LegFigures, LegKey};
use bytes::BytesMut;
use causeway_media::codec_switch::Way;
use causeway_media::path::{OutPacket, OutputIdentity, Path};
use causeway_media::plan::{AudioFormat, Direction};
use causeway_media::quality::{Meter, RemoteReception};
use causeway_media::rtcp::{self, ReceptionStats, ReportBlock, VoipMetrics};
use causeway_media::rtp;
use causeway_media::video::VideoCounters;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// RFC 3550 section 6.2: at most every 5 s for two parties.
pub const RTCP_EVERY: Duration = Duration::from_secs(5);

/// Of a far side's jitter, more is not believed.
const MAX_JITTER: Duration = Duration::from_millis(500);

/// The far end.
#[derive(Debug)]
pub enum End {
    Web(Box<WebEnd>),
    Trunk(Box<TrunkLeg>),
    /// The WebRTC stack failed under it; waits to be closed.
    Spent,
}

/// A browser, and whether it is there.
#[derive(Debug)]
pub struct WebEnd {
    pub leg: WebLeg,
    pub liveness: Liveness,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    packets_in: u64,
    octets_in: u64,
    packets_out: u64,
    octets_out: u64,
    dropped: u64,
    round_trip: Option<Duration>,
    remote: Option<RemoteReception>,
    /// In units of the stream's clock.
    remote_jitter: u32,
    remote_metrics: Option<VoipMetrics>,
}

/// One leg's media.
#[derive(Debug)]
pub struct Leg {
    pub end: End,
    pub format: Option<AudioFormat>,
    /// What negotiation (trunk) or the switch (web) allows, seen from the box.
    pub direction: Direction,
    pub peer: Option<LegKey>,
    pub path: Option<Path>,
    pub identity: OutputIdentity,
    pub rtcp_due: Option<Instant>,
    pub picture: Option<Box<Picture>>,
    /// What was done for pictures that have ended; none where there was none.
    past_pictures: Option<VideoCounters>,
    /// How its far side hears.
    pub meter: Meter,
    /// The far side wants VoIP metrics.
    pub voip_metrics: bool,
    /// Payload type under which the far side takes comfort noise.
    pub comfort_noise: Option<u8>,
    /// Silence may be left out on the way to the far side.
    pub dtx: bool,
    /// What decides between two codecs, where both were agreed on.
    pub either: Option<Box<Either>>,
    /// RTCP canonical name.
    name: String,
    reception: Option<ReceptionStats>,
    tally: Tally,
}

impl Leg {
    pub fn new(end: End, identity: OutputIdentity, name: String) -> Self {
        Self {
            end,
            format: None,
            direction: Direction::SendRecv,
            peer: None,
            path: None,
            identity,
            rtcp_due: None,
            picture: None,
            past_pictures: None,
            meter: Meter::default(),
            voip_metrics: false,
            comfort_noise: None,
            dtx: false,
            either: None,
            name,
            reception: None,
            tally: Tally::default(),
        }
    }

    /// Takes the far end of `new`, and what belongs to it, in place of its own, which it gives away. What it has counted
    /// so far it keeps.
    pub fn renew(&mut self, new: Self) -> End {
        let Self {
            end,
            format,
            identity,
            picture,
            dtx,
            either,
            name,
            reception,
            ..
        } = new;
        self.dtx = dtx;
        self.either = either;
        self.format = format;
        self.identity = identity;
        self.put_picture(picture);
        self.name = name;
        self.reception = reception;
        // The old stream is not gone on with: another source, which the new connection has agreed to.
        self.path = None;
        self.rtcp_due = None;
        self.meter = Meter::default();
        self.tally.round_trip = None;
        self.tally.remote = None;
        self.tally.remote_jitter = 0;
        std::mem::replace(&mut self.end, end)
    }

    /// Puts another picture in the place of the one there was, whose figures are kept.
    pub fn put_picture(&mut self, picture: Option<Box<Picture>>) {
        let before = std::mem::replace(&mut self.picture, picture);
        let done = before.and_then(|picture| picture.counters());
        self.past_pictures = VideoCounters::together(self.past_pictures, done);
    }

    /// Fixes the format that is spoken with the far side.
    pub fn speak(&mut self, format: AudioFormat) {
        let clock = |format: &AudioFormat| format.codec.clock_rate();
        if self.format.as_ref().map(clock) != Some(clock(&format)) {
            self.reception = Some(ReceptionStats::new(clock(&format)));
        }
        self.format = Some(format);
    }

    /// What the far side speaks.
    pub fn heard(&self) -> Option<AudioFormat> {
        let either = self.either.as_ref().map(|either| either.heard);
        either.or(self.format)
    }

    /// Notes the payload type of a packet; true when the far side speaks another codec from now on.
    pub fn hears(&mut self, payload_type: u8) -> bool {
        let redundancy = match &self.end {
            End::Web(web) => web.leg.redundancy(),
            End::Trunk(_) | End::Spent => None,
        };
        let changed = match &mut self.either {
            Some(either) => either.hears(payload_type, redundancy),
            None => false,
        };
        if let (true, Some(heard), Some(reception)) = (changed, self.heard(), &mut self.reception) {
            reception.set_clock_rate(heard.codec.clock_rate());
        }
        changed
    }

    /// Whether what the path makes would leave.
    pub fn is_ready(&self) -> bool {
        match &self.end {
            End::Web(web) => web.leg.is_connected(),
            End::Trunk(trunk) => trunk.flow().is_some(),
            End::Spent => false,
        }
    }

    /// Notes one RTP packet that came from the far side.
    pub fn note_received(&mut self, header: &rtp::Header, octets: usize, now: Instant) {
        self.tally.packets_in += 1;
        self.tally.octets_in += octets as u64;
        if let Some(reception) = &mut self.reception {
            reception.on_packet(header, now);
        }
    }

    pub fn note_dropped(&mut self) {
        self.tally.dropped += 1;
    }

    /// Sends one packet of the path.
    ///
    /// # Errors
    /// [`Fault`] of the WebRTC stack.
    pub fn send(
        &mut self,
        now: Instant,
        packet: &OutPacket<'_>,
        outbound: &mut Outbound<BytesMut>,
    ) -> Result<bool, Fault> {
        let sent = match &mut self.end {
            End::Web(web) => web.leg.send_rtp(now, packet, outbound)?,
            End::Trunk(trunk) => trunk.send_rtp(packet.bytes),
            End::Spent => return Ok(false),
        };
        if sent {
            self.tally.packets_out += 1;
            self.tally.octets_out += packet.bytes.len() as u64;
        }
        Ok(sent)
    }

    /// Takes what the far side reports.
    pub fn on_feedback(&mut self, feedback: &Feedback, now: Instant) {
        match feedback {
            Feedback::Sender { ssrc, info } => {
                let picture = self.picture.as_mut().filter(|p| p.is_source(*ssrc));
                if let Some(picture) = picture {
                    picture.reception().on_sender_report(info, now);
                } else if let Some(reception) = &mut self.reception {
                    reception.on_sender_report(info, now);
                }
            }
            Feedback::Report(block) => {
                self.on_report(block, now);
                if let Some(picture) = &mut self.picture {
                    picture.on_report(block, now);
                }
            }
            Feedback::Estimate { ssrc, bits } => {
                if let Some(picture) = &mut self.picture
                    && picture.identity.ssrc == *ssrc
                {
                    picture.on_estimate(*bits);
                }
            }
            // The packets leave by `Self::send_again`.
            Feedback::Lost { .. } => {}
            Feedback::KeyFrame { ssrc } => {
                if let Some(picture) = &mut self.picture
                    && picture.identity.ssrc == *ssrc
                {
                    picture.request_key_frame(now);
                }
            }
        }
    }

    fn on_report(&mut self, block: &ReportBlock, now: Instant) {
        if block.ssrc != self.identity.ssrc {
            return;
        }
        let passed_on = self
            .path
            .as_ref()
            .map_or(0, |path| path.counters().passed_on);
        self.tally.remote = Some(RemoteReception {
            cumulative_lost: block.cumulative_lost,
            highest_sequence: block.highest_sequence,
            passed_on,
        });
        let lost = f32::from(block.fraction_lost) / 256.0;
        if let Some(path) = &mut self.path {
            path.note_far_loss(lost);
        }
        if let Some(either) = &mut self.either {
            either.report(Way::ToBrowser, lost, now);
        }
        self.tally.remote_jitter = block.jitter;
        if let Some(round_trip) = rtcp::round_trip(block, ntp_now()) {
            self.tally.round_trip = Some(round_trip);
        }
    }

    /// Takes one RTCP datagram of a trunk; false when it is none.
    pub fn on_rtcp(&mut self, datagram: &[u8], now: Instant) -> bool {
        let Ok(compound) = rtcp::read(datagram) else {
            return false;
        };
        for packet in compound.packets() {
            let reports = match packet {
                rtcp::Packet::SenderReport {
                    ssrc,
                    info,
                    reports,
                } => {
                    self.on_feedback(&Feedback::Sender { ssrc, info }, now);
                    reports
                }
                rtcp::Packet::ReceiverReport { reports, .. } => reports,
                // A BYE ends nothing: signalling does. The rest is for others.
                rtcp::Packet::SourceDescription(_)
                | rtcp::Packet::Goodbye(_)
                | rtcp::Packet::Other { .. } => continue,
            };
            for block in reports.iter() {
                self.on_report(&block, now);
            }
        }
        let ssrc = self.identity.ssrc;
        let about_us = rtcp::voip_metrics(&compound).filter(|metrics| metrics.ssrc == ssrc);
        self.tally.remote_metrics = about_us.last().or(self.tally.remote_metrics);
        true
    }

    /// Sends SR or RR with SDES and VoIP metrics where they are wanted, and BYE when the leg ends.
    ///
    /// # Errors
    /// [`Fault`] of the WebRTC stack.
    pub fn send_rtcp(
        &mut self,
        now: Instant,
        goodbye: bool,
        metrics: Option<&VoipMetrics>,
        scratch: &mut Vec<u8>,
        outbound: &mut Outbound<BytesMut>,
    ) -> Result<bool, Fault> {
        scratch.clear();
        let ssrc = self.identity.ssrc;
        let block = self.reception.as_mut().and_then(|stats| stats.report(now));
        if let (Some(either), Some(block)) = (&mut self.either, &block) {
            let lost = f32::from(block.fraction_lost) / 256.0;
            either.report(Way::FromBrowser, lost, now);
        }
        let blocks = block.as_slice();
        let info = self
            .path
            .as_ref()
            .and_then(|path| path.sender_info(now, ntp_now()));
        let mut writer = rtcp::Writer::new(scratch);
        match &info {
            Some(info) => writer.sender_report(ssrc, info, blocks),
            None => writer.receiver_report(ssrc, blocks),
        }
        writer.canonical_name(ssrc, &self.name);
        if let Some(metrics) = metrics {
            writer.voip_metrics(ssrc, metrics);
        }
        if goodbye {
            writer.goodbye(ssrc, None);
        }
        match &mut self.end {
            End::Web(web) => web.leg.send_rtcp(now, scratch, outbound),
            End::Trunk(trunk) => Ok(trunk.send_rtcp(scratch)),
            End::Spent => Ok(false),
        }
    }

    /// Takes one RTCP datagram of a trunk's picture; false when it is none.
    pub fn on_video_rtcp(&mut self, datagram: &[u8], now: Instant) -> bool {
        let (Ok(compound), Some(picture)) = (rtcp::read(datagram), &mut self.picture) else {
            return false;
        };
        for packet in compound.packets() {
            let reports = match packet {
                rtcp::Packet::SenderReport { info, reports, .. } => {
                    picture.reception().on_sender_report(&info, now);
                    reports
                }
                rtcp::Packet::ReceiverReport { reports, .. } => reports,
                // What is asked for is read below; the rest is for others.
                rtcp::Packet::SourceDescription(_)
                | rtcp::Packet::Goodbye(_)
                | rtcp::Packet::Other { .. } => continue,
            };
            for block in reports.iter() {
                picture.on_report(&block, now);
            }
        }
        if rtcp::wants_key_frame(&compound, picture.identity.ssrc) {
            picture.request_key_frame(now);
        }
        true
    }

    /// Sends one packet of the picture.
    ///
    /// # Errors
    /// [`Fault`] of the WebRTC stack.
    pub fn send_video(
        &mut self,
        now: Instant,
        packet: &OutPacket<'_>,
        outbound: &mut Outbound<BytesMut>,
    ) -> Result<bool, Fault> {
        let Some(picture) = &mut self.picture else {
            return Ok(false);
        };
        let sent = match (&mut picture.end, &mut self.end) {
            (PictureEnd::Trunk(trunk), _) => trunk.send_rtp(packet.bytes),
            (PictureEnd::Web, End::Web(web)) => web.leg.send_rtp(now, packet, outbound)?,
            (PictureEnd::Web, End::Trunk(_) | End::Spent) => false,
        };
        if sent {
            picture.note_sent(packet, now);
        }
        Ok(sent)
    }

    /// Gives a browser again what it says it has lost of our picture.
    ///
    /// # Errors
    /// [`Fault`] of the WebRTC stack.
    pub fn send_again(
        &mut self,
        feedback: &Feedback,
        now: Instant,
        outbound: &mut Outbound<BytesMut>,
    ) -> Result<(), Fault> {
        let (Some(picture), End::Web(web)) = (&mut self.picture, &mut self.end) else {
            return Ok(());
        };
        let Feedback::Lost {
            ssrc,
            first,
            behind,
        } = *feedback
        else {
            return Ok(());
        };
        if ssrc != picture.identity.ssrc {
            return Ok(());
        }
        let behind = (0..16).filter(|bit| behind & (1 << bit) != 0);
        let lost = behind.map(|bit| first.wrapping_add(bit + 1));
        for sequence in std::iter::once(first).chain(lost) {
            if let Some(packet) = picture.sent_again(sequence, now) {
                web.leg.send_rtp(now, &packet, outbound)?;
            }
        }
        Ok(())
    }

    /// Sends one RTCP compound of the picture.
    ///
    /// # Errors
    /// [`Fault`] of the WebRTC stack.
    pub fn send_video_rtcp(
        &mut self,
        now: Instant,
        compound: &[u8],
        outbound: &mut Outbound<BytesMut>,
    ) -> Result<bool, Fault> {
        let Some(picture) = &mut self.picture else {
            return Ok(false);
        };
        match (&mut picture.end, &mut self.end) {
            (PictureEnd::Trunk(trunk), _) => Ok(trunk.send_rtcp(compound)),
            (PictureEnd::Web, End::Web(web)) => web.leg.send_rtcp(now, compound, outbound),
            (PictureEnd::Web, End::Trunk(_) | End::Spent) => Ok(false),
        }
    }

    /// What the far side says of our sound, when it said something.
    pub const fn remote(&self) -> Option<RemoteReception> {
        self.tally.remote
    }

    pub const fn remote_metrics(&self) -> Option<&VoipMetrics> {
        self.tally.remote_metrics.as_ref()
    }

    /// Interarrival jitter at the far side.
    pub fn remote_jitter(&self) -> Duration {
        let clock = self
            .format
            .map_or(8_000, |format| format.codec.clock_rate());
        // A far side may say anything; no buffer is longer than this.
        (Duration::from_secs(self.tally.remote_jitter.into()) / clock).min(MAX_JITTER)
    }

    pub const fn round_trip(&self) -> Option<Duration> {
        self.tally.round_trip
    }

    /// SSRC of the far side.
    pub fn source(&self) -> Option<u32> {
        self.reception.as_ref().and_then(ReceptionStats::ssrc)
    }

    /// The RTCP canonical name, which sound and picture share so that they are played in step, and the picture.
    pub fn picture(&mut self) -> (&str, Option<&mut Picture>) {
        (&self.name, self.picture.as_deref_mut())
    }

    /// When the leg wants to be looked at.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let (stack, liveness) = match &self.end {
            End::Web(web) => (web.leg.poll_timeout(), web.liveness.poll_timeout()),
            End::Trunk(trunk) => (None, trunk.poll_timeout()),
            End::Spent => (None, None),
        };
        let path = self.path.as_ref().and_then(Path::poll_timeout);
        let picture = self.picture.as_ref().and_then(|p| p.poll_timeout());
        [stack, liveness, path, self.rtcp_due, picture]
            .into_iter()
            .flatten()
            .min()
    }

    /// Final figures, so far.
    pub fn figures(&self) -> LegFigures {
        let reception = self.reception.as_ref();
        LegFigures {
            codec: self.format.map(|format| format.codec),
            packets_received: self.tally.packets_in,
            packets_sent: self.tally.packets_out,
            bytes_received: self.tally.octets_in,
            bytes_sent: self.tally.octets_out,
            packets_lost: reception.map_or(0, ReceptionStats::lost),
            packets_dropped: self.tally.dropped,
            jitter_ms: reception.map_or(0.0, |stats| milliseconds(stats.jitter())),
            round_trip_ms: self.tally.round_trip.map(milliseconds),
            remote_lost: self
                .tally
                .remote
                .map(|remote| u64::try_from(remote.cumulative_lost).unwrap_or(0)),
            picture: VideoCounters::together(
                self.past_pictures,
                self.picture.as_ref().and_then(|p| p.counters()),
            ),
        }
    }

    /// Takes leave of the far side.
    pub fn close(
        &mut self,
        now: Instant,
        metrics: Option<&VoipMetrics>,
        scratch: &mut Vec<u8>,
        outbound: &mut Outbound<BytesMut>,
    ) {
        // A browser hears of the end by signalling and by DTLS; RTCP is for the trunk.
        if let End::Trunk(_) = &self.end {
            let _ = self.send_rtcp(now, true, metrics, scratch, outbound);
        }
        if let End::Web(web) = &mut self.end {
            web.leg.close(outbound);
        }
    }
}

fn milliseconds(duration: Duration) -> f32 {
    duration.as_secs_f32() * 1000.0
}

/// The wall clock as a 64-bit NTP timestamp (RFC 3550 section 4).
pub fn ntp_now() -> u64 {
    const SECONDS_1900_TO_1970: u64 = 2_208_988_800;
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    ((since.as_secs() + SECONDS_1900_TO_1970) << 32) | fraction
}
