//! Sockets, files, programs: what carries out what the rest decides.

pub mod client;
pub mod console;

pub mod daemon;
pub mod machine;
pub mod report;
mod requests;
mod run;
mod stick;
mod upkeep;

pub use client::Client;
pub use daemon::Daemon;
pub use machine::Machine;
