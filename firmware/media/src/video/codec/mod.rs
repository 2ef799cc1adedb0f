//! The codecs of pictures: VP8 by libvpx, H.264 by OpenH264.
//!
//! Both libraries' memory and time follow the size of a picture, so none is decoded that is larger than
//! [`MAX_MACROBLOCKS`], whatever its headers say.

mod foreign;
mod h264;
mod picture;
mod sps;
#[cfg(test)]
mod tests;
mod vp8;

pub use h264::{Decoder as H264Decoder, Encoder as H264Encoder, Limits};
pub use picture::{Planes, Scaled};
pub use vp8::{Decoder as Vp8Decoder, Encoder as Vp8Encoder, is_key_frame, key_frame_size};

/// Of the largest picture that is decoded: 1920 × 1088.
pub const MAX_MACROBLOCKS: usize = 8_160;

/// Why a frame cannot be decoded, or a picture not encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecFault {
    #[error("no memory for a codec")]
    NoMemory,
    #[error("libvpx refuses a frame ({number})")]
    Vp8 { number: i32 },
    #[error("OpenH264 refuses a frame")]
    H264,
    #[error("a frame was abandoned")]
    Abandoned,
    #[error("a picture of {width} × {height} is too large")]
    TooLarge { width: usize, height: usize },
}

/// What an encoder made of one picture: a VP8 frame, or the NAL units of an access unit. Its memory is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodedFrame {
    pub is_key_frame: bool,
    octets: Vec<u8>,
    /// Where each unit ends.
    ends: Vec<usize>,
}

impl CodedFrame {
    /// Nothing.
    pub fn clear(&mut self) {
        self.is_key_frame = false;
        self.octets.clear();
        self.ends.clear();
    }

    pub fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// In octets.
    pub fn len(&self) -> usize {
        self.octets.len()
    }

    /// In their order.
    pub fn units(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .filter_map(|(start, end)| self.octets.get(start..*end))
    }

    pub(super) fn push(&mut self, unit: &[u8]) {
        if !unit.is_empty() {
            self.octets.extend_from_slice(unit);
            self.ends.push(self.octets.len());
        }
    }
}

/// Squares of 16 pixels a side that cover a picture.
pub const fn macroblocks(width: usize, height: usize) -> usize {
    width.div_ceil(16).saturating_mul(height.div_ceil(16))
}
