//! Against the digital test sequences of ITU-T G.722 appendix II, and by ear.

use super::*;
use std::path::PathBuf;

/// One value of a test sequence, and whether the codec begins anew with it.
type Word = (i32, bool);

/// A test sequence: 16-bit words, the highest octet first.
fn sequence(name: &str) -> Option<Vec<u16>> {
    let Some(root) = std::env::var_os("CAUSEWAY_CORPORA") else {
        eprintln!("SKIPPED loudly: CAUSEWAY_CORPORA is not set ({name})");
        return None;
    };
    let folder = "vectors-g722-srtp-rfc7714/crates/sipx-audio/corpus/g722";
    let path = PathBuf::from(root).join(folder).join(name);
    let Ok(octets) = std::fs::read(&path) else {
        eprintln!("SKIPPED loudly: CAUSEWAY_CORPORA has no {name}");
        return None;
    };
    let words = octets.chunks_exact(2);
    Some(
        words
            .map(|w| u16::from_be_bytes(w.try_into().unwrap()))
            .collect(),
    )
}

/// Values of 15 bits, with the reset below them.
fn values(name: &str) -> Option<Vec<Word>> {
    let words = sequence(name)?.into_iter();
    Some(
        words
            .map(|w| (i32::from(w as i16) >> 1, w & 1 != 0))
            .collect(),
    )
}

/// Octets, with the reset below them.
fn codes(name: &str) -> Option<Vec<(u8, bool)>> {
    let words = sequence(name)?.into_iter();
    Some(words.map(|w| ((w >> 8) as u8, w & 1 != 0)).collect())
}

#[test]
fn the_encoder_codes_the_test_sequences_bit_for_bit() {
    for (input, expected) in [("bt1c1.xmt", "bt2r1.cod"), ("bt1c2.xmt", "bt2r2.cod")] {
        let (Some(input), Some(expected)) = (values(input), codes(expected)) else {
            return;
        };
        assert_eq!(input.len(), expected.len());
        let mut encoder = Encoder::default();
        let mut compared = 0;
        for (at, ((value, reset), (code, _))) in input.into_iter().zip(expected).enumerate() {
            if reset {
                encoder = Encoder::default();
                continue;
            }
            assert_eq!(encoder.octet(value, value), code, "word {at}");
            compared += 1;
        }
        assert!(compared > 700, "{compared} words compared");
    }
}

#[test]
fn the_decoder_hears_the_test_sequences_bit_for_bit() {
    for (input, low, high) in [
        ("bt2r1.cod", "bt3l1.rc1", "bt3h1.rc0"),
        ("bt2r2.cod", "bt3l2.rc1", "bt3h2.rc0"),
        ("bt1d3.cod", "bt3l3.rc1", "bt3h3.rc0"),
    ] {
        let (Some(input), Some(low), Some(high)) = (codes(input), values(low), values(high)) else {
            return;
        };
        assert_eq!((input.len(), input.len()), (low.len(), high.len()));
        let mut decoder = Decoder::default();
        let mut compared = 0;
        for (at, ((code, reset), (low, high))) in
            input.into_iter().zip(low.into_iter().zip(high)).enumerate()
        {
            if reset {
                decoder = Decoder::default();
                continue;
            }
            assert_eq!(decoder.bands(code), (low.0, high.0), "word {at}");
            compared += 1;
        }
        assert!(compared > 700, "{compared} words compared");
    }
}

fn tone(samples: usize, hz: f64, rate: f64) -> Vec<i16> {
    (0..samples)
        .map(|n| ((n as f64 * hz * std::f64::consts::TAU / rate).sin() * 8_000.0) as i16)
        .collect()
}

/// Amplitude of a tone in what lies behind the first 100 ms.
fn amplitude(sound: &[i16], hz: f64, rate: f64) -> f64 {
    let sound = &sound[(rate / 10.0) as usize..];
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (n, sample) in sound.iter().enumerate() {
        let turn = n as f64 * hz * std::f64::consts::TAU / rate;
        real += f64::from(*sample) * turn.cos();
        imaginary += f64::from(*sample) * turn.sin();
    }
    2.0 * (real * real + imaginary * imaginary).sqrt() / sound.len() as f64
}

#[test]
fn a_tone_comes_back_as_loud_at_either_rate() {
    for hz in [300.0, 1_000.0, 3_000.0, 5_000.0, 6_500.0] {
        let mut octets = vec![0; 8_000];
        let sound = tone(16_000, hz, 16_000.0);
        assert_eq!(Encoder::default().encode(&sound, &mut octets), 8_000);
        let mut heard = vec![0; 16_000];
        assert_eq!(Decoder::default().decode(&octets, &mut heard), 16_000);
        let level = amplitude(&heard, hz, 16_000.0) / 8_000.0;
        assert!((0.9..1.1).contains(&level), "{hz} Hz: {level}");
        if hz < 3_000.0 {
            let mut narrow = vec![0; 8_000];
            assert_eq!(
                Decoder::default().decode_narrow(&octets, &mut narrow),
                8_000
            );
            let level = amplitude(&narrow, hz, 8_000.0) / 8_000.0;
            assert!((0.9..1.1).contains(&level), "{hz} Hz narrow: {level}");
            assert_eq!(
                Encoder::default().encode_narrow(&tone(8_000, hz, 8_000.0), &mut octets),
                8_000
            );
            Decoder::default().decode(&octets, &mut heard);
            let level = amplitude(&heard, hz, 16_000.0) / 8_000.0;
            assert!((0.9..1.1).contains(&level), "{hz} Hz from narrow: {level}");
            Decoder::default().widen(&narrow, &mut heard);
            let level = amplitude(&heard, hz, 16_000.0) / 8_000.0;
            assert!((0.9..1.1).contains(&level), "{hz} Hz widened: {level}");
        }
    }
}

#[test]
fn the_octet_of_silence_is_silence_after_anything() {
    let mut octets = vec![0; 1_600];
    Encoder::default().encode(&tone(3_200, 1_000.0, 16_000.0), &mut octets);
    let mut decoder = Decoder::default();
    let mut heard = vec![0; 3_200];
    decoder.decode(&octets, &mut heard);
    assert_eq!(decoder.decode(&[SILENCE; 1_600], &mut heard), 3_200);
    // After 100 ms less than −50 dBov is left.
    let rest = &heard[1_600..];
    let (least, most) = (rest.iter().min().unwrap(), rest.iter().max().unwrap());
    assert!(most.abs().max(least.abs()) < 80, "{least} to {most}");
}

#[test]
fn short_slices_are_filled_as_far_as_they_go() {
    assert_eq!(Encoder::default().encode(&[1; 5], &mut [0; 9]), 2);
    assert_eq!(Decoder::default().decode(&[1; 9], &mut [0; 5]), 4);
    assert_eq!(Decoder::default().decode_narrow(&[1; 9], &mut [0; 5]), 5);
    assert_eq!(Decoder::default().widen(&[1; 9], &mut [0; 5]), 4);
}
