//! Sources that change: the output goes on as if nothing had happened.

use super::*;

fn of(ssrc: u32, packet: Packet) -> Packet {
    Packet { ssrc, ..packet }
}

#[test]
fn another_source_goes_on_with_its_first_key_frame() {
    for to in [mode_0(), mode_1()] {
        let mut bench = Bench::running(to);
        bench.take(&packet(100, 0, &picture(10)));
        bench.wait(200);
        bench.take(&of(2, packet(40_000, 900, &picture(10))));
        assert!(bench.asks());
        bench.wait(300);
        bench.take(&of(2, packet(40_001, 901, &idr(10))));
        bench.take(&of(2, packet(40_002, 902, &picture(10))));
        assert_eq!(bench.numbers(), [1, 2, 3]);
        // Half a second passed between, whatever its clock says.
        let begin = PICTURE + 45_000;
        assert_eq!(bench.timestamps(), [PICTURE, begin, begin + PICTURE]);
    }
}

#[test]
fn the_source_before_is_not_heard_any_more() {
    let mut bench = Bench::running(mode_1());
    bench.take(&of(2, packet(1, 1, &idr(10))));
    bench.take(&packet(100, 1, &picture(10)));
    bench.take(&of(2, packet(2, 2, &picture(10))));
    assert_eq!((bench.numbers(), bench.counters().late), (vec![1, 2], 1));
    // Once the newer one is silent, it may come back.
    bench.wait(100);
    bench.take(&packet(101, 1, &idr(10)));
    assert_eq!(bench.numbers(), [1, 2, 3]);
}

#[test]
fn a_jump_of_the_sequence_is_a_beginning() {
    for to in [mode_0(), mode_1()] {
        let mut bench = Bench::running(to);
        bench.take(&packet(3_099, 0, &picture(10)));
        assert_eq!(bench.numbers(), [3_000], "not yet");
        bench.take(&packet(6_100, 1, &picture(10)));
        assert!(bench.asks());
        bench.take(&packet(6_101, 2, &idr(10)));
        bench.take(&packet(100, 3, &idr(10)));
        assert_eq!(bench.numbers(), [3_000, 3_001, 3_002]);
    }
}

#[test]
fn a_source_that_starts_again_a_little_behind_is_believed() {
    let mut bench = Bench::running(mode_1());
    bench.take(&packet(1_099, 1, &picture(10)));
    for n in 100..120 {
        bench.take(&packet(n, n.into(), &idr(10)));
    }
    assert_eq!(bench.numbers(), Vec::from_iter(1_000..1_006));
}

#[test]
fn a_restart_is_a_beginning_even_of_the_same_numbers() {
    let mut bench = Bench::running(mode_1());
    bench.take_all(&access_unit(
        100,
        0,
        &[SPS_0.to_vec(), PPS_0.to_vec(), idr(10)],
    ));
    bench.relay.restart();
    assert!(bench.asks());
    bench.take(&packet(103, 1, &picture(10)));
    bench.take(&packet(104, 2, &idr(10)));
    // The parameter sets of the peer before are not its own.
    assert_eq!(bench.payloads()[3..], [idr(10)]);
    assert_eq!(bench.numbers(), [1, 2, 3, 4]);
    let timestamps = bench.timestamps();
    assert!(timestamps.is_sorted() && timestamps[3] > timestamps[2]);
}

#[test]
fn the_source_of_now_is_asked_as_well() {
    let mut bench = Bench::new(mode_1());
    bench.take(&packet(1, 1, &picture(10)));
    assert!(bench.asks());
    bench.wait(500);
    bench.take(&of(2, packet(1, 1, &picture(10))));
    assert!(bench.asks(), "not only after a second");
}

#[test]
fn holes_left_by_a_source_that_ends_are_lost() {
    let mut bench = Bench::running(mode_1());
    bench.take(&packet(103, 1, &picture(10)));
    assert_eq!(bench.counters().lost, 0);
    bench.relay.restart();
    assert_eq!(bench.counters().lost, 3);
    let mut bench = Bench::running(mode_1());
    bench.take(&packet(1_000, 1, &picture(10)));
    bench.relay.restart();
    assert_eq!(bench.counters().lost, 900);
}
