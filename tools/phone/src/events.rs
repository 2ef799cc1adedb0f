//! What the phone tells: one event per line, as JSON or in words.

use std::collections::BTreeMap;

use serde::Serialize;
use tokio::sync::mpsc;

use crate::clock::unix_now;
use crate::media::rtp::Figures;

/// The number of a call within this run, from 1.
pub type CallNumber = u32;

/// Which side did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// This phone.
    Local,
    /// The other end.
    Remote,
}

/// Something that happened. Every one carries `at` (seconds since 1970) when written as JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The sockets are open.
    Listening { udp: String, tcp: String },
    /// An INVITE outside a dialog came in, or (`direction` = `out`) this phone sent one.
    Invite {
        call: CallNumber,
        direction: &'static str,
        call_id: String,
        from: String,
        display: String,
        pai: Option<String>,
        to: String,
        uui: Option<String>,
        headers: BTreeMap<String, String>,
    },
    /// Credentials were asked for.
    Challenged { call_id: String, status: u16 },
    /// A provisional response to a call this phone placed.
    Progress {
        call: CallNumber,
        status: u16,
        sdp: bool,
        reliable: bool,
    },
    /// A reliable provisional response was acknowledged.
    Prack { call: CallNumber, by: Side },
    /// The call stands; sound flows.
    Answered {
        call: CallNumber,
        codec: &'static str,
        dtmf: bool,
        rtp: String,
    },
    /// What was heard in the last half second.
    Heard {
        call: CallNumber,
        hz: f64,
        dbov: f64,
        purity: f64,
    },
    /// The sound jumped from quiet to loud: when its first loud sample arrived.
    Onset { call: CallNumber },
    /// This phone's own sound jumped from quiet to loud: when that packet was sent.
    Marker { call: CallNumber },
    /// RTP from a source not heard before.
    Source { call: CallNumber, ssrc: u32 },
    /// No RTP came for this long (reported when it comes again).
    Gap { call: CallNumber, ms: f64 },
    /// The far end pressed a digit.
    Dtmf {
        call: CallNumber,
        digit: char,
        duration_ms: u32,
    },
    /// The call is on hold.
    Held { call: CallNumber, by: Side },
    /// The call is off hold.
    Resumed { call: CallNumber, by: Side },
    /// A re-INVITE or UPDATE with SDP was answered.
    Reinvite {
        call: CallNumber,
        by: Side,
        status: u16,
        media: String,
    },
    /// An UPDATE was answered.
    Update {
        call: CallNumber,
        by: Side,
        status: u16,
    },
    /// The context the box keeps for the call's token.
    Context {
        call: CallNumber,
        context: serde_json::Value,
    },
    /// The call is over.
    Ended {
        call: CallNumber,
        by: Side,
        status: Option<u16>,
        cause: String,
        rtp: Figures,
    },
    /// Something could not be done.
    Failed {
        call: Option<CallNumber>,
        message: String,
    },
    /// The calls that stand, for the `calls` command.
    Calls { calls: Vec<CallNumber> },
}

/// An event and when it happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stamped {
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// Seconds since 1970.
    pub at: f64,
}

/// Where events go.
#[derive(Debug, Clone)]
pub struct EventSink(mpsc::UnboundedSender<Stamped>);

impl EventSink {
    /// A sink and the end at which its events come out.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Stamped>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// Reports something that happened now.
    pub fn emit(&self, event: Event) {
        self.emit_at(event, unix_now());
    }

    /// Reports something that happened at `at`.
    pub fn emit_at(&self, event: Event, at: f64) {
        // Nobody listens any more when the program is about to end.
        let _ = self.0.send(Stamped { event, at });
    }
}
