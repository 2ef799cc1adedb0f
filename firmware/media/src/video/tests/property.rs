//! Any stream through any target.

use super::*;
use proptest::prelude::*;

/// How the NAL units of an access unit are put into packets.
#[derive(Clone, Debug)]
enum Packing {
    Single,
    Aggregate,
    /// Octets of each.
    Fragments(usize),
}

/// What the network does to a packet.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Fine,
    Lost,
    Twice,
    /// Overtaken by so many.
    Behind(usize),
}

#[derive(Clone, Debug)]
struct Unit {
    octets: usize,
    packing: Packing,
    is_key: bool,
    has_sets: bool,
}

fn packing() -> impl Strategy<Value = Packing> {
    prop_oneof![
        Just(Packing::Single),
        Just(Packing::Aggregate),
        (20..1_500_usize).prop_map(Packing::Fragments),
    ]
}

fn stream() -> impl Strategy<Value = Vec<Unit>> {
    let octets = prop_oneof![2..100_usize, 2..5_000_usize];
    let unit = (octets, packing(), prop::bool::weighted(0.2), any::<bool>());
    let unit = unit.prop_map(|(octets, packing, is_key, has_sets)| Unit {
        octets,
        packing,
        is_key,
        has_sets,
    });
    prop::collection::vec(unit, 1..40)
}

fn any_target() -> impl Strategy<Value = VideoTarget> {
    let mode = prop_oneof![
        Just(PacketizationMode::SingleNal),
        Just(PacketizationMode::NonInterleaved)
    ];
    (mode, 64..1_600_usize).prop_map(|(mode, max_payload)| target(mode, max_payload))
}

/// Each access unit's NAL units, and the packets of them all. Every NAL unit is another.
fn packets(stream: &[Unit], ssrc: u32, first: u16) -> (Vec<Vec<Vec<u8>>>, Vec<Packet>) {
    let (mut all, mut packets) = (Vec::new(), Vec::new());
    let mut sequence = first;
    for (n, unit) in stream.iter().enumerate() {
        let mut units = Vec::new();
        if unit.has_sets {
            units.extend([SPS_0.to_vec(), PPS_0.to_vec()]);
        }
        let mut picture = match unit.is_key || n == 0 {
            true => idr(unit.octets),
            false => picture(unit.octets),
        };
        picture.extend_from_slice(&ssrc.to_be_bytes());
        picture.extend_from_slice(&(n as u32).to_be_bytes());
        units.push(picture);
        let payloads: Vec<Vec<u8>> = match unit.packing {
            Packing::Single => units.clone(),
            Packing::Aggregate => {
                let units: Vec<&[u8]> = units.iter().map(|unit| &unit[..]).collect();
                vec![stap(&units)]
            }
            Packing::Fragments(octets) => {
                units.iter().flat_map(|unit| parts(unit, octets)).collect()
            }
        };
        for packet in access_unit(sequence, n as u32, &payloads) {
            sequence = sequence.wrapping_add(1);
            packets.push(Packet { ssrc, ..packet });
        }
        all.push(units);
    }
    (all, packets)
}

/// A NAL unit in fragments, if there would be more than one.
fn parts(unit: &[u8], octets: usize) -> Vec<Vec<u8>> {
    if unit.len() - 1 > octets {
        return fragments(unit, octets);
    }
    vec![unit.to_vec()]
}

fn check_target(sent: &[Sent], to: VideoTarget) {
    for Sent { header, payload } in sent {
        assert_eq!(
            (header.ssrc, header.payload_type),
            (OUT.ssrc, to.payload_type)
        );
        match to.mode {
            PacketizationMode::SingleNal => assert!((1..24).contains(&(payload[0] & 0x1F))),
            PacketizationMode::NonInterleaved => assert!(payload.len() <= to.max_payload),
        }
    }
}

proptest! {
    #[test]
    fn without_loss_every_nal_unit_comes_through(stream in stream(), to in any_target(), first: u16) {
        let (expected, packets) = packets(&stream, CAMERA, first);
        let mut bench = Bench::new(to);
        bench.take_all(&packets);
        check_target(&bench.sent, to);
        prop_assert_eq!(bench.numbers(), Vec::from_iter(0..bench.sent.len() as u16));
        // Picture by picture, for parameter sets may be added in front.
        for (n, expected) in expected.iter().enumerate() {
            let timestamp = n as u32 * PICTURE;
            let at = |sent: &&Sent| sent.header.timestamp.wrapping_sub(OUT.first_timestamp) == timestamp;
            let sent: Vec<Sent> = bench.sent.iter().filter(at).cloned().collect();
            let units = units(&sent);
            let added = units.len() - expected.len();
            prop_assert!(added == 0 || (added <= 2 && stream[n].is_key));
            prop_assert_eq!(&units[added..], &expected[..]);
            let added_sets = [&SPS_0[..], &PPS_0];
            prop_assert!(units[..added].iter().all(|unit| added_sets.contains(&&unit[..])));
            let markers = sent.iter().filter(|sent| sent.header.marker).count();
            prop_assert!(markers == 1 && sent.last().is_some_and(|sent| sent.header.marker));
        }
        prop_assert_eq!(bench.counters().lost + bench.counters().late + bench.counters().discarded, 0);
        prop_assert_eq!(bench.counters().frames, stream.len() as u64);
    }

    #[test]
    fn a_loss_leaves_a_hole(stream in stream(), to in any_target(), lost: prop::sample::Index) {
        let (_, mut packets) = packets(&stream, CAMERA, 65_500);
        // Before the first key frame nobody misses anything, and behind the last packet nobody can.
        let first = packets.iter().filter(|packet| packet.timestamp == 0).count();
        prop_assume!(first + 1 < packets.len());
        packets.remove(first + lost.index(packets.len() - 1 - first));
        // What follows can be sent in any case.
        packets.push(packet(packets.last().unwrap().sequence.wrapping_add(1), 99, &picture(9)));
        let mut bench = Bench::new(to);
        bench.take_all(&packets);
        bench.wait(50);
        let numbers = bench.numbers();
        prop_assert!(numbers.is_sorted());
        prop_assert_eq!(&bench.sent.last().unwrap().payload, &picture(9));
        let holes = numbers.windows(2).filter(|pair| pair[1] - pair[0] > 1).count();
        prop_assert!((1..=3).contains(&holes), "{numbers:?}");
    }

    #[test]
    fn a_bad_network_and_another_source(
        streams in prop::collection::vec(stream(), 1..4),
        to in any_target(),
        fates in prop::collection::vec(prop_oneof![
            8 => Just(Fate::Fine),
            1 => Just(Fate::Lost),
            1 => Just(Fate::Twice),
            1 => (1..70_usize).prop_map(Fate::Behind),
        ], 1..300),
        pause in 0..30_u64,
    ) {
        let mut bench = Bench::new(to);
        let mut known = Vec::new();
        let mut fates = fates.iter().cycle();
        for (ssrc, stream) in (1..).zip(&streams) {
            let (units, mut packets) = packets(stream, ssrc, ssrc as u16 * 20_000);
            known.extend(units.into_iter().flatten());
            let mut at = 0;
            while at < packets.len() {
                match *fates.next().unwrap() {
                    Fate::Fine => {}
                    // The first packet of a source stays it.
                    _ if at == 0 => {}
                    Fate::Lost => drop(packets.remove(at)),
                    Fate::Twice => {
                        packets.insert(at, packets[at].clone());
                        at += 1;
                    }
                    Fate::Behind(by) => {
                        let packet = packets.remove(at);
                        packets.insert((at + by).min(packets.len()), packet);
                    }
                }
                at += 1;
            }
            for packet in &packets {
                bench.take(packet);
                bench.wait(pause);
            }
            bench.wait(100);
        }
        check_target(&bench.sent, to);
        // No number leaves twice, and none is far from the others.
        let mut numbers = bench.numbers();
        numbers.sort_unstable();
        prop_assert!(numbers.windows(2).all(|pair| pair[0] != pair[1]));
        let input: usize = bench.counters().packets_in as usize;
        prop_assert!(numbers.last().is_none_or(|last| usize::from(*last) < input * 100 + 1_000));
        // What is whole in the output is a NAL unit of the input.
        bench.sent.sort_by_key(|sent| sent.header.sequence.wrapping_sub(OUT.first_sequence));
        let mut open: Option<(u16, Vec<u8>)> = None;
        for Sent { header, payload } in &bench.sent {
            let units = match payload[0] & 0x1F {
                28 => {
                    if payload[1] & 0x80 != 0 {
                        open = Some((header.sequence, vec![(payload[0] & 0xE0) | (payload[1] & 0x1F)]));
                    }
                    let is_next = |(next, _): &(u16, Vec<u8>)| *next == header.sequence;
                    open = open.filter(is_next);
                    if let Some((next, unit)) = &mut open {
                        *next = next.wrapping_add(1);
                        unit.extend_from_slice(&payload[2..]);
                    }
                    match payload[1] & 0x40 {
                        0 => Vec::new(),
                        _ => open.take().map(|(_, unit)| unit).into_iter().collect(),
                    }
                }
                _ => units(&[Sent { header: *header, payload: payload.clone() }]),
            };
            for unit in units {
                prop_assert!(known.contains(&unit), "{} octets", unit.len());
            }
        }
        prop_assert_eq!(bench.relay.poll_timeout(), None);
    }

    #[test]
    fn nothing_makes_it_panic(
        datagrams in prop::collection::vec((any::<[u8; 8]>(), prop::collection::vec(any::<u8>(), 0..60)), 0..60),
        to in any_target(),
    ) {
        let mut bench = Bench::new(to);
        for (at, payload) in &datagrams {
            bench.take(&Packet {
                ssrc: u32::from(at[0] & 1),
                sequence: u16::from_be_bytes([at[1] & 1, at[2]]),
                timestamp: u32::from(at[3] & 3),
                marker: at[4] & 1 == 0,
                // Mostly of the types that are understood.
                payload: match (at[5] & 7, payload.split_first()) {
                    (0..3, Some((_, rest))) => [&[0x7C, at[6]][..], rest].concat(),
                    (3, Some((_, rest))) => stap(&[&[0x65, 0x80], rest]),
                    (4, Some((_, rest))) => [&[0x65, 0x80], rest].concat(),
                    _ => payload.clone(),
                },
            });
            bench.wait(u64::from(at[7] & 31));
        }
        bench.wait(100);
        check_target(&bench.sent, to);
        prop_assert_eq!(bench.relay.poll_timeout(), None);
    }
}
