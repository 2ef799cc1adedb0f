//! Sockets, files, programs: what carries out what the rest decides.

pub mod client;
pub mod console;
pub mod daemon;
pub mod guest;
pub mod machine;
mod report;
mod run;

pub use client::Client;
pub use daemon::Daemon;
pub use machine::Machine;
