//! What a call is: who may call whom, the states of its legs, what each side is told, and the
//! record that stays.
//!
//! Pure: no sockets, tasks, clock reads, locks or random numbers. The shell feeds [`Event`]s with
//! the time they happened at, drains [`Call::poll_command`] after each, and calls
//! [`Call::handle_timeout`] when [`Call::poll_timeout`] is due. The crate speaks of legs, not of
//! SIP or WebRTC: the shell translates.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod call;
mod cause;
mod command;
pub mod context;
mod event;
mod hold;
pub mod lines;
pub mod quality;
pub mod record;
pub mod route;
mod timing;
pub mod user_to_user;

pub use call::{Call, Direction, Marks, Phase, Setup};
pub use cause::{By, Cause, CauseCode, FarCause};
pub use command::{Command, Refusal, RefusalCode, Told};
pub use event::{DeviceId, Event, RequestId, TransferTarget};
pub use hold::{HeldBy, Hold};
pub use timing::Timing;
