//! What the endpoint reports.

use std::net::SocketAddr;

use super::command::{CallId, ReasonHeader, ReferId, RequestId, Transport, Warning};
use super::register::RegisterAnswer;
use super::transfer::Referral;

/// A party as the wire names it: `From`, `To`, `P-Asserted-Identity`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Party {
    /// Display name, unquoted.
    pub display: Option<String>,
    /// User part of a sip: URI with escapes decoded, or the number of a tel: URI; empty when there is none.
    pub user: String,
    /// The whole URI as it came.
    pub uri: String,
}

/// Who brought something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A command of ours.
    Local,
    /// The far side.
    Remote,
    /// Neither: the signalling failed (no ACK, no answer to a request, transport lost).
    Fault,
}

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The far side answered with a final status of 300 or above.
    Rejected,
    /// Nothing came in time (timers B, F, or no final answer for 3 minutes after the last provisional one).
    Timeout,
    /// The transport could not carry it.
    Transport,
    /// 401 or 407 that our credentials did not satisfy.
    AuthRefused,
}

/// Why a call or an offer failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The SIP status, when the far side gave one.
    pub status: Option<u16>,
    /// Its reason phrase, or our own words.
    pub reason: String,
    /// Its `Reason` header (the Q.850 one when there are several).
    pub cause: Option<ReasonHeader>,
    /// Its `Retry-After` in seconds.
    pub retry_after_s: Option<u32>,
    /// Its first `Warning`: what exactly did not fit, mostly in a 488.
    pub warning: Option<Warning>,
    /// Where a redirection (300…399) points, the most wanted first; at most 8, never followed by the endpoint.
    pub contacts: Vec<String>,
    /// The kind.
    pub kind: FailureKind,
}

/// What happened. Every call ends with exactly one of [`Event::Failed`], [`Event::Cancelled`] and
/// [`Event::Ended`]; afterwards its handle is unknown and commands with it do nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A call comes in; 100 Trying is already sent. Answer with `progress`, `accept` or `reject`.
    Incoming {
        /// The new call.
        call: CallId,
        /// How it came.
        transport: Transport,
        /// From where.
        remote: SocketAddr,
        /// The Request-URI as it came.
        request_uri: String,
        /// `From`.
        from: Party,
        /// `To`.
        to: Party,
        /// `P-Asserted-Identity`, its first value. Trust it only from a trunk that is trusted.
        asserted: Option<Party>,
        /// The offer; `None`: the far side wants ours, its answer comes with [`Event::Confirmed`].
        sdp: Option<Vec<u8>>,
        /// The call this one shall replace (RFC 3891); it ends with our BYE or CANCEL when this one is accepted.
        replaces: Option<CallId>,
        /// `User-to-User` as it came (RFC 7433), parameters included.
        user_to_user: Option<String>,
        /// Every header in order, canonical long names, bytes that are no UTF-8 replaced.
        headers: Vec<(String, String)>,
    },
    /// A provisional response above 100. With `sdp` there is early media; of several forks the latest counts.
    Progress {
        /// The call.
        call: CallId,
        /// 101…199.
        status: u16,
        /// Reason phrase.
        reason: String,
        /// The body when it is SDP.
        sdp: Option<Vec<u8>>,
    },
    /// Our call was answered; the ACK is sent.
    Answered {
        /// The call.
        call: CallId,
        /// The answer. `None` when it came earlier with a reliable provisional response.
        sdp: Option<Vec<u8>>,
    },
    /// The ACK of our 200 arrived.
    Confirmed {
        /// The call.
        call: CallId,
        /// The answer, when our 200 held an offer.
        sdp: Option<Vec<u8>>,
    },
    /// Our call was not answered. Also how a call ends after `cancel` (status 487).
    Failed {
        /// The call.
        call: CallId,
        /// Why.
        failure: Failure,
    },
    /// A re-INVITE or UPDATE of the far side, to be answered with `answer_offer`. May come before the
    /// call is answered (UPDATE in an early dialog).
    Offer {
        /// The call.
        call: CallId,
        /// The offer; `None`: an INVITE without one, our SDP in the 200 is the offer.
        sdp: Option<Vec<u8>>,
    },
    /// The answer to our `offer`, or to the offer our 200 carried in answer to an offerless re-INVITE.
    OfferAnswered {
        /// The call.
        call: CallId,
        /// The answer. Empty when the far side's ACK carried none.
        sdp: Vec<u8>,
    },
    /// Our `offer` was answered 491 and is due again, but the far side has changed the session meanwhile: what was to be
    /// offered is no longer true. Nothing is under way; `offer` it anew.
    OfferDue {
        /// The call.
        call: CallId,
    },
    /// Our `offer` was refused; the session stays as it was.
    OfferRejected {
        /// The call.
        call: CallId,
        /// Why.
        failure: Failure,
    },
    /// The caller gave up before we answered (CANCEL, or BYE in the early dialog). Closes the call.
    Cancelled {
        /// The call.
        call: CallId,
        /// Its `Reason` header.
        reason: Option<ReasonHeader>,
    },
    /// The call is over. Closes the call. `by` is `Local` after our own `bye` or `reject`.
    Ended {
        /// The call.
        call: CallId,
        /// Who ended it.
        by: Side,
        /// The `Reason` header of a BYE, or a reason of ours when the signalling failed.
        reason: Option<ReasonHeader>,
    },
    /// A digit pressed, sent as INFO.
    Dtmf {
        /// The call.
        call: CallId,
        /// `0`–`9`, `A`–`D`, `*`, `#`.
        digit: char,
        /// Milliseconds; 250 when the far side did not say.
        duration_ms: u32,
    },
    /// The far side wants a whole picture (INFO with `application/media_control+xml`, RFC 5168).
    PictureFastUpdate {
        /// The call.
        call: CallId,
    },
    /// The far side asks us to call somebody else in place of it (REFER). Answer with `accept_refer` or
    /// `reject_refer` within 20 s; then tell how it goes with `notify_refer`.
    Referred {
        /// The call.
        call: CallId,
        /// The transfer.
        refer: ReferId,
        /// Where to.
        referral: Referral,
    },
    /// The far side takes a transfer that we asked for with `refer`: its new call begins.
    ReferAccepted {
        /// The call.
        call: CallId,
        /// The transfer.
        refer: ReferId,
    },
    /// How a transfer goes on that we asked for with `refer`.
    ReferProgress {
        /// The call.
        call: CallId,
        /// The transfer.
        refer: ReferId,
        /// The SIP status of the far side's new call; 408 when it never said. A refusal of the REFER itself is
        /// told the same way.
        status: u16,
        /// The reason phrase that came with it; empty when none did.
        reason: String,
        /// Nothing follows.
        is_final: bool,
    },
    /// Our OPTIONS was answered; any status shows that the far side lives.
    RequestAnswered {
        /// The request.
        request: RequestId,
        /// Final status.
        status: u16,
        /// Its `Retry-After` in seconds.
        retry_after_s: Option<u32>,
    },
    /// Our REGISTER was answered, whatever the answer.
    RegisterAnswered {
        /// The request.
        request: RequestId,
        /// What the registrar said.
        answer: RegisterAnswer,
    },
    /// Our OPTIONS or REGISTER was not answered within 32 s, or could not be sent.
    RequestFailed {
        /// The request.
        request: RequestId,
    },
    /// Something was dropped or refused that is worth a line in the log; at most 10 of these a second.
    Refused {
        /// From where.
        remote: SocketAddr,
        /// What and why, without bodies or credentials.
        what: String,
    },
}

/// Counters and gauges, for metrics and for tests that look for leaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Calls now (gauge).
    pub dialogs: usize,
    /// Client transactions now (gauge).
    pub client_transactions: usize,
    /// Server transactions now (gauge).
    pub server_transactions: usize,
    /// Messages taken in.
    pub received: u64,
    /// Messages handed out, retransmissions included.
    pub sent: u64,
    /// Retransmissions of ours.
    pub retransmitted: u64,
    /// Messages that could not be read.
    pub malformed: u64,
    /// Well-formed messages without a use: stray responses and ACKs, late retransmissions.
    pub discarded: u64,
    /// Messages from addresses outside `accept_from`.
    pub not_accepted: u64,
    /// Requests answered 503 because a bound was reached.
    pub overloaded: u64,
    /// Challenges not answered because they came from elsewhere, over another security or of another realm.
    pub credentials_withheld: u64,
}
