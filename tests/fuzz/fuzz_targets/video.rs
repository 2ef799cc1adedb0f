//! One direction of a call's video fed with arbitrary packets at arbitrary times.
#![no_main]

use std::collections::HashSet;
use std::time::{Duration, Instant};

use causeway_media::path::OutputIdentity;
use causeway_media::sdp::video::PacketizationMode;
use causeway_media::video::{VideoOutput, VideoRelay, VideoTarget};
use libfuzzer_sys::fuzz_target;

const SSRC: u32 = 0x1234_5678;

fuzz_target!(|data: &[u8]| {
    let Some((&kind, mut rest)) = data.split_first() else {
        return;
    };
    let target = |kind: u8| VideoTarget {
        payload_type: 97,
        mode: match kind & 1 {
            0 => PacketizationMode::NonInterleaved,
            _ => PacketizationMode::SingleNal,
        },
        max_payload: 64 + usize::from(kind >> 4) * 16,
    };
    let identity = OutputIdentity {
        ssrc: SSRC,
        first_sequence: 65_530,
        first_timestamp: u32::MAX - 1000,
    };
    let mut to = target(kind);
    let mut relay = VideoRelay::new(to, identity);
    let mut now = Instant::now();
    let mut out = VideoOutput::new();
    let mut used = HashSet::new();
    // What is done, a length or an argument, a pause, and the octets of a datagram, again and again.
    while let [what, length, pause, after @ ..] = rest {
        let mut end = 0;
        match what {
            0 => relay.restart(),
            1 => relay.set_open(length & 1 == 0),
            2 => {
                to = target(*length);
                relay.replan(to);
            }
            3 => relay.request_key_frame(now),
            4 => {
                end = usize::from(*length).min(after.len());
                let sets: Vec<_> = after[..end].chunks(8).map(<[u8]>::to_vec).collect();
                relay.set_parameter_sets(&sets);
            }
            _ => {
                // Two octets of length would be wasted on most inputs; some datagrams must be large.
                let octets = usize::from(*length) << (what & 3);
                end = octets.min(after.len());
                relay.handle_rtp(&after[..end], now, &mut out);
                check(&mut out, to, &mut used);
            }
        }
        now += Duration::from_millis(u64::from(*pause));
        let mut turns = 0;
        while relay.poll_timeout().is_some_and(|at| at <= now) {
            relay.handle_timeout(now, &mut out);
            check(&mut out, to, &mut used);
            turns += 1;
            assert!(turns < 1_000, "a deadline that does not go away");
        }
        relay.take_key_frame_request(now);
        rest = &after[end..];
    }
});

/// What leaves is what the target takes, and no number leaves twice.
fn check(out: &mut VideoOutput, to: VideoTarget, used: &mut HashSet<u16>) {
    for packet in out.packets() {
        assert_eq!(packet.header.ssrc, SSRC);
        let payload = packet.payload();
        match to.mode {
            PacketizationMode::SingleNal => assert!(matches!(payload[0] & 0x1F, 1..=23)),
            PacketizationMode::NonInterleaved => assert!(payload.len() <= to.max_payload),
        }
        // A hole is at most 3000 numbers wide: those long gone may come again.
        let number = packet.header.sequence;
        used.retain(|before| {
            number.wrapping_sub(*before) < 0x8000 || number.wrapping_sub(*before) > 0xF000
        });
        assert!(used.insert(number), "a number that left twice");
    }
    out.clear();
}
