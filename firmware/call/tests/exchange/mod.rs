//! A call under a test's hand: virtual time, and commands read as lines.

#![allow(dead_code)]

use causeway_call::*;
use causeway_media::plan::{AudioCodec, Direction as Flow};
use std::time::{Duration, Instant};

pub const CALLER: DeviceId = DeviceId(1);
pub const ANNA: DeviceId = DeviceId(2);
pub const ANNA_TOO: DeviceId = DeviceId(3);
pub const R: RequestId = RequestId(7);

pub struct Exchange {
    pub call: Call,
    pub now: Instant,
}

impl Exchange {
    pub fn placed() -> Self {
        let now = Instant::now();
        let setup = Setup::Outbound { device: CALLER };
        Self {
            call: Call::new(setup, Timing::default(), now),
            now,
        }
    }

    pub fn came_in(devices: &[DeviceId]) -> Self {
        let now = Instant::now();
        let setup = Setup::Inbound {
            devices: devices.to_vec(),
        };
        Self {
            call: Call::new(setup, Timing::default(), now),
            now,
        }
    }

    /// A PBX called a test number.
    pub fn echo() -> Self {
        let now = Instant::now();
        Self {
            call: Call::new(Setup::Echo, Timing::default(), now),
            now,
        }
    }

    /// An answered call from a browser, with everything said so far forgotten.
    pub fn answered() -> Self {
        let mut it = Self::placed();
        it.send(web_answered());
        it.send(Event::WebConnected);
        it.send(answer());
        it
    }

    /// Feeds an event and reads what the call asks for.
    pub fn send(&mut self, event: Event) -> Vec<String> {
        self.call.handle(event, self.now);
        self.commands()
    }

    /// Lets time pass, timer by timer.
    pub fn wait(&mut self, seconds: u64) -> Vec<String> {
        let end = self.now + Duration::from_secs(seconds);
        let mut lines = Vec::new();
        while let Some(at) = self.call.poll_timeout().filter(|at| *at <= end) {
            self.now = at;
            self.call.handle_timeout(at);
            lines.extend(self.commands());
        }
        self.now = end;
        lines
    }

    pub fn commands(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.call.poll_command())
            .map(line)
            .collect()
    }
}

pub fn web_answered() -> Event {
    Event::WebAnswered {
        codec: AudioCodec::Opus,
    }
}

pub fn answer() -> Event {
    Event::TrunkAnswered {
        direction: Flow::SendRecv,
    }
}

pub fn failed(status: u16) -> Event {
    Event::TrunkFailed {
        cause: FarCause {
            status: Some(status),
            ..FarCause::default()
        },
    }
}

fn line(command: Command) -> String {
    match command {
        Command::Tell { device, told, .. } => match told {
            Told::Held(by) => format!("tell {} held by {}", device.0, by.as_str()),
            Told::Ended(cause) => format!("tell {} ended {}", device.0, cause.code.as_str()),
            told => format!("tell {} {}", device.0, told.as_str()),
        },
        Command::Reply {
            device,
            result: Ok(()),
            ..
        } => format!("ok {}", device.0),
        Command::Reply {
            device,
            result: Err(refusal),
            ..
        } => {
            format!("error {} {:?}", device.0, refusal.code)
        }
        Command::RingDevice { device } => format!("ring {}", device.0),
        Command::TellDigit { digit, .. } => format!("digit {digit}"),
        Command::TellTransfer { device, status } => format!("transfer {} {status}", device.0),
        Command::Warn { code, .. } => format!("warn {code}"),
        Command::OpenWeb { device } => format!("open web {}", device.0),
        Command::PlaceTrunk => "INVITE".into(),
        Command::RingTrunk => "180".into(),
        Command::AnswerTrunk => "200".into(),
        Command::RejectTrunk { cause } => format!("reject {}", cause.towards_trunk().0),
        Command::CancelTrunk { .. } => "CANCEL".into(),
        Command::EndTrunk { .. } => "BYE".into(),
        Command::OfferTrunk { direction } => format!("re-INVITE {direction:?}"),
        Command::OfferPicture { begins } => match begins {
            true => "re-INVITE with a picture".into(),
            false => "re-INVITE without a picture".into(),
        },
        Command::ReferTrunk { target } => match target {
            TransferTarget::Number(number) => format!("REFER {number}"),
            TransferTarget::Call(call) => format!("REFER call {call}"),
        },
        Command::AcceptReplacement => "accept replacement".into(),
        Command::RefuseReplacement => "refuse replacement".into(),
        Command::PlaceTransfer => "place transfer".into(),
        Command::RefuseTransfer => "refuse transfer".into(),
        Command::ReportTransfer { status } => format!("report {status}"),
        Command::CompleteTransfer => "complete transfer".into(),
        Command::AbandonTransfer => "abandon transfer".into(),
        Command::SendDigits { digits, .. } => format!("digits {digits}"),
        Command::Bridge => "bridge".into(),
        Command::Echo => "echo".into(),
        Command::DirectWeb { direction } => format!("web {direction:?}"),
        Command::Finish { cause } => format!("finish {}", cause.code.as_str()),
    }
}
