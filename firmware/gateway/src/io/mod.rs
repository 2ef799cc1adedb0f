//! Sockets of the control plane.

pub mod bind;
pub mod dns;
mod door;
pub mod inbox;
mod keep_alive;
pub mod sip;
mod sip_stream;
pub mod sip_tls;
