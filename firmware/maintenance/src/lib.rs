//! What keeps a box alone in a rack in order: updates, alarms, the support bundle.
//!
//! | module | what |
//! |---|---|
//! | [`update`] | signed updates: checked, refused or installed; both slots; the configuration of each version |
//! | [`support`] | the support bundle: what somebody far away asks for first |
//! | [`redact`] | secrets struck out of texts that leave the box |
//! | [`program`] | other programs, with a limit of time and octets |
//!
//! Decisions are pure; what reads or writes begins at a root folder that is handed in, so that a folder can stand for a
//! box. Plain threads, no runtime: whoever calls waits.

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
#![warn(missing_docs)]

mod durable;
pub mod program;
pub mod redact;
pub mod support;
pub mod update;
