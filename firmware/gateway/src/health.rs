//! Supervision: looks whether the planes move, feeds the board's watchdog while they do, and
//! answers `/healthz`.

use crate::media::{MOST_THREADS, MediaPlane};
use crate::switch::Figures;
use causeway_api::Health;
use causeway_board::{HealthGate, Verdict, Watchdog};
use serde_json::json;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long a plane may stand still before the box counts as useless.
const PATIENCE_MS: u64 = 5_000;
const LOOK: Duration = Duration::from_secs(1);

/// What the last look found; read by `/healthz` without waiting.
#[derive(Clone, Debug, Default)]
pub struct Pulse {
    stuck_switch: Arc<AtomicBool>,
    stuck_media: Arc<AtomicBool>,
}

impl Pulse {
    pub fn health(&self, figures: &Figures) -> Health {
        let switch = !self.stuck_switch.load(Ordering::Relaxed);
        let media = !self.stuck_media.load(Ordering::Relaxed);
        let state = |moves| if moves { "ok" } else { "stuck" };
        Health {
            healthy: switch && media,
            detail: json!({
                "switch": state(switch),
                "media": state(media),
                "calls": figures.calls,
                "version": env!("CARGO_PKG_VERSION"),
            }),
        }
    }
}

/// Runs until `stopping` turns true.
pub async fn supervise<W>(
    mut watchdog: W,
    figures: watch::Receiver<Figures>,
    media: Arc<MediaPlane>,
    pulse: Pulse,
    mut stopping: watch::Receiver<bool>,
) where
    W: Watchdog,
    W::Error: Debug,
{
    let start = Instant::now();
    let mut gate: HealthGate<{ 1 + MOST_THREADS }> = HealthGate::new(PATIENCE_MS);
    let Ok(switch_plane) = gate.watch(0) else {
        return;
    };
    let media_planes: Vec<_> = media
        .health()
        .iter()
        .filter_map(|_| gate.watch(0).ok())
        .collect();
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            _ = look.tick() => {}
        }
        let now_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        gate.saw(switch_plane, figures.borrow().ticks, now_ms);
        for (plane, health) in media_planes.iter().zip(media.health()) {
            gate.saw(*plane, health.ticks, now_ms);
        }
        let verdict = gate.verdict(now_ms);
        pulse
            .stuck_switch
            .store(verdict == Verdict::Stuck(switch_plane), Ordering::Relaxed);
        let media_is_stuck = media_planes
            .iter()
            .any(|plane| verdict == Verdict::Stuck(*plane));
        pulse.stuck_media.store(media_is_stuck, Ordering::Relaxed);
        match verdict {
            Verdict::Feed => {
                if let Err(fault) = watchdog.feed() {
                    tracing::error!(?fault, "the watchdog cannot be fed");
                }
            }
            Verdict::Wait => {}
            Verdict::Stuck(plane) => {
                tracing::error!(?plane, "a plane stands still; the watchdog is not fed");
            }
        }
    }
}
