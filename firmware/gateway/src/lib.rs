//! The program: everything that has sockets, threads, files and a clock.
//!
//! Signalling runs on tokio, where one [`switch`] task owns every call; media runs on plain threads
//! ([`media`]), each owning its sockets and its legs; they speak by messages only.

pub mod box_socket;
pub mod daemon;
pub mod discovery;
pub mod doctor;
pub mod health;
pub mod ice_tcp;
pub mod io;
pub mod legs;
pub mod media;
pub mod notify;
pub mod random;
pub mod relay;
pub mod reload;
pub mod set_up;
pub mod store;
pub mod switch;
mod timers;
pub mod tls;
pub mod turn;
