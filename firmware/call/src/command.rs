//! What a call asks its shell to do.

use crate::cause::Cause;
use crate::event::{DeviceId, RequestId, TransferTarget};
use crate::hold::HeldBy;
use causeway_media::plan;

/// What a page is told of a call's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    Trying,
    Ringing,
    EarlyMedia,
    Answered,
    Held(HeldBy),
    Ended(Cause),
}

impl Told {
    /// The state as PROTOCOL.md writes it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Trying => "trying",
            Self::Ringing => "ringing",
            Self::EarlyMedia => "early_media",
            Self::Answered => "answered",
            Self::Held(_) => "held",
            Self::Ended(_) => "ended",
        }
    }
}

/// Why a request was not carried out. The call is as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: RefusalCode,
    pub message: String,
    pub far: Option<crate::FarCause>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalCode {
    WrongState,
    Refused,
    TimedOut,
    NotFound,
}

/// An output of [`crate::Call::poll_command`], to be carried out in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// `call.state` to a device; `seq` grows by one with each state of the call.
    Tell {
        device: DeviceId,
        told: Told,
        seq: u32,
    },
    /// `ok` or `error` to a request.
    Reply {
        device: DeviceId,
        request: RequestId,
        result: Result<(), Refusal>,
    },
    /// `call.incoming` to a device.
    RingDevice {
        device: DeviceId,
    },
    /// `call.dtmf` to a device.
    TellDigit {
        device: DeviceId,
        digit: char,
        duration_ms: u32,
    },
    /// `call.transfer` to a device: how its transfer goes, by the SIP status of the new call.
    TellTransfer {
        device: DeviceId,
        status: u16,
    },
    /// `call.warning` to a device.
    Warn {
        device: DeviceId,
        code: &'static str,
        message: &'static str,
    },
    /// Open the browser's media with the offer of this device's `accept`.
    OpenWeb {
        device: DeviceId,
    },

    /// INVITE.
    PlaceTrunk,
    /// 180 to a calling PBX.
    RingTrunk,
    /// 200 to it.
    AnswerTrunk,
    /// A final refusal to it.
    RejectTrunk {
        cause: Cause,
    },
    CancelTrunk {
        cause: Cause,
    },
    EndTrunk {
        cause: Cause,
    },
    /// re-INVITE with this direction.
    OfferTrunk {
        direction: plan::Direction,
    },
    /// re-INVITE with a picture, or without any; the sound as it is. Answered by [`crate::Event::TrunkAgreed`] or
    /// [`crate::Event::TrunkRefused`].
    OfferPicture {
        begins: bool,
    },
    /// Ask the far side to call somebody else in place of the browser; answered by
    /// [`crate::Event::ReferAccepted`] and [`crate::Event::ReferProgress`], [`crate::Event::ReferDone`] or
    /// [`crate::Event::ReferFailed`].
    ReferTrunk {
        target: TransferTarget,
    },
    /// Let the far side's new dialog take the trunk leg's place; answered by [`crate::Event::TrunkReplaced`], or by
    /// nothing when it cannot be.
    AcceptReplacement,
    /// Say no to it.
    RefuseReplacement,
    /// Say yes to the far side's wish, and INVITE to where it points, on a leg of its own.
    PlaceTransfer,
    /// Say no to it.
    RefuseTransfer,
    /// How the new call goes, for who asked; 200 and above is the last word.
    ReportTransfer {
        status: u16,
    },
    /// The new leg takes the place of the old one, which is ended if it is not yet. `Bridge` follows.
    CompleteTransfer,
    /// CANCEL or BYE the new leg and close it.
    AbandonTransfer,
    /// Digits towards the PBX; answered by [`crate::Event::DigitsSent`].
    SendDigits {
        digits: String,
        duration_ms: u16,
        gap_ms: u16,
    },

    /// Let both legs hear each other.
    Bridge,
    /// Let the trunk leg hear itself.
    Echo,
    /// What may flow to and from the browser.
    DirectWeb {
        direction: plan::Direction,
    },

    /// The call is over: close what is open and write the record. Always the last command.
    Finish {
        cause: Cause,
    },
}
