//! How a path plays what waits in a [`Playout`] buffer: one frame a slot.

use super::holes::conceal;
use super::output::Output;
use super::{Conversion, Gate, Path, Sink};
use crate::jitter::{Delivery, Fate, Playout, Turn};
use crate::opus;
use crate::plan::{AudioCodec, AudioFormat};
use crate::rtp::Header;
use std::time::{Duration, Instant};

/// Turns taken at once at most: as many packets as can wait, and as many frames as can be made up.
const MAX_TURNS: usize = 64;

/// A trunk's far side has a small buffer of fixed length as a rule, and a browser a better one than ours.
pub(super) fn is_worth_it(from: &AudioFormat, to: &AudioFormat) -> bool {
    from.codec == AudioCodec::Opus && to.codec != AudioCodec::Opus
}

pub(super) fn playout_for(from: &AudioFormat, to: &AudioFormat) -> Option<Box<Playout>> {
    is_worth_it(from, to).then(|| Box::new(Playout::new(from.codec.clock_rate())))
}

/// Two frames that become one: the first passes into the second.
#[derive(Debug, Default)]
pub(super) struct Merge {
    stage: Stage,
    first: Vec<i16>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Idle,
    /// The next frame is the first of two …
    Wanted,
    /// … and was taken.
    Half,
}

impl Merge {
    /// Takes a frame that was decoded; gives what is to be heard of it now.
    pub(super) fn take<'a>(&'a mut self, pcm: &'a [i16]) -> Option<&'a [i16]> {
        match std::mem::take(&mut self.stage) {
            Stage::Idle => Some(pcm),
            Stage::Wanted => {
                self.first.clear();
                self.first.extend_from_slice(pcm);
                self.stage = Stage::Half;
                None
            }
            Stage::Half => {
                let length = pcm.len().max(1) as i32;
                self.first.resize(pcm.len(), 0);
                for (at, (first, second)) in (0_i32..).zip(self.first.iter_mut().zip(pcm)) {
                    let mixed = i32::from(*first) * (length - at) + i32::from(*second) * at;
                    *first = (mixed / length) as i16;
                }
                Some(&self.first)
            }
        }
    }
}

impl Path {
    /// Takes a packet of an input that has a buffer. `false` as from `Sequencer::push`.
    pub(super) fn buffer(
        &mut self,
        header: Header,
        payload: &[u8],
        restored: bool,
        now: Instant,
        out: &mut Output,
    ) -> bool {
        let is_sound = self
            .conversion
            .input
            .codec_of(header.payload_type)
            .is_some();
        let is_event = self.conversion.input.is_event(header.payload_type);
        let Some(playout) = &mut self.playout else {
            return false;
        };
        let is_ours = self.sequencer.ssrc() == Some(header.ssrc);
        let sounds = is_sound && !payload.is_empty();
        // What a later packet brought says nothing of the network.
        let came = is_ours && !restored;
        if came {
            playout.note(&header);
        }
        if came && sounds {
            playout.note_sound(&header, now);
        }
        if playout.is_on() {
            let fate = if is_ours {
                playout.insert(header, payload, !sounds, now)
            } else {
                Fate::Foreign
            };
            match fate {
                Fate::Waits | Fate::Resumes => {
                    if came && playout.is_overtaken(&header) {
                        self.sequencer.put_right();
                    }
                    if fate == Fate::Resumes {
                        self.conversion.resumes();
                    }
                    if is_event {
                        let delivery = Delivery {
                            header,
                            payload,
                            lost: 0,
                            restart: false,
                        };
                        self.conversion.event(&delivery, now, out);
                    }
                    self.play_due(now, out);
                    return true;
                }
                Fate::Late => {
                    self.sequencer.too_late(now);
                    return true;
                }
                Fate::Foreign => self.empty(now, out),
            }
        }
        let wary = self.playout.as_ref().is_some_and(|p| p.is_wary());
        let conversion = &mut self.conversion;
        let mut played = None;
        let deliver = |delivery: Delivery<'_>| {
            played = Some((delivery.header, delivery.restart));
            conversion.deliver(delivery, now, out);
        };
        // Where packets do not overtake each other a missing one is lost, and waiting for it delays what follows.
        let belongs = if !wary && self.sequencer.is_early(&header) {
            self.sequencer.turn(header, payload, now, deliver);
            true
        } else {
            self.sequencer.push(header, payload, now, deliver)
        };
        let Some(playout) = &mut self.playout else {
            return belongs;
        };
        match played {
            Some((_, true)) => {
                playout.reset();
                playout.note(&header);
                playout.note_sound(&header, now);
            }
            // Nothing may wait elsewhere when it begins.
            Some((last, false)) if self.sequencer.poll_timeout().is_none() && sounds => {
                let frame = duration(self.conversion.input.frame());
                if playout.start(&last, frame, now) {
                    // What came late so far has left late: what follows stands where the clock is, or it would be
                    // that much later for who listens with a fixed buffer.
                    self.conversion.emitter.break_off();
                }
            }
            _ => {}
        }
        belongs
    }

    /// Fills the slots that are due.
    pub(super) fn play_due(&mut self, now: Instant, out: &mut Output) {
        for _ in 0..MAX_TURNS {
            let Some(playout) = &mut self.playout else {
                return;
            };
            if playout.poll_timeout().is_none_or(|at| at > now) {
                return;
            }
            if playout.is_over() {
                self.empty(now, out);
                return;
            }
            let silent = self.conversion.input.is_silent();
            let Some(turn) = playout.turn(silent, now) else {
                continue;
            };

            let conversion = &mut self.conversion;
            match turn {
                Turn::Play(place) => self.play(place, now, out),
                Turn::Fuse(place) => {
                    conversion.merge.stage = Stage::Wanted;
                    conversion.counters.merged += 1;
                    self.play(place, now, out);
                }
                Turn::Lost(next) => {
                    let next = next.and_then(|place| playout.packet(place));
                    let next = next.map(|(_, payload)| payload);
                    conversion.make_up(next, now, out);
                    conversion.covered();
                }
                Turn::Covered => conversion.covered(),
                Turn::Dry | Turn::Stretch => {
                    conversion.make_up(None, now, out);
                    conversion.counters.stretched += 1;
                }
            }
        }
    }

    /// Plays all that waits at once; packets are passed on as they come from now on.
    pub(super) fn empty(&mut self, now: Instant, out: &mut Output) {
        while let Some(place) = self.playout.as_mut().and_then(|p| p.earliest()) {
            self.play(place, now, out);
        }
        if let Some(playout) = &mut self.playout {
            playout.stop();
        }
    }

    fn play(&mut self, place: usize, now: Instant, out: &mut Output) {
        let Some(playout) = &mut self.playout else {
            return;
        };
        let conversion = &mut self.conversion;
        if let Some((header, payload)) = playout.packet(place) {
            self.sequencer.turn(header, payload, now, |delivery| {
                conversion.deliver(delivery, now, out);
            });
        }
        playout.done(place, duration(conversion.input.frame()), now);
        if conversion.comfort.is_silent() {
            // Nothing is late that is not sent.
            playout.rest();
        }
    }
}

impl Conversion {
    /// Sound goes on after nothing was heard for a while, which is not filled any more.
    fn resumes(&mut self) {
        if !self.comfort.is_silent() {
            self.emitter.break_off();
        }
        self.made_up = u16::MAX;
    }

    /// A lost frame was made up before its loss is told.
    fn covered(&mut self) {
        self.counters.concealed += 1;
        self.made_up = self.made_up.saturating_add(1);
    }

    /// Puts a frame into the output that is none of the input; `next` is the packet right behind it.
    fn make_up(&mut self, next: Option<&[u8]>, now: Instant, output: &mut Output) {
        if self.gate == Gate::Closed || self.digits.withhold_sound() {
            return;
        }
        let Self {
            input,
            emitter,
            counters,
            ..
        } = self;
        let (codec, samples) = (input.format.codec, input.frame());
        let before = counters.concealed;
        let out = &mut Sink { output, counters };
        conceal(input, emitter, codec, samples, next, now, out);
        // Whether it was for a loss, the caller knows.
        out.counters.concealed = before;
        self.comfort.note_made(samples);
    }
}

fn duration(samples: usize) -> Duration {
    Duration::from_micros(samples as u64 * 1_000_000 / u64::from(opus::SAMPLE_RATE))
}
