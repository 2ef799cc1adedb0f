//! Sockets, files, programs: what carries out what the rest decides.

pub mod client;
pub mod console;

pub mod daemon;
mod requests;
mod upkeep;
pub mod machine;
pub mod report;
mod run;

pub use client::Client;
pub use daemon::Daemon;
pub use machine::Machine;
