//! H.264 by OpenH264: Constrained Baseline, as browsers and phones have in common.

use super::foreign::{set_h264_rate, silence};
use super::picture::Planes;
use super::sps::picture_size;
use super::{CodecFault, CodedFrame, MAX_MACROBLOCKS, macroblocks};
use crate::video::payload::{SPS, kind};
use openh264::OpenH264API;
use openh264::decoder::{DecoderConfig, Flush};
use openh264::encoder::{
    BitRate, Complexity, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, Level, Profile,
    RateControlMode, SpsPpsStrategy, UsageType,
};
use openh264::formats::YUVSource;

/// Units of a timestamp in a second.
const CLOCK: f32 = 90_000.0;
/// OpenH264 takes no slices that are smaller, with their header.
const MIN_SLICE: usize = 500;
/// Frames a second until the pictures say otherwise.
const FRAMES: f32 = 30.0;

fn fault(_: openh264::Error) -> CodecFault {
    // Its text is a number with a backtrace behind it.
    CodecFault::H264
}

/// Whole access units in, pictures out.
pub struct Decoder {
    inner: openh264::decoder::Decoder,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("h264::Decoder")
    }
}

impl Decoder {
    /// # Errors
    /// When memory is short.
    pub fn new() -> Result<Self, CodecFault> {
        let config = DecoderConfig::new().flush_after_decode(Flush::NoFlush);
        let inner = openh264::decoder::Decoder::with_api_config(OpenH264API::from_source(), config);
        Ok(Self {
            inner: inner.map_err(fault)?,
        })
    }

    /// Decodes one access unit, NAL units each behind its start code, and shows what it is to `then`; `None` when it shows
    /// nothing.
    ///
    /// # Errors
    /// [`CodecFault`]; the next key frame mends it.
    pub fn decode<R>(
        &mut self,
        unit: &[u8],
        then: impl FnOnce(&Planes<'_>) -> R,
    ) -> Result<Option<R>, CodecFault> {
        // Memory follows what the parameter sets say.
        for sps in openh264::nal_units(unit).filter_map(without_start_code) {
            if kind(sps) != SPS {
                continue;
            }
            let (width, height) = picture_size(sps).ok_or(CodecFault::H264)?;
            if macroblocks(width, height) > MAX_MACROBLOCKS {
                return Err(CodecFault::TooLarge { width, height });
            }
        }
        let Some(picture) = self.inner.decode(unit).map_err(fault)? else {
            return Ok(None);
        };
        let (width, height) = picture.dimensions();
        let (y, u, v) = picture.strides();
        let planes = [picture.y(), picture.u(), picture.v()];
        let planes = Planes::new(planes, [y, u, v], width, height).ok_or(CodecFault::H264)?;
        Ok(Some(then(&planes)))
    }
}

/// A NAL unit of OpenH264 or of an access unit put together here, without the zeros and the one before it.
fn without_start_code(unit: &[u8]) -> Option<&[u8]> {
    let start = unit.iter().take(4).position(|octet| *octet == 1)?;
    unit.get(start + 1..).filter(|unit| !unit.is_empty())
}

/// What an encoder may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `level_idc`, where 9 is level 1b.
    pub level_idc: u8,
    /// Macroblocks a second.
    pub blocks: usize,
    /// Octets of a NAL unit, where the far side takes no fragments.
    pub max_unit: Option<usize>,
}

/// Pictures in, access units out; of one size until that of the pictures changes.
pub struct Encoder {
    inner: openh264::encoder::Encoder,
    /// Bits and frames a second that it aims at.
    aim: (u32, f32),
    /// Of the pictures that came, a second.
    frames: f32,
    limits: Limits,
    is_new: bool,
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("h264::Encoder")
            .field("aim", &self.aim)
            .finish_non_exhaustive()
    }
}

impl Encoder {
    /// Within these limits, at so many kilobits a second, for pictures of about this size.
    ///
    /// # Errors
    /// When OpenH264 does not take them.
    pub fn new(
        limits: Limits,
        (width, height): (usize, usize),
        kbps: u32,
    ) -> Result<Self, CodecFault> {
        let bits = kbps.saturating_mul(1_000);
        // It would write another level than was agreed rather than make fewer.
        let frames = FRAMES.min(most_frames(limits, macroblocks(width, height)));
        let mut config = EncoderConfig::new()
            .usage_type(UsageType::CameraVideoRealTime)
            .complexity(Complexity::Low)
            .rate_control_mode(RateControlMode::Bitrate)
            .bitrate(BitRate::from_bps(bits))
            .max_frame_rate(FrameRate::from_hz(frames))
            .skip_frames(true)
            // Key frames are asked for.
            .intra_frame_period(IntraFramePeriod::auto())
            .scene_change_detect(false)
            .adaptive_quantization(false)
            .background_detection(false)
            .long_term_reference(false)
            .sps_pps_strategy(SpsPpsStrategy::ConstantId)
            .profile(Profile::Baseline)
            .level(level(limits.level_idc))
            .num_threads(1);
        if let Some(octets) = limits.max_unit {
            config = config.max_slice_len(octets.max(MIN_SLICE) as u32);
        }
        let api = OpenH264API::from_source();
        let inner = openh264::encoder::Encoder::with_api_config(api, config);
        let mut inner = inner.map_err(fault)?;
        silence(&mut inner);
        Ok(Self {
            inner,
            aim: (bits, frames),
            frames,
            limits,
            is_new: true,
        })
    }

    /// Encodes a picture `duration` (1/90,000 s) after the last one, both of its sizes even, into `out`, whose units come
    /// without start codes; false when the rate leaves no room for it. Another size begins with a key frame.
    ///
    /// # Errors
    /// [`CodecFault`]; the next picture may do better.
    pub fn encode(
        &mut self,
        picture: &Planes<'_>,
        duration: u32,
        kbps: u32,
        key_frame: bool,
        out: &mut CodedFrame,
    ) -> Result<bool, CodecFault> {
        out.clear();
        self.aim_at(
            duration,
            kbps,
            macroblocks(picture.width(), picture.height()),
        );
        if key_frame && !self.is_new {
            self.inner.force_intra_frame();
        }
        let [y, u, v] = picture.planes();
        let [sy, su, sv] = picture.strides();
        let (width, height) = (picture.width(), picture.height());
        let source = Source {
            planes: [y, u, v],
            strides: (sy, su, sv),
            size: (width, height),
        };
        let coded = self.inner.encode(&source).map_err(fault)?;
        self.is_new = false;
        match coded.frame_type() {
            FrameType::IDR => out.is_key_frame = true,
            FrameType::Skip | FrameType::Invalid => return Ok(false),
            FrameType::I | FrameType::P | FrameType::IPMixed => {}
        }
        for layer in (0..coded.num_layers()).filter_map(|number| coded.layer(number)) {
            for number in 0..layer.nal_count() {
                let unit = layer.nal_unit(number).and_then(without_start_code);
                out.push(unit.unwrap_or_default());
            }
        }
        Ok(!out.is_empty())
    }

    /// Its rate is shared among frames a second, so it must know how many really come.
    fn aim_at(&mut self, duration: u32, kbps: u32, blocks: usize) {
        let most = most_frames(self.limits, blocks).min(60.0);
        let now = (CLOCK / duration.max(1) as f32).clamp(1.0, most);
        self.frames += (now - self.frames) * 0.1;
        let bits = kbps.saturating_mul(1_000);
        let (before, frames) = self.aim;
        let is_off = (self.frames - frames).abs() > frames * 0.2;
        if !self.is_new && (bits != before || is_off) {
            self.aim = (bits, self.frames);
            // One it does not take leaves it as it was.
            let _ = set_h264_rate(&mut self.inner, bits, self.frames);
        }
    }
}

/// Of pictures with so many macroblocks, a second.
fn most_frames(limits: Limits, blocks: usize) -> f32 {
    (limits.blocks as f32 / blocks.max(1) as f32).max(1.0)
}

/// A picture as OpenH264 reads it.
struct Source<'a> {
    planes: [&'a [u8]; 3],
    strides: (usize, usize, usize),
    size: (usize, usize),
}

impl YUVSource for Source<'_> {
    fn dimensions(&self) -> (usize, usize) {
        self.size
    }

    fn strides(&self) -> (usize, usize, usize) {
        self.strides
    }

    fn y(&self) -> &[u8] {
        let [y, _, _] = self.planes;
        y
    }

    fn u(&self) -> &[u8] {
        let [_, u, _] = self.planes;
        u
    }

    fn v(&self) -> &[u8] {
        let [_, _, v] = self.planes;
        v
    }
}

const fn level(level_idc: u8) -> Level {
    match level_idc {
        9 => Level::Level_1_B,
        ..=10 => Level::Level_1_0,
        11 => Level::Level_1_1,
        12 => Level::Level_1_2,
        13 => Level::Level_1_3,
        14..=20 => Level::Level_2_0,
        21 => Level::Level_2_1,
        22 => Level::Level_2_2,
        23..=30 => Level::Level_3_0,
        _ => Level::Level_3_1,
    }
}
