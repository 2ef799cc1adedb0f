//! The page hands the far side on to somebody else: the box asks the telephone system to call them in the page's
//! place (RFC 5589, where the box is the transferor), and the page's call ends when they have answered.
//!
//! | transfer | event | next | commands |
//! |---|---|---|---|
//! | none | `Transfer`, answered | asked | refer trunk |
//! | none | `Transfer`, any other phase, or the far side transfers | none | refuse the request |
//! | asked, accepted | `Transfer` | the same | refuse the request |
//! | asked, accepted | `ReferAccepted`, `ReferProgress` | accepted | tell it |
//! | asked, accepted | `ReferDone` | – | reply, end trunk; the call ends as transferred |
//! | asked, accepted | `ReferFailed` | none | reply why; the call goes on |
//! | asked, accepted | `transfer` of [`Timing`](crate::Timing) is over | none | reply that it was not done in time; the call goes on |
//! | asked | `TrunkEnded` | – | the call ends |
//! | accepted | `TrunkEnded` | – | reply; the call ends as transferred: many do not wait for their last word |
//! | asked, accepted | the call ends | none | reply that it ended |
//!
//! The other call of an attended transfer is `Consulted` meanwhile: its far side is who the first is handed on to. It
//! ends as transferred too, with `HandedOn` or when its trunk leg ends.

use super::*;
use crate::event::TransferTarget;

/// A transfer the page asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refer {
    pub(super) device: DeviceId,
    pub(super) request: RequestId,
    target: TransferTarget,
    accepted: bool,
}

impl Call {
    pub(super) fn request_transfer(
        &mut self,
        device: DeviceId,
        request: RequestId,
        target: TransferTarget,
        now: Instant,
    ) {
        if self.phase != Phase::Answered || self.device != Some(device) {
            return self.refuse(device, request, "only an answered call can be transferred");
        }
        if self.refer.is_some() || self.transfer != transferring::Transfer::None {
            let message = "a transfer of this call is still under way";
            return self.refuse(device, request, message);
        }
        self.commands.push_back(Command::ReferTrunk {
            target: target.clone(),
        });
        self.refer = Some(Refer {
            device,
            request,
            target,
            accepted: false,
        });
        self.set(Timer::Refer, now + self.timing.transfer);
    }

    pub(super) fn refer_progress(&mut self, status: u16) {
        if let Some(refer) = &mut self.refer {
            refer.accepted = true;
            let device = refer.device;
            self.commands
                .push_back(Command::TellTransfer { device, status });
        }
    }

    pub(super) fn refer_done(&mut self, now: Instant) {
        if let Some(cause) = self.transferred() {
            self.end(cause, now);
        }
    }

    /// The far side of this call has taken the place of this call in another.
    pub(super) fn refer_done_elsewhere(&mut self, now: Instant) {
        if std::mem::take(&mut self.consulted) {
            self.end(Cause::new(CauseCode::Transferred, By::Web), now);
        }
    }

    pub(super) fn refer_failed(&mut self, cause: FarCause) {
        let Some(refer) = self.refer.take() else {
            return;
        };
        self.clear(Timer::Refer);
        let (code, message) = match (refer.accepted, cause.silent || cause.status == Some(408)) {
            (_, true) => (
                RefusalCode::TimedOut,
                "the telephone system did not do it in time",
            ),
            (false, false) => (
                RefusalCode::Refused,
                "the telephone system refuses to transfer the call",
            ),
            (true, false) => (
                RefusalCode::Refused,
                "who it was transferred to did not take the call",
            ),
        };
        let refusal = Refusal {
            code,
            message: message.to_owned(),
            far: Some(cause),
        };
        self.reply(refer.device, refer.request, Err(refusal));
    }

    pub(super) fn refer_timeout(&mut self) {
        self.refer_failed(FarCause {
            silent: true,
            ..FarCause::default()
        });
    }

    /// Whether the end of the trunk leg is the end of a transfer.
    pub(super) fn is_handed_on(&self) -> bool {
        self.consulted || self.refer.as_ref().is_some_and(|refer| refer.accepted)
    }

    /// The trunk leg is over because the transfer is done.
    pub(super) fn handed_on(&mut self, now: Instant) {
        let cause = self
            .transferred()
            .unwrap_or_else(|| Cause::new(CauseCode::Transferred, By::Web));
        self.finish(cause, now);
    }

    /// Answers the page's request; the cause of what follows.
    fn transferred(&mut self) -> Option<Cause> {
        let refer = self.refer.take()?;
        self.reply(refer.device, refer.request, Ok(()));
        let cause = Cause::new(CauseCode::Transferred, By::Web);
        Some(match refer.target {
            TransferTarget::Number(number) => cause.with_detail(format!("to {number}")),
            TransferTarget::Call(_) => cause,
        })
    }
}
