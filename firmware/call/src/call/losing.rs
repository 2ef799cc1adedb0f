//! Sockets and media that go away and come back.

use super::*;

impl Call {
    pub(super) fn web_lost(&mut self, now: Instant) {
        self.web_lost = true;
        if self.attached {
            self.set(Timer::MediaLost, now + self.timing.media_lost);
            if let Some(device) = self.device {
                self.commands.push_back(Command::Warn {
                    device,
                    code: "no_media",
                    message: "The box hears nothing from this browser.",
                });
            }
        } else {
            // Neither socket nor media: nobody is there, and an agent is listening to nothing.
            let soon = now + self.timing.page_gone;
            let at = self.timers[Timer::DeviceGone as usize].map_or(soon, |at| at.min(soon));
            self.set(Timer::DeviceGone, at);
        }
    }

    pub(super) fn web_back(&mut self) {
        self.web_lost = false;
        self.clear(Timer::MediaLost);
        if let (Some(device), true) = (self.device, self.attached) {
            self.commands.push_back(Command::Warn {
                device,
                code: "media_resumed",
                message: "The box hears this browser again.",
            });
        }
    }

    /// While it rings a far side owes no sound, and held it owes none either.
    pub(super) fn trunk_silent(&mut self, seconds: u64, now: Instant) {
        if self.phase == Phase::Answered && self.hold.held_by().is_none() {
            let cause = Cause::new(CauseCode::RemoteMediaLost, By::Gateway)
                .with_detail(format!("nothing came from the trunk for {seconds} s"));
            self.end(cause, now);
        }
    }

    pub(super) fn device_gone(&mut self, device: DeviceId, now: Instant) {
        if self.device == Some(device) {
            self.attached = false;
            self.clear(Timer::MediaLost);
            let wait = if self.web_lost {
                self.timing.page_gone
            } else {
                self.timing.session_resume
            };
            self.set(Timer::DeviceGone, now + wait);
        } else if self.ringing.contains(&device) {
            self.ringing.retain(|d| *d != device);
            if self.ringing.is_empty() && self.phase == Phase::Offered {
                self.set(Timer::DeviceWait, now + self.timing.device_wait);
            }
        }
    }

    pub(super) fn device_back(&mut self, device: DeviceId) {
        if self.phase == Phase::Offered {
            self.clear(Timer::DeviceWait);
            if !self.ringing.contains(&device) {
                self.ringing.push(device);
            }
            return;
        }
        self.device = Some(device);
        self.attached = true;
        self.clear(Timer::DeviceGone);
        // Answers to what the lost socket asked go to the one that replaced it.
        if let Some(asked) = &mut self.hold_request {
            asked.device = device;
        }
        if let Some(asked) = &mut self.picture_request {
            asked.device = device;
        }
        if let Some(refer) = &mut self.refer {
            refer.device = device;
        }
        for (asker, _) in &mut self.digit_requests {
            *asker = device;
        }
        self.tell_quality(true);
    }
}
