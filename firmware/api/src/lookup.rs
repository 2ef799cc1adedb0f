//! What the API asks of the store: the seam to the records of the past.

use causeway_call::record::CallRecord;
use serde_json::{Map, Value};
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
    /// Only those placed before this time (ms since 1970), as a cursor.
    pub before: Option<i64>,
    pub state: Option<CallFilter>,
    /// Called number or account, exactly.
    pub to: Option<String>,
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
