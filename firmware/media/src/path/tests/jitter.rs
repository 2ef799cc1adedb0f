//! A browser behind a network that jitters, loses and reorders; a PBX that wants a frame each 20 ms.

use super::*;
use crate::plan::AudioCodec::{Opus, Pcmu};
use crate::red;
use proptest::prelude::*;

/// Sends packets of 20 ms of a source whose clock runs `ppm` fast, each delayed by `delay` ms or lost, by the bench's
/// clock.
struct Network {
    bench: Bench,
    source: Source,
    start: Instant,
    sent: u64,
    ppm: i64,
    /// What is under way, by arrival.
    travelling: Vec<(Instant, Header, Vec<u8>)>,
}

impl Network {
    fn new() -> Self {
        let bench = Bench::new(format(Opus), format(Pcmu));
        Self {
            start: bench.now,
            bench,
            source: Source::new(Opus, 440.0),
            sent: 0,
            ppm: 0,
            travelling: Vec::new(),
        }
    }

    /// `delay` in ms for each of `count` packets, by number; `None` loses it.
    fn packets(&mut self, count: u64, delay: impl Fn(u64) -> Option<u64>) {
        for n in 0..count {
            let (header, payload) = self.source.packet();
            self.send(header, payload, delay(n));
        }
    }

    fn send(&mut self, header: Header, payload: Vec<u8>, delay: Option<u64>) {
        let period = (20_000_000 - 20 * self.ppm) as u64;
        let leaves = self.start + Duration::from_nanos(self.sent * period);
        self.sent += 1;
        self.until(leaves);
        if let Some(delay) = delay {
            let at = leaves + Duration::from_millis(delay);
            self.travelling.push((at, header, payload));
            self.travelling.sort_by_key(|(at, ..)| *at);
        }
        self.until(leaves);
    }

    fn until(&mut self, end: Instant) {
        while self.travelling.first().is_some_and(|(at, ..)| *at <= end) {
            let (at, header, payload) = self.travelling.remove(0);
            self.pass(at);
            self.bench.rtp(header, &payload);
        }
        self.pass(end);
    }

    fn pass(&mut self, end: Instant) {
        while let Some(due) = self.bench.path.poll_timeout().filter(|at| *at <= end) {
            self.bench.now = self.bench.now.max(due);
            self.bench.timeout();
        }
        self.bench.now = self.bench.now.max(end);
    }

    fn counters(&self) -> PathCounters {
        *self.bench.path.counters()
    }

    /// Greatest time between two packets that left, from the `from`th on.
    fn widest_gap(&self, from: usize) -> Duration {
        let sent = self.bench.sent[from..].windows(2);
        sent.map(|pair| pair[1].at - pair[0].at).max().unwrap()
    }
}

/// Something irregular, 0 to `most`.
fn irregular(n: u64, most: u64) -> u64 {
    (n * 7_919 + n * n * 31) % (most + 1)
}

#[test]
fn on_a_calm_network_nothing_is_delayed_and_nothing_is_changed() {
    let mut network = Network::new();
    network.packets(3_000, |n| Some(irregular(n, 15)));
    network.until(network.bench.now + Duration::from_millis(15));
    for (n, sent) in network.bench.sent.iter().enumerate() {
        let arrived = Duration::from_millis(n as u64 * 20 + irregular(n as u64, 15));
        assert_eq!(sent.at, arrived, "{n}");
    }
    assert_eq!(network.bench.sent.len(), 3_000);
    let counters = network.counters();
    assert_eq!((counters.stretched, counters.merged), (0, 0));
    assert_eq!(counters.waited, Duration::ZERO);
}

#[test]
fn packets_that_jitter_and_overtake_each_other_leave_evenly_and_whole() {
    let mut network = Network::new();
    network.packets(500, |n| Some(irregular(n, 100)));
    let settled = network.bench.sent.len();
    let before = network.counters();
    network.packets(1_000, |n| Some(irregular(n, 100)));
    let counters = network.counters();
    assert!(counters.late - before.late <= 15, "{counters:?}");
    assert!(counters.reordered > 100, "{counters:?}");
    assert_eq!(network.widest_gap(settled), Duration::from_millis(20));
    network.bench.assert_one_line(8_000, 0);
}

#[test]
fn packets_that_are_overtaken_are_waited_for_in_the_middle_of_a_word() {
    let mut network = Network::new();
    // A tone has no pauses. One packet in twenty comes behind the two after it.
    network.packets(1_000, |n| Some(if n % 20 == 7 { 45 } else { 0 }));
    let counters = network.counters();
    assert!(counters.late <= 3, "{counters:?}");
    assert!(counters.concealed <= 3, "{counters:?}");
    assert!(counters.stretched <= 4, "{counters:?}");
    assert_eq!(
        network.bench.path.playout_target(),
        Duration::from_millis(50)
    );
    network.bench.assert_one_line(8_000, 0);
}

#[test]
fn the_delay_goes_when_the_network_is_calm_again() {
    let mut network = Network::new();
    network.packets(500, |n| Some(irregular(n, 100)));
    assert!(network.bench.path.playout_target() >= Duration::from_millis(80));
    // Speech has pauses; without one the buffer would keep what it has.
    for _ in 0..60 {
        network.packets(40, |_| Some(0));
        for _ in 0..20 {
            let (header, _) = network.source.packet();
            network.send(header, crate::opus::SILENCE_20_MS.to_vec(), Some(0));
        }
    }
    let waited = network.counters().waited;
    network.packets(100, |_| Some(0));
    assert_eq!(network.counters().waited, waited);
    let last = network.bench.sent.last().unwrap();
    assert_eq!(last.at, network.bench.now - network.start);
}

#[test]
fn lone_losses_leave_no_hole_in_time() {
    let mut network = Network::new();
    let lossy = |n: u64| (n % 10 != 9).then_some(0);
    network.packets(500, lossy);
    let settled = network.bench.sent.len();
    network.packets(500, lossy);
    assert_eq!(network.widest_gap(settled), Duration::from_millis(20));
    network.bench.assert_one_line(8_000, 0);
    let counters = network.counters();
    assert_eq!((counters.lost, counters.concealed), (99, 99));
}

#[test]
fn clocks_that_differ_are_followed_for_two_hours() {
    for ppm in [-100, 100] {
        let mut network = Network::new();
        network.ppm = ppm;
        // The tone would cost minutes to code: one frame of it, again and again.
        let (mut header, payload) = network.source.packet();
        let mut worst = Duration::ZERO;
        for n in 0..360_000_u64 {
            header.sequence = header.sequence.wrapping_add(1);
            header.timestamp = header.timestamp.wrapping_add(960);
            network.send(header, payload.clone(), Some(irregular(n, 60)));
            if n % 1_000 == 999 {
                let before = network.counters();
                let count = network.bench.sent.len();
                // A gap is a frame that was not made: nobody waits for it.
                let gap = if n > 1_000 {
                    network.widest_gap(count - 900)
                } else {
                    Duration::ZERO
                };
                assert!(gap <= Duration::from_millis(40), "{gap:?} after {n}");
                let held = before.waited.as_secs_f64() / before.delivered as f64;
                worst = worst.max(Duration::from_secs_f64(held));
                network.bench.sent.drain(..count - 1_000.min(count));
            }
        }
        let counters = network.counters();
        assert!(worst < Duration::from_millis(200), "{worst:?}");
        // 100 ppm of two hours are 0.72 s: 36 frames.
        let changed = counters.stretched + counters.merged;
        assert!(changed < 150, "{ppm}: {counters:?}");
        assert!(
            counters.lost < 3_600 && counters.discarded == 0,
            "{counters:?}"
        );
    }
}

#[test]
fn silence_that_is_not_sent_is_no_loss() {
    let mut network = Network::new();
    network.packets(500, |n| Some(irregular(n, 60)));
    let before = network.counters();
    for _ in 0..20 {
        // 400 ms in which nothing is sent: numbers go on, timestamps leave it out (RFC 7587 section 3.1.3).
        network.sent += 20;
        let header = &mut network.source.header;
        header.timestamp = header.timestamp.wrapping_add(20 * 960);
        network.packets(50, |n| Some(irregular(n, 60)));
    }
    let counters = network.counters();
    assert_eq!(counters.lost - before.lost, counters.late - before.late);
    assert!(counters.lost - before.lost < 10, "{counters:?}");
    network.bench.assert_one_line(8_000, 0);
}

#[test]
fn another_source_in_the_middle_keeps_one_line() {
    let mut network = Network::new();
    network.packets(300, |n| Some(irregular(n, 80)));
    for ssrc in 100..105 {
        network.source.header.ssrc = ssrc;
        network.source.header.sequence = (ssrc * 7_919) as u16;
        network.source.header.timestamp = ssrc * 1_000_003;
        network.packets(300, |n| Some(irregular(n, 80)));
    }
    network.bench.assert_one_line(8_000, 0);
    // Of each of the five changes some packets of the old source are late.
    assert!(
        network.bench.sent.len() > 1_700,
        "{}",
        network.bench.sent.len()
    );
}

#[test]
fn a_digit_passes_a_jittery_network_once() {
    let mut network = Network::new();
    network.packets(300, |n| Some(irregular(n, 80)));
    let begin = network.source.header.timestamp;
    for n in 1..=8_u16 {
        let header = Header {
            payload_type: 110,
            timestamp: begin,
            marker: n == 1,
            ..network.source.header
        };
        network.source.header.sequence = header.sequence.wrapping_add(1);
        network.source.header.timestamp = begin.wrapping_add(960 * u32::from(n));
        let [high, low] = (960 * n).to_be_bytes();
        let end = if n > 5 { 0x80 } else { 0 };
        network.send(header, vec![5, end | 10, high, low], Some(0));
    }
    network.packets(300, |n| Some(irregular(n, 80)));
    let digits = network.bench.events.iter();
    let digits: Vec<_> = digits
        .filter(|e| matches!(e, PathEvent::Digit { .. }))
        .collect();
    assert!(
        matches!(digits[..], [PathEvent::Digit { digit: '5', .. }]),
        "{digits:?}"
    );
}

#[test]
fn what_is_lost_comes_with_the_packet_behind_it() {
    let mut network = Network::new();
    network.bench.path.set_redundancy(Some(63));
    let mut before: Option<Vec<u8>> = None;
    for n in 0..600_u64 {
        let (header, payload) = network.source.packet();
        let mut both = match &before {
            Some(before) => [&red::headers(111, 960, before.len()).unwrap()[..], before].concat(),
            None => vec![111],
        };
        both.extend_from_slice(&payload);
        let header = Header {
            payload_type: 63,
            ..header
        };
        network.send(header, both, (n % 7 != 3).then_some(0));
        before = Some(payload);
    }
    let counters = network.counters();
    assert_eq!((counters.lost, counters.discarded), (0, 0), "{counters:?}");
    assert_eq!(counters.restored, 86);
    assert_eq!(counters.concealed, 0);
    // Reports tell the truth about the network.
    let now = network.bench.now;
    let report = network.bench.path.reception().report(now).unwrap();
    assert!((84..=86).contains(&report.cumulative_lost), "{report:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the network does, the PBX gets one unbroken line, of about as much sound as was said, and no frame
    /// twice in a slot for long.
    #[test]
    fn any_network_makes_one_line(fates in prop::collection::vec(prop::option::weighted(0.9, 0_u64..180), 200..600)) {
        let mut network = Network::new();
        let count = fates.len() as u64;
        network.packets(count, |n| fates[n as usize]);
        let end = network.start + Duration::from_millis(count * 20 + 400);
        network.until(end);
        for pair in network.bench.sent.windows(2) {
            let [a, b] = [&pair[0].header, &pair[1].header];
            prop_assert_eq!(b.sequence, a.sequence.wrapping_add(1));
            let step = b.timestamp.wrapping_sub(a.timestamp);
            prop_assert!((160..8_000).contains(&step), "{} after {:?}", step, pair);
        }
        let frames = network.bench.sent.len() as u64;
        prop_assert!(frames <= count + 60, "{frames} of {count}");
        prop_assert!(frames + 60 + count / 5 >= count, "{frames} of {count}");
        let counters = network.counters();
        prop_assert!(counters.delivered + counters.late <= count);
    }
}
