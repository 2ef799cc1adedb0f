//! What leaves in other packets than it came.

use super::*;

#[test]
fn a_large_nal_unit_is_fragmented() {
    let mut bench = Bench::running(target(PacketizationMode::NonInterleaved, 102));
    let unit = picture(301);
    bench.take(&packet(100, 1, &unit));
    bench.take(&packet(101, 2, &picture(102)));
    assert_eq!(bench.payloads()[..3], fragments(&unit, 100));
    assert_eq!(bench.payloads()[3], picture(102));
    assert_eq!(bench.numbers(), [1, 2, 3, 4]);
    assert_eq!(bench.markers(), [false, false, true, true]);
    assert_eq!((bench.counters().split, bench.counters().oversized), (1, 0));
}

#[test]
fn a_large_fragment_is_fragmented_further() {
    let mut bench = Bench::running(target(PacketizationMode::NonInterleaved, 102));
    let unit = picture(501);
    bench.take_all(&access_unit(100, 1, &fragments(&unit, 250)));
    let heads: Vec<&[u8]> = bench.sent.iter().map(|sent| &sent.payload[..2]).collect();
    let (start, middle, end) = ([0x5C, 0x81], [0x5C, 0x01], [0x5C, 0x41]);
    assert_eq!(heads, [start, middle, middle, middle, middle, end]);
    assert_eq!(units(&bench.sent), [unit]);
    assert_eq!(bench.markers(), [false, false, false, false, false, true]);
}

#[test]
fn a_large_aggregate_is_taken_apart() {
    let mut bench = Bench::running(target(PacketizationMode::NonInterleaved, 102));
    let (small, large) = (slice(0x06, 20), picture(150));
    bench.take(&packet(100, 1, &stap(&[&small, &large])));
    assert_eq!(bench.payloads()[0], small);
    assert_eq!(bench.payloads()[1..], fragments(&large, 100));
    assert_eq!(bench.markers(), [false, false, true]);
}

#[test]
fn mode_0_gets_single_nal_units() {
    let mut bench = Bench::new(mode_0());
    let (key, large) = (idr(40), picture(3_000));
    bench.take(&packet(1, 1, &stap(&[&SPS_0, &PPS_0, &key])));
    bench.take_all(&access_unit(2, 2, &fragments(&large, 1_000)));
    assert_eq!(
        bench.payloads(),
        [&SPS_0[..], &PPS_0, &key, &large],
        "larger than the target likes, yet whole"
    );
    assert_eq!(bench.numbers(), [0, 1, 2, 3]);
    assert_eq!(bench.timestamps(), [0, 0, 0, PICTURE]);
    assert_eq!(bench.markers(), [false, false, true, true]);
    assert_eq!((bench.counters().oversized, bench.counters().split), (1, 1));
}

#[test]
fn a_fragment_without_its_others_never_leaves_whole() {
    let parts = fragments(&picture(400), 100);
    for lost in 0..4 {
        let mut bench = Bench::running(mode_0());
        let mut unit = access_unit(100, 1, &parts);
        unit.remove(lost);
        bench.take_all(&unit);
        bench.take(&packet(104, 2, &stap(&[&picture(9)])));
        bench.wait(100);
        assert_eq!(bench.payloads(), [picture(9)], "{lost}");
        assert!(bench.numbers()[0] > 1, "the loss is to be seen");
    }
}

#[test]
fn a_fragment_that_its_source_broke_off_is_to_be_seen_as_a_loss() {
    let mut bench = Bench::running(mode_0());
    let parts = fragments(&picture(400), 100);
    bench.take_all(&access_unit(100, 1, &parts[..2]));
    bench.take_all(&access_unit(102, 2, &parts));
    assert_eq!(
        (bench.numbers(), bench.payloads()),
        (vec![2], vec![&picture(400)[..]])
    );
}

#[test]
fn a_nal_unit_that_no_datagram_holds_is_dropped() {
    let mut bench = Bench::running(mode_0());
    bench.take_all(&access_unit(100, 1, &fragments(&picture(65_001), 1_000)));
    assert_eq!(bench.payloads().len(), 0);
    let last = fragments(&picture(65_000), 1_000);
    bench.take_all(&access_unit(200, 2, &last));
    bench.wait(50);
    assert_eq!(bench.payloads(), [picture(65_000)]);
}

#[test]
fn the_far_side_agrees_on_another_packetization() {
    let mut bench = Bench::running(mode_1());
    let parts = fragments(&picture(400), 200);
    bench.take_all(&access_unit(100, 1, &parts));
    bench.relay.replan(VideoTarget {
        payload_type: 99,
        ..mode_0()
    });
    bench.take_all(&access_unit(102, 2, &parts));
    assert_eq!(
        (bench.numbers(), bench.sent[2].header.payload_type),
        (vec![1, 2, 3], 99)
    );
    assert_eq!(bench.payloads()[2], picture(400));
    bench.relay.replan(mode_1());
    let mut unit = access_unit(104, 3, &parts);
    // One to one again: nobody waits.
    unit.swap(0, 1);
    bench.take_all(&unit);
    assert_eq!(bench.numbers(), [1, 2, 3, 5, 4]);
    assert_eq!(
        bench.timestamps()[2..],
        [3 * PICTURE, 4 * PICTURE, 4 * PICTURE]
    );
}

#[test]
fn the_far_side_agrees_on_another_packetization_amid_a_nal_unit() {
    for (before, after) in [(mode_0(), mode_1()), (mode_1(), mode_0())] {
        let mut bench = Bench::running(before);
        let unit = access_unit(100, 1, &fragments(&picture(400), 100));
        bench.take_all(&unit[..2]);
        bench.relay.replan(after);
        bench.take_all(&unit[2..]);
        bench.take(&packet(104, 2, &picture(9)));
        assert_eq!(bench.payloads().last(), Some(&&picture(9)[..]));
        assert!(bench.payloads().iter().all(|p| p.len() < 400));
        let numbers = bench.numbers();
        assert_ne!(numbers, Vec::from_iter(1..=numbers.len() as u16), "a hole");
    }
}
