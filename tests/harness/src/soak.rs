//! Whether a box holds as much, and answers as soon, after hours as it did after minutes.

use serde_json::Value;

use crate::{HarnessError, Result};

/// What may be held more in the last quarter than in the second: what is kept of ended calls on purpose (8 MiB of
/// messages), and an allocator's ways.
const KEPT_KIB: f64 = 8.0 * 1024.0;
const MEMORY_PERCENT: f64 = 10.0;
/// … and than in the third: a leak goes on when everything is full that has a bound.
const STILL_PERCENT: f64 = 5.0;
/// Sockets of calls that are just being set up or closed.
const DESCRIPTORS: f64 = 8.0;
/// A p99 of that many milliseconds is nobody's concern, whatever it was before.
const UNHEARD_MS: f64 = 20.0;
const LATER: f64 = 1.5;
const DELIVERED: f64 = 99.9;

/// A figure of a minute.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    pub name: &'static str,
    path: &'static [&'static str],
}

/// What is looked at.
pub const FIGURES: [Figure; 5] = [
    Figure {
        name: "memory KiB",
        path: &["kib"],
    },
    Figure {
        name: "descriptors",
        path: &["descriptors"],
    },
    Figure {
        name: "threads",
        path: &["threads"],
    },
    Figure {
        name: "web→trunk p99 ms",
        path: &["web_to_trunk_ms", "p99"],
    },
    Figure {
        name: "trunk→web p99 ms",
        path: &["trunk_to_web_ms", "p99"],
    },
];

impl Figure {
    /// Minute by minute; a minute without it is left out.
    pub fn of(self, rows: &[Value]) -> Vec<f64> {
        let at = |row: &Value| {
            self.path
                .iter()
                .try_fold(row, |value, key| value.get(key))
                .and_then(Value::as_f64)
        };
        rows.iter().filter_map(at).collect()
    }

    /// The middle of the second quarter, when everything has been used once, of the third and of the last.
    pub fn course(self, rows: &[Value]) -> Option<[f64; 3]> {
        let values = self.of(rows);
        let quarter = values.len() / 4;
        let of = |from: usize| median(values.get(from..from + quarter)?);
        Some([of(quarter)?, of(2 * quarter)?, of(values.len() - quarter)?])
    }

    fn is_flat(self, [early, then, late]: [f64; 3]) -> bool {
        let beyond = |value: f64, percent: f64| value * (1.0 + percent / 100.0);
        match self.path {
            ["kib"] => {
                late <= beyond(early, MEMORY_PERCENT) + KEPT_KIB
                    && late <= beyond(then, STILL_PERCENT)
            }
            ["descriptors"] => late <= early + DESCRIPTORS,
            ["threads"] => late <= early,
            _ => late <= (early * LATER).max(UNHEARD_MS),
        }
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// Minutes as a line of bars between their least and their most.
pub fn bars(values: &[f64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let span = (most - least).max(f64::MIN_POSITIVE);
    values
        .iter()
        .map(|value| BARS[((value - least) / span * 7.0).round() as usize % 8])
        .collect()
}

/// # Errors
/// What grew, how many calls failed, or in which minute something was lost.
pub fn judge(rows: &[Value]) -> Result<()> {
    let mut faults = Vec::new();
    if rows.len() < 8 {
        faults.push(format!("{} minutes tell nothing; eight do", rows.len()));
    }
    for figure in FIGURES {
        match figure.course(rows) {
            Some(course) if figure.is_flat(course) => {}
            Some([early, then, late]) => faults.push(format!(
                "{}: {early:.0} in the second quarter, {then:.0} in the third, {late:.0} in the last",
                figure.name
            )),
            None => faults.push(format!("{} was not measured", figure.name)),
        }
    }
    let failed = rows
        .last()
        .map_or(0, |row| row["failed"].as_u64().unwrap_or(0));
    if failed > 0 {
        faults.push(format!("{failed} calls failed"));
    }
    let lossy = |row: &&Value| {
        row["delivered_pct"]
            .as_f64()
            .is_none_or(|percent| percent < DELIVERED)
    };
    for row in rows.iter().filter(lossy) {
        faults.push(format!(
            "minute {}: {} % delivered",
            row["minute"], row["delivered_pct"]
        ));
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(HarnessError::new(faults.join("\n")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn minutes(kib: impl Fn(u32) -> f64, p99: impl Fn(u32) -> f64) -> Vec<Value> {
        (1..=40)
            .map(|minute| {
                json!({
                    "minute": minute, "kib": kib(minute), "descriptors": 300, "threads": 9, "failed": 0,
                    "web_to_trunk_ms": {"p50": 1.0, "p99": p99(minute)},
                    "trunk_to_web_ms": {"p50": 1.0, "p99": 2.0}, "delivered_pct": 99.99,
                })
            })
            .collect()
    }

    #[test]
    fn what_stays_is_good() {
        let warm = |minute: u32| if minute < 5 { 50_000.0 } else { 80_000.0 };
        judge(&minutes(warm, |_| 3.0)).unwrap();
        // What has a bound fills.
        let filling = |minute: u32| 60_000.0 + 250.0 * f64::from(minute.min(25));
        judge(&minutes(filling, |_| 3.0)).unwrap();
    }

    #[test]
    fn what_grows_is_told() {
        let leaking = |minute: u32| 60_000.0 + 500.0 * f64::from(minute);
        let why = judge(&minutes(leaking, |_| 3.0)).unwrap_err().to_string();
        assert!(why.contains("memory"), "{why}");
        let late = |minute: u32| if minute > 30 { 30.0 } else { 3.0 };
        let why = judge(&minutes(|_| 60_000.0, late)).unwrap_err().to_string();
        assert!(why.contains("web→trunk"), "{why}");
    }

    #[test]
    fn a_short_look_is_no_proof() {
        let rows = minutes(|_| 60_000.0, |_| 3.0);
        assert!(judge(&rows[..5]).is_err());
    }
}
