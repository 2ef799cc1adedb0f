//! The edge to libvpx and to what the `openh264` crate leaves unsafe; the only such code of this crate.
//!
//! Both libraries own what they give out and overwrite it at the next call, which the borrows here say.

#![allow(unsafe_code)]

use super::picture::Planes;
use openh264::encoder::Encoder;
use openh264_sys2::{
    ENCODER_OPTION_BITRATE, ENCODER_OPTION_FRAME_RATE, ENCODER_OPTION_TRACE_LEVEL, SBitrateInfo,
    SPATIAL_LAYER_0, SPATIAL_LAYER_ALL, WELS_LOG_QUIET,
};
use std::ffi::c_void;
use std::ptr::{NonNull, null};

#[repr(C)]
struct Encoding {
    _private: [u8; 0],
}

#[repr(C)]
struct Decoding {
    _private: [u8; 0],
}

#[repr(C)]
struct RawPlanes {
    plane: [*const u8; 3],
    stride: [i32; 3],
    width: u32,
    height: u32,
}

// `libvpx.c` beside this file.
unsafe extern "C" {
    fn causeway_vp8_encoder_new(w: u32, h: u32, kbps: u32, cpu_used: i32) -> *mut Encoding;
    fn causeway_vp8_encoder_free(encoder: *mut Encoding);
    fn causeway_vp8_encoder_rate(encoder: *mut Encoding, kbps: u32) -> i32;
    fn causeway_vp8_encode(
        encoder: *mut Encoding,
        picture: *const RawPlanes,
        timestamp: i64,
        duration: u32,
        key_frame: i32,
        data: *mut *const u8,
        length: *mut usize,
        is_key_frame: *mut i32,
    ) -> i32;
    fn causeway_vp8_decoder_new() -> *mut Decoding;
    fn causeway_vp8_decoder_free(decoder: *mut Decoding);
    fn causeway_vp8_decode(
        decoder: *mut Decoding,
        data: *const u8,
        length: usize,
        picture: *mut RawPlanes,
    ) -> i32;
}

/// libvpx refused, with its own number for why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused(pub i32);

/// A VP8 encoder of one size.
#[derive(Debug)]
pub(super) struct VpxEncoder(NonNull<Encoding>);

// SAFETY: the encoder is reached through this value alone and has no thread of its own (`g_threads` 1), nor does libvpx
// tie it to the thread that made it.
unsafe impl Send for VpxEncoder {}

impl VpxEncoder {
    pub(super) fn new(width: u32, height: u32, kbps: u32, cpu_used: i32) -> Option<Self> {
        // SAFETY: only numbers are passed; libvpx checks them.
        NonNull::new(unsafe { causeway_vp8_encoder_new(width, height, kbps, cpu_used) }).map(Self)
    }

    pub(super) fn set_rate(&mut self, kbps: u32) -> Result<(), Refused> {
        // SAFETY: the pointer came from `causeway_vp8_encoder_new` and is freed by `drop` alone.
        done(unsafe { causeway_vp8_encoder_rate(self.0.as_ptr(), kbps) })
    }

    /// The frame and whether it is a key frame; `None` when it was left out.
    pub(super) fn encode(
        &mut self,
        picture: &Planes<'_>,
        timestamp: i64,
        duration: u32,
        key_frame: bool,
    ) -> Result<Option<(&[u8], bool)>, Refused> {
        let raw = RawPlanes {
            plane: picture.planes().map(<[u8]>::as_ptr),
            stride: picture.strides().map(|stride| stride as i32),
            width: picture.width() as u32,
            height: picture.height() as u32,
        };
        let (mut data, mut length, mut is_key) = (null(), 0, 0);
        // SAFETY: the pointer is live as above. `Planes` has checked that each plane holds all rows of its size, and
        // libvpx reads them during the call alone; a size that is not the encoder's is refused there.
        done(unsafe {
            causeway_vp8_encode(
                self.0.as_ptr(),
                &raw,
                timestamp,
                duration,
                key_frame.into(),
                &mut data,
                &mut length,
                &mut is_key,
            )
        })?;
        if data.is_null() {
            return Ok(None);
        }
        // SAFETY: libvpx keeps these octets until the next call with this encoder, which needs it mutably.
        Ok(Some((
            unsafe { std::slice::from_raw_parts(data, length) },
            is_key != 0,
        )))
    }
}

impl Drop for VpxEncoder {
    fn drop(&mut self) {
        // SAFETY: made by `causeway_vp8_encoder_new`, and dropped once.
        unsafe { causeway_vp8_encoder_free(self.0.as_ptr()) }
    }
}

/// A VP8 decoder.
#[derive(Debug)]
pub(super) struct VpxDecoder(NonNull<Decoding>);

// SAFETY: as of the encoder.
unsafe impl Send for VpxDecoder {}

impl VpxDecoder {
    pub(super) fn new() -> Option<Self> {
        // SAFETY: takes nothing.
        NonNull::new(unsafe { causeway_vp8_decoder_new() }).map(Self)
    }

    /// The picture; `None` when the frame shows nothing.
    pub(super) fn decode(&mut self, frame: &[u8]) -> Result<Option<Planes<'_>>, Refused> {
        let mut raw = RawPlanes {
            plane: [null(); 3],
            stride: [0; 3],
            width: 0,
            height: 0,
        };
        // SAFETY: the pointer came from `causeway_vp8_decoder_new`; `frame` is read during the call alone.
        done(unsafe {
            causeway_vp8_decode(self.0.as_ptr(), frame.as_ptr(), frame.len(), &mut raw)
        })?;
        if raw.width == 0 || raw.plane.iter().any(|plane| plane.is_null()) {
            return Ok(None);
        }
        let (width, height) = (raw.width as usize, raw.height as usize);
        let strides = raw
            .stride
            .map(|stride| usize::try_from(stride).unwrap_or(0));
        let size = |plane: usize| match plane {
            0 => (width, height),
            _ => (width.div_ceil(2), height.div_ceil(2)),
        };
        let [y, u, v] = [0, 1, 2].map(|plane| {
            let (columns, rows) = size(plane);
            let stride = strides.get(plane).copied().unwrap_or(0);
            let length = match rows.checked_sub(1) {
                Some(before) if stride >= columns => before * stride + columns,
                _ => 0,
            };
            let start = raw.plane.get(plane).copied().unwrap_or(null());
            // SAFETY: libvpx gives `rows` rows, `stride` octets apart, of `columns` octets each, and keeps them until
            // the next call with this decoder, which needs it mutably.
            unsafe { std::slice::from_raw_parts(start, length) }
        });
        Ok(Planes::new([y, u, v], strides, width, height))
    }
}

impl Drop for VpxDecoder {
    fn drop(&mut self) {
        // SAFETY: made by `causeway_vp8_decoder_new`, and dropped once.
        unsafe { causeway_vp8_decoder_free(self.0.as_ptr()) }
    }
}

fn done(fault: i32) -> Result<(), Refused> {
    match fault {
        0 => Ok(()),
        number => Err(Refused(number)),
    }
}

/// Sets what an initialised OpenH264 encoder aims at; false when it does not take it.
pub(super) fn set_h264_rate(encoder: &mut Encoder, bits: u32, frames: f32) -> bool {
    let mut frames = frames;
    // Its order matters: no layer may have more than all.
    let mut rates = [SPATIAL_LAYER_ALL, SPATIAL_LAYER_0].map(|layer| SBitrateInfo {
        iLayer: layer,
        iBitrate: i32::try_from(bits).unwrap_or(i32::MAX),
    });
    // SAFETY: each option is given a pointer to the type that `codec_app_def.h` names for it, which is read during the
    // call alone. The crate sets neither option again but when the size changes, from its own configuration.
    unsafe {
        let api = encoder.raw_api();
        let set = |option, value: *mut c_void| api.set_option(option, value) == 0;
        let frames = set(ENCODER_OPTION_FRAME_RATE, (&raw mut frames).cast());
        rates
            .iter_mut()
            .all(|rate| set(ENCODER_OPTION_BITRATE, std::ptr::from_mut(rate).cast()))
            && frames
    }
}

/// Keeps an OpenH264 encoder from writing to the program's standard error, before it is initialised too.
pub(super) fn silence(encoder: &mut Encoder) {
    let mut level = WELS_LOG_QUIET;
    // SAFETY: this option takes a pointer to an int, read during the call alone, and needs no initialised encoder.
    let _ = unsafe {
        encoder
            .raw_api()
            .set_option(ENCODER_OPTION_TRACE_LEVEL, (&raw mut level).cast())
    };
}
