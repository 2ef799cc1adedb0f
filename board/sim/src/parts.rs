//! The parts of a simulated board.

use crate::board::{Event, Failed, Fault, SimBoard};
use causeway_board::{
    Button, Lamp, Lamps, ResetCause, ResetReport, StatusLamps, Temperature, Watchdog,
};

/// Counts how often it was fed, and notes when it was not fed in time.
#[derive(Debug, Default)]
pub struct SimWatchdog {
    feeds: u64,
    board: SimBoard,
    /// How long it waits, and since when; none: for ever.
    armed: Option<(u64, u64)>,
}

impl SimWatchdog {
    pub(crate) fn on(board: SimBoard, period_ms: u64) -> Self {
        let armed = Some((period_ms, board.now_ms()));
        Self {
            feeds: 0,
            board,
            armed,
        }
    }

    /// Times fed so far.
    pub fn feeds(&self) -> u64 {
        self.feeds
    }

    /// Whether it resets the board now; it does so once, and then is armed anew as after a start.
    pub fn bites(&mut self) -> bool {
        let Some((period_ms, since_ms)) = &mut self.armed else {
            return false;
        };
        let mut inner = self.board.lock();
        if inner.now_ms - *since_ms < *period_ms {
            return false;
        }
        *since_ms = inner.now_ms;
        inner.reset = Some(ResetCause::Watchdog);
        inner.note(Event::Reset);
        true
    }
}

impl Watchdog for SimWatchdog {
    type Error = Failed;

    fn feed(&mut self) -> Result<(), Failed> {
        let mut inner = self.board.lock();
        inner.try_part(Fault::Watchdog)?;
        self.feeds += 1;
        if let Some((_, since_ms)) = &mut self.armed {
            *since_ms = inner.now_ms;
            // One without a period feeds a log that nobody reads, for years.
            inner.note(Event::Fed);
        }
        Ok(())
    }
}

/// Notes each change of a lamp.
#[derive(Debug)]
pub struct SimLamps {
    board: SimBoard,
    lit: Lamps,
}

impl SimLamps {
    pub(crate) fn on(board: SimBoard) -> Self {
        Self {
            board,
            lit: Lamps::NONE,
        }
    }

    /// What is lit now.
    pub fn lit(&self) -> Lamps {
        self.lit
    }
}

impl StatusLamps for SimLamps {
    type Error = Failed;

    fn set(&mut self, lamp: Lamp, lit: bool) -> Result<(), Failed> {
        let mut inner = self.board.lock();
        inner.try_part(Fault::Lamps)?;
        if self.lit.is_lit(lamp) != lit {
            self.lit = self.lit.with(lamp, lit);
            inner.note(Event::Lamp { lamp, lit });
        }
        Ok(())
    }
}

/// The button that [`SimBoard::set_button`] moves.
#[derive(Debug)]
pub struct SimButton(pub(crate) SimBoard);

impl Button for SimButton {
    type Error = Failed;

    fn is_down(&mut self) -> Result<bool, Failed> {
        let mut inner = self.0.lock();
        inner.try_part(Fault::Button)?;
        Ok(inner.button_down)
    }
}

/// The thermometer that [`SimBoard::set_temperature`] moves.
#[derive(Debug)]
pub struct SimThermometer(pub(crate) SimBoard);

impl Temperature for SimThermometer {
    type Error = Failed;

    fn millicelsius(&mut self) -> Result<i32, Failed> {
        let mut inner = self.0.lock();
        inner.try_part(Fault::Thermometer)?;
        Ok(inner.millicelsius)
    }
}

/// What [`SimBoard::set_reset_cause`] said last, or the watchdog did.
#[derive(Debug)]
pub struct SimReset(pub(crate) SimBoard);

impl ResetReport for SimReset {
    type Error = Failed;

    fn reset_cause(&mut self) -> Result<ResetCause, Failed> {
        let mut inner = self.0.lock();
        inner.try_part(Fault::ResetReport)?;
        Ok(inner.reset.unwrap_or(ResetCause::PowerOn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feeding_is_counted() {
        let mut watchdog = SimWatchdog::default();
        assert_eq!(watchdog.feed(), Ok(()));
        assert_eq!(watchdog.feeds(), 1);
        assert!(!watchdog.bites(), "one without a period never does");
    }
}
