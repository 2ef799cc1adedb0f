//! Supervision: looks whether the planes move, feeds the board's watchdog while they do, and
//! answers `/healthz`.
//!
//! | plane | moves when | standing still for 5 s |
//! |---|---|---|
//! | switch (SIP and calls) | its loop turns | starves the watchdog |
//! | each media thread | its loop turns | starves the watchdog |
//! | api | every door for HTTPS is looked at | starves the watchdog |
//! | store | the writing thread turns | is told, after 30 s: a disk that hangs must not end calls |

use crate::media::{MOST_THREADS, MediaPlane};
use crate::store::Store;
use crate::switch::Figures;
use causeway_api::Health;
use causeway_board::{GateError, HealthGate, PlaneId, Task, Verdict, Watchdog};
use serde_json::json;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long a plane may stand still before the box counts as useless.
const PATIENCE_MS: u64 = 5_000;
/// A commit may take long on a disk that is busy.
const STORE_PATIENCE_MS: u64 = 30_000;
const LOOK: Duration = Duration::from_secs(1);
/// Doors for HTTPS.
const MOST_DOORS: usize = 2;

const SWITCH: usize = 0;
const MEDIA: usize = 1;
const API: usize = 2;
const STORE: usize = 3;
const NAMES: [&str; 4] = ["switch", "media", "api", "store"];

/// What the last look found; read by `/healthz` without waiting.
#[derive(Clone, Debug, Default)]
pub struct Pulse {
    stuck: Arc<[AtomicBool; 4]>,
}

impl Pulse {
    pub fn health(&self, figures: &Figures) -> Health {
        let stuck = |plane: usize| {
            let flag = self.stuck.get(plane);
            flag.is_some_and(|flag| flag.load(Ordering::Relaxed))
        };
        let state = |plane| if stuck(plane) { "stuck" } else { "ok" };
        Health {
            // A store that hangs loses records, not calls.
            healthy: ![SWITCH, MEDIA, API].into_iter().any(stuck),
            detail: json!({
                "switch": state(SWITCH),
                "media": state(MEDIA),
                "api": state(API),
                "store": state(STORE),
                "calls": figures.calls,
                "version": env!("CARGO_PKG_VERSION"),
            }),
        }
    }

    /// Notes who is late; those who were not before.
    fn note(&self, late: &[&str]) -> Vec<&'static str> {
        let planes = NAMES.into_iter().zip(self.stuck.iter());
        planes
            .filter_map(|(name, flag)| {
                let is_late = late.contains(&name);
                let was_late = flag.swap(is_late, Ordering::Relaxed);
                (is_late && !was_late).then_some(name)
            })
            .collect()
    }
}

/// Whatever has to move.
#[derive(Debug)]
pub struct Planes {
    pub figures: watch::Receiver<Figures>,
    pub media: Arc<MediaPlane>,
    /// What each door for HTTPS counts.
    pub doors: Vec<Arc<AtomicU64>>,
    pub store: Store,
}

/// Which of the gate's tasks is what.
struct Watched {
    switch: PlaneId,
    media: Vec<PlaneId>,
    doors: Vec<PlaneId>,
}

type Gate = HealthGate<{ 1 + MOST_THREADS + MOST_DOORS }>;

impl Watched {
    fn of(planes: &Planes, gate: &mut Gate) -> Result<Self, GateError> {
        let mut watch = |plane: usize| {
            let task = Task {
                name: NAMES.get(plane).copied().unwrap_or_default(),
                period_ms: 0,
                patience_ms: PATIENCE_MS,
            };
            gate.watch_task(task, 0)
        };
        Ok(Self {
            switch: watch(SWITCH)?,
            media: planes
                .media
                .health()
                .iter()
                .map(|_| watch(MEDIA))
                .collect::<Result<_, _>>()?,
            doors: planes
                .doors
                .iter()
                .map(|_| watch(API))
                .collect::<Result<_, _>>()?,
        })
    }

    fn look(&self, planes: &Planes, gate: &mut Gate, now_ms: u64) {
        gate.saw(self.switch, planes.figures.borrow().ticks, now_ms);
        for (id, health) in self.media.iter().zip(planes.media.health()) {
            gate.saw(*id, health.ticks, now_ms);
        }
        for (id, ticks) in self.doors.iter().zip(&planes.doors) {
            gate.saw(*id, ticks.load(Ordering::Relaxed), now_ms);
        }
    }
}

/// Runs until `stopping` turns true.
pub async fn supervise<W>(
    mut watchdog: W,
    planes: Planes,
    pulse: Pulse,
    mut stopping: watch::Receiver<bool>,
) where
    W: Watchdog,
    W::Error: Debug,
{
    let start = Instant::now();
    let mut gate = Gate::new(PATIENCE_MS);
    let watched = match Watched::of(&planes, &mut gate) {
        Ok(watched) => watched,
        Err(fault) => {
            tracing::error!(?fault, "the planes cannot be watched");
            return;
        }
    };
    let mut store: HealthGate<1> = HealthGate::new(STORE_PATIENCE_MS);
    let Ok(writer) = store.watch(0) else { return };
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            _ = look.tick() => {}
        }
        let now_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        watched.look(&planes, &mut gate, now_ms);
        store.saw(writer, planes.store.ticks(), now_ms);
        let mut late: Vec<&str> = gate.late(now_ms).map(|late| late.name).collect();
        if matches!(store.verdict(now_ms), Verdict::Stuck(_)) {
            late.push("store");
        }
        for plane in pulse.note(&late) {
            tracing::error!(plane, "stands still");
        }
        match gate.verdict(now_ms) {
            Verdict::Feed => {
                if let Err(fault) = watchdog.feed() {
                    tracing::error!(?fault, "the watchdog cannot be fed");
                }
            }
            Verdict::Wait => {}
            Verdict::Stuck(plane) => {
                let plane = gate.name(plane);
                tracing::error!(plane, "the watchdog is not fed");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_late_is_named_once_and_a_store_alone_is_no_illness() {
        let pulse = Pulse::default();
        assert_eq!(pulse.note(&["store"]), ["store"]);
        assert!(pulse.note(&["store"]).is_empty());
        let health = pulse.health(&Figures::default());
        assert!(health.healthy);
        assert_eq!(health.detail["store"], "stuck");
        assert_eq!(pulse.note(&["api"]), ["api"]);
        let health = pulse.health(&Figures::default());
        assert!(!health.healthy);
        assert_eq!(
            (&health.detail["api"], &health.detail["store"]),
            (&"stuck".into(), &"ok".into())
        );
        assert!(pulse.note(&[]).is_empty());
        assert!(pulse.health(&Figures::default()).healthy);
    }
}
