use super::*;
use crate::rtp::Header;
use std::time::{Duration, Instant};

fn block() -> ReportBlock {
    ReportBlock {
        ssrc: 0xDEAD_BEEF,
        fraction_lost: 25,
        cumulative_lost: -3,
        highest_sequence: 0x0001_0005,
        jitter: 17,
        last_sr: 0x1234_5678,
        delay_since_last_sr: 65_536,
    }
}

#[test]
fn what_is_written_is_read_back() {
    let info = SenderInfo {
        ntp: 0x0102_0304_0506_0708,
        rtp_timestamp: 160,
        packets: 2,
        octets: 320,
    };
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes);
    writer.sender_report(7, &info, &[block()]);
    writer.receiver_report(8, &[block(), block()]);
    writer.canonical_name(7, "leg-17");
    writer.goodbye(7, Some("over"));
    assert_eq!(bytes.len() % 4, 0);
    let packets: Vec<_> = read(&bytes).unwrap().packets().collect();
    assert_eq!(packets.len(), 4);
    let Packet::SenderReport {
        ssrc: 7,
        info: read_info,
        reports,
    } = packets[0]
    else {
        panic!("{:?}", packets[0]);
    };
    assert_eq!(read_info, info);
    assert_eq!(reports.iter().collect::<Vec<_>>(), [block()]);
    let Packet::ReceiverReport { ssrc: 8, reports } = packets[1] else {
        panic!("{:?}", packets[1]);
    };
    assert_eq!(reports.iter().count(), 2);
    let Packet::SourceDescription(names) = packets[2] else {
        panic!("{:?}", packets[2]);
    };
    assert_eq!(names.chunks().collect::<Vec<_>>(), [(7, &b"leg-17"[..])]);
    let Packet::Goodbye(bye) = packets[3] else {
        panic!("{:?}", packets[3]);
    };
    assert_eq!(bye.sources().collect::<Vec<_>>(), [7]);
    assert_eq!(bye.reason(), b"over");
}

#[test]
fn names_of_every_length_end_on_a_word_with_a_zero() {
    for length in 0..300 {
        let mut bytes = Vec::new();
        let name = "é".repeat(length);
        Writer::new(&mut bytes).canonical_name(1, &name);
        let compound = read(&bytes).unwrap();
        let Some(Packet::SourceDescription(names)) = compound.packets().next() else {
            panic!("not SDES");
        };
        let (_, read_name) = names.chunks().next().unwrap();
        assert!(name.starts_with(std::str::from_utf8(read_name).unwrap()));
        assert_eq!(read_name.len(), name.len().min(254));
    }
}

#[test]
fn every_truncation_is_refused_or_shorter() {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes);
    writer.sender_report(7, &SenderInfo::default(), &[block()]);
    writer.canonical_name(7, "x");
    for end in 0..bytes.len() {
        // Only the end of the first packet is a good place to stop.
        assert_eq!(read(&bytes[..end]).is_ok(), end == 52, "{end}");
    }
    bytes[0] = 0x40;
    assert_eq!(
        read(&bytes),
        Err(RtcpError::Version {
            index: 0,
            offset: 0,
            version: 1
        })
    );
}

fn packet(sequence: u16, timestamp: u32) -> Header {
    Header {
        sequence,
        timestamp,
        ssrc: 1,
        ..Header::default()
    }
}

#[test]
fn loss_is_counted_over_the_wrap_of_the_sequence_number() {
    let start = Instant::now();
    let mut stats = ReceptionStats::new(8_000);
    for n in 0..100_u32 {
        if n % 10 == 3 {
            continue;
        }
        let sequence = 65_500_u16.wrapping_add(n as u16);
        let at = start + Duration::from_millis(u64::from(n) * 20);
        stats.on_packet(&packet(sequence, n * 160), at);
    }
    let report = stats.report(start).unwrap();
    assert_eq!(report.cumulative_lost, 10);
    assert_eq!(report.fraction_lost, 25);
    assert_eq!(report.highest_sequence, (1 << 16) + 63);
    assert_eq!(report.jitter, 0);
    assert_eq!((stats.received(), stats.lost()), (90, 10));
    // A quiet interval loses nothing.
    assert_eq!(stats.report(start).unwrap().fraction_lost, 0);
    // Another source: totals go on, the block starts afresh.
    let other = Header {
        ssrc: 2,
        ..packet(9, 0)
    };
    stats.on_packet(&other, start);
    assert_eq!(stats.report(start).unwrap().cumulative_lost, 0);
    assert_eq!((stats.received(), stats.lost()), (91, 10));
}

#[test]
fn a_restart_of_the_sequence_is_believed_at_the_second_packet() {
    let now = Instant::now();
    let mut stats = ReceptionStats::new(8_000);
    for n in [1, 2, 4, 30_000, 5, 40_000, 40_001, 40_002] {
        stats.on_packet(&packet(n, u32::from(n) * 160), now);
    }
    assert_eq!(stats.lost(), 1);
}

#[test]
fn jitter_is_that_of_appendix_a_8() {
    let start = Instant::now();
    let mut stats = ReceptionStats::new(8_000);
    // Every other packet is 8 ms (64 units) late: J converges to 64.
    for n in 0..500_u32 {
        let at = start + Duration::from_millis(u64::from(n) * 20 + u64::from(n % 2) * 8);
        stats.on_packet(&packet(n as u16, n.wrapping_mul(160)), at);
    }
    let jitter = stats.jitter();
    assert!((7..=8).contains(&jitter.as_millis()), "{jitter:?}");
}

#[test]
fn round_trip_of_the_example_in_section_6_4_1() {
    // RFC 3550 figure 2: A = 0xb710:8000, DLSR 5.250 s, LSR 0xb705:2000, delay 6.125 s.
    let block = ReportBlock {
        last_sr: 0xb705_2000,
        delay_since_last_sr: 0x0005_4000,
        ..ReportBlock::default()
    };
    let now = 0x0000_b710_8000_0000;
    assert_eq!(round_trip(&block, now), Some(Duration::from_millis(6_125)));
    assert_eq!(round_trip(&block, 0x0000_b709_0000_0000), None);
}

#[test]
fn an_answer_to_a_sender_report_carries_its_time_and_delay() {
    let start = Instant::now();
    let mut stats = ReceptionStats::new(8_000);
    stats.on_packet(&packet(1, 0), start);
    let info = SenderInfo {
        ntp: 0x0000_0001_8000_0000,
        ..SenderInfo::default()
    };
    stats.on_sender_report(&info, start);
    let report = stats.report(start + Duration::from_millis(500)).unwrap();
    assert_eq!(report.last_sr, 0x0001_8000);
    assert_eq!(report.delay_since_last_sr, 32_768);
}

#[test]
fn requests_for_key_frames_as_they_stand_on_the_wire() {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes);
    writer.picture_loss(0x0101_0101, 0x0202_0202);
    writer.full_intra_request(0x0101_0101, 0x0202_0202, 7);
    assert_eq!(
        bytes,
        [
            0x81, 206, 0, 2, 1, 1, 1, 1, 2, 2, 2, 2, // PLI
            0x84, 206, 0, 4, 1, 1, 1, 1, 0, 0, 0, 0, 2, 2, 2, 2, 7, 0, 0, 0, // FIR
        ]
    );
}

#[test]
fn a_key_frame_is_asked_of_whom_the_request_names() {
    let asks = |write: &dyn Fn(&mut Writer<'_>), ssrc| {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        writer.receiver_report(9, &[]);
        write(&mut writer);
        wants_key_frame(&read(&bytes).unwrap(), ssrc)
    };
    assert!(asks(&|w| w.picture_loss(9, 2), 2));
    assert!(!asks(&|w| w.picture_loss(9, 2), 3));
    assert!(asks(&|w| w.picture_loss(9, 0), 3));
    assert!(asks(&|w| w.full_intra_request(9, 2, 0), 2));
    // The 0 in the header of a FIR means nothing: its entry counts.
    assert!(!asks(&|w| w.full_intra_request(9, 2, 0), 3));
    assert!(asks(&|w| w.full_intra_request(9, 0, 0), 3));
    assert!(!asks(&|_| {}, 2));
}

#[test]
fn feedback_that_is_something_else_or_too_short_asks_nothing() {
    for feedback in [
        &[0x81, 206, 0, 1, 0, 0, 0, 9][..], // a PLI without a media SSRC
        &[0x8F, 206, 0, 2, 0, 0, 0, 9, 0, 0, 0, 2], // REMB's number
        &[0x81, 205, 0, 3, 0, 0, 0, 9, 0, 0, 0, 2, 0, 1, 0, 0], // a NACK
    ] {
        assert!(!wants_key_frame(&read(feedback).unwrap(), 2));
    }
    // A FIR without an entry that names its media in the header.
    let fir = [0x84, 206, 0, 2, 0, 0, 0, 9, 0, 0, 0, 2];
    assert!(wants_key_frame(&read(&fir).unwrap(), 2));
    assert!(!wants_key_frame(&read(&fir).unwrap(), 3));
}

#[test]
fn a_limit_is_an_exponent_and_a_mantissa() {
    for (bits, number) in [
        (1_000, [1, 0x00, 0x03, 0xE8]),
        (262_143, [1, 0x03, 0xFF, 0xFF]),
        // 1 500 000 = 187 500 · 2³
        (1_500_000, [1, 0x0E, 0xDC, 0x6C]),
    ] {
        let mut compound = Vec::new();
        Writer::new(&mut compound).bitrate_limit(1, 2, bits);
        let head = [
            0x8F, 206, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B',
        ];
        assert_eq!(
            compound,
            [&head[..], &number, &[0, 0, 0, 2]].concat(),
            "{bits}"
        );
        assert!(read(&compound).is_ok());
    }
}

#[test]
fn what_was_lost_is_named_by_number_and_bits() {
    let mut compound = Vec::new();
    let mut writer = Writer::new(&mut compound);
    writer.nack(1, 2, &[65_534, 65_535, 14, 15, 40]);
    // 65534 with the next and the one sixteen behind it; 15, which is seventeen behind; 40.
    let expected = [
        0x81, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0xFF, 0xFE, 0x80, 0x01, 0, 15, 0, 0, 0, 40, 0, 0,
    ];
    assert_eq!(compound, expected);
    assert!(read(&compound).is_ok());
}

fn asked(compound: &[u8]) -> Vec<Request> {
    let mut asked = Vec::new();
    for packet in read(compound).unwrap().packets() {
        requests(&packet, |request| asked.push(request));
    }
    asked
}

#[test]
fn what_a_browser_asks_of_a_picture_is_read() {
    let mut compound = Vec::new();
    let mut writer = Writer::new(&mut compound);
    writer.receiver_report(1, &[]);
    writer.picture_loss(1, 2);
    writer.full_intra_request(1, 3, 0);
    writer.nack(1, 2, &[65_534, 14, 40]);
    writer.bitrate_limit(1, 2, 1_500_000);
    let lost = |first, behind| Request::Lost {
        ssrc: 2,
        first,
        behind,
    };
    let estimate = Request::Estimate {
        ssrc: 2,
        // What 18 bits of mantissa can say.
        bits: 1_500_000,
    };
    assert_eq!(
        asked(&compound),
        [
            Request::KeyFrame { ssrc: 2 },
            Request::KeyFrame { ssrc: 3 },
            lost(65_534, 0x8000),
            lost(40, 0),
            estimate
        ]
    );
}

#[test]
fn feedback_that_is_cut_short_or_absurd_asks_little() {
    for feedback in [
        &[0x81, 206, 0, 1, 0, 0, 0, 9][..], // a PLI without a media SSRC
        &[0x81, 205, 0, 2, 0, 0, 0, 9, 0, 0, 0, 2], // a NACK of nothing
        &[
            0x8F, 206, 0, 3, 0, 0, 0, 9, 0, 0, 0, 0, b'R', b'E', b'M', b'B',
        ],
    ] {
        assert_eq!(asked(feedback), []);
    }
    // Two sources are announced and one is named, with a rate beyond what 64 bits can count.
    let estimate = [
        0x8F, 206, 0, 5, 0, 0, 0, 9, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 2, 0xFF, 0xFF, 0xFF, 0, 0,
        0, 2,
    ];
    let bits = u64::MAX;
    assert_eq!(asked(&estimate), [Request::Estimate { ssrc: 2, bits }]);
    let many = [&[0x81, 205, 0, 102, 0, 0, 0, 9, 0, 0, 0, 2][..], &[0; 400]].concat();
    assert_eq!(asked(&many).len(), 64);
}

fn metrics() -> VoipMetrics {
    VoipMetrics {
        loss_rate: 1,
        discard_rate: 2,
        burst_density: 3,
        gap_density: 4,
        burst_ms: 0x0506,
        gap_ms: 0x0708,
        round_trip_ms: 0x090A,
        end_system_ms: 0x0B0C,
        min_gap: 16,
        r_factor: 91,
        mos_lq: 44,
        mos_cq: 43,
        receiver_configuration: 0xA0,
        buffer_ms: 0x0D0E,
        buffer_max_ms: 0x0F10,
        buffer_limit_ms: 0x1112,
        ..VoipMetrics::unknown(0xDEAD_BEEF)
    }
}

#[test]
fn voip_metrics_stand_where_rfc_3611_puts_them_and_are_read_back() {
    let mut bytes = Vec::new();
    Writer::new(&mut bytes).voip_metrics(0x0102_0304, &metrics());
    let wanted = [
        0x80, 207, 0, 10, 1, 2, 3, 4, // header and sender
        7, 0, 0, 8, 0xDE, 0xAD, 0xBE, 0xEF, // block and source
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, // losses, bursts, delays
        127, 127, 127, 16, 91, 127, 44, 43, // levels, ratings
        0xA0, 0, 13, 14, 15, 16, 17, 18, // buffer
    ];
    assert_eq!(bytes, wanted);
    let compound = read(&bytes).unwrap();
    assert_eq!(voip_metrics(&compound).collect::<Vec<_>>(), [metrics()]);
}

#[test]
fn blocks_of_other_types_are_passed_over_and_broken_ones_end_the_report() {
    let block = |kind: u8, words: u8, octets: usize| {
        let mut block = vec![kind, 0, 0, words];
        block.resize(4 + octets, 9);
        block
    };
    let report = |blocks: &[Vec<u8>]| {
        let body: Vec<u8> = blocks.concat();
        let mut bytes = vec![0x80, 207, 0, (body.len() / 4 + 1) as u8, 0, 0, 0, 1];
        bytes.extend(body);
        bytes
    };
    let found = |bytes: &[u8]| voip_metrics(&read(bytes).unwrap()).count();
    let good = block(7, 8, 32);
    assert_eq!(
        found(&report(&[
            block(4, 2, 8),
            good.clone(),
            block(6, 9, 36),
            good.clone()
        ])),
        2
    );
    // Longer than what is left, and of a length that the type does not have.
    assert_eq!(found(&report(&[block(4, 200, 8), good.clone()])), 0);
    assert_eq!(found(&report(&[block(7, 7, 28), good.clone()])), 0);
    assert_eq!(found(&report(&[])), 0);
    assert_eq!(found(&[0x80, 207, 0, 0]), 0);
    // Another packet with such octets is no report.
    let mut other = report(&[good]);
    other[1] = 204;
    assert_eq!(found(&other), 0);
}

proptest::proptest! {
    #[test]
    fn any_extended_report_is_read_within_its_bounds(
        body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
        kind in 0_u8..10,
    ) {
        let mut bytes = vec![0x80, 207, 0, 0, 0, 0, 0, 1, kind];
        bytes.extend(body);
        bytes.truncate(bytes.len() / 4 * 4);
        bytes[3] = (bytes.len() / 4 - 1) as u8;
        let compound = read(&bytes).unwrap();
        let found: Vec<_> = voip_metrics(&compound).collect();
        proptest::prop_assert!(found.len() <= bytes.len() / 36);
        for metrics in found {
            let mut written = Vec::new();
            Writer::new(&mut written).voip_metrics(1, &metrics);
            let again = read(&written).unwrap();
            proptest::prop_assert!(voip_metrics(&again).eq([metrics]));
        }
    }
}
