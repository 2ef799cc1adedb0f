//! How often somebody who has shown no credential is answered over UDP, where anybody can write anybody's address as the
//! sender's. A refusal is up to four times as long as the shortest request: at this pace it is of no use against whom it
//! is sent to.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Answers a second to one source (IPv6: one /64) in the long run; a call's set-up asks for one to three.
const PER_SECOND: f64 = 20.0;
/// Answers to it at once.
const BURST: f64 = 100.0;
/// Sources remembered; further ones share one measure.
const SOURCES: usize = 4_096;
/// Between two looks at all of them.
const SWEEP: Duration = Duration::from_secs(1);

/// The measure of all sources.
#[derive(Debug, Default)]
pub struct Rate {
    sources: HashMap<IpAddr, Level>,
    others: Option<Level>,
    /// When it was last looked for sources that can be forgotten.
    swept: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    left: f64,
    at: Instant,
}

impl Level {
    fn fill(&mut self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + passed * PER_SECOND).min(BURST);
        self.at = self.at.max(now);
        self.left
    }
}

impl Rate {
    /// Whether one more answer may go there.
    pub fn allows(&mut self, source: IpAddr, now: Instant) -> bool {
        let source = crate::quota::network(source);
        let full = Level {
            left: BURST,
            at: now,
        };
        let rested = self
            .swept
            .is_none_or(|at| now.saturating_duration_since(at) >= SWEEP);
        if rested && self.sources.len() >= SOURCES && !self.sources.contains_key(&source) {
            self.swept = Some(now);
            self.sources.retain(|_, level| level.fill(now) < BURST);
        }
        let level = if self.sources.len() >= SOURCES && !self.sources.contains_key(&source) {
            self.others.get_or_insert(full)
        } else {
            self.sources.entry(source).or_insert(full)
        };
        let enough = level.fill(now) >= 1.0;
        if enough {
            level.left -= 1.0;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_its_burst_and_then_its_pace() {
        let mut rate = Rate::default();
        let start = Instant::now();
        let (here, there): (IpAddr, IpAddr) =
            ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let granted = (0..500).filter(|_| rate.allows(here, start)).count();
        assert_eq!(granted, 100);
        assert!(rate.allows(there, start), "another source has its own");
        let later = start + Duration::from_secs(1);
        let granted = (0..500).filter(|_| rate.allows(here, later)).count();
        assert_eq!(granted, 20);
    }

    #[test]
    fn sources_are_bounded() {
        let mut rate = Rate::default();
        let start = Instant::now();
        for n in 0..20_000_u32 {
            rate.allows(IpAddr::from(n.to_be_bytes()), start);
        }
        assert_eq!(rate.sources.len(), SOURCES);
        let later = start + Duration::from_secs(10);
        assert!(rate.allows(IpAddr::from([255, 0, 0, 1]), later));
        assert_eq!(rate.sources.len(), 1, "those that were full again went");
    }
}
