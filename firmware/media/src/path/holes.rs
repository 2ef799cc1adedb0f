//! Sound in the place of what was lost.

use super::emitter::{Emitter, Sink};
use super::input::{Input, MAX_CONCEALED};
use crate::plan::AudioCodec;
use std::time::Instant;

/// Fills a hole of `lost` packets with made-up sound, as far as that is worth hearing.
pub(super) fn fill(
    input: &mut Input,
    emitter: &mut Emitter,
    codec: AudioCodec,
    (lost, frame): (u16, usize),
    next: &[u8],
    now: Instant,
    out: &mut Sink<'_>,
) {
    let made_up = lost.min(MAX_CONCEALED);
    for nth in 1..=made_up {
        // Only the packet just before `next` has its redundancy in it.
        let next = (nth == lost).then_some(next);
        conceal(input, emitter, codec, frame, next, now, out);
    }
    emitter.leave_out(usize::from(lost - made_up) * frame);
}

/// Makes up one frame; `next` is the packet right behind it.
pub(super) fn conceal(
    input: &mut Input,
    emitter: &mut Emitter,
    codec: AudioCodec,
    samples: usize,
    next: Option<&[u8]>,
    now: Instant,
    out: &mut Sink<'_>,
) {
    if let Some(pcm) = input.conceal(codec, samples, next) {
        out.counters.concealed += 1;
        emitter.sound(pcm, now, out);
    } else {
        emitter.leave_out(samples);
    }
}
