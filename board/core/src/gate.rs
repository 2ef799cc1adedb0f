//! The health gate: the watchdog is fed only while every plane moves.
//!
//! | all planes moved since the last look | verdict |
//! |---|---|
//! | yes | feed |
//! | no, the slowest moved less than `patience_ms` ago | wait |
//! | no, longer ago | stuck: do not feed, the box is useless as it is |

use heapless::Vec;

/// A plane that has to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaneId(usize);

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Feed,
    Wait,
    /// This plane has not moved for longer than it may.
    Stuck(PlaneId),
}

/// Why a plane cannot be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateError {
    Full,
}

#[derive(Clone, Copy, Debug)]
struct Plane {
    ticks: u64,
    moved_at_ms: u64,
    fresh: bool,
}

/// Watches up to `N` planes by the counters they let grow.
#[derive(Debug)]
pub struct HealthGate<const N: usize> {
    planes: Vec<Plane, N>,
    patience_ms: u64,
}

impl<const N: usize> HealthGate<N> {
    /// `patience_ms`: how long a plane may stand still.
    pub const fn new(patience_ms: u64) -> Self {
        Self {
            planes: Vec::new(),
            patience_ms,
        }
    }

    /// Watches one more plane.
    ///
    /// # Errors
    /// [`GateError::Full`] beyond `N`.
    pub fn watch(&mut self, now_ms: u64) -> Result<PlaneId, GateError> {
        let plane = Plane {
            ticks: 0,
            moved_at_ms: now_ms,
            fresh: false,
        };
        self.planes.push(plane).map_err(|_| GateError::Full)?;
        Ok(PlaneId(self.planes.len() - 1))
    }

    /// A plane's counter as it is now.
    pub fn saw(&mut self, id: PlaneId, ticks: u64, now_ms: u64) {
        if let Some(plane) = self.planes.get_mut(id.0)
            && plane.ticks != ticks
        {
            *plane = Plane {
                ticks,
                moved_at_ms: now_ms,
                fresh: true,
            };
        }
    }

    /// Looks at all planes; a `Feed` asks each of them to move again.
    pub fn verdict(&mut self, now_ms: u64) -> Verdict {
        let late = |p: &Plane| !p.fresh && now_ms.saturating_sub(p.moved_at_ms) > self.patience_ms;
        if let Some(at) = self.planes.iter().position(late) {
            return Verdict::Stuck(PlaneId(at));
        }
        if self.planes.iter().all(|p| p.fresh) {
            for plane in &mut self.planes {
                plane.fresh = false;
            }
            Verdict::Feed
        } else {
            Verdict::Wait
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_plane_that_stands_still_starves_the_watchdog() {
        let mut gate: HealthGate<2> = HealthGate::new(3_000);
        let (sip, media) = (gate.watch(0).unwrap(), gate.watch(0).unwrap());
        assert_eq!(gate.watch(0), Err(GateError::Full));
        gate.saw(sip, 1, 1_000);
        assert_eq!(gate.verdict(1_000), Verdict::Wait);
        gate.saw(media, 1, 1_500);
        assert_eq!(gate.verdict(1_500), Verdict::Feed);
        gate.saw(sip, 2, 2_000);
        gate.saw(media, 1, 2_000);
        assert_eq!(gate.verdict(2_000), Verdict::Wait);
        gate.saw(sip, 3, 5_000);
        assert_eq!(gate.verdict(5_000), Verdict::Stuck(media));
        gate.saw(media, 2, 5_100);
        assert_eq!(gate.verdict(5_100), Verdict::Feed);
    }
}
