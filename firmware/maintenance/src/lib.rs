//! What keeps a box alone in a rack in order: updates, alarms, safe mode, support bundle, front panel.
//!
//! | module | what |
//! |---|---|
//! | [`update`] | signed updates: checked, refused or installed; both slots; the configuration of each version |
//! | [`alarms`] | what wants to be looked at |
//! | [`safe_mode`] | when the gateway cannot stand |
//! | [`front`] | the front panel |
//! | [`factory_reset`] | everything on the data partition removed |
//! | [`support`] | the support bundle: what somebody far away asks for first |
//! | [`syslog`] | the journal to a server, over TLS; `causeway-syslog` |
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

pub mod alarms;
mod durable;
pub mod factory_reset;
pub mod front;
pub mod program;
pub mod redact;
pub mod safe_mode;
pub mod support;
pub mod syslog;
pub mod update;
