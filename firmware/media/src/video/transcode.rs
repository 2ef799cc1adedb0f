//! One direction of one call's picture between two codecs: packets of one leg in, packets of the other leg out.
//!
//! | state | a whole frame |
//! |---|---|
//! | closed | is not even put together |
//! | a key frame is needed: at the beginning, behind a loss or a fault | is dropped, and the source asked, until it is one |
//! | a job is under way | waits, with [`MOST_WAITING`] others at most: then all are dropped and a key frame is needed |
//! | no job is under way | goes into the next job, with all that wait |
//!
//! The far side's wish for a key frame goes to the encoder, at most once in [`KEY_FRAMES`], and not to the source. The
//! output is one line of sequence numbers and timestamps under one SSRC, as that of [`super::VideoRelay`].
//!
//! Order of calls: any `handle_*`, `finish` or setter, then [`VideoTranscode::poll_job`], then drain [`VideoOutput`], then
//! [`VideoTranscode::take_key_frame_request`] and [`VideoTranscode::poll_timeout`].

use super::assembly::{Assembly, WholeFrame};
use super::level::Level;
use super::order::{Patience, Waiting};
use super::rate::RateControl;
use super::request::KeyFrameRequest;
use super::sender::{Origin, Sender, Slot};
use super::source::{Arrival, Sources};
use super::transcoder::{Made, TranscodeJob, Transcoder, Wanted};
use super::{VideoCodec, VideoCounters, VideoOutput, VideoTarget, vp8};
use crate::rtp::{self, Header};
use crate::sdp::h264::ProfileLevel;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Frames that wait for the job under way.
const MOST_WAITING: usize = 8;
/// Between two key frames that the far side asked for.
const KEY_FRAMES: Duration = Duration::from_millis(300);
/// A source that is silent for so long has to be asked for a picture.
const SILENT: Duration = Duration::from_secs(1);
/// Packets of what is decoded wait for those before it long enough to be sent again.
const DECODING: Patience = Patience {
    hold: Duration::from_millis(120),
    packets: 512,
    octets: 1024 * 1024,
};
/// Kilobits a second where nothing was agreed.
const USUAL_KBPS: u32 = 1_500;
/// Of an agreed bandwidth, what headers leave (RFC 3550 section 6.2 counts them in).
const PAYLOAD_SHARE: u32 = 90;

/// What is made for the far side of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TranscodeTarget {
    /// The mode counts for H.264.
    pub packets: VideoTarget,
    /// The most it takes of H.264; none: it takes VP8.
    pub profile_level: Option<ProfileLevel>,
    /// Kilobits a second that were agreed on, headers included.
    pub max_kbps: Option<u32>,
}

impl TranscodeTarget {
    pub(super) const fn codec(&self) -> VideoCodec {
        match self.profile_level {
            Some(_) => VideoCodec::H264,
            None => VideoCodec::Vp8,
        }
    }

    /// VP8 has no levels: what a browser is sent is what it could be sent in H.264.
    pub(super) fn level(&self) -> Level {
        Level::of(self.profile_level.unwrap_or(ProfileLevel::BROWSER))
    }

    fn kbps(&self) -> u32 {
        let agreed = self
            .max_kbps
            .map_or(USUAL_KBPS, |kbps| kbps / 100 * PAYLOAD_SHARE);
        agreed.min(self.level().kbps)
    }

    /// Of a frame: what the level takes, and what the rate is enough for.
    pub(super) fn macroblocks(&self) -> usize {
        // A macroblock wants at least 0.03 bits a pixel, 30 times a second.
        let affordable = self.kbps() as usize * 1_000 / 230;
        affordable.clamp(99, self.level().frame.max(99))
    }
}

/// See the module.
#[derive(Debug)]
pub struct VideoTranscode {
    from: VideoCodec,
    to: TranscodeTarget,
    sources: Sources,
    waiting: Waiting,
    /// Packets of the source are being put in order.
    is_ordered: bool,
    assembly: Assembly,
    frames: VecDeque<WholeFrame>,
    /// Of those that come next, the first to be decoded is a key frame.
    needs_key: bool,
    request: KeyFrameRequest,
    is_open: bool,
    heard: Option<Instant>,
    /// `None`: under way.
    transcoder: Option<Box<Transcoder>>,
    /// Jobs of before something began are of no use.
    generation: u64,
    /// The encoder shall make a key frame.
    wants_key: bool,
    key_sent: Option<Instant>,
    rate: RateControl,
    pub(super) sender: Sender,
    /// The output goes on where it was before something began.
    is_connected: bool,
    picture_id: u16,
}

impl VideoTranscode {
    /// Open, and without a source. `generation` is of no other that jobs may come back to.
    pub(super) fn new(
        from: VideoCodec,
        to: TranscodeTarget,
        mut sender: Sender,
        generation: u64,
    ) -> Self {
        sender.to = to.packets;
        sender.numbers.wait();
        Self {
            from,
            to,
            sources: Sources::default(),
            waiting: Waiting::new(DECODING),
            is_ordered: false,
            assembly: Assembly::new(from),
            frames: VecDeque::new(),
            needs_key: true,
            request: KeyFrameRequest::default(),
            is_open: true,
            heard: None,
            transcoder: Some(Box::new(Transcoder::new(from, to))),
            generation,
            wants_key: true,
            key_sent: None,
            rate: RateControl::new(to.kbps()),
            sender,
            is_connected: false,
            picture_id: 0,
        }
    }

    pub(super) const fn from(&self) -> VideoCodec {
        self.from
    }

    /// The codec of the output.
    pub(super) const fn codec(&self) -> VideoCodec {
        self.to.codec()
    }

    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }

    /// The far side of the output agreed on something else; SSRC, sequence numbers and timestamps go on.
    pub(super) fn replan(&mut self, to: TranscodeTarget) {
        if self.to == to {
            return;
        }
        self.to = to;
        self.sender.to = to.packets;
        self.rate.agree(to.kbps());
        self.wants_key = true;
        // A job under way was for what was agreed before.
        self.generation += 1;
        if let Some(transcoder) = &mut self.transcoder {
            transcoder.replan(to);
        }
    }

    /// Closed, nothing leaves and nothing is decoded. Opening again asks for a key frame and drops everything until it
    /// comes.
    pub fn set_open(&mut self, open: bool) {
        if open == self.is_open {
            return;
        }
        self.is_open = open;
        self.begin_again();
        if open {
            self.request.want();
        }
    }

    /// The source changed: its next packet begins something new, and a key frame is wanted.
    pub fn restart(&mut self) {
        self.sources.forget(&mut self.sender.counters);
        self.begin_again();
        self.request.want();
    }

    /// Takes one datagram of the input, of whatever payload type.
    pub fn handle_rtp(&mut self, datagram: &[u8], now: Instant) {
        let Ok(packet) = rtp::read(datagram) else {
            self.sender.counters.discarded += 1;
            return;
        };
        let header = packet.header;
        let counters = &mut self.sender.counters;
        counters.packets_in += 1;
        counters.octets_in += packet.payload.len() as u64;
        let turn = match self.sources.arrive(&header, now, counters) {
            Arrival::InPlace(turn) => turn,
            Arrival::Begins { turn, .. } => {
                self.begin_again();
                self.request.renew(now);
                turn
            }
            Arrival::Useless => {
                counters.late += 1;
                return;
            }
        };
        if !self.is_open {
            return;
        }
        self.heard = Some(now);
        if !self.is_ordered {
            self.is_ordered = true;
            self.waiting.begin(turn.number);
        }
        if turn.number < self.waiting.next() {
            self.sender.counters.late += 1;
        } else if turn.number == self.waiting.next() {
            self.waiting.advance();
            self.take(&header, packet.payload, true);
        } else {
            self.waiting.hold(turn.number, header, packet.payload, now);
        }
        self.release(now);
    }

    /// Does what is due at `now`; calling early or late is harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.release(now);
    }

    /// When [`Self::handle_timeout`] wants to be called; ask again after every other call.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.waiting.poll_timeout()
    }

    /// Work to be done, unless some is under way; it must come back by [`Self::finish`].
    pub fn poll_job(&mut self, now: Instant) -> Option<TranscodeJob> {
        if self.frames.is_empty() || !self.is_open {
            return None;
        }
        let transcoder = self.transcoder.take()?;
        let may_be_key = self.key_sent.is_none_or(|sent| sent + KEY_FRAMES <= now);
        let wanted = Wanted {
            kbps: self.rate.kbps(),
            key_frame: self.wants_key && may_be_key,
        };
        Some(TranscodeJob {
            transcoder,
            generation: self.generation,
            frames: self.frames.drain(..).collect(),
            wanted,
            result: Ok(Made::Nothing),
            took: Duration::ZERO,
        })
    }

    /// Takes back a job that has run. What it made is appended to `out`.
    pub fn finish(&mut self, mut job: TranscodeJob, now: Instant, out: &mut VideoOutput) {
        // Of one that was replaced, or whose place is taken.
        if self.transcoder.is_some() || job.transcoder.from() != self.from {
            return;
        }
        let frames = job.frames.len() as u64;
        let last = job.frames.last().map(|frame| frame.header);
        for frame in job.frames.drain(..) {
            self.assembly.reuse(frame.octets);
        }
        let took = u64::try_from(job.took.as_micros()).unwrap_or(u64::MAX);
        self.sender.counters.transcode_us += took;
        let made = job.result;
        if job.generation != self.generation {
            self.sender.counters.frames_dropped += frames;
            // What it has seen and said is not what was taken over from it.
            self.wants_key = true;
            job.transcoder.forget_source();
            job.transcoder.replan(self.to);
            self.transcoder = Some(job.transcoder);
            return;
        }
        match (made, last) {
            (Ok(Made::Frame), Some(header)) => {
                self.sender.counters.frames_dropped += frames - 1;
                self.send(&header, &job.transcoder, now, out);
            }
            (Ok(_), _) => self.sender.counters.frames_dropped += frames,
            (Err(_), _) => {
                self.sender.counters.frames_dropped += frames;
                self.sender.counters.discarded += 1;
                job.transcoder.forget_source();
                self.lose();
            }
        }
        self.transcoder = Some(job.transcoder);
    }

    /// The far side of the output wants a key frame.
    pub fn request_key_frame(&mut self, now: Instant) {
        self.wants_key = true;
        let is_silent = self.heard.is_none_or(|heard| heard + SILENT <= now);
        if self.needs_key || is_silent {
            self.request.want();
        }
    }

    /// The far side of the output estimates that it can take so many bits a second.
    pub fn on_estimate(&mut self, bits: u64) {
        self.rate.on_estimate(bits);
    }

    /// The far side of the output reports that so many of 256 packets were lost.
    pub fn on_report(&mut self, fraction_lost: u8, now: Instant) {
        self.rate.on_report(fraction_lost, now);
    }

    /// Whether the source shall be asked for a key frame now. Ask after every other call, and at
    /// [`Self::key_frame_due`].
    pub fn take_key_frame_request(&mut self, now: Instant) -> bool {
        let is_due = self.is_open && self.request.take(now);
        self.sender.counters.key_frame_requests += u64::from(is_due);
        is_due
    }

    /// When [`Self::take_key_frame_request`] will say yes next, if nothing comes in between. `None`: now, or not
    /// at all.
    pub fn key_frame_due(&self) -> Option<Instant> {
        self.request.due().filter(|_| self.is_open)
    }

    pub const fn counters(&self) -> &VideoCounters {
        &self.sender.counters
    }

    /// Something new begins with the next packet, and with a key frame.
    fn begin_again(&mut self) {
        self.generation += 1;
        self.is_ordered = false;
        self.waiting.begin(0);
        self.assembly.begin();
        self.drop_frames();
        self.needs_key = true;
        self.wants_key = true;
        self.is_connected = false;
        if let Some(transcoder) = &mut self.transcoder {
            transcoder.forget_source();
        }
    }

    fn drop_frames(&mut self) {
        self.sender.counters.frames_dropped += self.frames.len() as u64;
        for frame in self.frames.drain(..) {
            self.assembly.reuse(frame.octets);
        }
    }

    /// The decoder cannot go on without a key frame.
    fn lose(&mut self) {
        self.drop_frames();
        self.needs_key = true;
        self.request.want();
    }

    /// Takes what waited, as far as its turn has come.
    fn release(&mut self, now: Instant) {
        while let Some((held, _, is_lost)) = self.waiting.take(now) {
            self.take(&held.header, &held.payload, !is_lost);
            self.waiting.free(held);
        }
    }

    /// Takes the next packet in order.
    fn take(&mut self, header: &Header, payload: &[u8], follows: bool) {
        // Padding alone: a source that probes the way.
        if payload.is_empty() && follows {
            return;
        }
        let step = self.assembly.add(header, payload, follows);
        self.sender.counters.discarded += u64::from(step.is_foreign);
        let [before, own] = step.frames;
        // A frame that was whole before the loss is as good as ever.
        if let Some(frame) = before {
            self.put(frame);
        }
        if step.is_lost && !self.needs_key {
            self.needs_key = true;
            self.request.want();
        }
        if let Some(frame) = own {
            self.put(frame);
        }
    }

    fn put(&mut self, frame: WholeFrame) {
        self.sender.counters.frames_in += 1;
        if self.needs_key && !frame.is_key {
            self.sender.counters.withheld += 1;
            self.request.miss();
            return self.assembly.reuse(frame.octets);
        }
        if frame.is_key {
            self.request.came();
            self.needs_key = false;
        }
        self.frames.push_back(frame);
        if self.frames.len() > MOST_WAITING {
            self.lose();
        }
    }

    /// Sends what the transcoder made of the frame with this header.
    fn send(
        &mut self,
        header: &Header,
        transcoder: &Transcoder,
        now: Instant,
        out: &mut VideoOutput,
    ) {
        if !self.is_connected {
            self.is_connected = true;
            self.sender.numbers.begin(0, header, now);
        }
        let coded = &transcoder.coded;
        if coded.is_key_frame {
            self.wants_key = false;
            self.key_sent = Some(now);
            self.sender.counters.key_frames += 1;
        }
        self.sender.counters.frames += 1;
        let origin = Origin {
            header: Header {
                marker: true,
                ..*header
            },
            slot: Slot::InOrder,
            now,
        };
        match self.codec() {
            VideoCodec::H264 => self.sender.units(&origin, coded.units(), out),
            VideoCodec::Vp8 => {
                self.picture_id = self.picture_id.wrapping_add(1);
                let room = self.sender.max_payload() - vp8::DESCRIPTOR;
                for frame in coded.units() {
                    let mut chunks = frame.chunks(room).peekable();
                    let mut begins = true;
                    while let Some(chunk) = chunks.next() {
                        let head = vp8::descriptor(self.picture_id, begins);
                        let is_last = chunks.peek().is_none();
                        self.sender.send(&origin, is_last, (&head, chunk), out);
                        begins = false;
                    }
                }
            }
        }
    }
}
