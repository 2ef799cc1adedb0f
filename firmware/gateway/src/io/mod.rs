//! Sockets of the control plane.

pub mod sip;
mod sip_stream;
pub mod sip_tls;
