//! Whoever is no trunk of the box, and trunks that forge: nothing is accepted, nothing is leaked, everything is counted.
//!
//! The box is a real process. Its PBXes are sockets of the test at 127.0.0.2 and 127.0.0.3, strangers are at 127.0.0.66.

mod challenges;
mod configured;
mod forged;
mod script;
mod strangers;
