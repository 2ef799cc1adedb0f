//! Holds and digits of an answered call.

use super::*;

impl Call {
    pub(super) fn request_hold(&mut self, device: DeviceId, request: RequestId, local: bool) {
        if self.phase != Phase::Answered || self.device != Some(device) {
            return self.refuse(
                device,
                request,
                "only an answered call can be held or resumed",
            );
        }
        if self.is_offering() {
            let message = "another change of this call is still under way";
            return self.refuse(device, request, message);
        }
        if self.hold.local == local {
            return self.reply(device, request, Ok(()));
        }
        self.hold_request = Some(HoldRequest {
            device,
            request,
            local,
        });
        let direction = Hold { local, ..self.hold }.trunk_direction();
        self.commands.push_back(Command::OfferTrunk { direction });
    }

    /// The far side owes an answer to an offer that a page has asked for.
    pub(super) const fn is_offering(&self) -> bool {
        self.hold_request.is_some() || self.picture_request.is_some()
    }

    pub(super) fn trunk_agreed(&mut self, direction: plan::Direction, has_picture: bool) {
        if let Some(asked) = self.hold_request.take() {
            self.hold.local = asked.local;
            self.commands.push_back(Command::DirectWeb {
                direction: self.hold.web_direction(),
            });
            self.reply(asked.device, asked.request, Ok(()));
            // While we hold, a far side that only listens is not holding us.
            if !asked.local {
                self.hold.remote = !direction.sends();
            }
            self.tell_hold();
        } else if !(self.picture_agreed(has_picture) && self.hold.local) {
            self.trunk_replanned(direction);
        }
    }

    pub(super) fn trunk_refused(&mut self, cause: FarCause) {
        let held = self.hold_request.take();
        let held = held.map(|asked| (asked.device, asked.request));
        let shown = self.picture_request.take();
        let shown = shown.map(|asked| (asked.device, asked.request));
        let Some((device, request)) = held.or(shown) else {
            return;
        };
        let (code, message) = if cause.silent || cause.status == Some(408) {
            (
                RefusalCode::TimedOut,
                "the telephone system did not answer in time",
            )
        } else {
            (RefusalCode::Refused, "the telephone system refused")
        };
        let refusal = Refusal {
            code,
            message: message.into(),
            far: Some(cause),
        };
        self.reply(device, request, Err(refusal));
    }

    pub(super) fn trunk_replanned(&mut self, direction: plan::Direction) {
        let remote = !direction.sends();
        if self.phase == Phase::Answered && self.hold.remote != remote {
            self.hold.remote = remote;
            self.tell_hold();
        }
    }

    pub(super) fn tell_hold(&mut self) {
        let told = match self.hold.held_by() {
            Some(by) => Told::Held(by),
            None => Told::Answered,
        };
        if self.last_told.as_ref() != Some(&told) {
            self.tell(told);
        }
    }

    pub(super) fn digits(
        &mut self,
        device: DeviceId,
        request: RequestId,
        digits: String,
        duration_ms: u16,
        gap_ms: u16,
    ) {
        let open = matches!(self.phase, Phase::Answered | Phase::EarlyMedia);
        if !open || self.device != Some(device) {
            return self.refuse(
                device,
                request,
                "digits need an answered call or early media",
            );
        }
        if self.digit_requests.len() >= MAX_DIGIT_REQUESTS {
            return self.refuse(device, request, "too many digits are still being sent");
        }
        self.digit_requests.push_back((device, request));
        self.commands.push_back(Command::SendDigits {
            digits,
            duration_ms,
            gap_ms,
        });
    }
}
