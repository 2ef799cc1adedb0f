//! What the API asks of the store: the seam to the records of the past.

use causeway_call::record::CallRecord;
use serde_json::{Map, Value};
use std::fmt;
use tokio::sync::{mpsc, oneshot};

/// Where questions go. The store answers each, or drops the one-shot when it cannot.
pub type LookupSender = mpsc::Sender<Lookup>;

/// A question to the store.
#[derive(Debug)]
pub enum Lookup {
    /// Records, newest first.
    Calls {
        query: CallQuery,
        reply: oneshot::Sender<Result<Vec<CallRecord>, LookupError>>,
    },
    Call {
        id: String,
        reply: oneshot::Sender<Result<Option<CallRecord>, LookupError>>,
    },
    /// A context by the opaque token the PBX was given. One that is over is `None`.
    Context {
        token: String,
        reply: oneshot::Sender<Result<Option<ContextRecord>, LookupError>>,
    },
}

/// The store could not read; the sentence is for the log, never for a client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store cannot read: {0}")]
pub struct LookupError(pub String);

/// Which records, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallQuery {
    /// At most so many, 1…1000.
    pub limit: u32,
    /// Only those behind this place of the list.
    pub before: Option<Cursor>,
    pub state: Option<CallFilter>,
    /// Called number or account, exactly.
    pub to: Option<String>,
}

/// A place in the list of calls: behind the call of this time and id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Milliseconds since 1970.
    pub placed_at: i64,
    /// Tells calls of one millisecond apart; empty: before all of them.
    pub id: String,
}

impl Cursor {
    /// Reads `1795348800000` or `1795348800000-<id>`.
    pub fn parse(text: &str) -> Option<Self> {
        let (time, id) = text.split_once('-').unwrap_or((text, ""));
        Some(Self {
            placed_at: time.parse().ok()?,
            id: id.to_owned(),
        })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.placed_at, self.id)
    }
}

/// Running or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallFilter {
    Running,
    Ended,
}

/// A context kept for the PBX.
#[derive(Clone, Debug, PartialEq)]
pub struct ContextRecord {
    /// The opaque token of the User-to-User header.
    pub token: String,
    pub call: String,
    pub app: Option<String>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970; past it the context is not shown any more.
    pub expires_at: i64,
    pub context: Map<String, Value>,
}
