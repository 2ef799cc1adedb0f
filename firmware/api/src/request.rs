//! What the API asks of the switch: the seam between HTTP/WebSocket and calls.
//!
//! The API authenticates and checks shapes; the switch owns every call and answers. Answers to
//! WebSocket requests go out through [`SessionSender`]; HTTP questions carry a one-shot.

use crate::doctor::{CheckRefused, TrunkCheck};
use crate::event::BoxEvent;
use crate::http::TrunkView;
use crate::ladder::Ladder;
use crate::wire::{ClientMessage, ServerMessage};
use causeway_directory::{AccountId, AppKey, DialPattern};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

/// One authenticated WebSocket; unique for the life of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// Who a session speaks for, as its token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub app: AppKey,
    pub account: Option<AccountId>,
    /// Narrows the app's destinations; empty: no further limit.
    pub to: Vec<DialPattern>,
    /// Checked `Origin` of the page.
    pub origin: Option<String>,
    pub page: Option<String>,
    /// May test the way to the box and nothing else; `app` is then empty.
    pub only_tests: bool,
}

/// The bounded queue of one WebSocket. A client that does not read is closed (4429), never waited for:
/// the switch uses `try_send`, and drops its sender when the queue is full. The session sees the
/// queue's end, closes with 4429 and sends [`Request::Closed`] as ever.
pub type SessionSender = mpsc::Sender<ServerMessage>;

/// To the switch.
#[derive(Debug)]
pub enum Request {
    /// `hello` was good and `welcome` is sent.
    Opened {
        session: SessionId,
        identity: Identity,
        out: SessionSender,
    },
    /// Any `call.*` message of a session; the switch answers `ok`/`error` through the session's sender.
    Message {
        session: SessionId,
        message: ClientMessage,
    },
    /// The socket is gone, for whatever reason.
    Closed { session: SessionId },
    /// Running calls, box state, trunk states.
    Status { reply: oneshot::Sender<Value> },
    /// The trunks: state, targets, calls, limits.
    Trunks {
        reply: oneshot::Sender<Vec<TrunkView>>,
    },
    /// Tell this listener what changes, through a bounded queue; false: too many listen already.
    Listen {
        out: mpsc::Sender<BoxEvent>,
        reply: oneshot::Sender<bool>,
    },
    /// One running call (ended ones are in the store).
    Call {
        id: String,
        reply: oneshot::Sender<Option<Value>>,
    },
    /// The kept SIP messages; `None`: no such call or trunk, or nothing is kept of the call any more.
    Ladder {
        of: LadderOf,
        reply: oneshot::Sender<Option<Ladder>>,
    },
    /// Begin a check of a trunk.
    CheckTrunk {
        trunk: String,
        /// What is called; digits, `*`, `#`, perhaps behind a `+`.
        number: Option<String>,
        reply: oneshot::Sender<Result<(), CheckRefused>>,
    },
    /// The check of a trunk that runs, or its last one.
    TrunkCheck {
        trunk: String,
        reply: oneshot::Sender<Option<TrunkCheck>>,
    },
}

/// Whose SIP messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LadderOf {
    /// Of the call with this id, running or ended a while ago.
    Call(String),
    /// Of the trunk with this name: those outside calls, and calls the box did not take.
    Trunk(String),
}
