//! One call: a browser leg, a trunk leg and the bridge between them.
//!
//! | phase | event | next | commands |
//! |---|---|---|---|
//! | placed | `WebAnswered` | trying | tell trying, place trunk, bridge |
//! | trying, ringing | `TrunkProgress` | ringing / early media | tell |
//! | trying … early media | `TrunkAnswered` | answered | tell answered |
//! | trying … early media | `TrunkFailed` | ended | tell ended, finish |
//! | offered (to devices) | `Accept` | accepting | open web, others: answered elsewhere |
//! | accepting | `WebAnswered` | accepting | bridge, reply |
//! | accepting | `WebConnected` | connecting | answer trunk |
//! | connecting | `TrunkAnswered` | answered | tell answered |
//! | offered | last `Reject` | ended | reject trunk, finish |
//! | answered | `Hold`, `Resume` | answered | offer trunk; reply and tell once agreed |
//! | answered | `TrunkReplanned` | answered | tell held / answered when it changed |
//! | any | `Hangup`, `TrunkEnded`, `TrunkCancelled`, `WebFailed`, a limit of [`Timing`], `Stopping` | ended | cancel / reject / end trunk, tell ended, finish |
//! | ended | anything | ended | refuse requests |

use crate::cause::{By, Cause, CauseCode, FarCause};
use crate::command::{Command, Refusal, RefusalCode, Told};
use crate::event::{DeviceId, Event, RequestId};
use crate::hold::Hold;
use crate::timing::Timing;
use causeway_media::plan;
use std::collections::VecDeque;
use std::time::Instant;

/// Digit requests that may wait for their turn.
const MAX_DIGIT_REQUESTS: usize = 8;

/// Who placed the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Browser to PBX.
    Outbound,
    /// PBX to an account's browsers.
    Inbound,
}

/// Where a call stands; the module's table tells how it moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Placed,
    Trying,
    Ringing,
    EarlyMedia,
    Offered,
    Accepting,
    Connecting,
    Answered,
    Ended,
}

/// How a call begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setup {
    /// A browser's `call.place`; wait for [`Event::WebAnswered`].
    Outbound { device: DeviceId },
    /// A PBX's INVITE for an account with these sessions.
    Inbound { devices: Vec<DeviceId> },
}

/// When what happened first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    pub ringing: Option<Instant>,
    pub early_media: Option<Instant>,
    pub web_connected: Option<Instant>,
    pub answered: Option<Instant>,
    pub ended: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    Ring,
    MediaConnect,
    DeviceGone,
    MediaLost,
    DeviceWait,
}

const TIMERS: [Timer; 5] = [
    Timer::Ring,
    Timer::MediaConnect,
    Timer::DeviceGone,
    Timer::MediaLost,
    Timer::DeviceWait,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct HoldRequest {
    device: DeviceId,
    request: RequestId,
    local: bool,
}

/// The state machine of one call. See the module for its table.
#[derive(Debug)]
pub struct Call {
    direction: Direction,
    phase: Phase,
    timing: Timing,
    /// The session that speaks for the browser leg.
    device: Option<DeviceId>,
    /// It is connected.
    attached: bool,
    /// Devices that ring.
    ringing: Vec<DeviceId>,
    busy_devices: bool,
    accept: Option<(DeviceId, RequestId)>,
    hold: Hold,
    hold_request: Option<HoldRequest>,
    digit_requests: VecDeque<(DeviceId, RequestId)>,
    web_lost: bool,
    timers: [Option<Instant>; TIMERS.len()],
    seq: u32,
    last_told: Option<Told>,
    marks: Marks,
    commands: VecDeque<Command>,
}

impl Call {
    pub fn new(setup: Setup, timing: Timing, now: Instant) -> Self {
        let (direction, phase, device, ringing) = match setup {
            Setup::Outbound { device } => {
                (Direction::Outbound, Phase::Placed, Some(device), Vec::new())
            }
            Setup::Inbound { devices } => (Direction::Inbound, Phase::Offered, None, devices),
        };
        let mut call = Self {
            direction,
            phase,
            timing,
            device,
            attached: true,
            ringing,
            busy_devices: false,
            accept: None,
            hold: Hold::default(),
            hold_request: None,
            digit_requests: VecDeque::new(),
            web_lost: false,
            timers: [None; TIMERS.len()],
            seq: 0,
            last_told: None,
            marks: Marks::default(),
            commands: VecDeque::new(),
        };
        if direction == Direction::Inbound {
            call.ring_devices(now);
        }
        call
    }

    pub fn direction(&self) -> Direction {
        self.direction
    }

    pub fn phase(&self) -> Phase {
        self.phase
    }

    pub fn hold(&self) -> Hold {
        self.hold
    }

    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// The session that speaks for the browser leg, connected or not.
    pub fn device(&self) -> Option<DeviceId> {
        self.device
    }

    /// The `accept` that is under way; whoever takes it answers it.
    pub fn take_accept(&mut self) -> Option<(DeviceId, RequestId)> {
        self.accept.take()
    }

    /// Whether `device` has a part in this call.
    pub fn concerns(&self, device: DeviceId) -> bool {
        self.device == Some(device) || self.ringing.contains(&device)
    }

    /// The state last told, and its number; for a page that comes back.
    pub fn snapshot(&self) -> (Option<&Told>, u32) {
        (self.last_told.as_ref(), self.seq)
    }

    /// What our side of the trunk leg wants now: an answer to a re-INVITE is at most this open.
    pub fn trunk_direction(&self) -> plan::Direction {
        self.hold.trunk_direction()
    }

    pub fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// When [`Call::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.iter().flatten().min().copied()
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        for timer in TIMERS {
            let due = self.timers[timer as usize].is_some_and(|at| at <= now);
            if !due || self.phase == Phase::Ended {
                continue;
            }
            self.timers[timer as usize] = None;
            let code = match timer {
                Timer::Ring => CauseCode::NoAnswer,
                Timer::MediaConnect => CauseCode::MediaFailed,
                Timer::DeviceGone => CauseCode::SessionLost,
                Timer::MediaLost => CauseCode::MediaLost,
                Timer::DeviceWait if self.busy_devices => CauseCode::Busy,
                Timer::DeviceWait => CauseCode::Unavailable,
            };
            self.end(Cause::new(code, By::Gateway), now);
        }
    }

    pub fn handle(&mut self, event: Event, now: Instant) {
        if self.phase == Phase::Ended {
            return self.refuse_after_the_end(&event);
        }
        match event {
            Event::WebAnswered { .. } => self.web_answered(now),
            Event::WebConnected => self.web_connected(now),
            Event::WebFailed { reason } => {
                self.end(
                    Cause::new(CauseCode::MediaFailed, By::Gateway).with_detail(reason),
                    now,
                );
            }
            Event::WebLost => self.web_lost(now),
            Event::WebBack => self.web_back(),
            Event::DeviceGone { device } => self.device_gone(device, now),
            Event::DeviceBack { device } => self.device_back(device),
            Event::DeviceJoined { device } => self.device_joined(device),
            Event::Hangup { device, request } => self.hangup(device, request, now),
            Event::Accept { device, request } => self.accept(device, request, now),
            Event::Reject {
                device,
                request,
                busy,
            } => self.reject(device, request, busy, now),
            Event::Hold { device, request } => self.request_hold(device, request, true),
            Event::Resume { device, request } => self.request_hold(device, request, false),
            Event::Digits {
                device,
                request,
                digits,
                duration_ms,
                gap_ms,
            } => {
                self.digits(device, request, digits, duration_ms, gap_ms);
            }
            Event::DigitsSent => {
                if let Some((device, request)) = self.digit_requests.pop_front() {
                    self.reply(device, request, Ok(()));
                }
            }
            Event::TrunkProgress { early } => self.trunk_progress(early, now),
            Event::TrunkAnswered { direction } => self.trunk_answered(direction, now),
            Event::TrunkFailed { cause } => {
                let code = cause.code();
                // Nobody there at all is what the box found out, not what the far side did.
                let by = if cause.silent { By::Gateway } else { By::Trunk };
                self.finish(Cause::new(code, by).with_far(cause), now);
            }
            Event::TrunkReplanned { direction } => self.trunk_replanned(direction),
            Event::TrunkAgreed { direction } => self.trunk_agreed(direction),
            Event::TrunkRefused { cause } => self.trunk_refused(cause),
            Event::TrunkEnded { cause } => {
                let code = if self.phase == Phase::Answered {
                    CauseCode::Hangup
                } else {
                    cause.code()
                };
                self.finish(Cause::new(code, By::Trunk).with_far(cause), now);
            }
            Event::TrunkCancelled { cause } => {
                self.finish(
                    Cause::new(CauseCode::Cancelled, By::Trunk).with_far(cause),
                    now,
                );
            }
            Event::TrunkDigit { digit, duration_ms } => {
                if let Some(device) = self.device {
                    self.commands.push_back(Command::TellDigit {
                        device,
                        digit,
                        duration_ms,
                    });
                }
            }
            Event::Stopping => {
                self.end(Cause::new(CauseCode::BoxStopping, By::Gateway), now);
            }
        }
    }

    // ---- setting up -------------------------------------------------------------------------

    fn web_answered(&mut self, now: Instant) {
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

    fn web_connected(&mut self, now: Instant) {
        self.clear(Timer::MediaConnect);
        self.marks.web_connected.get_or_insert(now);
        if self.phase == Phase::Accepting {
            // Only now: an agent's first words must not fall into a gap.
            self.phase = Phase::Connecting;
            self.commands.push_back(Command::AnswerTrunk);
        }
    }

    fn ring_devices(&mut self, now: Instant) {
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

    fn device_joined(&mut self, device: DeviceId) {
        if self.phase == Phase::Offered && !self.ringing.contains(&device) {
            self.clear(Timer::DeviceWait);
            self.ringing.push(device);
            self.commands.push_back(Command::RingDevice { device });
        }
    }

    fn accept(&mut self, device: DeviceId, request: RequestId, now: Instant) {
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

    fn reject(&mut self, device: DeviceId, request: RequestId, busy: bool, now: Instant) {
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

    fn trunk_progress(&mut self, early: Option<plan::Direction>, now: Instant) {
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

    fn trunk_answered(&mut self, direction: plan::Direction, now: Instant) {
        match self.phase {
            Phase::Trying | Phase::Ringing | Phase::EarlyMedia | Phase::Connecting => {
                self.phase = Phase::Answered;
                self.marks.answered = Some(now);
                self.clear(Timer::Ring);
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

    // ---- in the call ------------------------------------------------------------------------

    fn request_hold(&mut self, device: DeviceId, request: RequestId, local: bool) {
        if self.phase != Phase::Answered || self.device != Some(device) {
            return self.refuse(
                device,
                request,
                "only an answered call can be held or resumed",
            );
        }
        if self.hold_request.is_some() {
            return self.refuse(
                device,
                request,
                "a hold or resume of this call is still under way",
            );
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

    fn trunk_agreed(&mut self, direction: plan::Direction) {
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
        } else {
            self.trunk_replanned(direction);
        }
    }

    fn trunk_refused(&mut self, cause: FarCause) {
        let Some(asked) = self.hold_request.take() else {
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
        self.reply(asked.device, asked.request, Err(refusal));
    }

    fn trunk_replanned(&mut self, direction: plan::Direction) {
        let remote = !direction.sends();
        if self.phase == Phase::Answered && self.hold.remote != remote {
            self.hold.remote = remote;
            self.tell_hold();
        }
    }

    fn tell_hold(&mut self) {
        let told = match self.hold.held_by() {
            Some(by) => Told::Held(by),
            None => Told::Answered,
        };
        if self.last_told.as_ref() != Some(&told) {
            self.tell(told);
        }
    }

    fn digits(
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

    // ---- losing and finding -------------------------------------------------------------------

    fn web_lost(&mut self, now: Instant) {
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

    fn web_back(&mut self) {
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

    fn device_gone(&mut self, device: DeviceId, now: Instant) {
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

    fn device_back(&mut self, device: DeviceId) {
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
        for (asker, _) in &mut self.digit_requests {
            *asker = device;
        }
    }

    // ---- ending -----------------------------------------------------------------------------

    fn hangup(&mut self, device: DeviceId, request: RequestId, now: Instant) {
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
            (_, Direction::Inbound) => CauseCode::Declined,
        };
        self.end(Cause::new(code, By::Web), now);
    }

    /// Ends the trunk leg in the way its state asks for, then the call.
    fn end(&mut self, cause: Cause, now: Instant) {
        let towards_trunk = match (self.direction, self.phase) {
            (_, Phase::Placed | Phase::Ended) => None,
            (_, Phase::Answered) => Some(Command::EndTrunk {
                cause: cause.clone(),
            }),
            (Direction::Outbound, _) => Some(Command::CancelTrunk {
                cause: cause.clone(),
            }),
            // The 200 is out and its ACK is not back yet: only BYE ends it.
            (Direction::Inbound, Phase::Connecting) => Some(Command::EndTrunk {
                cause: cause.clone(),
            }),
            (Direction::Inbound, _) => Some(Command::RejectTrunk {
                cause: cause.clone(),
            }),
        };
        self.commands.extend(towards_trunk);
        self.finish(cause, now);
    }

    /// The trunk leg is over already.
    fn finish(&mut self, cause: Cause, now: Instant) {
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

    fn refuse_after_the_end(&mut self, event: &Event) {
        match event {
            Event::Hangup { device, request } => self.reply(*device, *request, Ok(())),
            Event::Accept { device, request }
            | Event::Reject {
                device, request, ..
            }
            | Event::Hold { device, request }
            | Event::Resume { device, request }
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

    // ---- small steps --------------------------------------------------------------------------

    fn tell(&mut self, told: Told) {
        self.seq += 1;
        self.last_told = Some(told.clone());
        if let Some(device) = self.device {
            self.commands.push_back(Command::Tell {
                device,
                told,
                seq: self.seq,
            });
        }
    }

    fn tell_one(&mut self, device: DeviceId, told: Told) {
        self.commands.push_back(Command::Tell {
            device,
            told,
            seq: self.seq + 1,
        });
    }

    fn reply(&mut self, device: DeviceId, request: RequestId, result: Result<(), Refusal>) {
        self.commands.push_back(Command::Reply {
            device,
            request,
            result,
        });
    }

    fn refuse(&mut self, device: DeviceId, request: RequestId, message: &str) {
        let refusal = Refusal {
            code: RefusalCode::WrongState,
            message: message.to_owned(),
            far: None,
        };
        self.reply(device, request, Err(refusal));
    }

    fn set(&mut self, timer: Timer, at: Instant) {
        self.timers[timer as usize] = Some(at);
    }

    fn clear(&mut self, timer: Timer) {
        self.timers[timer as usize] = None;
    }
}
