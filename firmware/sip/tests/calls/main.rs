//! Scenarios between two endpoints, each read as the exchange of messages it is.

mod basic;
mod net;
