//! VP8 (RFC 6386) by libvpx.

use super::foreign::{Refused, VpxDecoder, VpxEncoder};
use super::picture::Planes;
use super::{CodecFault, CodedFrame, MAX_MACROBLOCKS, macroblocks};

/// How much time is saved at the cost of the picture: libvpx takes −16…16, and takes these literally in real time.
const CPU_USED: i32 = -10;
/// Units of a timestamp in a second.
const CLOCK: u32 = 90_000;

impl From<Refused> for CodecFault {
    fn from(Refused(number): Refused) -> Self {
        Self::Vp8 { number }
    }
}

/// Width and height of a key frame, which alone says them (RFC 6386 section 9.1); `None` of others and of what is none.
pub fn key_frame_size(frame: &[u8]) -> Option<(usize, usize)> {
    let &[
        first,
        _,
        _,
        0x9D,
        0x01,
        0x2A,
        width,
        more_width,
        height,
        more_height,
    ] = frame.first_chunk::<10>()?
    else {
        return None;
    };
    // Two bits of each say how much larger it is to be shown.
    let size = |low, high| usize::from(u16::from_le_bytes([low, high & 0x3F]));
    let (width, height) = (size(width, more_width), size(height, more_height));
    (first & 1 == 0 && width > 0 && height > 0).then_some((width, height))
}

/// Whether a frame can be decoded without those before it.
pub fn is_key_frame(frame: &[u8]) -> bool {
    frame.first().is_some_and(|first| first & 1 == 0)
}

/// Whole frames in, pictures out.
#[derive(Debug)]
pub struct Decoder {
    inner: VpxDecoder,
}

impl Decoder {
    /// # Errors
    /// When memory is short.
    pub fn new() -> Result<Self, CodecFault> {
        let inner = VpxDecoder::new().ok_or(CodecFault::NoMemory)?;
        Ok(Self { inner })
    }

    /// Decodes one frame and shows what it is to `then`; `None` when it shows nothing.
    ///
    /// # Errors
    /// [`CodecFault`]; the next key frame mends it.
    pub fn decode<R>(
        &mut self,
        frame: &[u8],
        then: impl FnOnce(&Planes<'_>) -> R,
    ) -> Result<Option<R>, CodecFault> {
        // libvpx takes an empty frame for a lost one.
        if frame.is_empty() {
            return Ok(None);
        }
        // Memory follows what the header says, which anybody can write.
        if is_key_frame(frame) {
            let (width, height) = key_frame_size(frame).ok_or(CodecFault::Vp8 { number: 7 })?;
            if macroblocks(width, height) > MAX_MACROBLOCKS {
                return Err(CodecFault::TooLarge { width, height });
            }
        }
        Ok(self.inner.decode(frame)?.map(|picture| then(&picture)))
    }
}

/// Pictures in, frames out; of one size until that of the pictures changes.
#[derive(Debug)]
pub struct Encoder {
    inner: VpxEncoder,
    size: (usize, usize),
    kbps: u32,
    /// Of the last picture.
    timestamp: i64,
}

impl Encoder {
    /// For pictures of this size at so many kilobits a second.
    ///
    /// # Errors
    /// When libvpx does not take them.
    pub fn new(width: usize, height: usize, kbps: u32) -> Result<Self, CodecFault> {
        let inner = VpxEncoder::new(width as u32, height as u32, kbps, CPU_USED);
        Ok(Self {
            inner: inner.ok_or(CodecFault::NoMemory)?,
            size: (width, height),
            kbps,
            timestamp: 0,
        })
    }

    /// Encodes a picture `duration` (1/90,000 s) after the last one, into `out`, as one unit; false when the rate
    /// leaves no room for it. Another size begins with a key frame.
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
        let size = (picture.width(), picture.height());
        if size != self.size {
            *self = Self::new(size.0, size.1, kbps)?;
        }
        if kbps != self.kbps {
            self.inner.set_rate(kbps)?;
            self.kbps = kbps;
        }
        let duration = duration.clamp(1, CLOCK);
        self.timestamp += i64::from(duration);
        let coded = self
            .inner
            .encode(picture, self.timestamp, duration, key_frame)?;
        let Some((frame, is_key_frame)) = coded else {
            return Ok(false);
        };
        out.push(frame);
        out.is_key_frame = is_key_frame;
        Ok(!out.is_empty())
    }
}
