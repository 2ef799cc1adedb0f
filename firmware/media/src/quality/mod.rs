//! How good a call sounds: figures of five seconds in, an opinion out.
//!
//! ```text
//! far side ──stretch before──▶ box ──stretch after──▶ far side
//! ```
//!
//! One [`Way`] is what one far side hears of the other. What the box saw of the stretch before it comes from its own
//! sequence numbers; what happened behind it comes from the far side's reports. [`Meter`] makes intervals out of
//! counters that only grow, [`Way::opinion`] an opinion of an interval.
//!
//! | file | what |
//! |---|---|
//! | `emodel` | ITU-T G.107, as far as a packet network feeds it |
//! | `meter` | counters into intervals |
//! | `pattern` | losses in a row: bursts and gaps of RFC 3611 |
//! | `report` | the same for the far side: RFC 3611's VoIP metrics |

mod emodel;
mod meter;
mod pattern;
mod report;
#[cfg(test)]
mod tests;

pub use emodel::{delay_impairment, equipment_impairment, opinion_score, rating};
pub use meter::{Interval, Meter, RemoteReception};
pub use pattern::{LossPattern, LossShape, burst_ratio};
pub use report::{StreamFacts, voip_metrics};

use crate::plan::AudioCodec;
use std::time::Duration;

/// One stretch of network during an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    pub codec: AudioCodec,
    /// Packets that never came or came too late, of all that should have, 0…1.
    pub loss: f32,
    /// 1 when losses fall at random, more when they fall together ([`LossPattern`]).
    pub burst_ratio: f32,
    /// One way.
    pub delay: Duration,
}

/// What one far side heard of the other during an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Way {
    pub before: Stretch,
    pub after: Stretch,
    /// The sound is decoded and coded anew between the two; else losses of both come to one decoder.
    pub transcoded: bool,
    /// Packets, buffers and codecs: every delay that is not of a network.
    pub inside: Duration,
}

/// Mean opinion scores, 1 (bad) to 4.5 (as good as a telephone gets).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Opinion {
    /// Of the whole way.
    pub mos: f32,
    /// Of either stretch as if there were no other.
    pub before: f32,
    pub after: f32,
}

impl Stretch {
    fn impairment(&self) -> f32 {
        equipment_impairment(self.codec, self.loss, self.burst_ratio)
    }

    fn mos(&self) -> f32 {
        opinion_score(rating(self.delay, self.impairment()))
    }
}

impl Way {
    pub fn opinion(&self) -> Opinion {
        let (before, after) = (&self.before, &self.after);
        let impairment = if self.transcoded {
            // Impairments of equipment in a row add up (G.107 section 7.5, G.113 section 7).
            before.impairment() + after.impairment()
        } else {
            let loss = 1.0 - (1.0 - before.loss) * (1.0 - after.loss);
            let burst_ratio = before.burst_ratio.max(after.burst_ratio);
            equipment_impairment(after.codec, loss, burst_ratio)
        };
        let delay = before.delay + self.inside + after.delay;
        Opinion {
            mos: opinion_score(rating(delay, impairment)),
            before: before.mos(),
            after: after.mos(),
        }
    }
}
