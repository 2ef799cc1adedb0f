//! What a registration shows of itself, in words for the admin.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::credentials::Withheld;

/// How a registration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationState {
    /// Never tried yet, or under way for the first time.
    Registering,
    /// Calls can come.
    Registered,
    /// Not registered, and [`RegistrationView::why`] says why.
    Failed,
    /// Taken back.
    Left,
}

impl RegistrationState {
    /// The word for people and programs; stable.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registering => "registering",
            Self::Registered => "registered",
            Self::Failed => "failed",
            Self::Left => "left",
        }
    }
}

/// Why the last attempt failed, in words for the admin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationFault {
    /// No answer in time.
    #[error("{0} does not answer")]
    Silent(SocketAddr),
    /// The transport failed.
    #[error("{0} cannot be reached")]
    Unreachable(SocketAddr),
    /// 503.
    #[error("{registrar} asks for a pause: 503 {reason}")]
    Unavailable {
        /// Who.
        registrar: SocketAddr,
        /// Its words.
        reason: String,
    },
    /// The registrar wants to be sure who we are, and cannot be.
    #[error("the registrar: {why} ({status} {reason})")]
    Credentials {
        /// 401 or 407.
        status: u16,
        /// Its words.
        reason: String,
        /// Ours.
        why: Withheld,
    },
    /// Another refusal.
    #[error("the registrar refuses: {status} {reason}")]
    Refused {
        /// 300…699.
        status: u16,
        /// Its words.
        reason: String,
    },
    /// A redirection to somebody who is none of the registrars.
    #[error(
        "the registrar sends the box elsewhere, to {to}, which is no target of this trunk ({status})"
    )]
    Redirected {
        /// 300…399.
        status: u16,
        /// Where to; empty when it does not say.
        to: String,
    },
    /// 423 without a time that can be asked for.
    #[error("the registrar finds {asked_s} s too short and names no time that would do (423)")]
    TooBrief {
        /// What was asked for.
        asked_s: u32,
    },
    /// 2xx, and no registration comes of it.
    #[error("the registrar says {status} and grants no time")]
    NothingGranted {
        /// 200…299.
        status: u16,
    },
    /// There is no address to ask.
    #[error("there is no registrar to ask")]
    Nobody,
}

/// What a registration shows of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegistrationView<'a> {
    /// How it stands.
    pub state: RegistrationState,
    /// Where the binding is, or who was asked last.
    pub registrar: Option<SocketAddr>,
    /// Until when calls can come.
    pub until: Option<Instant>,
    /// When the next REGISTER is due.
    pub next: Option<Instant>,
    /// Why the last attempt failed; also while an older binding is in force.
    pub why: Option<&'a RegistrationFault>,
}

/// Something worth a line in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistrationChange {
    /// Registered, after it was not or elsewhere.
    Registered {
        /// Where.
        registrar: SocketAddr,
        /// Seconds granted.
        expires_s: u32,
    },
    /// Refreshed, as ever.
    Refreshed {
        /// Where.
        registrar: SocketAddr,
        /// Seconds granted.
        expires_s: u32,
    },
    /// An attempt failed.
    Failed {
        /// Why.
        why: RegistrationFault,
        /// When the next begins.
        again_in: Duration,
        /// An older binding is still in force.
        registered: bool,
    },
    /// The binding ran out.
    Expired,
    /// Taken back.
    Left,
}
