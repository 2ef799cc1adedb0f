//! Digits that come as tones in the sound.

use super::input::Continuity;
use super::output::{Output, PathEvent};
use super::{Conversion, PathCounters};
use crate::dtmf::{Heard, ToneDetector, digit_of};
use crate::g711::Law;
use crate::g722;
use crate::plan::AudioCodec;

/// Who listens, at 8 kHz.
#[derive(Debug, Default)]
pub(super) struct Listener {
    detector: ToneDetector,
    /// The path's own hears at 16 kHz, or not at all.
    g722: g722::Decoder,
}

impl Conversion {
    /// Listens to one packet of sound.
    pub(super) fn tones_in(
        &mut self,
        codec: AudioCodec,
        payload: &[u8],
        place: Continuity,
        output: &mut Output,
    ) {
        match place {
            Continuity::Follows => {}
            Continuity::After { lost, frame } => {
                self.tones_broken(usize::from(lost) * frame, output);
            }
            Continuity::Jump => self.tones_broken(usize::MAX, output),
        }
        let Some(tones) = &mut self.tones else {
            return;
        };
        let Listener { detector, g722 } = &mut **tones;
        let law = Law::of(codec);
        if law.is_none() && codec != AudioCodec::G722 {
            return;
        }
        let counters = &mut self.counters;
        for octet in payload {
            let mut sample = [0];
            match law {
                Some(law) => sample = [law.decode(*octet)],
                None => _ = g722.decode_narrow(&[*octet], &mut sample),
            }
            detector.push(&sample, |heard| tell(heard, counters, output));
        }
    }

    /// So much sound is missing, or another source begins.
    pub(super) fn tones_broken(&mut self, samples: usize, output: &mut Output) {
        if let Some(tones) = &mut self.tones {
            let counters = &mut self.counters;
            tones
                .detector
                .gap(samples, |heard| tell(heard, counters, output));
        }
    }
}

fn tell(heard: Heard, counters: &mut PathCounters, output: &mut Output) {
    if let Some(digit) = digit_of(heard.code) {
        counters.digits_in += 1;
        output.push_event(PathEvent::Digit {
            digit,
            duration_ms: heard.duration_ms,
        });
    }
}
