//! The clock, the log and the faults that all parts of one board share.

use crate::parts::{SimButton, SimLamps, SimReset, SimThermometer, SimWatchdog};
use causeway_board::{Lamp, ResetCause};
use embedded_hal::delay::DelayNs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What happened on the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Lamp {
        lamp: Lamp,
        lit: bool,
    },
    Fed,
    /// The watchdog was not fed in time: a real board starts anew here.
    Reset,
    /// A part was asked for something and failed as it was told to.
    Failed(Fault),
}

/// A part that fails for as long as the fault stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Watchdog,
    Lamps,
    Button,
    Thermometer,
    ResetReport,
}

/// The error of a part that was told to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed(pub Fault);

#[derive(Debug, Default)]
pub(crate) struct Inner {
    pub(crate) now_ms: u64,
    log: Vec<(u64, Event)>,
    faults: Vec<Fault>,
    pub(crate) button_down: bool,
    pub(crate) millicelsius: i32,
    pub(crate) reset: Option<ResetCause>,
}

impl Inner {
    pub(crate) fn note(&mut self, event: Event) {
        self.log.push((self.now_ms, event));
    }

    /// Fails when it was told to.
    pub(crate) fn try_part(&mut self, part: Fault) -> Result<(), Failed> {
        if self.faults.contains(&part) {
            self.note(Event::Failed(part));
            return Err(Failed(part));
        }
        Ok(())
    }
}

/// One simulated board; its clones are the same board.
#[derive(Clone, Debug, Default)]
pub struct SimBoard {
    inner: Arc<Mutex<Inner>>,
}

impl SimBoard {
    /// At time 0, cool, just powered on.
    pub fn new() -> Self {
        let board = Self::default();
        board.lock().millicelsius = 41_000;
        board
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds since it was powered on.
    pub fn now_ms(&self) -> u64 {
        self.lock().now_ms
    }

    /// Lets time pass.
    pub fn pass(&self, ms: u64) {
        self.lock().now_ms += ms;
    }

    /// From now on, or no longer, a part fails.
    pub fn set_fault(&self, part: Fault, fails: bool) {
        let mut inner = self.lock();
        inner.faults.retain(|fault| *fault != part);
        if fails {
            inner.faults.push(part);
        }
    }

    /// The button goes down or up.
    pub fn set_button(&self, down: bool) {
        self.lock().button_down = down;
    }

    /// Thousandths of a degree Celsius.
    pub fn set_temperature(&self, millicelsius: i32) {
        self.lock().millicelsius = millicelsius;
    }

    /// Why it was started.
    pub fn set_reset_cause(&self, cause: ResetCause) {
        self.lock().reset = Some(cause);
    }

    /// Everything that happened, with when.
    pub fn log(&self) -> Vec<(u64, Event)> {
        self.lock().log.clone()
    }

    /// A watchdog that resets after so long.
    pub fn watchdog(&self, period_ms: u64) -> SimWatchdog {
        SimWatchdog::on(self.clone(), period_ms)
    }

    pub fn lamps(&self) -> SimLamps {
        SimLamps::on(self.clone())
    }

    pub fn button(&self) -> SimButton {
        SimButton(self.clone())
    }

    pub fn thermometer(&self) -> SimThermometer {
        SimThermometer(self.clone())
    }

    pub fn reset_report(&self) -> SimReset {
        SimReset(self.clone())
    }
}

/// Waiting moves the clock, in whole milliseconds.
impl DelayNs for SimBoard {
    fn delay_ns(&mut self, ns: u32) {
        self.pass(u64::from(ns.div_ceil(1_000_000)));
    }
}
