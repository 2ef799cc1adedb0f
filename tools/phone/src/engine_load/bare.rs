//! The codec alone: what no engine that transcodes can do without.

use std::hint::black_box;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use super::speech::Speech;
use crate::media::g711::Law;

/// Turns taken; the quickest counts, because others use the machine too.
const TURNS: usize = 5;
/// As libopus names it: a fair voice at half the cost of the best.
const COMPLEXITY: i32 = 5;
const BITRATE: i32 = 24_000;

/// Processor time of a call and second, in milliseconds: Opus to PCMU and PCMU to Opus, at 8 kHz.
///
/// # Errors
/// What libopus said.
pub fn milliseconds(speech: &Speech) -> Result<f64, String> {
    let mut least = Duration::MAX;
    for _ in 0..TURNS {
        least = least.min(turn(speech)?);
    }
    let frames = speech.frames() as f64;
    Ok(least.as_secs_f64() * 1e3 / frames * 50.0)
}

fn turn(speech: &Speech) -> Result<Duration, String> {
    let before = used()?;
    both_ways(speech).map_err(|e| e.to_string())?;
    Ok(used()?.saturating_sub(before))
}

/// Time on a processor: what others run meanwhile does not count.
fn used() -> Result<Duration, String> {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .map(Duration::from)
        .map_err(|e| e.to_string())
}

fn both_ways(speech: &Speech) -> Result<(), opus::Error> {
    let mut decoder = opus::Decoder::new(8000, opus::Channels::Mono)?;
    let mut encoder = opus::Encoder::new(8000, opus::Channels::Mono, opus::Application::Voip)?;
    encoder.set_complexity(COMPLEXITY)?;
    encoder.set_bitrate(opus::Bitrate::Bits(BITRATE))?;
    encoder.set_signal(opus::Signal::Voice)?;
    encoder.set_inband_fec(true)?;
    encoder.set_packet_loss_perc(5)?;
    let mut sound = [0_i16; 960];
    let mut octets = [0_u8; 400];
    for (opus, pcmu) in speech.opus.iter().zip(&speech.pcmu) {
        let count = decoder.decode(opus, &mut sound, false)?;
        for (octet, sample) in octets.iter_mut().zip(&sound[..count]) {
            *octet = Law::Pcmu.encode(*sample);
        }
        black_box(&octets);
        for (sample, octet) in sound.iter_mut().zip(pcmu) {
            *sample = Law::Pcmu.decode(*octet);
        }
        black_box(encoder.encode(&sound[..pcmu.len()], &mut octets)?);
    }
    Ok(())
}
