//! Which packets of a source have not come, and when it is asked for them (generic NACK, RFC 4585 section 6.2.1).
//!
//! | a packet | is |
//! |---|---|
//! | stepped over by a newer one | asked for after [`PATIENCE`]: it may only be late |
//! | still missing | asked for again every [`EVERY`], [`MOST_TIMES`] in all |
//! | come, or asked for often enough | forgotten |
//!
//! A jump of more than [`MOST`] is another run or a dead network, which a key frame mends.

use std::time::{Duration, Instant};

/// Packets at once.
const MOST: usize = 64;
const PATIENCE: Duration = Duration::from_millis(10);
const EVERY: Duration = Duration::from_millis(80);
const MOST_TIMES: u8 = 5;

/// See the module.
#[derive(Debug, Default)]
pub struct MissingPackets {
    source: Option<u32>,
    newest: u16,
    missing: Vec<Missing>,
}

#[derive(Clone, Copy, Debug)]
struct Missing {
    sequence: u16,
    due: Instant,
    asked: u8,
}

impl MissingPackets {
    /// A packet of `source` came.
    pub fn handle(&mut self, source: u32, sequence: u16, now: Instant) {
        if self.source.replace(source) != Some(source) {
            self.missing.clear();
            self.newest = sequence;
            return;
        }
        let step = sequence.wrapping_sub(self.newest);
        if step == 0 {
            return;
        }
        // Half of the numbers lie ahead, the other half behind (RFC 3550 appendix A.1).
        if step >= 0x8000 {
            self.missing.retain(|missing| missing.sequence != sequence);
            return;
        }
        let stepped_over = usize::from(step) - 1;
        if stepped_over + self.missing.len() > MOST {
            self.missing.clear();
        } else {
            let first = self.newest.wrapping_add(1);
            let over = (0..step - 1).map(|n| Missing {
                sequence: first.wrapping_add(n),
                due: now + PATIENCE,
                asked: 0,
            });
            self.missing.extend(over);
        }
        self.newest = sequence;
    }

    /// When [`Self::take`] will have something.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.missing.iter().map(|missing| missing.due).min()
    }

    /// Appends the numbers that the source shall be asked for now, in their order.
    pub fn take(&mut self, now: Instant, numbers: &mut Vec<u16>) {
        for missing in &mut self.missing {
            if missing.due <= now {
                missing.asked += 1;
                missing.due = now + EVERY;
                numbers.push(missing.sequence);
            }
        }
        self.missing.retain(|missing| missing.asked < MOST_TIMES);
    }
}
