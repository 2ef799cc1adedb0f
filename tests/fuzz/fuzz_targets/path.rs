//! One direction of a call's sound fed with arbitrary packets at arbitrary times.
#![no_main]

use std::time::{Duration, Instant};

use causeway_media::path::{Output, OutputIdentity, Path};
use causeway_media::plan::{AudioCodec, AudioFormat, DtmfFormat};
use libfuzzer_sys::fuzz_target;

const SSRC: u32 = 0x1234_5678;

fuzz_target!(|data: &[u8]| {
    let Some((&kind, mut rest)) = data.split_first() else {
        return;
    };
    let format = |codec: AudioCodec, payload_type, dtmf| AudioFormat {
        codec,
        payload_type,
        ptime_ms: 20,
        dtmf: Some(DtmfFormat {
            payload_type: dtmf,
            clock_rate: codec.clock_rate(),
        }),
    };
    let web = if kind & 1 == 0 {
        format(AudioCodec::Opus, 111, 110)
    } else {
        format(AudioCodec::Pcmu, 0, 126)
    };
    let trunk = if kind & 8 == 0 {
        format(AudioCodec::Pcmu, 0, 101)
    } else {
        format(AudioCodec::G722, 9, 101)
    };
    let (from, to) = if kind & 2 == 0 {
        (web, trunk)
    } else {
        (trunk, web)
    };
    let identity = OutputIdentity {
        ssrc: SSRC,
        first_sequence: 65_530,
        first_timestamp: u32::MAX - 1000,
    };
    let Ok(mut path) = Path::new(from, to, identity) else {
        return;
    };
    path.set_redundancy(Some(63));
    path.set_redundancy_out(Some(63));
    path.note_far_loss(if kind & 4 == 0 { 0.0 } else { 0.1 });
    let mut now = Instant::now();
    let mut out = Output::new();
    let mut next = None;
    // A length, a pause and that many octets, again and again.
    while let [length, pause, ..] = *rest {
        let end = (2 + usize::from(length)).min(rest.len());
        path.handle_rtp(&rest[2..end], now, &mut out);
        check(&mut out, &mut next);
        now += Duration::from_millis(u64::from(pause));
        let mut turns = 0;
        while path.poll_timeout().is_some_and(|at| at <= now) {
            path.handle_timeout(now, &mut out);
            check(&mut out, &mut next);
            turns += 1;
            assert!(turns < 10_000, "a deadline that does not go away");
        }
        rest = &rest[end..];
    }
});

/// What leaves is one unbroken stream, whatever came in.
fn check(out: &mut Output, next: &mut Option<u16>) {
    for packet in out.packets() {
        assert_eq!(packet.header.ssrc, SSRC);
        if let Some(expected) = *next {
            assert_eq!(
                packet.header.sequence, expected,
                "a break in the sequence numbers"
            );
        }
        *next = Some(packet.header.sequence.wrapping_add(1));
    }
    out.clear();
}
