//! RTP headers, and the order in which packets are handed on.
#![no_main]

use std::time::{Duration, Instant};

use causeway_media::jitter::Sequencer;
use causeway_media::rtp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(packet) = rtp::read(data) {
        assert!(packet.payload.len() < data.len());
        let mut written = data.to_vec();
        let _ = packet.header.write(&mut written);
    }
    let _ = rtp::is_rtcp(data);

    // A stream of packets whose sequence numbers, times and sources the input chooses, eight octets each.
    let mut now = Instant::now();
    let mut sequencer = Sequencer::new(8_000);
    let mut delivered = 0u64;
    let mut pushed = 0u64;
    for piece in data.chunks_exact(8) {
        let header = rtp::Header {
            marker: piece[0] & 1 != 0,
            payload_type: piece[0] >> 1,
            sequence: u16::from_be_bytes([piece[1], piece[2]]),
            timestamp: u32::from_be_bytes([0, piece[3], piece[4], piece[5]]),
            ssrc: u32::from(piece[6] & 3),
        };
        let payload = [0u8; 160];
        pushed += 1;
        sequencer.push(header, &payload, now, |_| delivered += 1);
        now += Duration::from_millis(u64::from(piece[7]));
        if sequencer.poll_timeout().is_some_and(|at| at <= now) {
            sequencer.handle_timeout(now, |_| delivered += 1);
        }
    }
    assert!(
        delivered <= pushed,
        "{delivered} packets came out of {pushed}"
    );
});
