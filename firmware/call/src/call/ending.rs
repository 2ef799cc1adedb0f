//! How a call ends, and what is said afterwards.

use super::*;

impl Call {
    pub(super) fn hangup(&mut self, device: DeviceId, request: RequestId, now: Instant) {
        if !self.concerns(device) {
            return self.refuse(device, request, "the call is not this session's");
        }
        if self.phase == Phase::Offered {
            return self.reject(device, request, false, now);
        }
        self.reply(device, request, Ok(()));
        let code = match (self.phase, self.direction) {
            (Phase::Answered, _) => CauseCode::Hangup,
            (_, Direction::Outbound) => CauseCode::Cancelled,
            (_, Direction::Inbound | Direction::Echo) => CauseCode::Declined,
        };
        self.end(Cause::new(code, By::Web), now);
    }

    /// Ends the trunk leg in the way its state asks for, then the call.
    pub(super) fn end(&mut self, cause: Cause, now: Instant) {
        let towards_trunk = match (self.direction, self.phase) {
            (_, Phase::Placed | Phase::Ended) => None,
            (_, Phase::Answered) => Some(Command::EndTrunk {
                cause: cause.clone(),
            }),
            (Direction::Outbound, _) => Some(Command::CancelTrunk {
                cause: cause.clone(),
            }),
            // The 200 is out and its ACK is not back yet: only BYE ends it.
            (Direction::Inbound | Direction::Echo, Phase::Connecting) => Some(Command::EndTrunk {
                cause: cause.clone(),
            }),
            (Direction::Inbound | Direction::Echo, _) => Some(Command::RejectTrunk {
                cause: cause.clone(),
            }),
        };
        self.commands.extend(towards_trunk);
        self.finish(cause, now);
    }

    /// The trunk leg is over already.
    pub(super) fn finish(&mut self, cause: Cause, now: Instant) {
        self.abandon_transfer();
        self.phase = Phase::Ended;
        self.marks.ended = Some(now);
        self.timers = [None; TIMERS.len()];
        let ended = || {
            Err(Refusal {
                code: RefusalCode::WrongState,
                message: "the call has ended".into(),
                far: None,
            })
        };
        if let Some((device, request)) = self.accept.take() {
            self.reply(device, request, ended());
        }
        if let Some(asked) = self.hold_request.take() {
            self.reply(asked.device, asked.request, ended());
        }
        if let Some(asked) = self.picture_request.take() {
            self.reply(asked.device, asked.request, ended());
        }
        if let Some(refer) = self.refer.take() {
            self.reply(refer.device, refer.request, ended());
        }
        for (device, request) in std::mem::take(&mut self.digit_requests) {
            self.reply(device, request, ended());
        }
        let told = Told::Ended(cause.clone());
        self.tell(told.clone());
        for device in std::mem::take(&mut self.ringing) {
            self.tell_one(device, told.clone());
        }
        self.commands.push_back(Command::Finish { cause });
    }

    pub(super) fn refuse_after_the_end(&mut self, event: &Event) {
        match event {
            Event::Hangup { device, request } => self.reply(*device, *request, Ok(())),
            Event::Accept { device, request }
            | Event::Reject {
                device, request, ..
            }
            | Event::Hold { device, request }
            | Event::Resume { device, request }
            | Event::Picture {
                device, request, ..
            }
            | Event::Transfer {
                device, request, ..
            }
            | Event::Digits {
                device, request, ..
            } => {
                self.refuse(*device, *request, "the call has ended");
            }
            Event::DeviceBack { device } => {
                self.device = Some(*device);
                self.attached = true;
            }
            _ => {}
        }
    }
}
