//! How a call comes about, from either side.

use super::*;

impl Call {
    pub(super) fn web_answered(&mut self, now: Instant) {
        match self.phase {
            Phase::Placed => {
                self.phase = Phase::Trying;
                self.tell(Told::Trying);
                self.commands.push_back(Command::PlaceTrunk);
                self.commands.push_back(Command::Bridge);
                self.set(Timer::Ring, now + self.timing.ring);
                self.set(Timer::MediaConnect, now + self.timing.media_connect);
            }
            Phase::Accepting => {
                self.commands.push_back(Command::Bridge);
                if let Some((device, request)) = self.accept.take() {
                    self.reply(device, request, Ok(()));
                }
            }
            // The answer of an ICE restart changes nothing here.
            Phase::Trying | Phase::Ringing | Phase::EarlyMedia | Phase::Offered => {}
            Phase::Connecting | Phase::Answered | Phase::Ended => {}
        }
    }

    pub(super) fn web_connected(&mut self, now: Instant) {
        self.clear(Timer::MediaConnect);
        self.marks.web_connected.get_or_insert(now);
        // A page that was loaded anew connects again.
        if self.web_lost {
            self.web_back();
        }
        if self.phase == Phase::Accepting {
            // Only now: an agent's first words must not fall into a gap.
            self.phase = Phase::Connecting;
            self.commands.push_back(Command::AnswerTrunk);
        }
    }

    pub(super) fn ring_devices(&mut self, now: Instant) {
        if self.ringing.is_empty() {
            return self.end(Cause::new(CauseCode::Unavailable, By::Gateway), now);
        }
        self.commands.push_back(Command::RingTrunk);
        for device in self.ringing.clone() {
            self.commands.push_back(Command::RingDevice { device });
        }
        self.marks.ringing = Some(now);
        self.set(Timer::Ring, now + self.timing.ring);
    }

    pub(super) fn device_joined(&mut self, device: DeviceId) {
        if self.phase == Phase::Offered && !self.ringing.contains(&device) {
            self.clear(Timer::DeviceWait);
            self.ringing.push(device);
            self.commands.push_back(Command::RingDevice { device });
        }
    }

    pub(super) fn accept(&mut self, device: DeviceId, request: RequestId, now: Instant) {
        if self.phase != Phase::Offered || !self.ringing.contains(&device) {
            return self.refuse(device, request, "the call does not ring here any more");
        }
        self.phase = Phase::Accepting;
        self.device = Some(device);
        self.accept = Some((device, request));
        self.clear(Timer::Ring);
        self.clear(Timer::DeviceWait);
        self.set(Timer::MediaConnect, now + self.timing.media_connect);
        let elsewhere = Cause::new(CauseCode::AnsweredElsewhere, By::Web);
        for other in std::mem::take(&mut self.ringing) {
            if other != device {
                self.tell_one(other, Told::Ended(elsewhere.clone()));
            }
        }
        self.commands.push_back(Command::OpenWeb { device });
    }

    pub(super) fn reject(
        &mut self,
        device: DeviceId,
        request: RequestId,
        busy: bool,
        now: Instant,
    ) {
        if self.phase != Phase::Offered || !self.ringing.contains(&device) {
            return self.refuse(device, request, "the call does not ring here any more");
        }
        self.reply(device, request, Ok(()));
        self.busy_devices |= busy;
        self.ringing.retain(|d| *d != device);
        let code = if self.busy_devices {
            CauseCode::Busy
        } else {
            CauseCode::Declined
        };
        let cause = Cause::new(code, By::Web);
        self.tell_one(device, Told::Ended(cause.clone()));
        if self.ringing.is_empty() {
            self.end(cause, now);
        }
    }

    pub(super) fn trunk_progress(&mut self, early: Option<plan::Direction>, now: Instant) {
        match (self.phase, early.is_some_and(plan::Direction::receives)) {
            (Phase::Trying | Phase::Ringing, true) => {
                self.phase = Phase::EarlyMedia;
                self.marks.early_media = Some(now);
                self.tell(Told::EarlyMedia);
            }
            (Phase::Trying, false) => {
                self.phase = Phase::Ringing;
                self.marks.ringing = Some(now);
                self.tell(Told::Ringing);
            }
            _ => {}
        }
    }

    pub(super) fn trunk_answered(&mut self, direction: plan::Direction, now: Instant) {
        match self.phase {
            Phase::Trying | Phase::Ringing | Phase::EarlyMedia | Phase::Connecting => {
                self.phase = Phase::Answered;
                self.marks.answered = Some(now);
                self.clear(Timer::Ring);
                self.echo_answered(now);
                self.hold.remote = !direction.sends();
                self.tell(Told::Answered);
                if self.hold.remote {
                    self.tell_hold();
                }
            }
            // The answer to a hold that was under way, or one more 200.
            Phase::Answered => self.trunk_replanned(direction),
            Phase::Placed | Phase::Offered | Phase::Accepting | Phase::Ended => {}
        }
    }
}
