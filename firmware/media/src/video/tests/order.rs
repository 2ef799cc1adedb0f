//! The wait for what is early, where packets do not pass one to one.

use super::*;

/// A relay that puts in order: packet 100 made it.
fn ordering() -> Bench {
    let mut bench = Bench::running(mode_0());
    bench.take(&packet(100, 1, &stap(&[&picture(5)])));
    bench.sent.clear();
    bench
}

#[test]
fn early_packets_wait_for_the_one_before() {
    let mut bench = ordering();
    for n in [103, 102, 104] {
        bench.take(&packet(n, n.into(), &picture(n.into())));
    }
    assert_eq!(bench.payloads().len(), 0);
    bench.take(&packet(101, 101, &picture(101)));
    let all = [picture(101), picture(102), picture(103), picture(104)];
    assert_eq!(bench.payloads(), all);
    assert_eq!(bench.numbers(), [2, 3, 4, 5]);
    assert_eq!(
        (bench.relay.poll_timeout(), bench.counters().late),
        (None, 0)
    );
}

#[test]
fn after_50_ms_the_missing_is_given_up_and_leaves_a_hole() {
    let mut bench = ordering();
    bench.take(&packet(103, 3, &picture(103)));
    bench.wait(20);
    bench.take(&packet(105, 4, &picture(105)));
    bench.wait(29);
    assert_eq!(bench.payloads().len(), 0);
    bench.wait(1);
    assert_eq!(bench.payloads(), [picture(103)]);
    bench.wait(20);
    assert_eq!(bench.numbers(), [3, 5]);
    // What comes now is too late.
    bench.take(&packet(104, 4, &picture(104)));
    assert_eq!((bench.sent.len(), bench.counters().late), (2, 1));
}

#[test]
fn more_than_64_never_wait() {
    let mut bench = ordering();
    for n in 102..166 {
        bench.take(&packet(n, n.into(), &picture(9)));
    }
    assert_eq!(bench.sent.len(), 0);
    bench.take(&packet(166, 166, &picture(9)));
    assert_eq!(bench.numbers(), Vec::from_iter(3..68));
}

#[test]
fn large_packets_do_not_fill_the_memory() {
    let mut bench = ordering();
    for n in 102..107 {
        bench.take(&packet(n, n.into(), &picture(60_000)));
    }
    assert_eq!(bench.sent.len(), 5);
}

#[test]
fn a_reordered_fragment_is_put_in_its_place() {
    let mut bench = ordering();
    let unit = picture(900);
    let mut parts = access_unit(101, 2, &fragments(&unit, 100));
    parts.swap(1, 7);
    parts.swap(0, 3);
    bench.take_all(&parts);
    assert_eq!(
        (bench.payloads(), bench.numbers()),
        (vec![&unit[..]], vec![2])
    );
}

#[test]
fn what_was_missing_when_the_wait_began_keeps_its_place() {
    let mut bench = Bench::running(mode_0());
    bench.take(&packet(100, 1, &picture(10)));
    bench.take(&packet(102, 3, &stap(&[&picture(5), &picture(6)])));
    bench.take(&packet(101, 2, &picture(11)));
    assert_eq!(bench.numbers(), [1, 3, 4, 2]);
    // A late one that does not pass as it came has none.
    bench.take(&packet(104, 5, &picture(7)));
    let mut bench = Bench::running(mode_0());
    bench.take(&packet(101, 2, &picture(11)));
    bench.take(&packet(100, 1, &stap(&[&picture(5), &picture(6)])));
    bench.take(&packet(102, 3, &picture(12)));
    assert_eq!((bench.numbers(), bench.counters().late), (vec![2, 3], 1));
}
