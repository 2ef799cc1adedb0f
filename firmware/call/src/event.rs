//! What happens to a call.

use crate::cause::FarCause;
use crate::quality::Way;
use causeway_media::plan;

/// One WebSocket session as the shell numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceId(pub u64);

/// A page's request, to be answered once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(pub u64);

/// Whom a page hands the far side on to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferTarget {
    /// A number, as the box writes it (blind transfer).
    Number(String),
    /// The far side of another of the page's calls, by that call's name (attended transfer).
    Call(String),
}

/// An input of [`crate::Call::handle`].
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    // The browser's side.
    /// The box's SDP answer went to the browser.
    WebAnswered {
        codec: plan::AudioCodec,
    },
    /// ICE and DTLS are up.
    WebConnected,
    /// They never will be.
    WebFailed {
        reason: String,
    },
    /// No packet from the browser for a while.
    WebLost,
    WebBack,
    /// How one way of the call sounded in the last five seconds: a mean opinion score, 1 to 4.5.
    Quality {
        way: Way,
        mos: f32,
    },
    /// A session of this call is gone, or one that may speak for it has come.
    DeviceGone {
        device: DeviceId,
    },
    /// A session proved with the resume secret that the call is its own.
    DeviceBack {
        device: DeviceId,
    },
    /// Another session of the called account came while the call rings.
    DeviceJoined {
        device: DeviceId,
    },
    Hangup {
        device: DeviceId,
        request: RequestId,
    },
    Accept {
        device: DeviceId,
        request: RequestId,
    },
    Reject {
        device: DeviceId,
        request: RequestId,
        busy: bool,
    },
    Hold {
        device: DeviceId,
        request: RequestId,
    },
    Resume {
        device: DeviceId,
        request: RequestId,
    },
    /// The call shall have a picture, or none any more. The shell has looked whether the trunk can have any.
    Picture {
        device: DeviceId,
        request: RequestId,
        begins: bool,
    },
    Digits {
        device: DeviceId,
        request: RequestId,
        digits: String,
        duration_ms: u16,
        gap_ms: u16,
    },
    /// Hand the far side on. The shell has looked whether the page may.
    Transfer {
        device: DeviceId,
        request: RequestId,
        target: TransferTarget,
    },
    /// The digits of one `SendDigits` are out.
    DigitsSent,

    /// They cannot be sent.
    DigitsRefused {
        cause: FarCause,
    },

    // The trunk's side.
    /// 180 or the like. `early` when sound may come before the answer.
    TrunkProgress {
        early: Option<plan::Direction>,
    },
    /// The far side answered; `direction` is what was agreed.
    TrunkAnswered {
        direction: plan::Direction,
    },
    /// It did not, or our `cancel` was carried out.
    TrunkFailed {
        cause: FarCause,
    },
    /// The far side changed the session (hold, resume, address, codec); already answered.
    TrunkReplanned {
        direction: plan::Direction,
    },
    /// Our offer in an answered call was agreed: a hold, a resume, a picture that begins or ends.
    TrunkAgreed {
        direction: plan::Direction,
        /// With a picture.
        has_picture: bool,
    },
    TrunkRefused {
        cause: FarCause,
    },
    /// BYE, or the dialog broke; with a silent cause the box found the far side gone.
    TrunkEnded {
        cause: FarCause,
    },
    /// A caller on the trunk gave up before we answered.
    TrunkCancelled {
        cause: FarCause,
    },
    /// The far side wants this call handed on to somebody else (REFER).
    TransferAsked,
    /// The new party rings, or the like.
    TransferProgress {
        status: u16,
    },
    /// It answered; `direction` is what was agreed with it.
    TransferAnswered {
        direction: plan::Direction,
    },
    /// It did not, or its dialog broke before the call was handed over.
    TransferFailed {
        cause: FarCause,
    },
    /// The far side takes the page's transfer: its new call begins.
    ReferAccepted,
    /// How that goes, by its SIP status below 200.
    ReferProgress {
        status: u16,
    },
    /// The new party answered.
    ReferDone,
    /// The far side refused the transfer, or its new call failed.
    ReferFailed {
        cause: FarCause,
    },
    /// Another call of the page is being handed on to the far side of this one, or no longer.
    Consulted {
        begins: bool,
    },
    /// That is done: this call's far side has taken this call's place itself.
    HandedOn,
    /// A new dialog of the far side wants to take the trunk leg's place.
    ReplaceAsked,
    /// It has; `direction` is what was agreed with it, `None` when that is not known yet.
    TrunkReplaced {
        direction: Option<plan::Direction>,
    },
    /// No RTP and no RTCP came over the trunk for so long while the far side should have sent; told again as
    /// often as that time passes.
    TrunkSilent {
        seconds: u64,
    },
    /// The far side pressed a digit.
    TrunkDigit {
        digit: char,
        duration_ms: u32,
    },

    /// The box is being stopped.
    Stopping,
}
