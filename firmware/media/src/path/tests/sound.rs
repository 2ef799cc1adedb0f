//! What is said on one side is heard on the other.

use super::*;
use crate::plan::AudioCodec::{G722, Opus, Pcma, Pcmu};

/// The tone is there with its level, and next to nothing else is.
fn assert_tone(sound: &[i16], hz: f64) {
    // The first 100 ms belong to the codec's start.
    let sound = &sound[800..];
    let tone = amplitude(sound, hz);
    let expected = f64::from(AMPLITUDE);
    assert!(
        (0.85..1.15).contains(&(tone / expected)),
        "{hz} Hz: {tone} instead of {expected}"
    );
    let whole = rms(sound) * std::f64::consts::SQRT_2;
    assert!(
        tone / whole > 0.95,
        "{tone} of {whole}: something else sounds"
    );
}

#[test]
fn a_tone_passes_every_pair_of_codecs() {
    for from in [Opus, Pcmu, Pcma, G722] {
        for to in [Opus, Pcmu, Pcma, G722] {
            let mut bench = Bench::new(format(from), format(to));
            Source::new(from, 440.0).play(&mut bench, 50);
            assert_eq!(bench.sent.len(), 50, "{from:?} → {to:?}");
            assert_tone(&listen(to, &bench.sent), 440.0);
            bench.assert_one_line(to.clock_rate(), 0);
            assert!(bench.sent[0].header.marker);
            assert!(bench.sent[1..].iter().all(|packet| !packet.header.marker));
            assert_eq!(bench.sent[0].header.sequence, OUT.first_sequence);
            assert_eq!(bench.sent[0].header.timestamp, OUT.first_timestamp);
            assert_eq!(bench.path.counters().discarded, 0);
        }
    }
}

#[test]
fn a_tone_comes_back_from_an_echo() {
    let mut there = Bench::new(format(Opus), format(Pcmu));
    let mut back = Bench::new(format(Pcmu), format(Opus));
    let mut microphone = Source::new(Opus, 440.0);
    for _ in 0..60 {
        there.wait(20);
        back.wait(20);
        let (header, payload) = microphone.packet();
        there.rtp(header, &payload);
        for packet in std::mem::take(&mut there.sent) {
            back.rtp(packet.header, &packet.payload);
        }
    }
    assert_tone(&listen(Opus, &back.sent), 440.0);
}

#[test]
fn the_same_codec_passes_octet_for_octet() {
    for codec in [Opus, Pcmu, Pcma, G722] {
        let mut bench = Bench::new(format(codec), format(codec));
        let mut source = Source::new(codec, 300.0);
        let payloads: Vec<_> = (0..5)
            .map(|_| {
                bench.wait(20);
                let (header, payload) = source.packet();
                bench.rtp(header, &payload);
                payload
            })
            .collect();
        let sent: Vec<_> = bench.sent.iter().map(|s| s.payload.clone()).collect();
        assert_eq!(sent, payloads);
    }
}

#[test]
fn packet_times_are_put_into_ours() {
    for milliseconds in [10, 20, 30, 40, 60] {
        for (from, to, out_ms) in [
            (Pcmu, Pcma, 30),
            (Pcmu, Opus, 20),
            (Pcma, Pcma, 20),
            (Opus, Pcmu, 60),
            (Opus, G722, 40),
            (G722, Opus, 20),
            (G722, G722, 10),
        ] {
            if from == Opus && milliseconds == 30 {
                continue;
            }
            let to_format = AudioFormat {
                ptime_ms: out_ms,
                ..format(to)
            };
            let mut bench = Bench::new(format(from), to_format);
            let mut source = Source::new(from, 440.0);
            for _ in 0..1_200 / milliseconds {
                bench.wait(milliseconds);
                let (header, payload) = source.packet_of(milliseconds as usize * 8);
                bench.rtp(header, &payload);
            }
            assert_eq!(bench.sent.len(), 1_200 / usize::from(out_ms));
            let step = u32::from(out_ms) * to.clock_rate() / 1_000;
            for pair in bench.sent.windows(2) {
                let ahead = pair[1]
                    .header
                    .timestamp
                    .wrapping_sub(pair[0].header.timestamp);
                assert_eq!(ahead, step, "{from:?} {milliseconds} → {to:?} {out_ms}");
            }
            assert_tone(&listen(to, &bench.sent), 440.0);
        }
    }
}

#[test]
fn lost_packets_are_made_up_when_transcoding() {
    for (from, to) in [
        (Opus, Pcmu),
        (Pcma, Opus),
        (Opus, G722),
        (G722, Opus),
        (G722, Pcmu),
    ] {
        for lost in [1, 3, 5] {
            let mut bench = Bench::new(format(from), format(to));
            let mut source = Source::new(from, 440.0);
            source.play(&mut bench, 30);
            for _ in 0..lost {
                bench.wait(20);
                source.packet();
            }
            source.play(&mut bench, 30);
            assert_eq!(
                bench.sent.len(),
                60 + lost,
                "{from:?} → {to:?}, {lost} lost"
            );
            assert_eq!(bench.path.counters().lost, lost as u64);
            assert_eq!(bench.path.counters().concealed, lost as u64);
            bench.assert_one_line(to.clock_rate(), 0);
            let heard = listen(to, &bench.sent);
            // One lost packet is hardly heard; of many the first is.
            let hole = &heard[30 * 160 + 80..31 * 160];
            assert!(
                rms(hole) > 0.5 * f64::from(AMPLITUDE) / 1.5,
                "{from:?} {lost}: {}",
                rms(hole)
            );
        }
    }
}

#[test]
fn what_is_lost_beyond_five_packets_is_left_out_in_time() {
    let mut bench = Bench::new(format(Opus), format(Pcmu));
    let mut source = Source::new(Opus, 440.0);
    source.play(&mut bench, 10);
    for _ in 0..20 {
        bench.wait(20);
        source.packet();
    }
    source.play(&mut bench, 10);
    assert_eq!(bench.path.counters().concealed, 5);
    let first = bench.sent[0].header.timestamp;
    let last = bench.sent.last().unwrap().header.timestamp;
    assert_eq!(last.wrapping_sub(first), 39 * 160);
}

#[test]
fn a_loss_stays_visible_where_sound_is_passed_on() {
    for codec in [Opus, Pcmu] {
        let mut bench = Bench::new(format(codec), format(codec));
        let mut source = Source::new(codec, 440.0);
        source.play(&mut bench, 10);
        bench.wait(20);
        source.packet();
        source.play(&mut bench, 10);
        assert_eq!(bench.sent.len(), 20);
        bench.assert_one_line(codec.clock_rate(), 1);
        assert_eq!(bench.path.counters().concealed, 0);
    }
}

#[test]
fn a_swapped_pair_leaves_in_order() {
    let mut bench = Bench::new(format(Pcmu), format(Pcma));
    let mut source = Source::new(Pcmu, 440.0);
    source.play(&mut bench, 5);
    let (early, late) = (source.packet(), source.packet());
    bench.wait(20);
    bench.rtp(late.0, &late.1);
    bench.wait(5);
    bench.rtp(early.0, &early.1);
    source.play(&mut bench, 5);
    assert_eq!(bench.sent.len(), 12);
    bench.assert_one_line(8_000, 0);
    assert_eq!(bench.path.counters().reordered, 1);
}

#[test]
fn the_other_law_is_understood_without_a_word() {
    let mut bench = Bench::new(format(Pcmu), format(Opus));
    let mut source = Source::new(Pcmu, 440.0);
    source.play(&mut bench, 20);
    source.codec = Pcma;
    source.header.payload_type = 8;
    source.play(&mut bench, 20);
    assert_eq!(bench.sent.len(), 40);
    assert_tone(&listen(Opus, &bench.sent), 440.0);
    assert_eq!(bench.path.counters().discarded, 0);
}

#[test]
fn muted_is_silence_at_the_same_pace() {
    for (from, to) in [
        (Opus, Pcmu),
        (Pcmu, Opus),
        (Pcmu, Pcma),
        (Opus, Opus),
        (Opus, G722),
        (G722, Opus),
        (G722, G722),
    ] {
        let mut bench = Bench::new(format(from), format(to));
        let mut source = Source::new(from, 440.0);
        source.play(&mut bench, 20);
        bench.path.mute(true);
        source.play(&mut bench, 30);
        bench.path.mute(false);
        source.play(&mut bench, 20);
        assert_eq!(bench.sent.len(), 70);
        bench.assert_one_line(to.clock_rate(), 0);
        let heard = listen(to, &bench.sent);
        // Nobody knows what is silence to a decoder of G.722 that has heard what passed us by.
        let most = if from == G722 && to == G722 {
            60.0
        } else {
            20.0
        };
        let silence = rms(&heard[30 * 160..45 * 160]);
        assert!(silence < most, "{from:?} → {to:?}: {silence}");
        assert!(rms(&heard[60 * 160..]) > 4_000.0);
    }
}

#[test]
fn levels_are_those_of_the_tone() {
    let mut bench = Bench::new(format(Opus), format(Pcmu));
    assert_eq!(bench.path.levels(), None);
    Source::new(Opus, 440.0).play(&mut bench, 20);
    let levels = bench.path.levels().unwrap();
    // 8000 of 32768 is −12.2 dBov at the peak, 3 dB less on average.
    assert!((levels.peak_dbov + 12.2).abs() < 1.5, "{levels:?}");
    assert!((levels.rms_dbov + 15.3).abs() < 1.5, "{levels:?}");
    // What passes undecoded is as loud.
    let mut bench = Bench::new(format(Pcmu), format(Pcma));
    Source::new(Pcmu, 440.0).play(&mut bench, 20);
    let passed = bench.path.levels().unwrap();
    assert!((passed.peak_dbov + 12.2).abs() < 0.5, "{passed:?}");
    assert!((passed.rms_dbov + 15.3).abs() < 0.5, "{passed:?}");
}

#[test]
fn losses_and_waiting_are_counted_for_who_judges_the_sound() {
    for (to, passed_on, concealed) in [(Pcma, 3, 0), (Opus, 0, 3)] {
        let mut bench = Bench::new(format(Pcmu), format(to));
        let mut source = Source::new(Pcmu, 440.0);
        source.play(&mut bench, 10);
        // One is lost, then two in a row; what comes behind waits until the hole is given up.
        for lost in [1, 2] {
            (0..lost).for_each(|_| _ = source.packet());
            source.play(&mut bench, 10);
        }
        bench.wait(100);
        let counters = bench.path.counters();
        assert_eq!(
            (counters.delivered, counters.lost, counters.holes),
            (30, 3, 2)
        );
        assert_eq!(
            (counters.passed_on, counters.concealed),
            (passed_on, concealed)
        );
        // 30 ms, and 10 ms of the next one, for each hole.
        assert_eq!(counters.waited, Duration::from_millis(80));
        let pattern = bench.path.loss_pattern();
        assert_eq!(
            (pattern.received(), pattern.lost(), pattern.holes()),
            (30, 3, 2)
        );
    }
}

#[test]
fn an_empty_packet_says_nothing_and_comfort_noise_stands_for_a_frame() {
    let mut bench = Bench::new(format(Pcmu), format(Opus));
    let mut source = Source::new(Pcmu, 440.0);
    source.play(&mut bench, 3);
    let (header, _) = source.packet_of(0);
    bench.rtp(header, &[]);
    let (header, _) = source.packet_of(0);
    let noise = Header {
        payload_type: 13,
        ..header
    };
    bench.rtp(noise, &[64]);
    source.play(&mut bench, 3);
    assert_eq!(bench.sent.len(), 7);
    assert_eq!(bench.path.counters().discarded, 0);
    bench.assert_one_line(48_000, 0);
}

#[test]
fn reports_tell_what_was_sent_and_received() {
    let mut bench = Bench::new(format(Opus), format(Pcmu));
    assert_eq!(bench.path.sender_info(bench.now, 1), None);
    Source::new(Opus, 440.0).play(&mut bench, 10);
    let later = bench.now + Duration::from_millis(50);
    let info = bench.path.sender_info(later, 1).unwrap();
    assert_eq!((info.packets, info.octets), (10, 1_600));
    let last = bench.sent.last().unwrap().header.timestamp;
    assert_eq!(info.rtp_timestamp, last.wrapping_add(400));
    let report = bench.path.reception().report(later).unwrap();
    assert_eq!((report.ssrc, report.cumulative_lost), (77, 0));
}

/// A tone that no telephone hears, at 16 kHz.
fn high_tone(samples: usize) -> Vec<i16> {
    (0..samples)
        .map(|n| ((n as f64 * 5_500.0 * std::f64::consts::TAU / 16_000.0).sin() * 8_000.0) as i16)
        .collect()
}

#[test]
fn between_opus_and_g722_the_sound_keeps_its_upper_half() {
    let (mut there, mut back) = (
        Bench::new(format(Opus), format(G722)),
        Bench::new(format(G722), format(Opus)),
    );
    let settings = EncoderSettings::default();
    let mut microphone = Encoder::new(Bandwidth::Wide, settings).unwrap();
    let mut ear = Decoder::new(Bandwidth::Wide).unwrap();
    let (mut heard, mut header) = (Vec::new(), Source::new(Opus, 440.0).header);
    for frame in high_tone(16_000).chunks(320) {
        there.wait(20);
        back.wait(20);
        let mut packet = [0; MAX_PACKET];
        let Encoded::Packet(octets) = microphone.encode(frame, &mut packet).unwrap() else {
            panic!("a tone is no silence");
        };
        there.rtp(header, &packet[..octets]);
        header.sequence = header.sequence.wrapping_add(1);
        header.timestamp = header.timestamp.wrapping_add(960);
        for packet in std::mem::take(&mut there.sent) {
            assert_eq!((packet.header.payload_type, packet.payload.len()), (9, 160));
            back.rtp(packet.header, &packet.payload);
        }
        for packet in std::mem::take(&mut back.sent) {
            let mut pcm = [0; MAX_SAMPLES * 2];
            let samples = ear.decode(&packet.payload, &mut pcm).unwrap();
            heard.extend_from_slice(&pcm[..samples]);
        }
    }
    // Of 16 kHz: its amplitude at half the frequency of what 8 kHz would have.
    let tone = amplitude(&heard[3_200..], 2_750.0);
    assert!(tone > 5_000.0, "{tone}");
}

#[test]
fn a_pbx_that_said_g722_may_send_the_law() {
    let mut bench = Bench::new(format(G722), format(Opus));
    let mut source = Source::new(G722, 440.0);
    source.play(&mut bench, 20);
    source.codec = Pcmu;
    source.header.payload_type = 0;
    source.play(&mut bench, 20);
    assert_eq!(bench.sent.len(), 40);
    // The filters of G.722 take 1.4 ms, which the law does not: each is looked at for itself.
    let heard = listen(Opus, &bench.sent);
    assert_tone(&heard[..19 * 160], 440.0);
    assert_tone(&heard[20 * 160..], 440.0);
    assert_eq!(bench.path.counters().discarded, 0);
}

#[test]
fn a_change_between_g711_and_g722_is_one_stream() {
    for (from, to) in [(Opus, Pcmu), (Pcmu, Opus)] {
        let mut bench = Bench::new(format(from), format(to));
        let mut source = Source::new(from, 440.0);
        source.play(&mut bench, 30);
        let (wider_from, wider_to) = if from == Opus {
            (Opus, G722)
        } else {
            (G722, Opus)
        };
        bench
            .path
            .replan(format(wider_from), format(wider_to))
            .unwrap();
        if from == Pcmu {
            source.codec = G722;
            source.header.payload_type = 9;
        }
        source.play(&mut bench, 30);
        bench.path.replan(format(from), format(to)).unwrap();
        source.codec = from;
        source.header.payload_type = format(from).payload_type;
        source.play(&mut bench, 30);
        assert_eq!(bench.sent.len(), 90, "{from:?} → {to:?}");
        bench.assert_one_line(to.clock_rate(), 0);
    }
}
