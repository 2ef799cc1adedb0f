//! What a picture costs that is transcoded, beside what its bare codecs cost.
//!
//! Prints one line of JSON for each direction: `bare_ms` and `transcode_ms`, the milliseconds of a frame of 640 × 360, and
//! their `ratio`. Bare is a decoder and an encoder of the same settings with nothing between; transcoded is packets in,
//! packets out. Build it with `--release`; the arguments are the number of frames (300), and a folder where the frames
//! are kept, as `vp8.film` and `h264.film`: each behind its length in 32 bits, big-endian, the units of H.264 behind
//! start codes.

use causeway_media::path::OutputIdentity;
use causeway_media::rtp::Header;
use causeway_media::sdp::h264::ProfileLevel;
use causeway_media::sdp::video::PacketizationMode;
use causeway_media::video::codec::{
    CodedFrame, H264Decoder, H264Encoder, Limits, Planes, Vp8Decoder, Vp8Encoder,
};
use causeway_media::video::{TranscodeTarget, VideoCodec, VideoOutput, VideoTarget, VideoWay};
use std::error::Error;
use std::time::{Duration, Instant};

const SIZE: (usize, usize) = (640, 360);
const KBPS: u32 = 500;
/// Units of the clock from frame to frame.
const STEP: u32 = 6_000;
/// The quickest counts, because others use the machine too.
const TURNS: usize = 3;
const LEVEL: Limits = Limits {
    level_idc: 31,
    blocks: 108_000,
    max_unit: None,
};

/// Encodes a picture; false when the rate leaves no room for it.
type Encode = Box<dyn FnMut(&Planes<'_>, &mut CodedFrame) -> bool>;

fn main() -> Result<(), Box<dyn Error>> {
    let frames = std::env::args()
        .nth(1)
        .map_or(Ok(300), |text| text.parse())?;
    let (vp8, h264) = (
        recorded(VideoCodec::Vp8, frames)?,
        recorded(VideoCodec::H264, frames)?,
    );
    if let Some(folder) = std::env::args().nth(2) {
        let folder = std::path::Path::new(&folder);
        keep(&folder.join("vp8.film"), VideoCodec::Vp8, &vp8)?;
        keep(&folder.join("h264.film"), VideoCodec::H264, &h264)?;
    }
    for (name, from, recording) in [
        ("vp8_to_h264", VideoCodec::Vp8, &vp8),
        ("h264_to_vp8", VideoCodec::H264, &h264),
    ] {
        let mut best = [Duration::MAX; 2];
        for _ in 0..TURNS {
            best[0] = best[0].min(bare(from, recording)?);
            best[1] = best[1].min(transcoded(from, recording));
        }
        let [bare, transcoded] = best.map(|time| time.as_secs_f64() * 1_000.0 / frames as f64);
        println!(
            "{{\"way\":\"{name}\",\"bare_ms\":{bare:.2},\"transcode_ms\":{transcoded:.2},\"ratio\":{:.2}}}",
            transcoded / bare
        );
    }
    Ok(())
}

/// A texture that moves, with some noise of a camera.
fn draw(number: usize) -> [Vec<u8>; 3] {
    let (width, height) = SIZE;
    let mut noise = number as u32 + 1;
    let mut plane = |width: usize, height: usize, scale: f32| -> Vec<u8> {
        let shift = number as f32 * 1.5;
        let mut made = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let (x, y) = (x as f32 + shift, y as f32);
                let wave =
                    (x / scale).sin() + (y / scale * 1.3).cos() + ((x + y) / scale * 0.4).sin();
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                made.push((128.0 + wave * 35.0 + (noise >> 29) as f32) as u8);
            }
        }
        made
    };
    [
        plane(width, height, 17.0),
        plane(width / 2, height / 2, 23.0),
        plane(width / 2, height / 2, 31.0),
    ]
}

fn encoder(codec: VideoCodec) -> Result<Encode, Box<dyn Error>> {
    Ok(match codec {
        VideoCodec::Vp8 => {
            let mut encoder = Vp8Encoder::new(SIZE.0, SIZE.1, KBPS)?;
            Box::new(move |picture, frame| {
                encoder
                    .encode(picture, STEP, KBPS, false, frame)
                    .unwrap_or(false)
            })
        }
        VideoCodec::H264 => {
            let mut encoder = H264Encoder::new(LEVEL, SIZE, KBPS)?;
            Box::new(move |picture, frame| {
                encoder
                    .encode(picture, STEP, KBPS, false, frame)
                    .unwrap_or(false)
            })
        }
    })
}

/// Frames as their units.
fn recorded(codec: VideoCodec, frames: usize) -> Result<Vec<CodedFrame>, Box<dyn Error>> {
    let mut encode = encoder(codec)?;
    let mut made = Vec::new();
    for number in 0..frames {
        let drawn = draw(number);
        let [y, u, v] = &drawn;
        let (width, height) = SIZE;
        let planes = Planes::new([y, u, v], [width, width / 2, width / 2], width, height);
        let mut frame = CodedFrame::default();
        if encode(&planes.ok_or("planes")?, &mut frame) {
            made.push(frame);
        }
    }
    Ok(made)
}

/// As a decoder takes it.
fn whole(codec: VideoCodec, frame: &CodedFrame) -> Vec<u8> {
    let start: &[u8] = match codec {
        VideoCodec::Vp8 => &[],
        VideoCodec::H264 => &[0, 0, 0, 1],
    };
    frame
        .units()
        .flat_map(|unit| [start, unit].concat())
        .collect()
}

fn keep(path: &std::path::Path, codec: VideoCodec, film: &[CodedFrame]) -> std::io::Result<()> {
    let mut octets = Vec::new();
    for frame in film {
        let frame = whole(codec, frame);
        octets.extend((frame.len() as u32).to_be_bytes());
        octets.extend(frame);
    }
    std::fs::write(path, octets)
}

fn bare(from: VideoCodec, recording: &[CodedFrame]) -> Result<Duration, Box<dyn Error>> {
    let frames: Vec<Vec<u8>> = recording.iter().map(|frame| whole(from, frame)).collect();
    let mut coded = CodedFrame::default();
    let begun;
    match from {
        VideoCodec::Vp8 => {
            let (mut decoder, mut encode) = (Vp8Decoder::new()?, encoder(VideoCodec::H264)?);
            begun = Instant::now();
            for frame in &frames {
                decoder.decode(frame, |picture| encode(picture, &mut coded))?;
            }
        }
        VideoCodec::H264 => {
            let (mut decoder, mut encode) = (H264Decoder::new()?, encoder(VideoCodec::Vp8)?);
            begun = Instant::now();
            for frame in &frames {
                decoder.decode(frame, |picture| encode(picture, &mut coded))?;
            }
        }
    }
    Ok(begun.elapsed())
}

fn transcoded(from: VideoCodec, recording: &[CodedFrame]) -> Duration {
    let target = TranscodeTarget {
        packets: VideoTarget {
            payload_type: 97,
            mode: PacketizationMode::NonInterleaved,
            max_payload: 1_200,
        },
        profile_level: (from == VideoCodec::Vp8).then_some(ProfileLevel::BROWSER),
        max_kbps: Some(KBPS * 10 / 9),
    };
    let identity = OutputIdentity {
        ssrc: 1,
        first_sequence: 1,
        first_timestamp: 1,
    };
    let mut way = VideoWay::new(from, target, identity);
    way.on_estimate(u64::from(KBPS) * 1_112);
    let mut packets: Vec<Vec<Vec<u8>>> = Vec::new();
    let mut sequence = 0u16;
    for (number, frame) in recording.iter().enumerate() {
        packets.push(packed(from, frame, number as u32 * STEP, &mut sequence));
    }
    let mut out = VideoOutput::new();
    let begun = Instant::now();
    for frame in &packets {
        for packet in frame {
            way.handle_rtp(packet, begun, &mut out);
        }
        if let Some(mut job) = way.poll_job(begun) {
            job.run();
            way.finish(job, begun, &mut out);
        }
        out.clear();
    }
    let took = begun.elapsed();
    assert!(
        way.counters().frames as usize * 10 >= recording.len() * 9,
        "{:?}",
        way.counters()
    );
    took
}

/// A frame in packets of at most 1,200 octets.
fn packed(
    codec: VideoCodec,
    frame: &CodedFrame,
    timestamp: u32,
    sequence: &mut u16,
) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    for unit in frame.units() {
        if codec == VideoCodec::H264 && unit.len() <= 1_200 {
            payloads.push(unit.to_vec());
            continue;
        }
        let (indicator, body) = match codec {
            VideoCodec::Vp8 => (0, unit),
            VideoCodec::H264 => (unit[0], &unit[1..]),
        };
        let count = body.chunks(1_198).len();
        for (number, chunk) in body.chunks(1_198).enumerate() {
            let (is_first, is_last) = (number == 0, number + 1 == count);
            let head = match codec {
                VideoCodec::Vp8 => vec![u8::from(is_first) << 4],
                VideoCodec::H264 => vec![
                    (indicator & 0xE0) | 28,
                    (u8::from(is_first) << 7) | (u8::from(is_last) << 6) | (indicator & 0x1F),
                ],
            };
            payloads.push([&head[..], chunk].concat());
        }
    }
    let last = payloads.len().saturating_sub(1);
    let packets = payloads.iter().enumerate().map(|(number, payload)| {
        *sequence = sequence.wrapping_add(1);
        let header = Header {
            marker: number == last,
            payload_type: 96,
            sequence: *sequence,
            timestamp,
            ssrc: 7,
        };
        [&header.to_bytes()[..], payload].concat()
    });
    packets.collect()
}
