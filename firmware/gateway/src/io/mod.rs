//! Sockets of the control plane.

pub mod dns;
pub mod sip;
mod sip_stream;
pub mod sip_tls;
