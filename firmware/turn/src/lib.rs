//! A TURN server for callers behind firewalls that let only TCP or TLS pass (RFC 8656). It relays to the box's own
//! media port and to nothing else.
//!
//! **What this crate never does:** it opens no socket, reads no clock, draws no random number, takes no lock and logs
//! nothing. Frames and the current time are handed in; each gives exactly one [`Step`], which says what to do.
//!
//! | module | what | RFC |
//! |---|---|---|
//! | [`message`] | reader and writer of STUN messages, their integrity | 8489 §5, §14 |
//! | [`frame`] | what a datagram is; frames of a stream; ChannelData | 8656 §12.4, §12.5 |
//! | [`credential`] | user names, passwords and nonces that need no memory | 8489 §9.2 |
//! | [`peers`] | the only addresses that may be named | 8656 §9.1, §21.1.5 |
//! | [`session`] | one client: its allocation, permissions and channels | 8656 §7 to §12 |
//! | [`quota`] | how many allocations there may be | 8656 §7.2 |
//! | [`binding`] | asking another server for one's own address | 8489 §2, §6.2.1 |
//! | [`rate`] | how often a stranger is answered | 8656 §21.3.1 |
//!
//! A session is one 5-tuple: whoever drives it keeps one for each stream, and one for each address that holds an
//! allocation over UDP. Requests of addresses without one are put to a session that is forgotten at once.

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

mod allocation;
mod asked;
pub mod binding;
pub mod credential;
pub mod frame;
pub mod message;
pub mod peers;
pub mod quota;
pub mod rate;
mod refusal;
pub mod session;

pub use credential::{Issued, Secret};
pub use peers::Peers;
pub use quota::{Full, Limits, Quota};
pub use refusal::Refusal;
pub use session::{Desk, Drop, Now, Opening, Session, Step};
