use super::*;
use std::time::{Duration, Instant};

#[test]
fn digits_and_codes_are_those_of_table_3() {
    for (code, digit) in "0123456789*#ABCD".chars().enumerate() {
        assert_eq!(code_of(digit), Some(code as u8));
        assert_eq!(digit_of(code as u8), Some(digit));
    }
    assert_eq!(code_of('d'), Some(15));
    assert_eq!(
        (code_of('E'), code_of(','), digit_of(16)),
        (None, None, None)
    );
}

#[test]
fn a_payload_there_and_back() {
    let octets = [11, 0x8A, 0x03, 0x20];
    let event = read(&octets).unwrap();
    let expected = Event {
        code: 11,
        end: true,
        volume: 10,
        duration: 800,
    };
    assert_eq!(event, expected);
    assert_eq!(event.to_bytes(), octets);
    assert_eq!(read(&octets[..3]), Err(DtmfError::Truncated(3)));
}

fn event(code: u8, duration: u16, end: bool) -> Event {
    Event {
        code,
        end,
        volume: 10,
        duration,
    }
}

/// What a receiver tells of packets `(timestamp, marker, event)`, one each 20 ms.
fn told(packets: &[(u32, bool, Event)]) -> Vec<(char, u32)> {
    let mut receiver = DtmfReceiver::new(8_000);
    let mut now = Instant::now();
    let mut told = Vec::new();
    for (timestamp, marker, event) in packets {
        now += Duration::from_millis(20);
        let update = receiver.on_event(*timestamp, *marker, *event, now);
        told.extend(update.previous);
        told.extend(update.digit);
    }
    told.extend(receiver.handle_timeout(now + Duration::from_millis(200)));
    told.into_iter().map(|d| (d.digit, d.duration_ms)).collect()
}

#[test]
fn a_digit_is_told_once_whatever_is_lost_or_doubled() {
    let press = [
        (1_000, true, event(5, 160, false)),
        (1_000, false, event(5, 320, false)),
        (1_000, false, event(5, 480, true)),
        (1_000, false, event(5, 480, true)),
        (1_000, false, event(5, 480, true)),
    ];
    assert_eq!(told(&press), [('5', 60)]);
    for kept in 0..5 {
        assert_eq!(told(&press[kept..=kept]).len(), 1, "{kept}");
    }
    // Late packets of an event that is over tell nothing.
    let late = [press[2], press[0], press[1]];
    assert_eq!(told(&late), [('5', 60)]);
}

#[test]
fn the_same_digit_twice_is_two_digits() {
    let twice = [
        (1_000, true, event(5, 480, true)),
        (2_000, true, event(5, 480, true)),
        (1_000, false, event(5, 480, true)),
    ];
    assert_eq!(told(&twice), [('5', 60), ('5', 60)]);
}

#[test]
fn the_next_digit_ends_one_whose_end_was_lost() {
    let packets = [
        (1_000, true, event(1, 800, false)),
        (2_600, true, event(2, 160, false)),
        (2_600, false, event(2, 320, true)),
    ];
    assert_eq!(told(&packets), [('1', 100), ('2', 40)]);
}

#[test]
fn segments_are_one_digit_over_the_wrap_of_the_timestamp() {
    let begin = 0xFFFF_FF00_u32;
    let second = begin.wrapping_add(0xFFFF);
    let packets = [
        (begin, true, event(0, 160, false)),
        (begin, false, event(0, 0xFFFF, false)),
        (second, false, event(0, 160, false)),
        (second, false, event(0, 14_465, true)),
    ];
    assert_eq!(told(&packets), [('0', 10_000)]);
}

#[test]
fn events_that_are_no_digits_pass_without_a_word() {
    let flash = (1_000, true, event(16, 400, true));
    assert_eq!(told(&[flash]), []);
}

#[test]
fn a_sender_away_for_long_catches_up_without_a_flood() {
    let start = Instant::now();
    let mut sender = DtmfSender::new(8_000, Duration::from_millis(20));
    let long = Duration::from_millis(2_000);
    sender.queue("1", long, Duration::from_millis(70)).unwrap();
    sender.handle_timeout(start, |_| {});
    let mut steps = 0;
    sender.handle_timeout(start + Duration::from_secs(60), |_| steps += 1);
    assert!((1..=12).contains(&steps), "{steps}");
}
