//! A board that exists only in memory: for tests, and for the box on a developer's machine.

use causeway_board::Watchdog;
use std::convert::Infallible;

/// Counts how often it was fed, and when last.
#[derive(Debug, Default)]
pub struct SimWatchdog {
    feeds: u64,
}

impl SimWatchdog {
    /// Times fed so far.
    pub fn feeds(&self) -> u64 {
        self.feeds
    }
}

impl Watchdog for SimWatchdog {
    type Error = Infallible;

    fn feed(&mut self) -> Result<(), Infallible> {
        self.feeds += 1;
        Ok(())
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
    }
}
