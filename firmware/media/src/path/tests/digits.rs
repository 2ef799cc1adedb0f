//! Digits through a path and from it.

use super::*;
use crate::dtmf::{self, Event};
use crate::plan::AudioCodec::{Opus, Pcmu};

const MS_100: Duration = Duration::from_millis(100);
const MS_70: Duration = Duration::from_millis(70);

fn with_clock(codec: AudioCodec, clock_rate: u32) -> AudioFormat {
    AudioFormat {
        dtmf: Some(DtmfFormat {
            payload_type: 101,
            clock_rate,
        }),
        ..format(codec)
    }
}

fn without_events(codec: AudioCodec) -> AudioFormat {
    AudioFormat {
        dtmf: None,
        ..format(codec)
    }
}

/// Presses a digit as browsers do: a packet each 20 ms in the place of sound, then the end
/// three times. `keep` says which packets get through.
fn press(
    bench: &mut Bench,
    source: &mut Source,
    format: AudioFormat,
    digit: char,
    milliseconds: u32,
    keep: impl Fn(usize, bool) -> bool,
) {
    let dtmf = format.dtmf.unwrap();
    let begin = source.header.timestamp;
    let mut segment_begin = 0;
    let packets = milliseconds / 20;
    for nth in 1..=packets + 2 {
        let end = nth >= packets;
        let total = nth.min(packets) * 20 * dtmf.clock_rate / 1_000;
        if total - segment_begin > 0xFFFF {
            // RFC 4733 section 2.5.1.3.
            segment_begin += 0xFFFF;
        }
        if nth <= packets {
            bench.wait(20);
        }
        let header = Header {
            marker: nth == 1,
            payload_type: dtmf.payload_type,
            sequence: source.header.sequence,
            timestamp: begin.wrapping_add(segment_begin),
            ssrc: source.header.ssrc,
        };
        source.header.sequence = source.header.sequence.wrapping_add(1);
        let event = Event {
            code: dtmf::code_of(digit).unwrap(),
            end,
            volume: 7,
            duration: (total - segment_begin) as u16,
        };
        if keep(nth as usize, end) {
            bench.rtp(header, &event.to_bytes());
        }
    }
    let units = milliseconds * format.codec.clock_rate() / 1_000;
    source.header.timestamp = begin.wrapping_add(units);
}

/// Reads the events that left, checking their form on the way: `(digit, units)` each.
fn events_sent(bench: &Bench, format: AudioFormat) -> Vec<(char, u32)> {
    let dtmf = format.dtmf.unwrap();
    let mut events: Vec<(char, u32)> = Vec::new();
    let mut current: Option<(u32, u32, u32)> = None;
    let mut ends = 0;
    for sent in &bench.sent {
        if sent.header.payload_type != dtmf.payload_type {
            assert!(
                current.is_none() || ends == 3,
                "sound before the end of an event"
            );
            current = None;
            continue;
        }
        let event = dtmf::read(&sent.payload).unwrap();
        let units = u32::from(event.duration);
        if sent.header.marker {
            assert!(current.is_none() || ends == 3, "{ends} end packets");
            events.push((dtmf::digit_of(event.code).unwrap(), units));
            current = Some((sent.header.timestamp, 0, units));
            ends = 0;
        } else {
            let (begin, base, total) = current.as_mut().expect("no marker");
            if sent.header.timestamp != *begin {
                assert_eq!(sent.header.timestamp.wrapping_sub(*begin), 0xFFFF);
                *begin = sent.header.timestamp;
                *base += 0xFFFF;
            }
            assert!(*base + units >= *total, "durations shrink");
            *total = *base + units;
            events.last_mut().unwrap().1 = *total;
        }
        ends += usize::from(event.end);
    }
    assert!(
        current.is_none() || ends == 3,
        "{ends} end packets at the end"
    );
    events
}

fn digits_told(bench: &Bench) -> Vec<(char, u32)> {
    let told = bench.events.iter().filter_map(|event| match event {
        PathEvent::Digit { digit, duration_ms } => Some((*digit, *duration_ms)),
        _ => None,
    });
    told.collect()
}

#[test]
fn digits_pass_with_the_other_sides_clock() {
    for (from, to) in [
        (with_clock(Opus, 48_000), with_clock(Pcmu, 8_000)),
        (with_clock(Opus, 8_000), with_clock(Pcmu, 8_000)),
        (with_clock(Pcmu, 8_000), with_clock(Opus, 48_000)),
        (with_clock(Pcmu, 8_000), with_clock(Opus, 8_000)),
        (with_clock(Pcmu, 8_000), with_clock(Pcmu, 8_000)),
    ] {
        let mut bench = Bench::new(from, to);
        let mut source = Source::new(from.codec, 440.0);
        source.play(&mut bench, 10);
        for digit in "159#".chars() {
            press(&mut bench, &mut source, from, digit, 160, |_, _| true);
            source.play(&mut bench, 5);
        }
        let units = 160 * to.dtmf.unwrap().clock_rate / 1_000;
        let expected: Vec<_> = "159#".chars().map(|digit| (digit, units)).collect();
        assert_eq!(events_sent(&bench, to), expected, "{from:?} → {to:?}");
        let told: Vec<_> = "159#".chars().map(|digit| (digit, 160)).collect();
        assert_eq!(digits_told(&bench), told);
        bench.assert_one_line(to.codec.clock_rate(), 0);
    }
}

#[test]
fn a_digit_without_its_end_packets_ends_all_the_same() {
    let (from, to) = (format(Opus), format(Pcmu));
    for sound_follows in [true, false] {
        let mut bench = Bench::new(from, to);
        let mut source = Source::new(Opus, 440.0);
        source.play(&mut bench, 10);
        press(&mut bench, &mut source, from, '7', 200, |_, end| !end);
        if sound_follows {
            source.play(&mut bench, 20);
        } else {
            bench.wait(400);
        }
        assert_eq!(events_sent(&bench, to), [('7', 180 * 8)]);
        assert_eq!(digits_told(&bench), [('7', 180)]);
    }
}

#[test]
fn a_digit_of_which_only_one_packet_came_is_a_digit() {
    let (from, to) = (format(Opus), format(Pcmu));
    for kept in [1, 6, 10, 12] {
        let mut bench = Bench::new(from, to);
        let mut source = Source::new(Opus, 440.0);
        source.play(&mut bench, 10);
        press(&mut bench, &mut source, from, '0', 200, |nth, _| {
            nth == kept
        });
        bench.wait(400);
        source.play(&mut bench, 10);
        let told = digits_told(&bench);
        assert_eq!(told.len(), 1, "packet {kept}");
        assert_eq!(told[0].0, '0');
    }
}

#[test]
fn a_long_digit_is_one_digit_in_every_clock() {
    for (from, to) in [(format(Opus), format(Pcmu)), (format(Pcmu), format(Opus))] {
        let mut bench = Bench::new(from, to);
        let mut source = Source::new(from.codec, 440.0);
        source.play(&mut bench, 10);
        // 1.8 s are 86 400 units at 48 kHz, more than a segment holds.
        press(&mut bench, &mut source, from, '*', 1_800, |_, _| true);
        source.play(&mut bench, 10);
        assert_eq!(digits_told(&bench), [('*', 1_800)]);
        let units = 1_800 * to.codec.clock_rate() / 1_000;
        assert_eq!(events_sent(&bench, to), [('*', units)]);
    }
}

#[test]
fn digits_of_our_own_take_the_place_of_sound() {
    for to in [format(Pcmu), format(Opus)] {
        let mut bench = Bench::new(format(Opus), to);
        let mut source = Source::new(Opus, 440.0);
        source.play(&mut bench, 10);
        bench.path.send_dtmf("12,A", MS_100, MS_70).unwrap();
        source.play(&mut bench, 140);
        let units = to.codec.clock_rate() / 10;
        assert_eq!(
            events_sent(&bench, to),
            [('1', units), ('2', units), ('A', units)]
        );
        assert!(bench.events.contains(&PathEvent::DigitsSent));
        bench.assert_one_line(to.codec.clock_rate(), 0);
        // 100 + 70 + 100 + 70 + 2000 + 100 ms without sound.
        let sound = bench
            .sent
            .iter()
            .filter(|s| s.header.payload_type != to.dtmf.unwrap().payload_type);
        let sound = sound.count();
        assert!((27..=30).contains(&sound), "{sound} packets of sound");
        let begins: Vec<_> = bench
            .sent
            .iter()
            .filter(|s| s.header.marker && s.payload.len() == 4)
            .map(|s| s.at.as_millis())
            .collect();
        assert_eq!(begins[1] - begins[0], 170);
        assert_eq!(begins[2] - begins[1], 2_170);
    }
}

#[test]
fn digits_are_sent_although_nothing_is_heard() {
    let mut bench = Bench::new(format(Opus), format(Pcmu));
    bench.path.send_dtmf("5", MS_100, MS_70).unwrap();
    bench.timeout();
    bench.wait(500);
    assert_eq!(events_sent(&bench, format(Pcmu)), [('5', 800)]);
    assert_eq!(bench.events, [PathEvent::DigitsSent]);
    assert_eq!(bench.path.poll_timeout(), None);
    // Five packets 20 ms apart, the last of them said three times.
    let at: Vec<_> = bench.sent.iter().map(|s| s.at.as_millis()).collect();
    assert_eq!(at, [0, 20, 40, 60, 80, 80, 80]);
    // A digit right behind it keeps the gap.
    bench.path.send_dtmf("5", MS_100, MS_70).unwrap();
    bench.path.send_dtmf("6", MS_100, MS_70).unwrap();
    bench.wait(500);
    assert_eq!(events_sent(&bench, format(Pcmu)).len(), 3);
}

#[test]
fn wrong_digits_are_refused_whole() {
    let mut bench = Bench::new(format(Opus), format(Pcmu));
    let refused = bench.path.send_dtmf("12x", MS_100, MS_70);
    assert_eq!(refused, Err(DtmfError::NotADigit('x')));
    let refused = bench.path.send_dtmf("1", Duration::from_secs(3), MS_70);
    assert!(matches!(
        refused,
        Err(DtmfError::OutOfRange {
            value_ms: 3_000,
            ..
        })
    ));
    let refused = bench.path.send_dtmf(&"1".repeat(257), MS_100, MS_70);
    assert_eq!(refused, Err(DtmfError::TooMany { limit: 256 }));
    bench.timeout();
    bench.wait(1_000);
    assert!(bench.sent.is_empty() && bench.events.is_empty());
}

#[test]
fn cancelled_digits_end_properly() {
    let mut bench = Bench::new(format(Opus), format(Pcmu));
    bench
        .path
        .send_dtmf("123", Duration::from_secs(1), MS_70)
        .unwrap();
    bench.timeout();
    bench.wait(100);
    bench.path.cancel_dtmf();
    bench.wait(1_000);
    let events = events_sent(&bench, format(Pcmu));
    assert_eq!(events.len(), 1);
    assert!((800..=960).contains(&events[0].1), "{events:?}");
    assert_eq!(bench.events, [PathEvent::DigitsSent]);
}

#[test]
fn a_far_side_without_events_hears_tones() {
    for to in [without_events(Pcmu), without_events(Opus)] {
        let mut bench = Bench::new(format(Opus), to);
        let mut source = Source::new(Opus, 440.0);
        source.play(&mut bench, 25);
        bench
            .path
            .send_dtmf("58", Duration::from_millis(200), MS_100)
            .unwrap();
        source.play(&mut bench, 50);
        bench.assert_one_line(to.codec.clock_rate(), 0);
        assert!(bench.events.contains(&PathEvent::DigitsSent));
        let heard = listen(to.codec, &bench.sent);
        let five = &heard[27 * 160..33 * 160];
        assert!(
            amplitude(five, 770.0) > 3_500.0,
            "{}",
            amplitude(five, 770.0)
        );
        assert!(amplitude(five, 1_336.0) > 3_500.0);
        assert!(amplitude(five, 440.0) < 700.0);
        let eight = &heard[42 * 160..48 * 160];
        assert!(amplitude(eight, 852.0) > 3_500.0);
        assert!(amplitude(&heard[60 * 160..], 440.0) > 6_000.0);
    }
}

#[test]
fn a_relayed_digit_becomes_a_tone_where_there_are_no_events() {
    let to = without_events(Pcmu);
    let mut bench = Bench::new(format(Opus), to);
    let mut source = Source::new(Opus, 440.0);
    source.play(&mut bench, 25);
    press(&mut bench, &mut source, format(Opus), '1', 200, |_, _| true);
    source.play(&mut bench, 50);
    assert_eq!(digits_told(&bench), [('1', 200)]);
    let heard = listen(Pcmu, &bench.sent);
    let tone = (25..40)
        .map(|at| amplitude(&heard[at * 160..(at + 5) * 160], 697.0))
        .fold(0.0, f64::max);
    assert!(tone > 5_000.0, "{tone}");
    bench.assert_one_line(8_000, 0);
}

#[test]
fn a_closed_gate_lets_no_digit_through_but_reports_it() {
    let mut bench = Bench::new(format(Opus), format(Pcmu));
    let mut source = Source::new(Opus, 440.0);
    source.play(&mut bench, 5);
    bench.path.set_gate(Gate::Closed);
    press(&mut bench, &mut source, format(Opus), '1', 100, |_, _| true);
    bench.path.send_dtmf("2", MS_100, MS_70).unwrap();
    bench.wait(1_000);
    assert_eq!(bench.sent.len(), 5);
    assert_eq!(digits_told(&bench), [('1', 100)]);
}
