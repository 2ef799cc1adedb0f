//! Anything at all may come in.

use super::*;
use crate::plan::AudioCodec::{G722, Opus, Pcma, Pcmu};

/// A small generator: what it does, its seed repeats.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

#[test]
fn mutated_packets_never_break_a_path() {
    for seed in 1..=40 {
        let mut random = Seeded(seed * 0x9E37_79B9);
        let codecs = [Opus, Pcmu, Pcma, G722];
        let (from, to) = (codecs[random.below(4)], codecs[random.below(4)]);
        let mut bench = Bench::new(format(from), format(to));
        bench.path.set_keepalive(Some(Duration::from_secs(2)));
        let mut source = Source::new(from, 440.0);
        for _ in 0..400 {
            bench.wait(random.next() % 40);
            let (mut header, mut payload) = source.packet();
            match random.below(12) {
                0 => header.ssrc = random.next() as u32 % 4,
                1 => header.sequence = random.next() as u16,
                2 => header.timestamp = random.next() as u32,
                3 => header.payload_type = random.next() as u8 & 0x7F,
                4 => payload.truncate(random.below(payload.len() + 1)),
                5 => {
                    let at = random.below(payload.len());
                    payload[at] = random.next() as u8;
                }
                6 => {
                    header.payload_type = format(from).dtmf.unwrap().payload_type;
                    payload = random.next().to_be_bytes()[..random.below(8)].to_vec();
                }
                7 => payload = (0..random.below(3_000)).map(|n| (n * 7) as u8).collect(),
                8 => {
                    let (duration, gap) = (Duration::from_millis(60), Duration::from_millis(40));
                    let _ = bench.path.send_dtmf("1,", duration, gap);
                }
                9 => bench
                    .path
                    .set_gate([Gate::Open, Gate::Muted, Gate::Closed][random.below(3)]),
                10 => {
                    let (from, to) = (codecs[random.below(4)], codecs[random.below(4)]);
                    bench.path.replan(format(from), format(to)).unwrap();
                }
                _ => {}
            }
            let mut datagram = header.to_bytes().to_vec();
            datagram.extend_from_slice(&payload);
            if random.below(10) == 0 {
                let at = random.below(datagram.len());
                datagram[at] ^= 1 << random.below(8);
            }
            bench.path.handle_rtp(&datagram, bench.now, &mut bench.out);
            bench.collect();
        }
        for pair in bench.sent.windows(2) {
            let step = pair[1]
                .header
                .sequence
                .wrapping_sub(pair[0].header.sequence);
            assert!((1..400).contains(&step), "seed {seed}: {step}");
            assert_eq!(pair[1].header.ssrc, OUT.ssrc);
            let event = pair
                .iter()
                .any(|sent| sent.header.payload_type >= 100 && sent.payload.len() == 4);
            let ahead = pair[1]
                .header
                .timestamp
                .wrapping_sub(pair[0].header.timestamp) as i32;
            assert!(event || ahead > 0, "seed {seed}: {pair:?}");
        }
        assert!(bench.sent.len() < 20_000, "seed {seed}");
    }
}

#[test]
fn every_prefix_of_a_packet_is_taken_or_counted() {
    let mut bench = Bench::new(format(Opus), format(Pcmu));
    let (header, payload) = Source::new(Opus, 440.0).packet();
    let mut datagram = header.to_bytes().to_vec();
    datagram.extend_from_slice(&payload);
    for end in 0..12 {
        bench
            .path
            .handle_rtp(&datagram[..end], bench.now, &mut bench.out);
    }
    assert_eq!(bench.path.counters().discarded, 12);
    assert!(bench.sent.is_empty());
}

#[test]
fn an_unknown_payload_type_founds_no_source() {
    let mut bench = Bench::new(format(Pcmu), format(Opus));
    let mut source = Source::new(Pcmu, 440.0);
    source.play(&mut bench, 3);
    let (mut stray, payload) = source.packet();
    stray.payload_type = 96;
    stray.ssrc = 1_234;
    bench.rtp(stray, &payload);
    bench.wait(20);
    source.header.sequence = source.header.sequence.wrapping_sub(1);
    source.header.timestamp = source.header.timestamp.wrapping_sub(160);
    source.play(&mut bench, 3);
    assert_eq!(bench.sent.len(), 6);
    assert_eq!(bench.path.counters().discarded, 1);
    assert_eq!(bench.path.counters().source_changes, 0);
}
