//! The four transaction machines (RFC 3261 §17 with the corrections of RFC 6026).
//!
//! A machine holds its state and its timers and nothing else: no bytes, no addresses. It is told what happened
//! and answers with what is to be done; whoever owns it keeps the message to repeat. After every input look at
//! `poll_timeout`, and drop the machine once `is_terminated`.

mod client;
mod client_invite;
mod server;
mod server_invite;

pub use client::Client;
pub use client_invite::ClientInvite;
pub use server::Server;
pub use server_invite::ServerInvite;

/// What the owner of a client transaction has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum ClientAction {
    /// Nothing.
    Nothing,
    /// Send the request again.
    Resend,
    /// Pass the response up.
    Deliver,
    /// Send the ACK of a failure, and pass the response up.
    AcknowledgeAndDeliver,
    /// Send the ACK of a failure again.
    Acknowledge,
    /// Tell the user that nothing came.
    TimedOut,
    /// Tell the user that the request could not be sent.
    TransportFailed,
}

/// What the owner of a server transaction has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum ServerAction {
    /// Nothing.
    Nothing,
    /// Send the last response (again).
    Send,
    /// Tell the user that no ACK came for a failure response.
    TimedOut,
}
