//! HTTPS and WebSocket API.

pub mod request;
pub mod wire;
