//! What the box says of a stream in an extended report.

use super::pattern::MIN_GAP;
use super::{LossPattern, Stretch, opinion_score, rating};
use crate::jitter::HOLD;
use crate::rtcp::VoipMetrics;
use std::time::Duration;

/// Concealment enhanced, jitter buffer not adaptive (RFC 3611 section 4.7.6).
const CONCEALED: u8 = 0b1010_0000;
/// Concealment left to whoever plays it.
const PASSED_ON: u8 = 0b0010_0000;

/// What is known of a stream besides its losses.
#[derive(Clone, Copy, Debug)]
pub struct StreamFacts {
    pub ssrc: u32,
    /// How it goes over that stretch.
    pub stretch: Stretch,
    /// Of one packet.
    pub packet_time: Duration,
    /// In the box, on average.
    pub waited: Duration,
    pub late: u64,
    /// The box fills its holes.
    pub concealed: bool,
}

/// The VoIP metrics block about a stream, of everything since it began.
pub fn voip_metrics(pattern: &LossPattern, facts: &StreamFacts) -> VoipMetrics {
    let ms = |time: Duration| u16::try_from(time.as_millis()).unwrap_or(u16::MAX);
    let shape = pattern.shape();
    // Neither is a number of packets worth an overflow: a gap of a day is told as the longest there is.
    let lasts = |packets: u32| ms(facts.packet_time.saturating_mul(packets));
    let share = |count: u64| {
        let all = (pattern.received() + pattern.lost()).max(1);
        (count.saturating_mul(256) / all).min(255) as u8
    };
    let tenths = |mos: f32| (mos * 10.0).round().clamp(10.0, 50.0) as u8;
    let equipment = facts.stretch.impairment();
    let conversation = rating(facts.stretch.delay, equipment);
    let listening = rating(Duration::ZERO, equipment);
    // What came late was missed first.
    let late = facts.late.min(pattern.lost());
    VoipMetrics {
        loss_rate: share(pattern.lost() - late),
        discard_rate: share(late),
        burst_density: shape.burst_density,
        gap_density: shape.gap_density,
        burst_ms: lasts(shape.burst_packets),
        gap_ms: lasts(shape.gap_packets),
        round_trip_ms: ms(facts.stretch.delay * 2),
        end_system_ms: ms(facts.packet_time + facts.waited),
        min_gap: MIN_GAP,
        r_factor: conversation.round() as u8,
        mos_lq: tenths(opinion_score(listening)),
        mos_cq: tenths(opinion_score(conversation)),
        receiver_configuration: if facts.concealed {
            CONCEALED
        } else {
            PASSED_ON
        },
        buffer_ms: ms(facts.waited),
        buffer_max_ms: ms(HOLD),
        buffer_limit_ms: ms(HOLD),
        ..VoipMetrics::unknown(facts.ssrc)
    }
}
