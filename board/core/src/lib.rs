//! What the box's program asks of the board it runs on, and what a person at the box sees of it: lamps, a button and a
//! console. It needs no operating system.
//!
//! **What this crate never does:** it allocates nothing, reads no clock, opens no port, takes no lock and draws no random
//! number. Times are milliseconds that only grow, bytes and levels are handed in, output goes into a writer.
//!
//! | module | what |
//! |---|---|
//! | [`hardware`] | the traits a board implements, beside those of `embedded-hal` |
//! | [`gate`] | feeds the watchdog only while every task moves |
//! | [`panel`] | the front panel: one button, four lamps |
//! | [`console`] | the serial console: editor, words, commands, help, menu |
//! | [`wizard`] | the questions of the first start |
//! | [`transfer`] | a file over the same line, by YMODEM |
//!
//! `board/linux` is a real board, `board/sim` one in memory.

#![no_std]
#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod check;
pub mod console;
pub mod gate;
pub mod hardware;
pub mod panel;
pub mod setting;
pub mod transfer;
pub mod wizard;

pub use console::Console;
pub use gate::{GateError, HealthGate, PlaneId, Task, Verdict};
pub use hardware::{
    Button, Lamp, Lamps, ResetCause, ResetReport, StatusLamps, Temperature, Watchdog,
};
pub use panel::{FrontPanel, Panel, PanelAction};
pub use setting::Setting;
pub use wizard::Wizard;
