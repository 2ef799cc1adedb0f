use super::*;

/// Pushes one packet a 20 ms and writes down what comes out: `12` in order, `12-3` after three
/// lost, `12!` as a restart.
struct Line {
    sequencer: Sequencer,
    now: Instant,
    heard: Vec<String>,
}

impl Line {
    fn new() -> Self {
        Self {
            sequencer: Sequencer::new(8_000),
            now: Instant::now(),
            heard: Vec::new(),
        }
    }

    fn packet(&mut self, ssrc: u32, sequence: u16, timestamp: u32) {
        self.now += Duration::from_millis(20);
        let header = Header {
            sequence,
            timestamp,
            ssrc,
            ..Header::default()
        };
        let heard = &mut self.heard;
        self.sequencer
            .push(header, &sequence.to_be_bytes(), self.now, |delivery| {
                write(heard, delivery);
            });
    }

    fn packets(&mut self, sequences: &[u16]) -> &mut Self {
        for sequence in sequences {
            self.packet(1, *sequence, u32::from(*sequence) * 160);
        }
        self
    }

    fn heard(&mut self) -> String {
        std::mem::take(&mut self.heard).join(" ")
    }
}

fn write(heard: &mut Vec<String>, delivery: Delivery<'_>) {
    let sequence = delivery.header.sequence;
    assert_eq!(delivery.payload, sequence.to_be_bytes());
    heard.push(match (delivery.lost, delivery.restart) {
        (0, false) => format!("{sequence}"),
        (lost, false) => format!("{sequence}-{lost}"),
        (_, true) => format!("{sequence}!"),
    });
}

#[test]
fn in_order_passes_at_once() {
    let mut line = Line::new();
    assert_eq!(line.packets(&[65_534, 65_535]).heard(), "65534! 65535");
    line.packet(1, 0, 65_536 * 160);
    assert_eq!(line.heard(), "0");
    assert_eq!(line.sequencer.poll_timeout(), None);
}

#[test]
fn a_swapped_pair_is_put_right() {
    let mut line = Line::new();
    assert_eq!(line.packets(&[1, 3, 2, 4]).heard(), "1! 2 3 4");
    assert_eq!(line.sequencer.counters().reordered, 1);
    assert_eq!(line.sequencer.counters().lost, 0);
}

#[test]
fn a_packet_two_places_late_is_put_right() {
    let mut line = Line::new();
    assert_eq!(line.packets(&[1, 3, 4, 2, 5]).heard(), "1! 2 3 4 5");
}

#[test]
fn a_hole_is_lost_when_too_many_wait() {
    let mut line = Line::new();
    assert_eq!(line.packets(&[1, 3, 4]).heard(), "1!");
    assert_eq!(line.packets(&[5, 2]).heard(), "3-1 4 5");
    assert_eq!(line.sequencer.counters().late, 1);
}

#[test]
fn a_hole_is_lost_when_time_is_up() {
    let mut line = Line::new();
    line.packets(&[1, 4]);
    let due = line.sequencer.poll_timeout().unwrap();
    assert_eq!(due, line.now + HOLD);
    let heard = &mut line.heard;
    line.sequencer.handle_timeout(due, |d| write(heard, d));
    assert_eq!(line.heard(), "1! 4-2");
    assert_eq!(line.sequencer.poll_timeout(), None);
    assert_eq!(line.packets(&[5]).heard(), "5");
}

#[test]
fn two_holes_are_two_losses() {
    let mut line = Line::new();
    assert_eq!(line.packets(&[1, 3, 5, 7, 8]).heard(), "1! 3-1 5-1 7-1 8");
    assert_eq!(line.packets(&[20]).heard(), "20-11");
}

#[test]
fn twice_is_once() {
    let mut line = Line::new();
    assert_eq!(line.packets(&[1, 1, 2, 2, 4, 4, 3, 3]).heard(), "1! 2 3 4");
    assert_eq!(line.sequencer.counters().late, 4);
}

#[test]
fn a_stray_packet_changes_nothing_and_two_in_a_row_are_a_restart() {
    let mut line = Line::new();
    assert_eq!(line.packets(&[1, 2, 30_000, 3, 4]).heard(), "1! 2 3 4");
    assert_eq!(
        line.packets(&[30_000, 30_001, 30_002]).heard(),
        "30001! 30002"
    );
}

#[test]
fn a_restart_a_little_behind_is_known_by_its_timestamps() {
    let mut line = Line::new();
    line.packets(&[100, 101, 102]);
    line.heard();
    for n in 0..4 {
        line.packet(1, 60 + n, 3_000_000_000 + u32::from(n) * 160);
    }
    assert_eq!(line.heard(), "61! 62 63");
    // Overtaken packets of the same line are late, however many.
    assert_eq!(line.packets(&[63, 63]).heard(), "");
}

#[test]
fn after_a_second_of_nothing_any_number_is_a_restart() {
    let mut line = Line::new();
    line.packets(&[100, 101, 102]);
    line.now += Duration::from_secs(1);
    assert_eq!(line.packets(&[90, 91]).heard(), "100! 101 102 90! 91");
    line.now += Duration::from_secs(1);
    assert_eq!(line.packets(&[30_000, 30_001]).heard(), "30000! 30001");
    line.now += Duration::from_secs(1);
    assert_eq!(line.packets(&[30_002]).heard(), "30002");
}

#[test]
fn a_new_source_is_heard_at_once_and_the_old_one_no_more() {
    let mut line = Line::new();
    line.packets(&[1, 2, 4]);
    line.packet(2, 900, 77);
    assert_eq!(line.heard(), "1! 2 4-1 900!");
    for n in 0..5 {
        line.packet(1, 5 + n, 160 * 5);
        line.packet(2, 901 + n, 77);
    }
    assert_eq!(line.heard(), "901 902 903 904 905");
    assert_eq!(line.sequencer.counters().late, 5);
    // Once the new source is silent, the old one may return.
    line.now += Duration::from_millis(100);
    line.packet(1, 50, 8_000);
    assert_eq!(line.heard(), "50!");
}

#[test]
fn no_sequence_of_numbers_loses_or_doubles_a_packet_delivered() {
    // Seeded walk: what is delivered never repeats a number within a source's run.
    let mut state = 7_u32;
    let mut line = Line::new();
    let mut base = 0_u16;
    for _ in 0..20_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        base = base.wrapping_add((state >> 30) as u16);
        let sequence = base.wrapping_add((state >> 20) as u16 & 3);
        line.packet(1, sequence, u32::from(sequence) * 160);
    }
    let mut last: Option<u16> = None;
    for entry in line.heard().split(' ') {
        let restart = entry.ends_with('!');
        let digits = entry.trim_end_matches('!').split('-').next().unwrap();
        let sequence: u16 = digits.parse().unwrap();
        if let Some(last) = last.filter(|_| !restart) {
            let ahead = sequence.wrapping_sub(last);
            assert!((1..200).contains(&ahead), "{last} then {entry}");
        }
        last = Some(sequence);
    }
}
