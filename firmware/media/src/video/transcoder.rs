//! Decodes frames of one codec and encodes what they show in another: the work that is done away from the media thread.
//!
//! It costs milliseconds a frame, so it travels: [`super::VideoTranscode::poll_job`] gives a [`TranscodeJob`] away,
//! whoever has time runs it, and [`super::VideoTranscode::finish`] takes it back. One is under way at a time, which keeps
//! frames in order. Of several frames that wait together all are decoded, since each needs those before it, and the last
//! is encoded.

use super::assembly::WholeFrame;
use super::codec::{
    CodecFault, CodedFrame, H264Decoder, H264Encoder, Limits, Planes, Scaled, Vp8Decoder,
    Vp8Encoder, macroblocks,
};
use super::level::{Level, fit};
use super::{VideoCodec, transcode::TranscodeTarget};
use crate::sdp::video::PacketizationMode;
use std::time::Duration;

/// Units of a timestamp in a second.
const CLOCK: u32 = 90_000;
/// Between the first two pictures, for want of better knowledge.
const USUAL_STEP: u32 = CLOCK / 30;

/// Pixels of a side.
const SMALLEST: usize = 16;

/// Frames to be transcoded, and everything that takes.
#[derive(Debug)]
pub struct TranscodeJob {
    pub(super) transcoder: Box<Transcoder>,
    pub(super) generation: u64,
    /// Never empty before it has run.
    pub(super) frames: Vec<WholeFrame>,
    pub(super) wanted: Wanted,
    pub(super) result: Result<Made, CodecFault>,
    /// How long it took to run, where who ran it has a clock.
    pub took: Duration,
}

impl TranscodeJob {
    /// Does the work; takes milliseconds.
    pub fn run(&mut self) {
        self.result = self.transcoder.run(&self.frames, self.wanted);
    }

    /// Running it came to a bad end: its codecs are made anew.
    pub fn fail(&mut self) {
        let (from, to) = (self.transcoder.from, self.transcoder.output.to);
        *self.transcoder = Transcoder::new(from, to);
        self.result = Err(CodecFault::Abandoned);
    }
}

/// What the next frame shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) kbps: u32,
    pub(super) key_frame: bool,
}

/// What became of the last frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// It is in [`Transcoder::coded`].
    Frame,
    /// The rate, or the level, leaves it out.
    LeftOut,
    /// It shows nothing.
    Nothing,
}

#[derive(Debug)]
enum Decoder {
    Vp8(Vp8Decoder),
    H264(H264Decoder),
}

#[derive(Debug)]
enum Encoder {
    Vp8(Vp8Encoder),
    H264(Box<H264Encoder>),
}

/// See the module. Codecs are made when they are first needed, where that costs the media thread nothing.
#[derive(Debug)]
pub(super) struct Transcoder {
    from: VideoCodec,
    decoder: Option<Decoder>,
    pub(super) coded: CodedFrame,
    output: Output,
}

/// The encoding half.
#[derive(Debug)]
struct Output {
    to: TranscodeTarget,
    encoder: Option<Encoder>,
    scaled: Scaled,
    /// Timestamp of the last picture that was encoded.
    last: Option<u32>,
}

impl Transcoder {
    pub(super) fn new(from: VideoCodec, to: TranscodeTarget) -> Self {
        Self {
            from,
            decoder: None,
            coded: CodedFrame::default(),
            output: Output {
                to,
                encoder: None,
                scaled: Scaled::default(),
                last: None,
            },
        }
    }

    /// The codec of the input.
    pub(super) const fn from(&self) -> VideoCodec {
        self.from
    }

    /// The far side of the output agreed on something else.
    pub(super) fn replan(&mut self, to: TranscodeTarget) {
        if self.output.to != to {
            self.output.to = to;
            self.output.encoder = None;
        }
    }

    /// What was decoded so far is forgotten: another source begins.
    pub(super) fn forget_source(&mut self) {
        self.decoder = None;
    }

    fn run(&mut self, frames: &[WholeFrame], wanted: Wanted) -> Result<Made, CodecFault> {
        self.coded.clear();
        let Self {
            from,
            decoder,
            coded,
            output,
        } = self;
        let decoder = match decoder {
            Some(decoder) => decoder,
            None => decoder.insert(Decoder::new(*from)?),
        };
        let mut made = Made::Nothing;
        for (number, frame) in frames.iter().enumerate() {
            let is_last = number + 1 == frames.len();
            let shown = decoder.decode(&frame.octets, |picture| match is_last {
                true => output.encode(picture, frame.header.timestamp, wanted, coded),
                false => Ok(Made::LeftOut),
            })?;
            made = shown.transpose()?.unwrap_or(Made::Nothing);
        }
        Ok(made)
    }
}

impl Decoder {
    fn new(codec: VideoCodec) -> Result<Self, CodecFault> {
        match codec {
            VideoCodec::Vp8 => Vp8Decoder::new().map(Self::Vp8),
            VideoCodec::H264 => H264Decoder::new().map(Self::H264),
        }
    }

    fn decode<R>(
        &mut self,
        frame: &[u8],
        then: impl FnOnce(&Planes<'_>) -> R,
    ) -> Result<Option<R>, CodecFault> {
        match self {
            Self::Vp8(decoder) => decoder.decode(frame, then),
            Self::H264(decoder) => decoder.decode(frame, then),
        }
    }
}

impl Output {
    fn encode(
        &mut self,
        picture: &Planes<'_>,
        timestamp: u32,
        wanted: Wanted,
        coded: &mut CodedFrame,
    ) -> Result<Made, CodecFault> {
        // No camera's, and OpenH264 takes none.
        if picture.width() < SMALLEST || picture.height() < SMALLEST {
            return Ok(Made::LeftOut);
        }
        let level = self.to.level();
        let (width, height) = fit(picture.width(), picture.height(), self.to.macroblocks());
        let passed = self
            .last
            .map_or(USUAL_STEP, |last| timestamp.wrapping_sub(last));
        // What does not follow is another source's, or a clock that jumped.
        let step = if (1..=CLOCK).contains(&passed) {
            passed
        } else {
            USUAL_STEP
        };
        let due = u64::from(CLOCK) * macroblocks(width, height) as u64 / level.second as u64;
        // A camera's frames do not come to the microsecond.
        if !wanted.key_frame && u64::from(step) * 10 < due * 8 {
            return Ok(Made::LeftOut);
        }
        self.last = Some(timestamp);
        let small;
        let picture = if (width, height) == (picture.width(), picture.height()) {
            *picture
        } else if picture.width().saturating_sub(width) < 2
            && picture.height().saturating_sub(height) < 2
        {
            picture.even()
        } else {
            small = self.scaled.make(picture, width, height);
            small.ok_or(CodecFault::TooLarge { width, height })?
        };
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            None => {
                let encoder = Encoder::new(&self.to, level, (width, height), wanted.kbps)?;
                self.encoder.insert(encoder)
            }
        };
        let is_made = match encoder {
            Encoder::Vp8(encoder) => {
                encoder.encode(&picture, step, wanted.kbps, wanted.key_frame, coded)?
            }
            Encoder::H264(encoder) => {
                encoder.encode(&picture, step, wanted.kbps, wanted.key_frame, coded)?
            }
        };
        Ok(if is_made { Made::Frame } else { Made::LeftOut })
    }
}

impl Encoder {
    fn new(
        to: &TranscodeTarget,
        level: Level,
        (width, height): (usize, usize),
        kbps: u32,
    ) -> Result<Self, CodecFault> {
        match to.codec() {
            VideoCodec::Vp8 => Vp8Encoder::new(width, height, kbps).map(Self::Vp8),
            VideoCodec::H264 => {
                let max_unit = to.packets.mode == PacketizationMode::SingleNal;
                let limits = Limits {
                    level_idc: level.level_idc,
                    blocks: level.second,
                    max_unit: max_unit.then_some(to.packets.max_payload),
                };
                H264Encoder::new(limits, (width, height), kbps)
                    .map(|encoder| Self::H264(Box::new(encoder)))
            }
        }
    }
}
