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
//! | answered | `Picture` | answered | offer picture; reply once agreed, see `picturing.rs` |
//! | answered | `Transfer` and what follows | answered, ended | see `transferor.rs` |
//! | answered | `TransferAsked` and what follows | answered | see `transferring.rs` |
//! | answered | `TrunkReplanned` | answered | tell held / answered when it changed |
//! | connecting (test number) | – | connecting | echo, answer trunk; see `echoing.rs` |
//! | trying … early media, answered | `ReplaceAsked` | the same | accept replacement |
//! | any other | `ReplaceAsked` | the same | refuse replacement |
//! | trying … early media | `TrunkReplaced` | answered | bridge, tell answered |
//! | answered | `TrunkReplaced` | answered | bridge, tell held / answered when it changed |
//! | any | `Quality` | the same | warn when it turns bad, and when it is good again |
//! | any | `Hangup`, `TrunkEnded`, `TrunkCancelled`, `WebFailed`, a limit of [`Timing`], `Stopping` | ended | cancel / reject / end trunk, tell ended, finish |
//! | ended | anything | ended | refuse requests |

mod echoing;
mod ending;
mod judging;
mod losing;
mod picturing;
mod replacing;
mod setting_up;
mod talking;
mod transferor;
mod transferring;

use crate::cause::{By, Cause, CauseCode, FarCause};
use crate::command::{Command, Refusal, RefusalCode, Told};
use crate::event::{DeviceId, Event, RequestId};
use crate::hold::Hold;
use crate::quality::{Watch, Way};
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
    /// PBX to a test number: there is a trunk leg alone.
    Echo,
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
    /// A PBX's INVITE for a test number.
    Echo,
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
    Transfer,
    Echo,
    Refer,
}

const TIMERS: [Timer; 8] = [
    Timer::Ring,
    Timer::MediaConnect,
    Timer::DeviceGone,
    Timer::MediaLost,
    Timer::DeviceWait,
    Timer::Transfer,
    Timer::Echo,
    Timer::Refer,
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
    picture_request: Option<picturing::PictureRequest>,
    transfer: transferring::Transfer,
    refer: Option<transferor::Refer>,
    /// Another call is being handed on to this one's far side.
    consulted: bool,
    digit_requests: VecDeque<(DeviceId, RequestId)>,
    web_lost: bool,
    watches: [Watch; Way::ALL.len()],
    warned_of_quality: bool,
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
            Setup::Echo => (Direction::Echo, Phase::Connecting, None, Vec::new()),
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
            picture_request: None,
            transfer: transferring::Transfer::None,
            refer: None,
            consulted: false,
            digit_requests: VecDeque::new(),
            web_lost: false,
            watches: [Watch::default(); Way::ALL.len()],
            warned_of_quality: false,
            timers: [None; TIMERS.len()],
            seq: 0,
            last_told: None,
            marks: Marks::default(),
            commands: VecDeque::new(),
        };
        match direction {
            Direction::Outbound => {}
            Direction::Inbound => call.ring_devices(now),
            Direction::Echo => call.begin_echo(),
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

    /// What our side of the trunk leg has asked for, when it is still to be agreed; else what it wants now.
    pub fn offered_direction(&self) -> plan::Direction {
        let local = self.hold_request.as_ref().map(|asked| asked.local);
        let local = local.unwrap_or(self.hold.local);
        Hold { local, ..self.hold }.trunk_direction()
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
                Timer::Transfer => {
                    self.transfer_timeout(now);
                    continue;
                }
                Timer::Echo => {
                    self.end_echo(now);
                    continue;
                }
                Timer::Refer => {
                    self.refer_timeout();
                    continue;
                }
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
            Event::Quality { way, mos } => self.quality(way, mos),
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
            Event::Picture {
                device,
                request,
                begins,
            } => self.request_picture(device, request, begins),
            Event::Digits {
                device,
                request,
                digits,
                duration_ms,
                gap_ms,
            } => {
                self.digits(device, request, digits, duration_ms, gap_ms);
            }
            Event::Transfer {
                device,
                request,
                target,
            } => self.request_transfer(device, request, target, now),
            Event::DigitsSent => {
                if let Some((device, request)) = self.digit_requests.pop_front() {
                    self.reply(device, request, Ok(()));
                }
            }
            Event::DigitsRefused { cause } => {
                if let Some((device, request)) = self.digit_requests.pop_front() {
                    let refusal = Refusal {
                        code: RefusalCode::Refused,
                        message: "the digits cannot be sent now".to_owned(),
                        far: Some(cause),
                    };
                    self.reply(device, request, Err(refusal));
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
            Event::TrunkAgreed {
                direction,
                has_picture,
            } => self.trunk_agreed(direction, has_picture),
            Event::TrunkRefused { cause } => self.trunk_refused(cause),
            Event::TrunkEnded { cause } if self.outlives_trunk(&cause) => {}
            Event::TrunkEnded { .. } if self.is_handed_on() => self.handed_on(now),
            Event::TrunkEnded { cause } => {
                let (code, by) = if cause.silent {
                    (cause.code(), By::Gateway)
                } else if self.phase == Phase::Answered {
                    (CauseCode::Hangup, By::Trunk)
                } else {
                    (cause.code(), By::Trunk)
                };
                self.finish(Cause::new(code, by).with_far(cause), now);
            }
            Event::ReferAccepted => self.refer_progress(100),
            Event::ReferProgress { status } => self.refer_progress(status),
            Event::ReferDone => self.refer_done(now),
            Event::ReferFailed { cause } => self.refer_failed(cause),
            Event::Consulted { begins } => self.consulted = begins,
            Event::HandedOn => self.refer_done_elsewhere(now),
            Event::TransferAsked => self.transfer_asked(now),
            Event::TransferProgress { status } => self.transfer_progress(status),
            Event::TransferAnswered { direction } => self.transfer_answered(direction),
            Event::TransferFailed { cause } => self.transfer_failed(cause, now),
            Event::ReplaceAsked => self.replace_asked(),
            Event::TrunkReplaced { direction } => self.trunk_replaced(direction, now),
            Event::TrunkCancelled { cause } => {
                self.finish(
                    Cause::new(CauseCode::Cancelled, By::Trunk).with_far(cause),
                    now,
                );
            }
            Event::TrunkSilent { seconds } => self.trunk_silent(seconds, now),
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
