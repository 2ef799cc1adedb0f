//! Packets that got lost on the way: asked for, and given again.

use crate::path::OutPacket;
use crate::rtp::Header;
use crate::video::{MissingPackets, SentPackets};
use std::time::{Duration, Instant};

const SOURCE: u32 = 7;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn asked(missing: &mut MissingPackets, now: Instant) -> Vec<u16> {
    let mut numbers = Vec::new();
    missing.take(now, &mut numbers);
    numbers
}

#[test]
fn what_was_stepped_over_is_asked_for_until_it_comes() {
    let start = Instant::now();
    let mut missing = MissingPackets::default();
    for sequence in [65_534, 65_535, 3] {
        missing.handle(SOURCE, sequence, start);
    }
    assert_eq!(asked(&mut missing, start + ms(9)), []);
    // One of them was only late.
    missing.handle(SOURCE, 1, start + ms(9));
    assert_eq!(missing.poll_timeout(), Some(start + ms(10)));
    assert_eq!(asked(&mut missing, start + ms(10)), [0, 2]);
    assert_eq!(asked(&mut missing, start + ms(11)), []);
    missing.handle(SOURCE, 0, start + ms(60));
    assert_eq!(asked(&mut missing, start + ms(90)), [2]);
    for again in [170, 250, 330] {
        assert_eq!(asked(&mut missing, start + ms(again)), [2]);
    }
    // Five times is enough.
    assert_eq!(missing.poll_timeout(), None);
}

#[test]
fn another_source_and_a_dead_network_begin_anew() {
    let now = Instant::now();
    let mut missing = MissingPackets::default();
    missing.handle(SOURCE, 10, now);
    missing.handle(SOURCE, 12, now);
    missing.handle(SOURCE + 1, 500, now);
    assert_eq!(missing.poll_timeout(), None);
    missing.handle(SOURCE + 1, 502, now);
    missing.handle(SOURCE + 1, 600, now);
    assert_eq!(missing.poll_timeout(), None);
    missing.handle(SOURCE + 1, 602, now + ms(5));
    assert_eq!(asked(&mut missing, now + ms(15)), [601]);
}

#[test]
fn a_packet_is_given_again_a_few_times() {
    let now = Instant::now();
    let mut sent = SentPackets::default();
    assert!(sent.again(5, now).is_none());
    let header = Header {
        marker: true,
        payload_type: 105,
        sequence: 5,
        timestamp: 9,
        ssrc: SOURCE,
    };
    let bytes = [&header.to_bytes()[..], b"picture"].concat();
    sent.keep(
        &OutPacket {
            header,
            bytes: &bytes,
        },
        now,
    );
    assert!(sent.again(5, now + ms(19)).is_none());
    for n in 1..=4 {
        let again = sent.again(5, now + ms(20 * n)).unwrap();
        assert_eq!((again.header, again.bytes), (header, &bytes[..]));
    }
    assert!(sent.again(5, now + ms(1_000)).is_none());
    // Its place is another's by now.
    assert!(sent.again(5 + 128, now + ms(1_000)).is_none());
}
