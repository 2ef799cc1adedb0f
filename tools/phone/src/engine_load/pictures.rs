//! Moving pictures through the engine: a film for each side, cut into packets beforehand, and how long each frame takes.
//!
//! A film is a file of frames, each behind its length (32 bits, big-endian): one of VP8, or the NAL units of an access
//! unit behind start codes. Its first frame needs no other, so it may be shown again and again.
//!
//! An engine numbers and stamps what it sends itself, and may encode it anew: a frame that comes out is known by its
//! timestamp, which runs as the sender's does. By how much they differ is learned from what comes out soonest: no frame
//! comes out before it went in, and some come out before the next one does.

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;

/// Frames a second of every film.
const RATE: u32 = 15;
/// Units of a picture's clock from frame to frame.
pub const STEP: u32 = 90_000 / RATE;
/// From frame to frame.
pub const FRAME: Duration = Duration::from_micros(1_000_000 / RATE as u64);
/// Octets of a payload.
const PAYLOAD: usize = 1_200;
/// An engine that gives nothing for so long waits for a picture that needs no other.
const UNSEEN: Duration = Duration::from_millis(500);
/// Frames remembered: more than four seconds.
const REMEMBERED: usize = 64;

/// What a film is coded in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    Vp8,
    H264,
}

/// A film in packets.
#[derive(Debug)]
pub struct Film {
    pub coding: Coding,
    /// The payloads of each frame.
    frames: Vec<Vec<Bytes>>,
}

/// What both sides show.
#[derive(Debug)]
pub struct Films {
    pub web: Film,
    pub trunk: Film,
}

impl Films {
    /// Those of `folder`; the page has H.264 where nothing shall be coded anew.
    ///
    /// # Errors
    /// A sentence when there are none.
    pub fn read(folder: &Path, transcode: bool) -> Result<Self, String> {
        let web = match transcode {
            true => Film::read(&folder.join("vp8.film"), Coding::Vp8)?,
            false => Film::read(&folder.join("h264.film"), Coding::H264)?,
        };
        let trunk = Film::read(&folder.join("h264.film"), Coding::H264)?;
        Ok(Self { web, trunk })
    }
}

impl Film {
    fn read(path: &Path, coding: Coding) -> Result<Self, String> {
        let octets = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let mut frames = Vec::new();
        let mut rest = &octets[..];
        while let Some((length, behind)) = rest.split_first_chunk() {
            let length = u32::from_be_bytes(*length) as usize;
            let frame = behind
                .get(..length)
                .ok_or_else(|| format!("{} is cut short", path.display()))?;
            frames.push(match coding {
                Coding::Vp8 => vp8(frame),
                Coding::H264 => h264(frame),
            });
            rest = &behind[length..];
        }
        if frames.is_empty() {
            return Err(format!("{} has no frames", path.display()));
        }
        Ok(Self { coding, frames })
    }

    /// The payloads of the frame at `place`, which moves on to the next. Where nobody sees what is shown, the film begins
    /// anew every second: who asks for a picture that needs no other is not listened to.
    pub fn frame(&self, place: &mut usize, is_seen: bool) -> &[Bytes] {
        let end = match is_seen {
            true => self.frames.len(),
            false => RATE as usize,
        };
        if *place >= end.min(self.frames.len()) {
            *place = 0;
        }
        let frame = &self.frames[*place];
        *place += 1;
        frame
    }
}

/// RFC 7741 section 4.2, without any of the optional fields.
fn vp8(frame: &[u8]) -> Vec<Bytes> {
    let chunks = frame.chunks(PAYLOAD - 1).enumerate();
    chunks
        .map(|(number, chunk)| [&[u8::from(number == 0) << 4][..], chunk].concat().into())
        .collect()
}

/// RFC 6184 sections 5.6 and 5.8.
fn h264(frame: &[u8]) -> Vec<Bytes> {
    let mut payloads = Vec::new();
    for unit in units(frame) {
        if unit.len() <= PAYLOAD {
            payloads.push(Bytes::copy_from_slice(unit));
            continue;
        }
        let (header, body) = (unit[0], &unit[1..]);
        let count = body.len().div_ceil(PAYLOAD - 2);
        for (number, chunk) in body.chunks(PAYLOAD - 2).enumerate() {
            let begins = u8::from(number == 0) << 7;
            let ends = u8::from(number + 1 == count) << 6;
            let head = [(header & 0xE0) | 28, begins | ends | (header & 0x1F)];
            payloads.push([&head[..], chunk].concat().into());
        }
    }
    payloads
}

/// What stands behind start codes of four octets.
fn units(frame: &[u8]) -> Vec<&[u8]> {
    let starts = frame.windows(4).enumerate();
    let starts: Vec<usize> = starts
        .filter(|(_, four)| *four == [0, 0, 0, 1])
        .map(|(at, _)| at)
        .collect();
    let ends = starts.iter().skip(1).copied().chain([frame.len()]);
    let units = starts.iter().zip(ends).map(|(at, end)| &frame[at + 4..end]);
    units.filter(|unit| !unit.is_empty()).collect()
}

/// One direction of one call.
#[derive(Debug)]
pub struct FrameMatcher {
    sent: Vec<Option<(i64, Instant)>>,
    /// Number of the frame sent last.
    last: Option<i64>,
    /// First and newest timestamp that came out, in a line without end.
    line: Option<(i64, i64)>,
    /// What a frame's place behind the first lacks to its number.
    offset: Option<i64>,
    /// Sequence number of the newest packet.
    sequence: Option<u16>,
    is_broken: bool,
    /// When a frame came out last.
    seen: Option<Instant>,
}

impl Default for FrameMatcher {
    fn default() -> Self {
        Self {
            sent: vec![None; REMEMBERED],
            last: None,
            line: None,
            offset: None,
            sequence: None,
            is_broken: false,
            seen: None,
        }
    }
}

impl FrameMatcher {
    /// The `n`th frame went in.
    pub fn sent(&mut self, n: usize, now: Instant) {
        let number = n as i64;
        self.sent[n % REMEMBERED] = Some((number, now));
        self.last = Some(number);
    }

    /// Whether frames come out.
    pub fn is_seen(&self, now: Instant) -> bool {
        self.seen.is_some_and(|seen| seen + UNSEEN > now)
    }

    /// A packet came out. When a frame is whole with it: how long that took, as soon as it can be told.
    pub fn received(
        &mut self,
        sequence: u16,
        timestamp: u32,
        is_last: bool,
        now: Instant,
    ) -> Option<Option<Duration>> {
        let before = self.sequence.replace(sequence);
        self.is_broken |= before.is_some_and(|before| before.wrapping_add(1) != sequence);
        if !is_last {
            return None;
        }
        self.seen = Some(now);
        let is_whole = !std::mem::take(&mut self.is_broken);
        let place = self.place(timestamp);
        if let Some(last) = self.last {
            let most = last - place;
            self.offset = Some(self.offset.map_or(most, |offset| offset.min(most)));
        }
        is_whole.then(|| {
            let number = place + self.offset?;
            let slot = usize::try_from(number).ok()? % REMEMBERED;
            let (sent, at) = self.sent[slot]?;
            (sent == number).then(|| now.saturating_duration_since(at))
        })
    }

    /// How many frames a timestamp is behind the first.
    fn place(&mut self, timestamp: u32) -> i64 {
        let own = i64::from(timestamp);
        let (first, newest) = *self.line.get_or_insert((own, own));
        let step = i64::from(timestamp.wrapping_sub(newest as u32) as i32);
        let at = newest + step;
        self.line = Some((first, newest.max(at)));
        (at - first + i64::from(STEP) / 2).div_euclid(i64::from(STEP))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_known_again_whatever_its_numbers() {
        let mut matcher = FrameMatcher::default();
        let begun = Instant::now();
        let at = |ms: u64| begun + Duration::from_millis(ms);
        let stamp = |n: u32| 0xFFFF_F000_u32.wrapping_add(n * STEP);
        // The first comes out when the second and third have gone in: how late it is cannot be told yet.
        for n in 0..3 {
            matcher.sent(n, at(n as u64 * 66));
        }
        assert_eq!(matcher.received(9, stamp(0), false, at(140)), None);
        assert!(matcher.received(10, stamp(0), true, at(140)).is_some());
        matcher.received(11, stamp(1), true, at(141));
        // The third comes out at once, and tells.
        let took = matcher.received(12, stamp(2), true, at(142));
        assert_eq!(took, Some(Some(Duration::from_millis(10))));
        matcher.sent(3, at(198));
        // One packet of the next is missing.
        assert_eq!(matcher.received(14, stamp(3), true, at(200)), None);
        matcher.sent(4, at(264));
        let took = matcher.received(15, stamp(4), true, at(269));
        assert_eq!(took, Some(Some(Duration::from_millis(5))));
    }

    #[test]
    fn films_are_cut_as_rtp_wants_them() {
        let large = [vec![0x65], vec![7; 2_000]].concat();
        let frame = [&[0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1][..], &large].concat();
        let payloads = h264(&frame);
        let heads: Vec<&[u8]> = payloads.iter().map(|p| &p[..2]).collect();
        assert_eq!(heads, [[0x67, 1], [0x7C, 0x85], [0x7C, 0x45]]);
        let whole: usize = payloads[1..].iter().map(|p| p.len() - 2).sum();
        assert_eq!(whole, 2_000);
        let payloads = vp8(&[9; 1_300]);
        assert_eq!(
            payloads.iter().map(|p| (p[0], p.len())).collect::<Vec<_>>(),
            [(0x10, 1_200), (0, 102)]
        );
    }
}
