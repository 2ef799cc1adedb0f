//! Key frames: awaited, asked for, and with all they need.

use super::*;

#[test]
fn nothing_leaves_before_the_first_key_frame() {
    let mut bench = Bench::new(mode_1());
    bench.take(&packet(1, 1, &picture(10)));
    bench.take_all(&access_unit(2, 2, &fragments(&picture(90), 40)));
    // The later slices of a key frame whose first is lost.
    bench.take(&packet(6, 3, &[0x65, 0x40, 1]));
    bench.take(&packet(7, 4, &idr(10)));
    bench.take(&packet(8, 5, &picture(10)));
    assert_eq!(bench.payloads(), [idr(10), picture(10)]);
    assert_eq!(
        (bench.numbers(), bench.timestamps()),
        (vec![0, 1], vec![0, PICTURE])
    );
    assert_eq!(bench.counters().withheld, 5);
}

#[test]
fn parameter_sets_that_came_before_go_with_it() {
    let key = idr(300);
    for to in [mode_0(), mode_1()] {
        let mut bench = Bench::new(to);
        bench.take(&packet(1, 1, &picture(10)));
        let mut unit = vec![stap(&[&SPS_0, &PPS_0])];
        unit.extend(fragments(&key, 100));
        bench.take_all(&access_unit(2, 2, &unit));
        assert_eq!(units(&bench.sent), [&SPS_0[..], &PPS_0, &key]);
        assert_eq!(bench.numbers(), Vec::from_iter(0..bench.sent.len() as u16));
        assert!(bench.timestamps().iter().all(|timestamp| *timestamp == 0));
    }
}

#[test]
fn parameter_sets_are_announced_by_the_sdp() {
    let mut bench = Bench::new(mode_1());
    bench
        .relay
        .set_parameter_sets(&[PPS_0.to_vec(), SPS_0.to_vec()]);
    bench.take(&packet(1, 1, &idr(10)));
    assert_eq!(bench.payloads(), [&SPS_0[..], &PPS_0, &idr(10)]);
    assert_eq!(bench.markers(), [false, false, true]);
    // The stream brings another: it goes before the next key frame, with the rest.
    let newer = [0x68, 0x81, 0x21];
    bench.sent.clear();
    bench.take(&packet(2, 2, &newer));
    bench.take(&packet(3, 3, &idr(10)));
    bench.take(&packet(4, 4, &picture(10)));
    assert_eq!(
        bench.payloads(),
        [&newer[..], &SPS_0, &newer, &idr(10), &picture(10)]
    );
    assert_eq!(bench.numbers(), [3, 4, 5, 6, 7]);
}

#[test]
fn large_parameter_sets_are_fragmented_like_everything() {
    let sps = [&SPS_0[..], &[7; 300]].concat();
    for (max_payload, packets) in [(400, 4), (102, 7)] {
        let mut bench = Bench::new(target(PacketizationMode::NonInterleaved, max_payload));
        bench
            .relay
            .set_parameter_sets(&[sps.clone(), PPS_0.to_vec()]);
        bench.take(&packet(1, 1, &idr(10)));
        bench.take(&packet(2, 2, &picture(10)));
        assert_eq!(
            units(&bench.sent),
            [&sps[..], &PPS_0, &idr(10), &picture(10)]
        );
        assert_eq!(bench.numbers(), Vec::from_iter(0..packets));
        assert_eq!(bench.markers().iter().filter(|marker| **marker).count(), 2);
    }
}

#[test]
fn a_key_frame_with_its_own_gets_no_others() {
    for to in [mode_0(), mode_1()] {
        let mut bench = Bench::running(to);
        let unit = [SPS_0.to_vec(), PPS_0.to_vec(), idr(10), slice(0x65, 11)];
        bench.take_all(&access_unit(100, 1, &unit));
        bench.take(&packet(104, 2, &stap(&[&SPS_0, &PPS_0, &idr(10)])));
        let all = units(&bench.sent);
        assert_eq!(all[..4], unit);
        assert_eq!(all[4..], [&SPS_0[..], &PPS_0, &idr(10)]);
        assert_eq!(
            (bench.counters().frames, bench.counters().key_frames),
            (3, 3)
        );
    }
}

#[test]
fn who_comes_late_keeps_its_place_before_parameter_sets() {
    let mut bench = Bench::running(mode_1());
    bench
        .relay
        .set_parameter_sets(&[SPS_0.to_vec(), PPS_0.to_vec()]);
    bench.take(&packet(101, 2, &picture(9)));
    bench.take(&packet(102, 3, &idr(10)));
    bench.take(&packet(100, 1, &picture(8)));
    bench.take(&packet(103, 4, &picture(9)));
    assert_eq!(bench.numbers(), [2, 3, 4, 5, 1, 6]);
}

#[test]
fn behind_a_hole_old_parameter_sets_do_not_cover_newer_ones() {
    let mut bench = Bench::running(mode_1());
    bench.take_all(&access_unit(100, 1, &[SPS_0.to_vec(), PPS_0.to_vec()]));
    bench.sent.clear();
    bench.take(&packet(103, 2, &idr(10)));
    bench.take(&packet(102, 2, &[0x67, 66, 0xE0, 22, 0x80]));
    assert_eq!((bench.numbers(), bench.payloads().len()), (vec![4, 3], 2));
}

#[test]
fn the_source_is_asked_again_soon_and_then_every_second() {
    let mut bench = Bench::new(mode_1());
    assert!(!bench.asks(), "there is no source yet");
    bench.take(&packet(1, 1, &SPS_0));
    assert!(!bench.asks(), "a key frame is about to come");
    bench.take(&packet(2, 1, &picture(10)));
    assert!(bench.asks() && !bench.asks());
    for (number, wait) in (3..).zip([250, 250, 250, 1_000, 1_000]) {
        bench.wait(wait - 1);
        bench.take(&packet(number, u32::from(number), &picture(10)));
        assert!(!bench.asks());
        assert_eq!(
            bench.relay.key_frame_due(),
            Some(bench.now + Duration::from_millis(1))
        );
        bench.wait(1);
        assert!(bench.asks(), "{wait} ms after the last");
    }
    // The far side asks as well: no second question within 500 ms.
    bench.relay.request_key_frame(bench.now);
    bench.wait(499);
    assert!(!bench.asks());
    bench.wait(1);
    assert!(bench.asks());
    bench.take(&packet(8, 8, &idr(10)));
    bench.wait(5_000);
    assert!(!bench.asks() && bench.relay.key_frame_due().is_none());
    bench.relay.request_key_frame(bench.now);
    assert!(bench.asks());
    assert_eq!(bench.counters().key_frame_requests, 8);
}

#[test]
fn who_could_not_hear_the_question_is_asked_when_it_begins() {
    let mut bench = Bench::new(mode_1());
    bench.relay.request_key_frame(bench.now);
    assert!(bench.asks(), "nobody sends yet");
    bench.wait(20);
    bench.take(&packet(1, 1, &picture(10)));
    bench.wait(99);
    assert!(!bench.asks(), "its key frame may be on its way");
    bench.wait(1);
    assert!(bench.asks());
}

#[test]
fn a_loss_asks_for_nothing_by_itself() {
    for to in [mode_0(), mode_1()] {
        let mut bench = Bench::running(to);
        let mut unit = access_unit(100, 1, &fragments(&picture(400), 100));
        unit.remove(2);
        bench.take_all(&unit);
        bench.take(&packet(110, 2, &picture(10)));
        bench.wait(2_000);
        assert!(!bench.asks());
    }
}

#[test]
fn closed_nothing_leaves_and_opening_waits_for_a_key_frame() {
    let mut bench = Bench::running(mode_1());
    bench.relay.set_open(false);
    bench.relay.request_key_frame(bench.now);
    assert!(!bench.asks());
    bench.take(&packet(100, 1, &stap(&[&SPS_0, &PPS_0])));
    bench.take(&packet(101, 1, &idr(10)));
    assert_eq!((bench.sent.len(), bench.counters().packets_in), (0, 3));
    bench.relay.set_open(true);
    assert!(bench.asks());
    bench.take(&packet(102, 2, &picture(10)));
    assert_eq!(bench.sent.len(), 0);
    bench.now += Duration::from_millis(160);
    bench.take(&packet(103, 3, &idr(10)));
    // What was learned while closed goes along.
    assert_eq!(bench.payloads(), [&SPS_0[..], &PPS_0, &idr(10)]);
    assert_eq!(bench.numbers(), [1, 2, 3]);
    assert_eq!(
        bench.timestamps(),
        [4 * PICTURE; 3],
        "its own clock went on"
    );
}

#[test]
fn a_key_frame_for_mode_0_that_broke_off_is_none() {
    let mut bench = Bench::new(mode_0());
    let parts = fragments(&idr(400), 100);
    let mut broken = access_unit(1, 1, &parts);
    broken.remove(1);
    bench.take_all(&broken);
    bench.take(&packet(5, 2, &picture(10)));
    bench.wait(50);
    assert_eq!(bench.sent.len(), 0);
    assert!(bench.asks());
    bench.take_all(&access_unit(6, 3, &parts));
    bench.take(&packet(10, 4, &picture(10)));
    assert_eq!(
        (bench.payloads(), bench.numbers()),
        (vec![&idr(400)[..], &picture(10)], vec![0, 1])
    );
}
