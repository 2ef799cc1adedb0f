//! Calls: one task each, fed by the network, the operator and its own agenda.

mod agenda;
pub mod agent;
pub mod context;
mod inbound;
mod outbound;
mod run;
pub mod script;

pub use agent::{Agent, AgentConfig};
