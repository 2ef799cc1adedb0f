//! The health gate: the watchdog is fed only while every task moves.
//!
//! | all tasks moved since the last look, or within their period | verdict |
//! |---|---|
//! | yes | feed |
//! | no, the slowest moved less than its patience ago | wait |
//! | no, longer ago | stuck: do not feed, the box is useless as it is |
//!
//! [`HealthGate::late`] names those that are past their patience, with how long they stand.

use heapless::Vec;

/// One of the tasks, or a plane, that have to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaneId(usize);

/// What is expected of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// As it is told to people: `sip`, `media 0`, `config`.
    pub name: &'static str,
    /// Milliseconds for which one tick is enough; 0: it has to tick between any two feeds.
    pub period_ms: u64,
    /// Milliseconds it may stand still; more than `period_ms`.
    pub patience_ms: u64,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Feed,
    Wait,
    /// This one has not moved for longer than it may; the first of them, when there are several.
    Stuck(PlaneId),
}

/// Why a task cannot be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateError {
    Full,
    /// `patience_ms` is not more than `period_ms`: a healthy task would count as stuck.
    Impatient,
}

/// A task past its patience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late {
    pub id: PlaneId,
    pub name: &'static str,
    /// Milliseconds since it moved.
    pub still_ms: u64,
}

#[derive(Clone, Copy, Debug)]
struct Watched {
    task: Task,
    ticks: u64,
    moved_at_ms: u64,
    fresh: bool,
}

impl Watched {
    fn still_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.moved_at_ms)
    }

    fn is_late(&self, now_ms: u64) -> bool {
        !self.fresh && self.still_ms(now_ms) > self.task.patience_ms
    }

    /// The tick that made it fresh may serve for several feeds.
    fn serves(&self, now_ms: u64) -> bool {
        self.fresh || (self.ticks > 0 && self.still_ms(now_ms) <= self.task.period_ms)
    }
}

/// Watches up to `N` tasks by the counters they let grow.
#[derive(Debug)]
pub struct HealthGate<const N: usize> {
    watched: Vec<Watched, N>,
    patience_ms: u64,
}

impl<const N: usize> HealthGate<N> {
    /// `patience_ms`: how long whoever is watched by [`HealthGate::watch`] may stand still.
    pub const fn new(patience_ms: u64) -> Self {
        Self {
            watched: Vec::new(),
            patience_ms,
        }
    }

    /// Watches one more, without a name, that has to tick between any two feeds.
    ///
    /// # Errors
    /// [`GateError::Full`] beyond `N`.
    pub fn watch(&mut self, now_ms: u64) -> Result<PlaneId, GateError> {
        self.push(
            Task {
                name: "",
                period_ms: 0,
                patience_ms: self.patience_ms,
            },
            now_ms,
        )
    }

    /// Watches one more, as it says itself. Nothing is fed before its first tick.
    ///
    /// # Errors
    /// [`GateError::Full`] beyond `N`; [`GateError::Impatient`].
    pub fn watch_task(&mut self, task: Task, now_ms: u64) -> Result<PlaneId, GateError> {
        if task.patience_ms <= task.period_ms {
            return Err(GateError::Impatient);
        }
        self.push(task, now_ms)
    }

    fn push(&mut self, task: Task, now_ms: u64) -> Result<PlaneId, GateError> {
        let watched = Watched {
            task,
            ticks: 0,
            moved_at_ms: now_ms,
            fresh: false,
        };
        self.watched.push(watched).map_err(|_| GateError::Full)?;
        Ok(PlaneId(self.watched.len() - 1))
    }

    /// A task's counter as it is now.
    pub fn saw(&mut self, id: PlaneId, ticks: u64, now_ms: u64) {
        if let Some(watched) = self.watched.get_mut(id.0)
            && watched.ticks != ticks
        {
            watched.ticks = ticks;
            watched.moved_at_ms = now_ms;
            watched.fresh = true;
        }
    }

    /// A task moved, when it keeps no counter itself.
    pub fn tick(&mut self, id: PlaneId, now_ms: u64) {
        let ticks = self.watched.get(id.0).map_or(0, |watched| watched.ticks);
        self.saw(id, ticks.wrapping_add(1), now_ms);
    }

    /// Looks at all of them; a `Feed` asks each to move again.
    pub fn verdict(&mut self, now_ms: u64) -> Verdict {
        if let Some(at) = self.watched.iter().position(|w| w.is_late(now_ms)) {
            return Verdict::Stuck(PlaneId(at));
        }
        if self.watched.iter().all(|w| w.serves(now_ms)) {
            for watched in &mut self.watched {
                watched.fresh = false;
            }
            Verdict::Feed
        } else {
            Verdict::Wait
        }
    }

    /// Everybody who is past their patience.
    pub fn late(&self, now_ms: u64) -> impl Iterator<Item = Late> + '_ {
        let late = move |(at, w): (usize, &Watched)| {
            w.is_late(now_ms).then(|| Late {
                id: PlaneId(at),
                name: w.task.name,
                still_ms: w.still_ms(now_ms),
            })
        };
        self.watched.iter().enumerate().filter_map(late)
    }

    /// The name it is watched by; empty when it has none.
    pub fn name(&self, id: PlaneId) -> &'static str {
        self.watched.get(id.0).map_or("", |w| w.task.name)
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

    #[test]
    fn a_slow_task_does_not_hold_up_the_feeding_of_a_quick_one() {
        let mut gate: HealthGate<2> = HealthGate::new(0);
        let task = |name, period_ms, patience_ms| Task {
            name,
            period_ms,
            patience_ms,
        };
        assert_eq!(
            gate.watch_task(task("x", 5, 5), 0),
            Err(GateError::Impatient)
        );
        let sip = gate.watch_task(task("sip", 0, 3_000), 0).unwrap();
        let config = gate.watch_task(task("config", 20_000, 60_000), 0).unwrap();
        gate.tick(sip, 1_000);
        assert_eq!(gate.verdict(1_000), Verdict::Wait, "config has not begun");
        gate.tick(config, 2_000);
        for second in 2..=22 {
            gate.tick(sip, second * 1_000);
            assert_eq!(gate.verdict(second * 1_000), Verdict::Feed, "{second}");
        }
        gate.tick(sip, 23_000);
        assert_eq!(
            gate.verdict(23_000),
            Verdict::Wait,
            "its tick has served its time"
        );
        assert_eq!(gate.late(23_000).count(), 0);
    }

    #[test]
    fn all_who_are_late_are_named() {
        let mut gate: HealthGate<3> = HealthGate::new(0);
        let task = |name| Task {
            name,
            period_ms: 0,
            patience_ms: 3_000,
        };
        let [sip, media, api] =
            ["sip", "media 0", "api"].map(|n| gate.watch_task(task(n), 0).unwrap());
        gate.tick(media, 2_000);
        assert_eq!(gate.verdict(3_001), Verdict::Stuck(sip));
        let late: Vec<Late, 3> = gate.late(3_001).collect();
        assert_eq!(late.len(), 2);
        assert_eq!((late[0].name, late[0].still_ms), ("sip", 3_001));
        assert_eq!((late[1].id, gate.name(late[1].id)), (api, "api"));
    }
}
