//! What the box's program asks of the board it runs on, without an operating system.
//!
//! No allocation, no clock, no I/O: times are milliseconds that the shell hands in.

#![no_std]

mod gate;

pub use gate::{GateError, HealthGate, PlaneId, Verdict};

/// The hardware that resets a box that hangs.
pub trait Watchdog {
    type Error;

    /// Puts the reset off by one period.
    ///
    /// # Errors
    /// When the hardware does not take it; the box will be reset.
    fn feed(&mut self) -> Result<(), Self::Error>;
}
