//! A file goes over a serial line, good or bad.

use causeway_board::transfer::{Received, Receiver, TransferError};
use causeway_board_sim::wire::{Moved, Way, move_file};

/// Deterministic numbers.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 16
    }

    /// True once in so many times.
    fn one_in(&mut self, many: u64) -> bool {
        self.roll().is_multiple_of(many)
    }
}

/// Octets in which every one of the protocol's own is found.
fn file(length: usize) -> Vec<u8> {
    let mut dice = Dice(length as u64 + 1);
    let noise = (0..length).map(|at| match at % 64 {
        0..8 => 0x18,
        8..10 => 0x1a,
        _ => dice.roll().to_le_bytes()[0],
    });
    noise.collect()
}

#[track_caller]
fn arrives(moved: &Moved, sent: &[u8]) {
    assert_eq!(moved.sent, Ok(()));
    assert!(moved.received.as_ref().unwrap().as_deref() == Some(sent));
}

#[test]
fn a_file_of_any_length_arrives() {
    for length in [
        0, 1, 127, 128, 129, 1023, 1024, 1025, 2048, 262_144, 300_001,
    ] {
        let sent = file(length);
        let moved = move_file("a.bin", &sent, |_, _, _, octet| Some(octet));
        arrives(&moved, &sent);
    }
}

#[test]
fn it_takes_little_longer_than_its_octets() {
    let sent = file(1_000_000);
    let moved = move_file("a.bin", &sent, |_, _, _, octet| Some(octet));
    arrives(&moved, &sent);
    let octets_a_second = sent.len() as u64 * 1000 / moved.took_ms;
    assert!(
        octets_a_second > 11_000,
        "{octets_a_second} octets a second of 11 500"
    );
}

#[test]
fn flipped_bits_are_asked_for_again() {
    for seed in 1..=20 {
        let (mut dice, sent) = (Dice(seed), file(60_000));
        let moved = move_file("a.bin", &sent, |way, _, _, octet| {
            let flips = way == Way::ToReceiver && dice.one_in(5_000);
            Some(octet ^ u8::from(flips) << (dice.roll() % 8))
        });
        arrives(&moved, &sent);
    }
}

#[test]
fn lost_octets_are_asked_for_again() {
    for seed in 1..=20 {
        let (mut dice, sent) = (Dice(seed), file(60_000));
        let moved = move_file("a.bin", &sent, |way, _, _, octet| {
            let lost = way == Way::ToReceiver && dice.one_in(5_000);
            (!lost).then_some(octet)
        });
        arrives(&moved, &sent);
    }
}

#[test]
fn lost_answers_are_asked_for_again() {
    for seed in 1..=20 {
        let (mut dice, sent) = (Dice(seed), file(60_000));
        let moved = move_file("a.bin", &sent, |way, _, _, octet| {
            let lost = way == Way::ToSender && dice.one_in(5);
            (!lost).then_some(octet)
        });
        arrives(&moved, &sent);
    }
}

#[test]
fn three_seconds_of_silence_are_survived_wherever_they_fall() {
    for begin_ms in (0..9_000).step_by(37) {
        let sent = file(50_000);
        let moved = move_file("a.bin", &sent, |_, _, now_ms, octet| {
            let silent = (begin_ms..begin_ms + 3_000).contains(&now_ms);
            (!silent).then_some(octet)
        });
        arrives(&moved, &sent);
    }
}

#[test]
fn whatever_the_line_does_a_file_arrives_as_it_was_or_not_at_all() {
    let mut arrived = 0;
    for seed in 1..=200 {
        let (mut dice, sent) = (Dice(seed * 7), file(20_000));
        let moved = move_file("a.bin", &sent, |_, _, _, octet| {
            match dice.roll() % 40_000 {
                0..2 => None,
                2..6 => Some(octet ^ 1 << (dice.roll() % 8)),
                _ => Some(octet),
            }
        });
        if let Ok(Some(file)) = moved.received {
            assert!(file == sent, "seed {seed}");
            arrived += 1;
        }
    }
    assert!(arrived > 100, "{arrived} of 200 arrived");
}

#[test]
fn nobody_at_the_other_end_is_noticed() {
    let moved = move_file("a.bin", &file(5_000), |_, _, _, _| None);
    assert_eq!(moved.received, Err(TransferError::Silent));
    assert_eq!(moved.sent, Err(TransferError::Silent));
    assert!(moved.took_ms < 121_000);
}

#[test]
fn a_line_that_is_cut_ends_both() {
    let moved = move_file("a.bin", &file(50_000), |_, _, now_ms, octet| {
        (now_ms < 2_000).then_some(octet)
    });
    assert_eq!(moved.received, Err(TransferError::Silent));
    assert_eq!(moved.sent, Err(TransferError::Silent));
    assert!(moved.took_ms < 120_000);
}

#[test]
fn a_line_that_is_never_right_ends_both() {
    let moved = move_file("a.bin", &file(5_000), |way, count, _, octet| {
        let flips = way == Way::ToReceiver && count > 1_000 && count.is_multiple_of(500);
        Some(octet ^ u8::from(flips))
    });
    assert_eq!(moved.received, Err(TransferError::Damaged));
    assert_eq!(moved.sent, Err(TransferError::Cancelled));
}

fn answers(receiver: &mut Receiver) -> Vec<u8> {
    std::iter::from_fn(|| receiver.poll_transmit()).collect()
}

#[test]
fn a_person_leaves_before_it_begins() {
    let mut receiver = Receiver::new(0);
    assert_eq!(answers(&mut receiver), b"C");
    assert!(receiver.handle_octet(b'\r', 10).is_none());
    let event = receiver.handle_octet(0x03, 20);
    assert_eq!(event, Some(Received::Failed(TransferError::Stopped)));
    assert!(answers(&mut receiver).starts_with(&[0x18, 0x18]));
    assert_eq!(receiver.poll_timeout(), None);
}

#[test]
fn two_cancels_end_it_at_once_and_one_does_not() {
    let mut receiver = Receiver::new(0);
    for octet in [0x18, b'x', 0x18] {
        assert!(receiver.handle_octet(octet, 10).is_none());
    }
    let event = receiver.handle_octet(0x18, 10);
    assert_eq!(event, Some(Received::Failed(TransferError::Cancelled)));
}

#[test]
fn a_cancel_in_the_middle_of_a_block_is_heard() {
    let mut receiver = Receiver::new(0);
    for octet in [0x02, 0x00, 0xff, b'a']
        .into_iter()
        .chain([0x18; 8])
        .chain([0x08; 8])
    {
        assert!(receiver.handle_octet(octet, 10).is_none());
    }
    // The file may look like this, too: it is asked for twice.
    assert_eq!(receiver.handle_timeout(1_010), None);
    assert_eq!(receiver.handle_timeout(4_010), None);
    let event = receiver.handle_timeout(7_010);
    assert_eq!(event, Some(Received::Failed(TransferError::Cancelled)));
}

#[test]
fn a_cancel_after_damage_is_heard() {
    let mut receiver = Receiver::new(0);
    let header = [&[0x01, 0x00, 0xff][..], b"a\x00100 ", &[0; 200]].concat();
    for octet in header.into_iter().chain([0x18; 8]).chain([0x08; 8]) {
        assert!(receiver.handle_octet(octet, 10).is_none());
    }
    assert_eq!(receiver.handle_timeout(310), None);
    assert_eq!(receiver.handle_timeout(3_310), None);
    let event = receiver.handle_timeout(6_310);
    assert_eq!(event, Some(Received::Failed(TransferError::Cancelled)));
}
