//! The TURN server of a real box through real sockets.

mod client;
mod coturn;
mod credentials;
mod peers;
mod streams;
