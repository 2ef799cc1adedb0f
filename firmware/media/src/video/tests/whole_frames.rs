//! Whatever the network does, a frame that comes out went in, whole and in its place.

use super::*;
use crate::video::assembly::Assembly;
use proptest::prelude::*;

fn vp8(frame: &[u8], part: usize) -> Vec<Vec<u8>> {
    let parts = frame.chunks(part).enumerate();
    let packets = parts.map(|(n, part)| [&[if n == 0 { 0x10 } else { 0 }][..], part].concat());
    packets.collect()
}

/// Every way to put NAL units into packets.
fn h264(units: &[Vec<u8>], part: usize) -> Vec<Vec<u8>> {
    if part.is_multiple_of(3) {
        let units: Vec<&[u8]> = units.iter().map(Vec::as_slice).collect();
        return vec![stap(&units)];
    }
    let packets = units
        .iter()
        .flat_map(|unit| match part.is_multiple_of(2) || unit.len() < 3 {
            true => vec![unit.clone()],
            false => {
                let chunks: Vec<&[u8]> = unit[1..].chunks(part).collect();
                let last = chunks.len() - 1;
                let fragment = |(n, chunk): (usize, &&[u8])| {
                    let start = if n == 0 { 0x80 } else { 0 };
                    let end = if n == last && n > 0 { 0x40 } else { 0 };
                    [
                        &[(unit[0] & 0xE0) | 28, start | end | (unit[0] & 0x1F)][..],
                        chunk,
                    ]
                    .concat()
                };
                match last {
                    0 => vec![unit.clone()],
                    _ => chunks.iter().enumerate().map(fragment).collect(),
                }
            }
        });
    packets.collect()
}

proptest! {
    #[test]
    fn any_frames_through_any_loss(
        is_vp8 in any::<bool>(),
        frames in prop::collection::vec((2..3_000usize, 1..40usize, any::<bool>(), any::<bool>()), 1..20),
        fates in prop::collection::vec(prop::bool::weighted(0.9), 1..50),
    ) {
        let codec = if is_vp8 { VideoCodec::Vp8 } else { VideoCodec::H264 };
        let mut assembly = Assembly::new(codec);
        let (mut expected, mut seen) = (Vec::new(), Vec::new());
        let mut fates = fates.iter().cycle();
        let (mut follows, mut losses, mut told) = (true, 0, 0);
        for (number, (octets, part, is_key, marked)) in frames.iter().enumerate() {
            let part = part * 25;
            let (packets, whole) = match codec {
                VideoCodec::Vp8 => {
                    let mut frame = vec![number as u8; *octets];
                    frame[0] = u8::from(!is_key);
                    (vp8(&frame, part), frame)
                }
                VideoCodec::H264 => {
                    let slice = if *is_key { idr(*octets) } else { picture(*octets) };
                    let units = match is_key {
                        true => vec![SPS_0.to_vec(), PPS_0.to_vec(), slice],
                        false => vec![slice],
                    };
                    let whole = units.iter().flat_map(|u| [&[0, 0, 0, 1][..], u].concat()).collect();
                    (h264(&units, part), whole)
                }
            };
            let last = packets.len() - 1;
            let mut is_whole = true;
            for (place, payload) in packets.iter().enumerate() {
                let is_last = place == last;
                if !fates.next().unwrap() {
                    (follows, is_whole) = (false, false);
                    continue;
                }
                losses += u32::from(!follows);
                let header = Header {
                    // Some phones set none.
                    marker: is_last && *marked,
                    payload_type: 96,
                    sequence: 0,
                    timestamp: number as u32,
                    ssrc: CAMERA,
                };
                let step = assembly.add(&header, payload, std::mem::replace(&mut follows, true));
                told += u32::from(step.is_lost);
                prop_assert!(!step.is_foreign);
                seen.extend(step.frames.into_iter().flatten());
            }
            expected.push((number as u32, *is_key, whole, is_whole));
        }
        for frame in &seen {
            let (_, is_key, whole, is_whole) = &expected[frame.header.timestamp as usize];
            prop_assert_eq!(frame.is_key, *is_key);
            // What stands before the first slice of a key frame may be lost: a decoder has it from the last one.
            let lacks_sets = !is_vp8 && *is_key && whole.ends_with(&frame.octets);
            prop_assert!(&frame.octets == whole || (!is_whole && lacks_sets));
        }
        // In order, each once, and a loss is always told.
        prop_assert!(seen.windows(2).all(|pair| pair[0].header.timestamp < pair[1].header.timestamp));
        prop_assert!(told >= losses);
        if losses == 0 && frames.iter().all(|f| f.3) && follows {
            prop_assert_eq!(seen.len(), frames.len());
        }
    }
}
