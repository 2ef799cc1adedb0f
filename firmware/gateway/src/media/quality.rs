//! How a bridged leg's far side hears: every five seconds, with the leg's RTCP, from what is counted anyway.
//!
//! ```text
//! far side of the peer ──▶ peer ──▶ path of the leg ──▶ far side of the leg
//!   before: the path's own input counters               after: the far side's reports
//! ```
//!
//! What nobody measures is assumed: a receiver keeps two packets and twice its jitter in its buffer, unless its
//! extended report says what it keeps.

use super::leg::{End, Leg};
use super::{LegKey, Table};
use causeway_media::path::{Gate, Levels, Path, is_transcoded};
use causeway_media::plan::{AudioCodec, AudioFormat};
use causeway_media::quality::{self, Interval, StreamFacts, Stretch, Way};
use causeway_media::rtcp::VoipMetrics;
use std::time::Duration;

/// What an Opus encoder looks ahead (RFC 6716 section 2: 2.5 ms, and 4 ms of its resampler).
const OPUS_LOOKAHEAD: Duration = Duration::from_micros(6_500);

/// What the far side of a leg heard of its peer's far side since the last sample. Scores are mean opinion scores, 1 to 4.5.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QualitySample {
    /// Of the whole way.
    pub mos: f32,
    /// Of the way to the box, and of the way from it, alone.
    pub mos_before: f32,
    /// `None` while the far side reports nothing.
    pub mos_after: Option<f32>,
    /// Packets that should have come to the box, those that did not come in time, and frames made up.
    pub expected: u32,
    pub lost: u32,
    pub concealed: u32,
    /// 1 when losses fall at random.
    pub burst_ratio: f32,
    /// What was lost behind the box, 0…1; `None` while the far side reports nothing.
    pub loss_after: Option<f32>,
    /// From mouth to ear, partly assumed.
    pub delay_ms: f32,
    /// Of the last frame; `None` where it is not known.
    pub level: Option<Levels>,
}

/// The sample of a leg, or `None` when there is too little to judge.
pub fn sample(legs: &mut Table<LegKey, Leg>, key: LegKey) -> Option<QualitySample> {
    let peer = legs.get(&key)?.peer?;
    let (from, before_delay) = {
        let peer = legs.get(&peer)?;
        (peer.heard()?, one_way(peer))
    };
    let leg = legs.get_mut(&key)?;
    let to = leg.format?;
    let path = leg.path.as_ref()?;
    let counters = *path.counters();
    if path.gate() != Gate::Open {
        // What is held or muted is meant to be silent.
        leg.meter.skip(&counters);
        return None;
    }
    let (remote, first) = (leg.remote(), leg.identity.first_sequence);
    let interval = leg.meter.take(&counters, remote, first)?;
    let level = leg.path.as_ref().and_then(Path::levels);
    let way = way(leg, from, to, before_delay, &interval);
    let opinion = way.opinion();
    let delay = way.before.delay + way.inside + way.after.delay;
    Some(QualitySample {
        mos: opinion.mos,
        mos_before: opinion.before,
        mos_after: interval.loss_after.map(|_| opinion.after),
        expected: interval.expected,
        lost: interval.lost,
        concealed: interval.concealed,
        burst_ratio: interval.burst_ratio,
        loss_after: interval.loss_after,
        delay_ms: delay.as_secs_f32() * 1000.0,
        level,
    })
}

fn way(
    leg: &Leg,
    from: AudioFormat,
    to: AudioFormat,
    before_delay: Duration,
    interval: &Interval,
) -> Way {
    let metrics = leg.remote_metrics();
    // What its jitter buffer threw away its plain report counts as received.
    let discarded = metrics.map_or(0.0, |m| f32::from(m.discard_rate) / 256.0);
    let is_opus = |format: &AudioFormat| format.codec == AudioCodec::Opus;
    let packet = packet_time(&from).max(packet_time(&to));
    let buffer = match metrics.map(|m| m.buffer_ms).filter(|ms| *ms > 0) {
        Some(ms) => Duration::from_millis(ms.into()),
        None => packet * 2 + leg.remote_jitter() * 2,
    };
    let lookahead = if is_opus(&from) || is_opus(&to) {
        OPUS_LOOKAHEAD
    } else {
        Duration::ZERO
    };
    Way {
        before: Stretch {
            codec: from.codec,
            loss: interval.loss(),
            burst_ratio: interval.burst_ratio,
            delay: before_delay,
        },
        after: Stretch {
            codec: to.codec,
            loss: (interval.loss_after.unwrap_or(0.0) + discarded).min(1.0),
            burst_ratio: 1.0,
            delay: one_way(leg),
        },
        transcoded: is_transcoded(from.codec, to.codec),
        inside: packet + interval.waited + buffer + lookahead,
    }
}

/// The VoIP metrics block for a trunk that wants one, about the stream that comes from there.
pub fn extended_report(legs: &Table<LegKey, Leg>, key: LegKey) -> Option<VoipMetrics> {
    let leg = legs.get(&key)?;
    if !leg.voip_metrics || !matches!(leg.end, End::Trunk(_)) {
        return None;
    }
    let format = leg.format?;
    let ssrc = leg.source()?;
    // Its sound is put in order by the path that it is the input of.
    let path = legs.get(&leg.peer?)?.path.as_ref()?;
    let (pattern, counters) = (path.loss_pattern(), path.counters());
    let all = (pattern.received() + pattern.lost()).max(1);
    let delivered = u32::try_from(counters.delivered).unwrap_or(u32::MAX).max(1);
    let concealed = is_transcoded(path.from().codec, path.to().codec);
    Some(quality::voip_metrics(
        pattern,
        &StreamFacts {
            ssrc,
            stretch: Stretch {
                codec: format.codec,
                loss: pattern.lost() as f32 / all as f32,
                burst_ratio: quality::burst_ratio(all, pattern.lost(), pattern.holes()),
                delay: one_way(leg),
            },
            packet_time: packet_time(&format),
            waited: counters.waited / delivered,
            late: counters.late,
            concealed,
        },
    ))
}

fn packet_time(format: &AudioFormat) -> Duration {
    Duration::from_millis(format.ptime_ms.into())
}

fn one_way(leg: &Leg) -> Duration {
    leg.round_trip().unwrap_or_default() / 2
}
