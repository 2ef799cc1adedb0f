//! Silence that a source announces: nothing comes for a while, and the far side hears the noise of the line.
//!
//! A browser with Opus announces it by a packet that is hardly more than its first octet (discontinuous transmission,
//! RFC 6716 section 2.1.9), a PBX by comfort noise (RFC 3389), whose loudness is taken and whose spectrum is not.
//!
//! | state | what | output | then |
//! |---|---|---|---|
//! | sounding | silence is announced | noise from now on | silent |
//! | sounding, after a source that has done so before | nothing for [`OVERDUE`] | noise: the word was lost | silent |
//! | silent | a frame is due | one of noise; nothing to a far side that makes its own, which is told how loud | silent |
//! | silent | announced again | as loud as is told now | silent |
//! | silent | sound | what of the pause is missing as noise, then the sound | sounding |
//!
//! Frames leave a little later than they could, so that a packet that jitters is not taken for a longer pause. Noise
//! that was too much all the same is owed: the next pause begins with less of it. So no word is cut, and the output
//! stays in time.
//!
//! Where Opus passes as Opus its pauses pass as they are.

use super::emitter::Sink;
use super::input::MAX_CONCEALED;
use super::output::Output;
use super::{Conversion, Gate, Passage};
use crate::jitter::Delivery;
use crate::opus;
use crate::plan::AudioCodec;
use std::time::{Duration, Instant};

/// For so long a packet may be late before a frame of noise takes its place.
const SLACK: Duration = Duration::from_millis(10);
/// Nothing for so long is silence of a source that is known for it.
const OVERDUE: Duration = Duration::from_millis(60);
/// Samples of a frame of noise, 20 ms.
const FRAME: u32 = 160;
const FRAME_TIME: Duration = Duration::from_millis(20);
/// Frames made at once at most: later than that nobody was there to ask for them.
const MAX_TURNS: usize = 64;
/// Farther off than a second, the source's clock stood still, and says nothing of the pause.
const BELIEVED: i32 = 8_000;
/// An Opus packet of so many octets has no sound in it.
const ANNOUNCES: usize = 2;
/// To a far side that makes its own noise its loudness is told again when it differs by more, in dB.
const SAME: u8 = 2;

#[derive(Debug, Default)]
pub(super) struct Comfort {
    /// The source has announced silence before.
    is_known: bool,
    /// How loud it says it is, in −dBov.
    level: Option<u8>,
    /// When a frame is due, or silence is noticed.
    due: Option<Instant>,
    /// Noise made in this pause, in samples at 8 kHz; none while there is sound.
    made: Option<i32>,
    /// Noise that was too much in the pauses before.
    owed: i32,
    /// What the far side was told in this pause.
    told: Option<u8>,
    dice: u32,
}

impl Comfort {
    pub(super) const fn is_silent(&self) -> bool {
        self.made.is_some()
    }

    pub(super) const fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// The pause is over, or nothing is wanted of it.
    pub(super) fn stop(&mut self) {
        self.due = None;
        self.made = None;
        self.told = None;
    }

    /// So many samples were put into the pause by somebody else.
    pub(super) fn note_made(&mut self, samples: usize) {
        if let Some(made) = &mut self.made {
            *made = made.saturating_add(samples as i32);
        }
    }

    /// A pause begins, of which a first frame is due at `due`, less what is owed.
    fn begin(&mut self, due: Instant) {
        let owed = std::mem::take(&mut self.owed).max(0);
        self.made = Some(owed);
        self.due = Some(due + time(owed));
        self.told = None;
    }
}

impl Conversion {
    /// Whether pauses of the input are filled here.
    fn fills_pauses(&self) -> bool {
        self.gate != Gate::Closed
            && Passage::between(self.input.format.codec, self.emitter.format.codec)
                != Passage::Whole
    }

    /// A packet of comfort noise: it stands where sound would, and for all that follows.
    pub(super) fn noise_announced(
        &mut self,
        delivery: &Delivery<'_>,
        now: Instant,
        output: &mut Output,
    ) {
        let Some(level) = delivery.payload.first() else {
            return;
        };
        let comfort = &mut self.comfort;
        comfort.is_known = true;
        comfort.level = Some(level & 0x7F);
        if comfort.is_silent() || !self.fills_pauses() {
            return;
        }
        self.input.pauses_at(delivery.header.timestamp);
        self.comfort.begin(now);
        self.comfort_due(now, output);
    }

    /// Notes a packet of sound that left at `now`; it may announce that none follows.
    pub(super) fn heard(&mut self, codec: AudioCodec, payload: &[u8], now: Instant) {
        let announces = codec == AudioCodec::Opus && payload.len() <= ANNOUNCES;
        self.comfort.is_known |= announces;
        if !self.comfort.is_known || !self.fills_pauses() {
            return;
        }
        let frame = time(self.input.frame() as i32);
        if announces {
            self.comfort.level = None;
            self.comfort.begin(now + frame + SLACK);
        } else {
            self.comfort.due = Some(now + frame + OVERDUE);
        }
    }

    /// Sound comes after a pause in which the source's clock went on by `gap` samples. Says whether there was one.
    pub(super) fn pause_ends(&mut self, gap: i32, now: Instant, output: &mut Output) -> bool {
        let Some(made) = self.comfort.made else {
            return false;
        };
        let told = self.comfort.told.is_some();
        self.comfort.stop();
        if told {
            // Nothing has left for a while: the sound stands where the clock is.
            self.emitter.break_off();
            return true;
        }
        let too_much = made - gap;
        if too_much.abs() > BELIEVED {
            return true;
        }
        let missing = (-too_much / FRAME as i32).max(0);
        for _ in 0..missing.min(i32::from(MAX_CONCEALED)) {
            self.noise(now, output);
        }
        let rest = (missing - i32::from(MAX_CONCEALED)).max(0);
        self.emitter.leave_out((rest * FRAME as i32) as usize);
        self.comfort.owed = too_much + missing * FRAME as i32;
        true
    }

    /// Makes the frames of noise that are due.
    pub(super) fn comfort_due(&mut self, now: Instant, output: &mut Output) {
        for _ in 0..MAX_TURNS {
            let Some(due) = self.comfort.due.filter(|due| *due <= now) else {
                return;
            };
            if !self.fills_pauses() {
                self.comfort.stop();
                return;
            }
            if self.comfort.made.is_none() {
                // The word was lost. What has passed since is left out, and what was owed with it.
                self.comfort.owed = 0;
                self.comfort.begin(due);
                self.comfort.note_made((OVERDUE.as_millis() * 8) as usize);
                self.emitter.break_off();
                continue;
            }
            self.noise(now, output);
            self.comfort.note_made(FRAME as usize);
            // Behind the first frame of a pause that was announced by noise itself, the slack.
            let first = self.comfort.made == Some(FRAME as i32) && self.comfort.level.is_some();
            let slack = if first { SLACK } else { Duration::ZERO };
            self.comfort.due = Some(due + FRAME_TIME + slack);
        }
        self.comfort.due = Some(now + FRAME_TIME);
    }

    /// One frame of noise towards the far side, or the word that it shall make its own.
    fn noise(&mut self, now: Instant, output: &mut Output) {
        if self.digits.withhold_sound() {
            return;
        }
        let Self {
            input,
            emitter,
            counters,
            comfort,
            ..
        } = self;
        let level = comfort.level;
        let Some(pcm) = (match (input.format.codec, level) {
            (AudioCodec::Opus, _) => input.conceal(AudioCodec::Opus, FRAME as usize, None),
            (_, level) => {
                let level = level.unwrap_or(LEAST_TOLD);
                Some(input.noise(level, FRAME as usize, &mut comfort.dice))
            }
        }) else {
            emitter.leave_out(FRAME as usize);
            return;
        };
        counters.noise += 1;
        let out = &mut Sink { output, counters };
        if emitter.makes_own_noise() {
            let level = level.unwrap_or_else(|| loudness(pcm));
            if comfort.told.is_none_or(|told| told.abs_diff(level) > SAME) {
                comfort.told = Some(level);
                emitter.tell_noise(level, now, out);
            }
        } else {
            emitter.sound(pcm, now, out);
        }
    }
}

/// In −dBov: what is made of a pause whose source has not told how loud it is.
const LEAST_TOLD: u8 = 70;

/// In −dBov, 0 to 127.
fn loudness(pcm: &[i16]) -> u8 {
    let levels = super::Levels::of(pcm);
    levels.map_or(127, |levels| {
        (-levels.rms_dbov).round().clamp(0.0, 127.0) as u8
    })
}

fn time(samples: i32) -> Duration {
    let samples = u64::from(samples.max(0).unsigned_abs());
    Duration::from_micros(samples * 1_000_000 / u64::from(opus::SAMPLE_RATE))
}
