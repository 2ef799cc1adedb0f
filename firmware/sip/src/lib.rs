//! The SIP user agent of the box: messages, transactions, dialogs, and the [`endpoint`] that drives them.
//!
//! **What this crate never does:** it opens no socket, reads no clock, draws no random number, takes no lock,
//! logs nothing and resolves no name. Bytes and the current [`std::time::Instant`] are handed in; bytes to send,
//! events and the next deadline are handed out. A seed given at the start yields every tag, branch and Call-ID.
//! Input from the wire cannot make it panic or grow without bound: it becomes an event, a response, a typed
//! error or a counted drop.
//!
//! | module | what | RFC |
//! |---|---|---|
//! | [`message`] | tolerant reader, exact writer, typed views of headers, stream framing | 3261 §7, §20, §25; 5626 §4.4.1 |
//! | [`transaction`] | the four transaction machines | 3261 §17, 6026 |
//! | [`timers`] | every timer in one table | 3261 table 4 |
//! | [`dialog`] | route set, tags, sequence numbers, target refresh | 3261 §12 |
//! | [`digest`] | what answers a challenge | 7616, 2617, 8760 |
//! | [`credentials`] | whose challenges are answered | 3261 §22, 7616 §5 |
//! | [`registration`] | one account kept registered with a PBX | 3261 §10.2 |
//! | [`targets`] | which target of a trunk lives, and gets the next call | 3261 §11, 3263 §4.3 |
//! | [`endpoint`] | calls: INVITE, PRACK, CANCEL, BYE, UPDATE, OPTIONS; REGISTER of ours; session timers; transfers: REFER, NOTIFY, Replaces; INFO | 3261, 3262, 3311, 3515, 3581, 3891, 4028, 6086 |
//! | [`locate`] | from a name to addresses: what to ask the DNS, and when again | 3263 §4, 2782 |
//!
//! The polling order after *every* input (`handle_*` or command): [`Endpoint::poll_transmit`] until `None`,
//! [`Endpoint::poll_event`] until `None`, then sleep until [`Endpoint::poll_timeout`].

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod credentials;
pub mod dialog;
pub mod digest;
pub mod endpoint;
mod ids;
pub mod locate;
pub mod message;
pub mod registration;
pub mod targets;
pub mod timers;
pub mod transaction;

pub use endpoint::{
    AcceptFrom, AnswerOffer, CallId, Counts, Credentials, Endpoint, EndpointConfig, EndpointError,
    Event, Failure, FailureKind, Identity, Info, Invite, Party, Peers, ReasonHeader, ReferId,
    Referral, Refresher, Register, RegisterAnswer, Reliable, RequestId, SessionTimer,
    SessionTimerMode, Side, Transmit, Transport, TrunkHosts, Warning,
};
