//! What the TURN server counts.

use causeway_turn::{Drop, Refusal};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// Live counters; `allocations` and `streams` go up and down, the others only grow.
#[derive(Debug, Default)]
pub struct Counters {
    allocations: AtomicU64,
    allocations_total: AtomicU64,
    streams: [AtomicU64; 2],
    refused: [AtomicU64; Refusal::ALL.len()],
    dropped: [AtomicU64; DROPPED.len()],
    forbidden: AtomicU64,
    to_box: AtomicU64,
    from_box: AtomicU64,
}

/// Why something was dropped, as the metric names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    Malformed,
    NotPermitted,
    /// A client reads too slowly, or sends too fast.
    Congested,
    /// A stranger asks more often than he is answered.
    Unanswered,
}

const DROPPED: [(Lost, &str); 4] = [
    (Lost::Malformed, "malformed"),
    (Lost::NotPermitted, "not_permitted"),
    (Lost::Congested, "congested"),
    (Lost::Unanswered, "unanswered"),
];

impl Counters {
    pub fn allocated(&self) {
        self.allocations.fetch_add(1, Ordering::Relaxed);
        self.allocations_total.fetch_add(1, Ordering::Relaxed);
    }

    pub fn freed(&self) {
        self.allocations.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts a stream until the guard is dropped.
    pub fn stream(&self, tls: bool) -> Entered<'_> {
        let [tcp, over_tls] = &self.streams;
        let gauge = if tls { over_tls } else { tcp };
        gauge.fetch_add(1, Ordering::Relaxed);
        Entered(gauge)
    }

    pub fn refused(&self, refusal: Refusal) {
        let at = Refusal::ALL.iter().position(|r| *r == refusal);
        if let Some(counter) = at.and_then(|at| self.refused.get(at)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        if refusal == Refusal::Forbidden {
            self.forbidden.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn dropped(&self, drop: Drop) {
        match drop {
            Drop::Malformed => self.lost(Lost::Malformed),
            Drop::NotPermitted => self.lost(Lost::NotPermitted),
            Drop::Forbidden => {
                self.forbidden.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub fn lost(&self, lost: Lost) {
        let at = DROPPED.iter().position(|(known, _)| *known == lost);
        if let Some(counter) = at.and_then(|at| self.dropped.get(at)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn relayed_to_box(&self, octets: usize) {
        self.to_box.fetch_add(octets as u64, Ordering::Relaxed);
    }

    pub fn relayed_from_box(&self, octets: usize) {
        self.from_box.fetch_add(octets as u64, Ordering::Relaxed);
    }

    /// Appends Prometheus text.
    pub fn write_metrics(&self, out: &mut String) {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, u64)]| {
            let _ = write!(
                out,
                "# HELP causeway_turn_{name} {help}\n# TYPE causeway_turn_{name} {kind}\n"
            );
            for (labels, value) in samples {
                let _ = writeln!(out, "causeway_turn_{name}{labels} {value}");
            }
        };
        let one = |counter| [(String::new(), value(counter))];
        let [tcp, tls] = &self.streams;
        family(
            "allocations",
            "gauge",
            "TURN allocations now.",
            &one(&self.allocations),
        );
        family(
            "streams",
            "gauge",
            "TURN connections over TCP and TLS now.",
            &[
                ("{transport=\"tcp\"}".to_owned(), value(tcp)),
                ("{transport=\"tls\"}".to_owned(), value(tls)),
            ],
        );
        family(
            "allocations_total",
            "counter",
            "TURN allocations since the start.",
            &one(&self.allocations_total),
        );
        let refused: Vec<_> = Refusal::ALL
            .iter()
            .zip(&self.refused)
            .map(|(refusal, counter)| (format!("{{code=\"{}\"}}", refusal.code()), value(counter)))
            .collect();
        family(
            "refused_total",
            "counter",
            "TURN requests refused, by code; every allocation begins with a 401.",
            &refused,
        );
        let dropped: Vec<_> = DROPPED
            .iter()
            .zip(&self.dropped)
            .map(|((_, reason), counter)| (format!("{{reason=\"{reason}\"}}"), value(counter)))
            .collect();
        family(
            "dropped_total",
            "counter",
            "Frames and datagrams the TURN server dropped, by reason.",
            &dropped,
        );
        family(
            "forbidden_peers_total",
            "counter",
            "Peers named that are not the box's own media port.",
            &one(&self.forbidden),
        );
        family(
            "bytes_total",
            "counter",
            "Media relayed, by direction.",
            &[
                ("{direction=\"to_box\"}".to_owned(), value(&self.to_box)),
                ("{direction=\"from_box\"}".to_owned(), value(&self.from_box)),
            ],
        );
    }
}

/// Leaves its gauge when dropped.
#[derive(Debug)]
pub struct Entered<'a>(&'a AtomicU64);

impl std::ops::Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
