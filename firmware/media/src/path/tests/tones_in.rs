//! Digits as tones: one box sends them, another hears them.

use super::*;
use crate::plan::AudioCodec::{G722, Opus, Pcma, Pcmu};

fn without_events(codec: AudioCodec) -> AudioFormat {
    AudioFormat {
        dtmf: None,
        ..format(codec)
    }
}

/// Sends digits from one path into another, and gives what that one reports. `keep` says which packets get through.
fn relay(
    digits: &str,
    codec: AudioCodec,
    to: AudioCodec,
    detect: bool,
    keep: impl Fn(usize) -> bool,
) -> Vec<(char, u32)> {
    let mut sender = Bench::new(format(Opus), without_events(codec));
    sender.timeout();
    let milliseconds = Duration::from_millis;
    sender
        .path
        .send_dtmf(digits, milliseconds(100), milliseconds(70))
        .unwrap();
    sender.timeout();
    sender.wait(3_000);
    let mut receiver = Bench::new(without_events(codec), format(to));
    receiver.path.set_tone_detection(detect);
    let begin = receiver.now;
    for (nth, sent) in sender.sent.iter().enumerate() {
        let passed = (receiver.now - begin).as_millis() as u64;
        receiver.wait(sent.at.as_millis() as u64 - passed);
        if keep(nth) {
            receiver.rtp(sent.header, &sent.payload);
        }
    }
    receiver.wait(1_000);
    let mut quiet = Source::new(codec, 440.0);
    quiet.header.ssrc = 5;
    quiet.play(&mut receiver, 10);
    assert!(!receiver.sent.is_empty(), "the sound passes");
    let events = receiver.events.iter().filter_map(|event| match event {
        PathEvent::Digit { digit, duration_ms } => Some((*digit, *duration_ms)),
        PathEvent::SourceChanged { .. } | PathEvent::DigitsSent => None,
    });
    events.collect()
}

fn named(heard: &[(char, u32)]) -> String {
    heard.iter().map(|(digit, _)| digit).collect()
}

#[test]
fn tones_are_reported_as_digits_in_every_codec_of_a_trunk_and_towards_any_codec() {
    for codec in [Pcmu, Pcma, G722] {
        for to in [Opus, Pcmu, Pcma, G722] {
            let heard = relay("159D*0#", codec, to, true, |_| true);
            assert_eq!(named(&heard), "159D*0#");
            for (digit, duration_ms) in heard {
                assert!(
                    (85..=115).contains(&duration_ms),
                    "{digit}: {duration_ms} ms"
                );
            }
        }
    }
}

#[test]
fn without_detection_they_are_sound() {
    assert_eq!(relay("123", Pcmu, Opus, false, |_| true), []);
}

#[test]
fn lost_packets_split_a_tone_and_make_no_digit_up() {
    // The second packet of every tone is lost: 80 ms are left, in two pieces of which one is long enough.
    let heard = relay("1", Pcmu, Opus, true, |nth| nth != 1);
    assert_eq!(named(&heard), "1");
    assert_eq!(relay("1", Pcmu, Opus, true, |nth| nth % 2 == 0), []);
}
