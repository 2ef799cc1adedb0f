//! What ICE over TCP counts.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// Live counters; `connections` goes up and down, the others only grow.
#[derive(Debug, Default)]
pub struct Counters {
    connections: AtomicU64,
    opened: AtomicU64,
    proven: AtomicU64,
    refused: AtomicU64,
    dropped: [AtomicU64; Lost::ALL.len()],
    to_box: AtomicU64,
    from_box: AtomicU64,
}

/// Why something was dropped, as the metric names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// A frame that is too long: the connection ends.
    Malformed,
    /// Before a check has passed, and no check.
    Unproven,
    /// The browser reads too slowly.
    Congested,
}

impl Lost {
    const ALL: [(Self, &str); 3] = [
        (Self::Malformed, "malformed"),
        (Self::Unproven, "unproven"),
        (Self::Congested, "congested"),
    ];
}

impl Counters {
    /// Counts a connection until the guard is dropped.
    pub fn enter(&self) -> Entered<'_> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.opened.fetch_add(1, Ordering::Relaxed);
        Entered(&self.connections)
    }

    pub fn proven(&self) {
        self.proven.fetch_add(1, Ordering::Relaxed);
    }

    pub fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub fn lost(&self, lost: Lost) {
        let at = Lost::ALL.iter().position(|(known, _)| *known == lost);
        if let Some(counter) = at.and_then(|at| self.dropped.get(at)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn passed_to_box(&self, octets: usize) {
        self.to_box.fetch_add(octets as u64, Ordering::Relaxed);
    }

    pub fn passed_from_box(&self, octets: usize) {
        self.from_box.fetch_add(octets as u64, Ordering::Relaxed);
    }

    /// Appends Prometheus text.
    pub fn write_metrics(&self, out: &mut String) {
        let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, &AtomicU64)]| {
            let _ = write!(
                out,
                "# HELP causeway_ice_tcp_{name} {help}\n# TYPE causeway_ice_tcp_{name} {kind}\n"
            );
            for (labels, value) in samples {
                let value = value.load(Ordering::Relaxed);
                let _ = writeln!(out, "causeway_ice_tcp_{name}{labels} {value}");
            }
        };
        let one = |counter| [(String::new(), counter)];
        let labelled = |key: &str, value: &str| format!("{{{key}=\"{value}\"}}");
        family(
            "connections",
            "gauge",
            "Connections of browsers that carry ICE over TCP now.",
            &one(&self.connections),
        );
        family(
            "connections_total",
            "counter",
            "Such connections since the start.",
            &one(&self.opened),
        );
        family(
            "proven_total",
            "counter",
            "Of these, those on which a check has passed.",
            &one(&self.proven),
        );
        family(
            "refused_total",
            "counter",
            "Connections for which there was no room.",
            &one(&self.refused),
        );
        let dropped: Vec<_> = Lost::ALL
            .iter()
            .zip(&self.dropped)
            .map(|((_, reason), counter)| (labelled("reason", reason), counter))
            .collect();
        family(
            "dropped_total",
            "counter",
            "Datagrams dropped, by reason.",
            &dropped,
        );
        family(
            "bytes_total",
            "counter",
            "Datagrams passed on, by direction, in bytes.",
            &[
                (labelled("direction", "to_box"), &self.to_box),
                (labelled("direction", "from_box"), &self.from_box),
            ],
        );
    }
}

/// Leaves its gauge when dropped.
#[derive(Debug)]
pub struct Entered<'a>(&'a AtomicU64);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
