//! A test number: the box answers at once and the trunk leg hears itself. It ends like any call, and by itself after
//! [`Timing::echo`](crate::Timing).

use super::*;

impl Call {
    pub(super) fn begin_echo(&mut self) {
        self.commands.push_back(Command::Echo);
        self.commands.push_back(Command::AnswerTrunk);
    }

    pub(super) fn echo_answered(&mut self, now: Instant) {
        if self.direction == Direction::Echo {
            self.set(Timer::Echo, now + self.timing.echo);
        }
    }

    pub(super) fn end_echo(&mut self, now: Instant) {
        let minutes = self.timing.echo.as_secs() / 60;
        let cause = Cause::new(CauseCode::Hangup, By::Gateway)
            .with_detail(format!("an echo lasts {minutes} minutes at most"));
        self.end(cause, now);
    }
}
