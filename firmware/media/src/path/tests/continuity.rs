//! Whatever the source does, the output stays one line.

use super::*;
use crate::plan::AudioCodec::{Opus, Pcma, Pcmu};

const PAIRS: [(AudioCodec, AudioCodec); 5] = [
    (Pcmu, Opus),
    (Opus, Pcmu),
    (Pcmu, Pcma),
    (Pcmu, Pcmu),
    (Opus, Opus),
];

/// Disturbs the source between two stretches of sound and expects all packets of both to
/// leave, less `missing`, in one line.
fn disturbed(missing: usize, disturb: impl Fn(&mut Bench, &mut Source)) {
    for (from, to) in PAIRS {
        let mut bench = Bench::new(format(from), format(to));
        let mut source = Source::new(from, 440.0);
        source.play(&mut bench, 25);
        disturb(&mut bench, &mut source);
        source.play(&mut bench, 25);
        assert_eq!(bench.sent.len(), 50 - missing, "{from:?} → {to:?}");
        bench.assert_one_line(to.clock_rate(), 0);
        assert!(bench.sent[25].header.marker, "{from:?} → {to:?}");
    }
}

#[test]
fn another_ssrc() {
    disturbed(0, |_, source| {
        source.header.ssrc = 78;
        source.header.sequence = 12_345;
        source.header.timestamp = 4_000_000_000;
    });
}

#[test]
fn another_ssrc_is_told() {
    let mut bench = Bench::new(format(Pcmu), format(Opus));
    let mut source = Source::new(Pcmu, 440.0);
    source.play(&mut bench, 5);
    source.header.ssrc = 78;
    source.play(&mut bench, 5);
    assert_eq!(bench.events, [PathEvent::SourceChanged { ssrc: 78 }]);
    assert_eq!(bench.path.counters().source_changes, 1);
}

#[test]
fn timestamps_jump_forth() {
    disturbed(0, |_, source| {
        source.header.timestamp = source.header.timestamp.wrapping_add(900_000_000);
    });
}

#[test]
fn timestamps_jump_back() {
    disturbed(0, |_, source| {
        source.header.timestamp = source.header.timestamp.wrapping_sub(900_000);
    });
}

#[test]
fn sequence_numbers_jump() {
    // One packet is not believed.
    disturbed(1, |_, source| {
        source.header.sequence = source.header.sequence.wrapping_add(20_000);
        source.header.timestamp = source.header.timestamp.wrapping_add(77);
    });
}

#[test]
fn hold_for_eleven_minutes_with_the_timestamps_frozen() {
    disturbed(0, |bench, _| bench.wait(11 * 60 * 1_000));
}

#[test]
fn hold_for_eleven_minutes_with_the_timestamps_running() {
    disturbed(0, |bench, source| {
        bench.wait(11 * 60 * 1_000);
        let per_second = source.codec.clock_rate();
        source.header.timestamp = source.header.timestamp.wrapping_add(per_second * 660);
    });
}

#[test]
fn hold_with_the_gate_closed_while_the_source_plays_on() {
    disturbed(0, |bench, source| {
        bench.path.set_gate(Gate::Closed);
        source.play(bench, 500);
        bench.path.set_gate(Gate::Open);
    });
}

#[test]
fn hold_and_resume_five_times_with_another_ssrc_each_time() {
    let mut bench = Bench::new(format(Pcmu), format(Opus));
    let mut source = Source::new(Pcmu, 440.0);
    for turn in 0..5 {
        source.header.ssrc = 100 + turn;
        source.header.sequence = (turn * 7_919) as u16;
        source.header.timestamp = turn * 1_000_000_007;
        source.play(&mut bench, 50);
        bench.wait(3_000);
    }
    assert_eq!(bench.sent.len(), 250);
    bench.assert_one_line(48_000, 0);
    let whole = bench.sent[249]
        .header
        .timestamp
        .wrapping_sub(bench.sent[0].header.timestamp);
    // 17 s lie between the first and the last packet.
    assert!((f64::from(whole) / 48_000.0 - 17.0).abs() < 0.15);
}

#[test]
fn silence_suppression_keeps_time() {
    // Numbers go on, timestamps leave out what was silent.
    disturbed(0, |bench, source| {
        bench.wait(1_340);
        let per_second = source.codec.clock_rate();
        source.header.timestamp = source.header.timestamp.wrapping_add(per_second * 134 / 100);
    });
}

#[test]
fn a_stalled_network_that_catches_up_is_no_jump() {
    for (from, to) in PAIRS {
        let mut bench = Bench::new(format(from), format(to));
        let mut source = Source::new(from, 440.0);
        source.play(&mut bench, 10);
        bench.wait(130);
        for _ in 0..7 {
            let (header, payload) = source.packet();
            bench.rtp(header, &payload);
        }
        source.play(&mut bench, 10);
        let step = to.clock_rate() / 50;
        for pair in bench.sent.windows(2) {
            assert_eq!(
                pair[1]
                    .header
                    .timestamp
                    .wrapping_sub(pair[0].header.timestamp),
                step
            );
            assert_eq!(
                pair[1]
                    .header
                    .sequence
                    .wrapping_sub(pair[0].header.sequence),
                1
            );
        }
    }
}

/// How far the last packet's timestamp is behind the time that passed since the first.
fn lag_ms(bench: &Bench, clock_rate: u32) -> i64 {
    let (first, last) = (&bench.sent[0], &bench.sent[bench.sent.len() - 1]);
    let sound = last.header.timestamp.wrapping_sub(first.header.timestamp);
    let sound = i64::from(sound) * 1_000 / i64::from(clock_rate);
    (last.at - first.at).as_millis() as i64 - sound
}

#[test]
fn a_short_hold_with_the_timestamps_frozen_delays_nothing() {
    for pause in [100, 300, 600, 980] {
        for (from, to) in PAIRS {
            let mut bench = Bench::new(format(from), format(to));
            let mut source = Source::new(from, 440.0);
            source.play(&mut bench, 25);
            bench.wait(pause);
            // The re-INVITE that resumes.
            bench.path.expect_pause();
            source.play(&mut bench, 1);
            assert!(lag_ms(&bench, to.clock_rate()) <= 10, "{from:?} {to:?}");
            source.play(&mut bench, 50);
            assert!(lag_ms(&bench, to.clock_rate()) <= 10, "{from:?} {to:?}");
            bench.assert_one_line(to.clock_rate(), 0);
        }
    }
}

#[test]
fn a_pause_that_nobody_announced_is_made_good_within_a_second() {
    for pause in [100, 300, 600, 980] {
        for (from, to) in PAIRS {
            let mut bench = Bench::new(format(from), format(to));
            let mut source = Source::new(from, 440.0);
            source.play(&mut bench, 25);
            bench.wait(pause);
            source.play(&mut bench, 50);
            assert!(lag_ms(&bench, to.clock_rate()) <= 10, "{from:?} {to:?}");
        }
    }
}

#[test]
fn a_clock_that_is_slow_is_followed() {
    // 0.5 % is more than any clock errs.
    let mut bench = Bench::new(format(Pcmu), format(Opus));
    let mut source = Source::new(Pcmu, 440.0);
    for _ in 0..60 {
        source.play(&mut bench, 50);
        bench.wait(5);
    }
    let markers = bench.sent.iter().filter(|sent| sent.header.marker).count();
    assert_eq!(markers, 1);
}

#[test]
fn two_sources_at_once_make_one_line_of_the_newer() {
    let mut bench = Bench::new(format(Pcmu), format(Opus));
    let mut ringback = Source::new(Pcmu, 425.0);
    let mut voice = Source::new(Pcmu, 1_004.0);
    voice.header.ssrc = 99;
    ringback.play(&mut bench, 10);
    for _ in 0..40 {
        bench.wait(10);
        let (header, payload) = ringback.packet();
        bench.rtp(header, &payload);
        bench.wait(10);
        let (header, payload) = voice.packet();
        bench.rtp(header, &payload);
    }
    bench.assert_one_line(48_000, 0);
    let heard = listen(Opus, &bench.sent[15..]);
    assert!(amplitude(&heard[800..], 1_004.0) > 6_000.0);
    assert!(amplitude(&heard[800..], 425.0) < 200.0);
    // Reports are about the one that is heard.
    assert_eq!(bench.path.reception().ssrc(), Some(99));
}

#[test]
fn a_new_codec_on_the_trunk_goes_unnoticed_by_the_browser() {
    let mut bench = Bench::new(format(Pcmu), format(Opus));
    let mut source = Source::new(Pcmu, 440.0);
    source.play(&mut bench, 25);
    bench.path.replan(format(Pcma), format(Opus)).unwrap();
    let mut source = Source::new(Pcma, 440.0);
    source.play(&mut bench, 25);
    assert_eq!(bench.sent.len(), 50);
    bench.assert_one_line(48_000, 0);
    let heard = listen(Opus, &bench.sent);
    assert!(amplitude(&heard[30 * 160..], 440.0) > 7_000.0);
}

#[test]
fn a_refresh_changes_nothing() {
    let mut bench = Bench::new(format(Opus), format(Pcmu));
    let mut source = Source::new(Opus, 440.0);
    source.play(&mut bench, 10);
    bench.path.replan(format(Opus), format(Pcmu)).unwrap();
    source.play(&mut bench, 10);
    assert!(bench.sent[1..].iter().all(|packet| !packet.header.marker));
    bench.assert_one_line(8_000, 0);
}

#[test]
fn another_output_codec_keeps_numbers_and_never_goes_back() {
    let mut bench = Bench::new(format(Opus), format(Pcmu));
    let mut source = Source::new(Opus, 440.0);
    source.play(&mut bench, 10);
    let before = bench.sent[9].header;
    bench.path.replan(format(Opus), format(Opus)).unwrap();
    source.play(&mut bench, 10);
    let after = bench.sent[10].header;
    assert_eq!(after.sequence, before.sequence.wrapping_add(1));
    assert_eq!(after.payload_type, 111);
    let ahead = after.timestamp.wrapping_sub(before.timestamp);
    assert!((160..2_000).contains(&ahead), "{ahead}");
}

#[test]
fn a_wrong_plan_is_refused_and_changes_nothing() {
    let mut bench = Bench::new(format(Opus), format(Pcmu));
    let odd = AudioFormat {
        ptime_ms: 25,
        ..format(Pcma)
    };
    assert_eq!(
        bench.path.replan(format(Opus), odd),
        Err(PathError::PacketTime(25))
    );
    assert_eq!(bench.path.to(), &format(Pcmu));
}

#[test]
fn a_keepalive_is_silence_on_the_same_line() {
    for (from, to) in PAIRS {
        let mut bench = Bench::new(format(from), format(to));
        bench.path.set_keepalive(Some(Duration::from_secs(5)));
        bench.timeout();
        bench.wait(12_000);
        assert_eq!(bench.sent.len(), 2, "before any sound");
        let mut source = Source::new(from, 440.0);
        source.play(&mut bench, 50);
        assert_eq!(bench.sent.len(), 52, "none between sound");
        bench.wait(60_000);
        assert_eq!(bench.sent.len(), 64);
        bench.path.set_gate(Gate::Closed);
        bench.wait(60_000);
        assert_eq!(bench.sent.len(), 64, "none through a closed gate");
        bench.path.set_gate(Gate::Open);
        source.play(&mut bench, 5);
        // The one that is due at once, then sound.
        assert_eq!(bench.sent.len(), 70);
        bench.assert_one_line(to.clock_rate(), 0);
        assert!(rms(&listen(to, &bench.sent[53..60])) < 20.0);
    }
}
