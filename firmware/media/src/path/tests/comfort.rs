//! Pauses that a source announces are heard as noise, or passed on to who makes it.

use super::*;
use crate::plan::AudioCodec::{G722, Opus, Pcma, Pcmu};

/// A source that sends nothing in pauses.
struct Pausing {
    source: Source,
    encoder: Encoder,
    position: usize,
    dice: u32,
    discontinuous: bool,
}

impl Pausing {
    fn new(codec: AudioCodec) -> Self {
        let settings = EncoderSettings {
            dtx: true,
            ..EncoderSettings::default()
        };
        Self {
            source: Source::new(codec, 440.0),
            encoder: Encoder::new(Bandwidth::Narrow, settings).unwrap(),
            position: 0,
            dice: 1,
            discontinuous: false,
        }
    }

    /// A frame of Opus: the tone, or the noise of a quiet room. None is sent where the encoder says so; `lossy` loses
    /// the word that it is silent, too.
    fn opus(&mut self, bench: &mut Bench, loud: bool, lossy: bool) {
        let pcm: Vec<i16> = (0..160)
            .map(|n| {
                self.dice = self
                    .dice
                    .wrapping_mul(1_664_525)
                    .wrapping_add(1_013_904_223);
                let noise = (self.dice >> 16) as i16 / 512;
                let turn = (self.position + n) as f64 * 440.0 / 8_000.0;
                let tone = ((turn * std::f64::consts::TAU).sin() * f64::from(AMPLITUDE)) as i16;
                if loud { tone } else { noise }
            })
            .collect();
        self.position += 160;
        let mut packet = [0; MAX_PACKET];
        let encoded = self.encoder.encode(&pcm, &mut packet).unwrap();
        let was = std::mem::replace(
            &mut self.discontinuous,
            matches!(encoded, Encoded::Silence(_)),
        );
        let sent = match encoded {
            Encoded::Packet(octets) => Some((octets, false)),
            Encoded::Silence(octets) => (!was).then_some((octets, lossy)),
        };
        if let Some((octets, lost)) = sent {
            if !lost {
                bench.rtp(self.source.header, &packet[..octets]);
            }
            self.source.header.sequence = self.source.header.sequence.wrapping_add(1);
        }
        self.source.header.timestamp = self.source.header.timestamp.wrapping_add(960);
    }

    fn opus_for(&mut self, bench: &mut Bench, frames: usize, loud: bool) {
        for _ in 0..frames {
            bench.wait(20);
            self.opus(bench, loud, false);
        }
    }
}

/// A PBX says how loud it is silent, in −dBov.
fn comfort_noise(bench: &mut Bench, source: &mut Source, level: u8) {
    let (header, _) = source.packet_of(0);
    let header = Header {
        payload_type: 13,
        ..header
    };
    bench.rtp(header, &[level]);
}

/// The clock of a source goes on for so many frames, in which it sends nothing.
fn pause(bench: &mut Bench, source: &mut Source, frames: u32) {
    bench.wait(u64::from(frames) * 20);
    let units = source.codec.clock_rate() / 50;
    source.header.timestamp = source.header.timestamp.wrapping_add(units * frames);
}

#[test]
fn a_browsers_pause_is_noise_at_the_trunk_as_loud_as_it_was() {
    for to in [Pcmu, Pcma, G722] {
        let mut bench = Bench::new(format(Opus), format(to));
        let mut caller = Pausing::new(Opus);
        caller.opus_for(&mut bench, 50, true);
        caller.opus_for(&mut bench, 300, false);
        caller.opus_for(&mut bench, 50, true);
        let counters = *bench.path.counters();
        assert!(counters.packets_in < 250, "{counters:?}");
        assert!(counters.noise > 150, "{counters:?}");
        assert_eq!((counters.lost, counters.concealed), (0, 0));
        assert!(
            (399..=401).contains(&bench.sent.len()),
            "{}",
            bench.sent.len()
        );
        bench.assert_one_line(8_000, 0);
        let marked = bench.sent[1..].iter().filter(|s| s.header.marker).count();
        assert_eq!(marked, 0, "{to:?}: the stream never stops");
        for pair in bench.sent.windows(2) {
            let apart = (pair[1].at - pair[0].at).as_millis();
            assert!((8..=32).contains(&apart), "{apart} ms");
        }
        let heard = listen(to, &bench.sent);
        let noise = rms(&heard[200 * 160..340 * 160]);
        // The room's is 37.
        assert!((8.0..80.0).contains(&noise), "{to:?}: {noise}");
        let tone = amplitude(&heard[heard.len() - 40 * 160..], 440.0);
        assert!(tone > 6_000.0, "{to:?}: {tone}");
    }
}

#[test]
fn pauses_that_end_late_do_not_add_up() {
    let mut bench = Bench::new(format(Opus), format(Pcmu));
    let mut caller = Pausing::new(Opus);
    for turn in 0..20 {
        caller.opus_for(&mut bench, 30, true);
        caller.opus_for(&mut bench, 50, false);
        // The first word comes 15 ms late, and so does nothing else.
        bench.wait(20 + 15);
        caller.opus(&mut bench, true, false);
        bench.wait(5);
        caller.opus(&mut bench, true, false);
        let sent = bench.sent.last().unwrap();
        let told = f64::from(sent.header.timestamp.wrapping_sub(OUT.first_timestamp)) / 8_000.0;
        let passed = (sent.at - bench.sent[0].at).as_secs_f64();
        assert!(
            (told - passed).abs() < 0.045,
            "turn {turn}: {told} told, {passed} passed"
        );
    }
}

#[test]
fn a_pause_whose_announcement_was_lost_is_noise_all_the_same() {
    let mut bench = Bench::new(format(Opus), format(Pcmu));
    let mut caller = Pausing::new(Opus);
    caller.opus_for(&mut bench, 50, true);
    caller.opus_for(&mut bench, 300, false);
    caller.opus_for(&mut bench, 50, true);
    let (sent, at) = (bench.sent.len(), bench.now);
    for _ in 0..300 {
        bench.wait(20);
        caller.opus(&mut bench, false, true);
    }
    let passed = (bench.now - at).as_millis() as usize / 20;
    // What passes before the silence is noticed is left out, a few times.
    let missing = passed - (bench.sent.len() - sent);
    assert!((3..=60).contains(&missing), "{missing} of {passed}");
    let longest = bench.sent[sent..].windows(2).map(|p| p[1].at - p[0].at);
    assert!(longest.max().unwrap() < Duration::from_millis(100));
    caller.opus_for(&mut bench, 10, true);
    bench.assert_one_line(8_000, 0);
}

#[test]
fn a_trunk_that_makes_its_own_noise_is_told_how_loud() {
    let mut bench = Bench::new(format(Opus), format(Pcmu));
    bench.path.set_comfort_noise(Some(13));
    let mut caller = Pausing::new(Opus);
    caller.opus_for(&mut bench, 50, true);
    caller.opus_for(&mut bench, 300, false);
    caller.opus_for(&mut bench, 50, true);
    let told: Vec<_> = bench
        .sent
        .iter()
        .filter(|sent| sent.header.payload_type == 13)
        .collect();
    assert!(
        !told.is_empty() && bench.sent.len() < 250,
        "{}",
        bench.sent.len()
    );
    for told in told {
        let [level] = told.payload[..] else {
            panic!("{told:?}");
        };
        // The room's is −59 dBov.
        assert!((50..=75).contains(&level), "{level}");
    }
    bench.assert_one_line(8_000, 0);
    // What follows a pause is marked (RFC 3551 section 4.1).
    let after = bench.sent.windows(2);
    let ends = after.filter(|p| p[0].header.payload_type == 13 && p[1].header.payload_type == 0);
    assert!(ends.clone().count() > 0 && ends.clone().all(|p| p[1].header.marker));
}

#[test]
fn the_noise_of_a_pbx_is_as_loud_as_it_says() {
    for (from, to) in [
        (Pcmu, Opus),
        (Pcma, Pcmu),
        (G722, Opus),
        (G722, G722),
        (Pcmu, G722),
    ] {
        let mut bench = Bench::new(format(from), format(to));
        let mut source = Source::new(from, 440.0);
        source.play(&mut bench, 50);
        bench.wait(20);
        comfort_noise(&mut bench, &mut source, 50);
        pause(&mut bench, &mut source, 50);
        comfort_noise(&mut bench, &mut source, 40);
        pause(&mut bench, &mut source, 49);
        source.play(&mut bench, 50);
        assert!(
            (199..=201).contains(&bench.sent.len()),
            "{from:?} → {to:?}: {}",
            bench.sent.len()
        );
        bench.assert_one_line(to.clock_rate(), 0);
        assert_eq!(
            bench.sent[1..].iter().filter(|s| s.header.marker).count(),
            0
        );
        assert_eq!(bench.path.counters().discarded, 0);
        let heard = listen(to, &bench.sent);
        // 32768 · 10^(−level/20); of white noise a codec keeps more or less.
        for (from_ms, to_ms, expected) in [(1_300, 1_900, 104.0), (2_300, 2_900, 328.0)] {
            let noise = rms(&heard[from_ms * 8..to_ms * 8]);
            let ratio = noise / expected;
            assert!(
                (0.5..1.5).contains(&ratio),
                "{from:?} → {to:?}: {noise}, not {expected}"
            );
        }
    }
}

#[test]
fn a_browser_may_be_spared_what_is_silent() {
    let mut bench = Bench::new(format(Pcmu), format(Opus));
    bench.path.set_dtx(true);
    let mut source = Source::new(Pcmu, 440.0);
    source.play(&mut bench, 50);
    let mut quiet = |bench: &mut Bench, frames: usize| {
        for _ in 0..frames {
            bench.wait(20);
            let (header, payload) = source.packet();
            bench.rtp(header, &vec![0xFF; payload.len()]);
        }
    };
    let before = bench.sent.len();
    quiet(&mut bench, 200);
    let sent = &bench.sent[before..];
    assert!((5..60).contains(&sent.len()), "{} of 200", sent.len());
    assert!(
        sent.iter().any(|sent| sent.payload.len() <= 2),
        "it is announced"
    );
    let before = bench.sent.len();
    source.play(&mut bench, 50);
    assert!(bench.sent.len() >= before + 49);
    bench.assert_one_line(48_000, 0);
}

#[test]
fn a_pause_on_a_network_that_jitters_is_noise_too() {
    let mut bench = Bench::new(format(Opus), format(Pcmu));
    let mut caller = Pausing::new(Opus);
    let mut passed = 0;
    for n in 0..1_600_u64 {
        // Every packet is up to 60 ms late, and overtakes none.
        let arrives = passed.max(n * 20 + n * 7_919 % 60);
        bench.wait(arrives - passed);
        passed = arrives;
        caller.opus(&mut bench, n % 400 < 100, false);
    }
    bench.wait(100);
    assert!(
        bench.path.counters().noise > 100,
        "{:?}",
        bench.path.counters()
    );
    let longest = bench.sent[200..bench.sent.len() - 3]
        .windows(2)
        .map(|p| p[1].at - p[0].at);
    assert!(longest.max().unwrap() < Duration::from_millis(130));
    bench.assert_one_line(8_000, 0);
}
