//! A new dialog of the far side takes the trunk leg's place (RFC 3891): the last step of an attended transfer by the
//! telephone system, or somebody there picking up a call that rings elsewhere.

use super::*;

impl Call {
    pub(super) fn replace_asked(&mut self) {
        let command = match (self.direction, self.phase) {
            (Direction::Outbound | Direction::Inbound, Phase::Answered)
            | (Direction::Outbound, Phase::Trying | Phase::Ringing | Phase::EarlyMedia) => {
                Command::AcceptReplacement
            }
            _ => Command::RefuseReplacement,
        };
        self.commands.push_back(command);
    }

    pub(super) fn trunk_replaced(&mut self, direction: Option<plan::Direction>, now: Instant) {
        // What was asked of the old leg will never be answered.
        self.trunk_refused(FarCause::default());
        self.refer_failed(FarCause::default());
        self.clear(Timer::Transfer);
        self.abandon_transfer();
        self.commands.push_back(Command::Bridge);
        let direction = direction.unwrap_or(plan::Direction::SendRecv);
        self.trunk_answered(direction, now);
    }
}
