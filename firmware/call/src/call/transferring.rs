//! The far side hands the browser's call on to somebody else: the box calls them on a second trunk leg, and the
//! browser's leg changes sides when they answer. The page keeps its one call and hears of nothing.
//!
//! | transfer | event | next | commands |
//! |---|---|---|---|
//! | none | `TransferAsked`, answered | calling | place transfer |
//! | none | `TransferAsked`, any other phase, or the page transfers | none | refuse transfer |
//! | calling | `TransferAsked` | calling | refuse transfer |
//! | calling | `TransferProgress` | calling | report it |
//! | calling | `TransferAnswered` | none | report 200, complete transfer, bridge |
//! | calling | `TransferFailed` | none | report its status; the old call goes on |
//! | calling | `ring` of [`Timing`](crate::Timing) is over | none | abandon, report 408; the old call goes on |
//! | calling | `TrunkEnded` | calling, alone | – |
//! | calling, alone | `TransferAnswered` | none | complete transfer, bridge |
//! | calling, alone | `TransferFailed`, time over | – | the call ends |
//! | calling | the call ends | none | abandon transfer |

use super::*;

/// A transfer under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Transfer {
    None,
    Calling,
    /// Who asked for it has hung up already, for this reason.
    Alone(FarCause),
}

impl Call {
    pub(super) fn transfer_asked(&mut self, now: Instant) {
        let free = self.transfer == Transfer::None && self.refer.is_none();
        // An echo has no other side that could be handed on.
        let two_sided = self.direction != Direction::Echo;
        if self.phase == Phase::Answered && free && two_sided {
            self.transfer = Transfer::Calling;
            self.set(Timer::Transfer, now + self.timing.ring);
            self.commands.push_back(Command::PlaceTransfer);
        } else {
            self.commands.push_back(Command::RefuseTransfer);
        }
    }

    pub(super) fn transfer_progress(&mut self, status: u16) {
        if self.transfer == Transfer::Calling {
            self.commands.push_back(Command::ReportTransfer { status });
        }
    }

    pub(super) fn transfer_answered(&mut self, direction: plan::Direction) {
        match std::mem::replace(&mut self.transfer, Transfer::None) {
            Transfer::None => return,
            Transfer::Calling => self
                .commands
                .push_back(Command::ReportTransfer { status: 200 }),
            Transfer::Alone(_) => {}
        }
        self.clear(Timer::Transfer);
        // What was asked of the old leg will never be answered.
        self.trunk_refused(FarCause::default());
        self.commands.push_back(Command::CompleteTransfer);
        self.commands.push_back(Command::Bridge);
        self.trunk_replanned(direction);
    }

    pub(super) fn transfer_failed(&mut self, cause: FarCause, now: Instant) {
        let status = cause.status.filter(|status| *status >= 300).unwrap_or(503);
        self.transfer_over(status, cause, now);
    }

    pub(super) fn transfer_timeout(&mut self, now: Instant) {
        self.commands.push_back(Command::AbandonTransfer);
        let cause = FarCause {
            status: Some(408),
            silent: true,
            ..FarCause::default()
        };
        self.transfer_over(408, cause, now);
    }

    fn transfer_over(&mut self, status: u16, cause: FarCause, now: Instant) {
        self.clear(Timer::Transfer);
        match std::mem::replace(&mut self.transfer, Transfer::None) {
            Transfer::None => {}
            Transfer::Calling => self.commands.push_back(Command::ReportTransfer { status }),
            Transfer::Alone(_) => {
                self.finish(Cause::new(cause.code(), By::Trunk).with_far(cause), now);
            }
        }
    }

    /// The old leg is over. `true`: the call lives on in its transfer.
    pub(super) fn outlives_trunk(&mut self, cause: &FarCause) -> bool {
        if self.transfer == Transfer::None || self.phase != Phase::Answered {
            return false;
        }
        self.transfer = Transfer::Alone(cause.clone());
        self.trunk_refused(FarCause::default());
        true
    }

    /// The call ends, and a transfer under way with it.
    pub(super) fn abandon_transfer(&mut self) {
        if std::mem::replace(&mut self.transfer, Transfer::None) != Transfer::None {
            self.commands.push_back(Command::AbandonTransfer);
        }
    }
}
