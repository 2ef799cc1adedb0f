//! One direction of a call's picture between two codecs: arbitrary packets at arbitrary times, put together, decoded and
//! encoded.
#![no_main]

use std::time::{Duration, Instant};

use causeway_media::path::OutputIdentity;
use causeway_media::sdp::h264::ProfileLevel;
use causeway_media::sdp::video::PacketizationMode;
use causeway_media::video::{TranscodeTarget, VideoCodec, VideoOutput, VideoTarget, VideoWay};
use libfuzzer_sys::fuzz_target;

const SSRC: u32 = 0x1234_5678;
const MAX_PAYLOAD: usize = 1_200;

fuzz_target!(|data: &[u8]| {
    let Some((&kind, mut rest)) = data.split_first() else {
        return;
    };
    let from = |kind: u8| match kind & 1 {
        0 => VideoCodec::Vp8,
        _ => VideoCodec::H264,
    };
    let to = |kind: u8| TranscodeTarget {
        packets: VideoTarget {
            payload_type: 97,
            mode: match kind & 2 {
                0 => PacketizationMode::NonInterleaved,
                _ => PacketizationMode::SingleNal,
            },
            max_payload: MAX_PAYLOAD,
        },
        // VP8 to VP8 and H.264 to VP8 as well.
        profile_level: (kind & 5 == 0).then_some(ProfileLevel {
            level_idc: kind >> 3,
            ..ProfileLevel::BROWSER
        }),
        max_kbps: (kind & 8 == 0).then_some(u32::from(kind) * 10),
    };
    let identity = OutputIdentity {
        ssrc: SSRC,
        first_sequence: 65_530,
        first_timestamp: u32::MAX - 1000,
    };
    let mut way = VideoWay::new(from(kind), to(kind), identity);
    let mut now = Instant::now();
    let mut out = VideoOutput::new();
    let mut under_way = None;
    // What is done, a length or an argument, a pause, and the octets of a datagram, again and again.
    while let [what, length, pause, after @ ..] = rest {
        let mut end = 0;
        match what {
            0 => way.restart(),
            1 => way.set_open(length & 1 == 0),
            2 => way.replan(from(*length), to(*length)),
            3 => way.request_key_frame(now),
            4 => way.on_report(*length, now),
            5 => way.on_estimate(u64::from(*length) << 14),
            _ => {
                let octets = usize::from(*length) << (what & 3);
                end = octets.min(after.len());
                way.handle_rtp(&after[..end], now, &mut out);
            }
        }
        now += Duration::from_millis(u64::from(*pause));
        let mut turns = 0;
        while way.poll_timeout().is_some_and(|at| at <= now) {
            way.handle_timeout(now, &mut out);
            turns += 1;
            assert!(turns < 1_000, "a deadline that does not go away");
        }
        // A job comes back at once, or after what happens next.
        if let Some(job) = under_way.take() {
            way.finish(job, now, &mut out);
        }
        if let Some(mut job) = way.poll_job(now) {
            job.run();
            match what & 8 {
                0 => way.finish(job, now, &mut out),
                _ => under_way = Some(job),
            }
        }
        way.take_key_frame_request(now);
        for packet in out.packets() {
            assert_eq!(packet.header.ssrc, SSRC);
        }
        out.clear();
        rest = &after[end..];
    }
});
