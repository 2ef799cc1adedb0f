//! One to one: what leaves at once, and where.

use super::*;

#[test]
fn a_packet_that_fits_passes_under_a_new_header() {
    let mut bench = Bench::new(mode_1());
    let sets = stap(&[&SPS_0, &PPS_0, &idr(20)]);
    let parts = fragments(&picture(900), 300);
    bench.take(&packet(7, 10, &sets));
    bench.take_all(&access_unit(8, 11, &parts));
    assert_eq!(bench.payloads()[0], sets);
    assert_eq!(bench.payloads()[1..], parts);
    assert_eq!(bench.numbers(), [0, 1, 2, 3]);
    assert_eq!(bench.timestamps(), [0, PICTURE, PICTURE, PICTURE]);
    assert_eq!(bench.markers(), [true, false, false, true]);
    let header = bench.sent[0].header;
    assert_eq!((header.ssrc, header.payload_type), (OUT.ssrc, 97));
    let counters = bench.counters();
    assert_eq!((counters.packets_in, counters.packets_out), (4, 4));
    assert_eq!(counters.octets_in, counters.octets_out);
    assert_eq!((counters.frames, counters.key_frames), (2, 1));
}

#[test]
fn single_nal_units_pass_a_target_of_mode_0_one_to_one() {
    let mut bench = Bench::running(mode_0());
    // Packet 101 is missing: nobody waits for it.
    for n in [100, 102, 103] {
        bench.take(&packet(n, u32::from(n), &picture(50)));
    }
    assert_eq!(bench.numbers(), [1, 3, 4]);
    assert_eq!(bench.relay.poll_timeout(), None);
}

#[test]
fn a_hole_stays_a_hole_and_a_late_packet_fills_it() {
    let mut bench = Bench::running(mode_1());
    for n in [100, 103, 102] {
        bench.take(&packet(n, u32::from(n) - 100, &picture(usize::from(n))));
    }
    assert_eq!(bench.numbers(), [1, 4, 3]);
    assert_eq!(
        bench.timestamps(),
        [PICTURE, 4 * PICTURE, 3 * PICTURE],
        "its own timestamp too"
    );
    assert_eq!(bench.payloads()[2], picture(102));
    for n in 104..140 {
        bench.take(&packet(n, u32::from(n), &picture(9)));
    }
    let counters = bench.counters();
    assert_eq!((counters.lost, counters.reordered), (1, 1));
}

#[test]
fn what_comes_twice_leaves_once() {
    let mut bench = Bench::running(mode_1());
    for n in [100, 100, 102, 101, 101, 102, 99] {
        bench.take(&packet(n, u32::from(n), &picture(9)));
    }
    assert_eq!(bench.numbers(), [1, 3, 2]);
    assert_eq!(bench.counters().late, 4);
}

#[test]
fn numbers_wrap_without_a_break() {
    let mut bench = Bench::new(mode_1());
    for n in 0..10_u16 {
        bench.take(&packet(65_533_u16.wrapping_add(n), n.into(), &idr(9)));
    }
    assert_eq!(bench.numbers(), Vec::from_iter(0..10));
    let timestamps: Vec<u32> = (0..10).map(|n| n * PICTURE).collect();
    assert_eq!(bench.timestamps(), timestamps);
}

#[test]
fn what_is_not_understood_leaves_no_hole() {
    for payload in [
        &[][..],                   // padding alone: browsers probe with it
        &[0x00, 1, 2],             // type 0
        &[0x19, 0, 0, 0, 1, 0x41], // STAP-B
        &[0x1A, 0, 0, 0, 1, 0x41], // MTAP16
        &[0x1D, 0x85, 0, 0, 1],    // FU-B
        &[0x1E, 1],                // type 30
        &[0x1F, 1],                // type 31
        &[0xC1, 0x88],             // the forbidden bit
        &[0x18],                   // STAP-A of nothing
        &[0x18, 0, 2, 0x41],       // STAP-A, cut
        &[0x18, 0, 1, 0x41, 0],    // STAP-A, cut in a length
        &[0x18, 0, 0],             // STAP-A with an empty NAL unit
        &[0x18, 0, 1, 0x18],       // STAP-A in STAP-A
        &[0x1C],                   // FU-A without its header
        &[0x1C, 0x9C, 1],          // FU-A of FU-A
    ] {
        for to in [mode_0(), mode_1()] {
            let mut bench = Bench::running(to);
            bench.take(&packet(100, 1, &picture(9)));
            bench.take(&packet(101, 2, payload));
            bench.take(&packet(102, 2, payload));
            bench.take(&packet(103, 2, &picture(9)));
            assert_eq!(bench.numbers(), [1, 2], "{payload:02x?}");
            assert_eq!(bench.counters().discarded, 2);
        }
    }
    let mut bench = Bench::running(mode_1());
    bench
        .relay
        .handle_rtp(b"not RTP", bench.now, &mut bench.out);
    assert_eq!(bench.counters().discarded, 1);
}

#[test]
fn who_comes_late_finds_its_place_before_what_was_left_out() {
    let mut bench = Bench::running(mode_1());
    // 101 is late, 102 and 103 hold nothing.
    bench.take(&packet(100, 1, &picture(9)));
    bench.take(&packet(102, 2, &[]));
    bench.take(&packet(103, 2, &[]));
    bench.take(&packet(104, 3, &picture(9)));
    bench.take(&packet(101, 2, &picture(9)));
    assert_eq!(bench.numbers(), [1, 3, 2]);
}

#[test]
fn a_start_that_is_also_the_end_becomes_a_single_nal_unit() {
    for to in [mode_0(), mode_1()] {
        let mut bench = Bench::running(to);
        let fragment = [&[0x5C, 0xC1][..], &picture(20)[1..]].concat();
        bench.take(&packet(100, 1, &fragment));
        assert_eq!(bench.payloads(), [picture(20)]);
    }
}

#[test]
fn a_sender_report_follows_the_clock() {
    let mut bench = Bench::new(mode_1());
    assert_eq!(bench.relay.sender_info(bench.now, 1), None);
    bench.take(&packet(1, 0, &idr(10)));
    bench.take(&packet(2, 1, &picture(30)));
    bench.now += Duration::from_millis(100);
    let info = bench.relay.sender_info(bench.now, 77).unwrap();
    let timestamp = OUT.first_timestamp.wrapping_add(PICTURE + 9_000);
    let expected = SenderInfo {
        ntp: 77,
        rtp_timestamp: timestamp,
        packets: 2,
        octets: 40,
    };
    assert_eq!((info, bench.relay.ssrc()), (expected, OUT.ssrc));
}
