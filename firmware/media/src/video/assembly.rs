//! Packets in their order in, whole frames out.
//!
//! | the packets of a frame | become |
//! |---|---|
//! | all, up to the marker or the next timestamp | a frame |
//! | some are missing, or its beginning is | nothing, and what follows needs a key frame |
//! | hold parameter sets and no picture (H.264) | the beginning of the next frame |
//!
//! A VP8 frame is the octets of its packets one after another, an H.264 access unit its NAL units each behind a start
//! code (ITU-T H.264 annex B).

use super::codec::is_key_frame;
use super::payload;
use super::{VideoCodec, vp8};
use crate::rtp::Header;

/// Octets of a frame at most: a large key frame of the largest picture that is decoded.
const MAX_FRAME: usize = 1024 * 1024;
const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// A whole frame as its decoder takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WholeFrame {
    /// Of its first packet.
    pub(super) header: Header,
    pub(super) is_key: bool,
    pub(super) octets: Vec<u8>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Assembly {
    codec: VideoCodec,
    /// Of the first packet of what is being put together.
    header: Option<Header>,
    octets: Vec<u8>,
    has_picture: bool,
    has_idr: bool,
    /// The NAL unit that is being put together has begun.
    in_unit: bool,
    /// The frame with this timestamp will not be whole.
    broken: Option<u32>,
    /// Buffers of frames that are done with.
    spare: Vec<Vec<u8>>,
}

/// What one packet did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// Frames that are whole now: that before it, if it had no marker, and its own.
    pub(super) frames: [Option<WholeFrame>; 2],
    /// A frame was lost, or a part of one.
    pub(super) is_lost: bool,
    /// It could not be understood.
    pub(super) is_foreign: bool,
}

impl Assembly {
    pub(super) const fn new(codec: VideoCodec) -> Self {
        Self {
            codec,
            header: None,
            octets: Vec::new(),
            has_picture: false,
            has_idr: false,
            in_unit: false,
            broken: None,
            spare: Vec::new(),
        }
    }

    /// Forgets what has come.
    pub(super) fn begin(&mut self) {
        self.broken = None;
        self.drop_frame();
    }

    /// Takes back the buffer of a frame.
    pub(super) fn reuse(&mut self, mut octets: Vec<u8>) {
        if self.spare.len() < 4 {
            octets.clear();
            octets.shrink_to(64 * 1024);
            self.spare.push(octets);
        }
    }

    /// Takes the next packet; `follows` when none is missing before it.
    pub(super) fn add(&mut self, header: &Header, octets: &[u8], follows: bool) -> Step {
        let mut step = Step::default();
        let is_other = self
            .header
            .is_some_and(|first| first.timestamp != header.timestamp);
        if !follows {
            step.is_lost = true;
            self.drop_frame();
            // Its own beginning may be what is missing.
            self.broken = Some(header.timestamp);
        } else if is_other {
            step.frames = [self.complete(), None];
        }
        let was_whole = self.broken != Some(header.timestamp);
        match self.append(header, octets) {
            Append::Done => {}
            Append::Foreign => step.is_foreign = true,
            Append::Broken => {
                step.is_lost |= was_whole;
                self.drop_frame();
                self.broken = Some(header.timestamp);
            }
        }
        if header.marker && self.broken != Some(header.timestamp) {
            let [_, own] = &mut step.frames;
            *own = self.complete();
        }
        step
    }

    fn append(&mut self, header: &Header, octets: &[u8]) -> Append {
        match self.codec {
            VideoCodec::Vp8 => self.append_vp8(header, octets),
            VideoCodec::H264 => self.append_h264(header, octets),
        }
    }

    fn append_vp8(&mut self, header: &Header, octets: &[u8]) -> Append {
        let Some(payload) = vp8::Payload::read(octets) else {
            return Append::Foreign;
        };
        if payload.begins_frame && self.header.is_none() {
            self.broken = None;
            self.header = Some(*header);
            self.has_picture = true;
            self.has_idr = is_key_frame(payload.data);
        } else if self.header.is_none() || self.broken.is_some() {
            return Append::Broken;
        }
        self.put(&[payload.data])
    }

    fn append_h264(&mut self, header: &Header, octets: &[u8]) -> Append {
        let Some(payload) = payload::Payload::read(octets) else {
            return Append::Foreign;
        };
        let begins = self.header.is_none() && payload.begins_unit();
        if self.broken == Some(header.timestamp) && !begins {
            return Append::Broken;
        }
        self.broken = None;
        let first = self.header.get_or_insert(*header);
        if !self.has_picture {
            // Parameter sets that came before belong to this frame.
            *first = *header;
        }
        self.has_picture |= payload.has_picture();
        self.has_idr |= payload.has_idr();
        let payload::Payload::Fragment(fragment) = &payload else {
            if self.in_unit {
                return Append::Broken;
            }
            for unit in payload.whole() {
                if let Append::Broken = self.put(&[&START_CODE, unit]) {
                    return Append::Broken;
                }
            }
            return Append::Done;
        };
        if fragment.is_start == self.in_unit {
            return Append::Broken;
        }
        self.in_unit = !fragment.is_end;
        match fragment.is_start {
            true => self.put(&[&START_CODE, &[fragment.header], fragment.data]),
            false => self.put(&[fragment.data]),
        }
    }

    fn put(&mut self, parts: &[&[u8]]) -> Append {
        let room = parts.iter().map(|part| part.len()).sum::<usize>();
        if self.octets.len() + room > MAX_FRAME {
            return Append::Broken;
        }
        for part in parts {
            self.octets.extend_from_slice(part);
        }
        Append::Done
    }

    /// The frame, if there is one.
    fn complete(&mut self) -> Option<WholeFrame> {
        if self.in_unit {
            self.drop_frame();
            return None;
        }
        // An access unit without a picture waits for one.
        if !self.has_picture {
            return None;
        }
        let header = self.header.take()?;
        let spare = self.spare.pop().unwrap_or_default();
        let frame = WholeFrame {
            header,
            is_key: self.has_idr,
            octets: std::mem::replace(&mut self.octets, spare),
        };
        self.drop_frame();
        Some(frame)
    }

    fn drop_frame(&mut self) {
        self.header = None;
        self.octets.clear();
        self.has_picture = false;
        self.has_idr = false;
        self.in_unit = false;
    }
}

enum Append {
    Done,
    Foreign,
    Broken,
}
