//! The phone's SIP: messages through `rsip`, transport, transactions, dialogs, digest and SDP.

pub mod address;
pub mod dialog;
pub mod digest;
pub mod message;
pub mod sdp;
pub mod transaction;
pub mod transport;
