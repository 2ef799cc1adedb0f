//! What all the calls came to.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use serde::Serialize;

use super::call::Outcome;

/// Percentiles of a duration, milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Spread {
    /// The median.
    pub p50: f64,
    /// 95 of 100 were no slower.
    pub p95: f64,
    /// The slowest.
    pub max: f64,
}

impl Spread {
    fn of(durations: impl Iterator<Item = Duration>) -> Self {
        let mut ms: Vec<f64> = durations
            .map(|d| (d.as_secs_f64() * 10_000.0).round() / 10.0)
            .collect();
        ms.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let rank = (share * ms.len() as f64).ceil() as usize;
            ms.get(rank.saturating_sub(1)).copied().unwrap_or_default()
        };
        Self {
            p50: at(0.5),
            p95: at(0.95),
            max: at(1.0),
        }
    }
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Calls placed.
    pub calls: u32,
    /// Calls answered.
    pub connected: u32,
    /// Calls that heard the right tone.
    pub heard_ok: u32,
    /// Calls that failed in any way.
    pub failed: u32,
    /// From the click to `answered`.
    pub setup_ms: Spread,
    /// From the click to the first packet of sound.
    pub first_audio_ms: Spread,
    /// Packets of sound received and lost by all calls.
    pub packets: u64,
    /// See `packets`.
    pub lost: u64,
    /// The most sources (SSRC) one call heard.
    pub max_sources: u32,
    /// How many calls failed by each code.
    pub failures: BTreeMap<String, u32>,
    /// One sentence for each code.
    pub examples: BTreeMap<String, String>,
    /// How long it all took.
    pub seconds: f64,
}

impl Summary {
    pub(crate) fn new(calls: u32, outcomes: &[Outcome], took: Duration) -> Self {
        let count = |fits: fn(&Outcome) -> bool| outcomes.iter().filter(|o| fits(o)).count() as u32;
        let mut failures = BTreeMap::new();
        let mut examples = BTreeMap::new();
        for (code, message) in outcomes.iter().filter_map(|o| o.failure.as_ref()) {
            *failures.entry(code.clone()).or_insert(0) += 1;
            examples
                .entry(code.clone())
                .or_insert_with(|| message.clone());
        }
        // A caller whose task died told nothing.
        let missing = calls.saturating_sub(outcomes.len() as u32);
        if missing > 0 {
            failures.insert("crashed".into(), missing);
        }
        Self {
            calls,
            connected: count(|o| o.answered.is_some()),
            heard_ok: count(|o| o.heard),
            failed: count(|o| o.failure.is_some()) + missing,
            setup_ms: Spread::of(outcomes.iter().filter_map(|o| o.answered)),
            first_audio_ms: Spread::of(outcomes.iter().filter_map(|o| o.first_audio)),
            packets: outcomes.iter().map(|o| o.packets.0).sum(),
            lost: outcomes.iter().map(|o| o.packets.1).sum(),
            max_sources: outcomes.iter().map(|o| o.sources).max().unwrap_or(0),
            failures,
            examples,
            seconds: (took.as_secs_f64() * 100.0).round() / 100.0,
        }
    }

    /// In words.
    pub fn text(&self) -> String {
        let spread = |s: Spread| format!("p50 {} ms, p95 {} ms, max {} ms", s.p50, s.p95, s.max);
        let mut text = format!(
            "connected   {}/{}\nheard OK    {}\nanswered    {}\nfirst sound {}\npackets     {} received, {} lost\ntook        {} s",
            self.connected,
            self.calls,
            self.heard_ok,
            spread(self.setup_ms),
            spread(self.first_audio_ms),
            self.packets,
            self.lost,
            self.seconds
        );
        for (code, count) in &self.failures {
            let example = self
                .examples
                .get(code)
                .map(|e| format!(" — {e}"))
                .unwrap_or_default();
            text += &format!("\nfailed      {count} × {code}{example}");
        }
        text
    }
}

/// A line on standard error that grows.
#[derive(Debug)]
pub(crate) struct Progress {
    calls: u32,
    terminal: bool,
    shown: usize,
}

impl Progress {
    pub(crate) fn new(calls: u32, terminal: bool) -> Self {
        Self {
            calls,
            terminal,
            shown: 0,
        }
    }

    pub(crate) fn show(&mut self, outcomes: &[Outcome]) {
        let tenth = (self.calls as usize / 10).max(1);
        let step = if self.terminal { 1 } else { tenth };
        if outcomes.len() < self.shown + step {
            return;
        }
        self.shown = outcomes.len();
        let failed = outcomes.iter().filter(|o| o.failure.is_some()).count();
        let lit = outcomes.len() * 30 / (self.calls as usize).max(1);
        let bar = "█".repeat(lit) + &"░".repeat(30_usize.saturating_sub(lit));
        let end = if self.terminal { "\r" } else { "\n" };
        let mut out = std::io::stderr().lock();
        let _ = write!(
            out,
            "{bar} {}/{} calls, {failed} failed{end}",
            outcomes.len(),
            self.calls
        );
        let _ = out.flush();
    }

    pub(crate) fn finish(&self) {
        if self.terminal {
            eprintln!();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let spread = Spread::of((1..=100).map(Duration::from_millis));
        assert_eq!(
            spread,
            Spread {
                p50: 50.0,
                p95: 95.0,
                max: 100.0
            }
        );
        assert_eq!(Spread::of(std::iter::empty()), Spread::default());
    }

    #[test]
    fn every_failure_is_counted_and_a_caller_that_vanished_too() {
        let good = Outcome {
            answered: Some(Duration::from_millis(9)),
            heard: true,
            ..Outcome::default()
        };
        let bad = Outcome {
            failure: Some(("busy".into(), "Busy.".into())),
            ..Outcome::default()
        };
        let summary = Summary::new(3, &[good, bad], Duration::from_secs(1));
        assert_eq!(
            (summary.connected, summary.heard_ok, summary.failed),
            (1, 1, 2)
        );
        assert_eq!(summary.failures.get("crashed"), Some(&1));
        assert!(summary.text().contains("1 × busy — Busy."));
    }
}
