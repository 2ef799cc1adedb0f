//! SIPp as the PBX that calls: many calls a second, counted by what became of them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::sleep;

use crate::config::loopback;
use crate::error::{Doing, HarnessError, Result};
use crate::place::{self, TempFolder};
use crate::program::Program;

/// What each caller does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    /// INVITE, 200, ACK, a while, BYE.
    Short,
    /// The same with a re-INVITE after the while, and another while.
    Standing,
}

impl Scene {
    const fn text(self) -> &'static str {
        match self {
            Self::Short => include_str!("short_call.xml"),
            Self::Standing => include_str!("standing_call.xml"),
        }
    }
}

/// Calls to be made.
#[derive(Debug, Clone)]
pub struct Calls {
    pub scene: Scene,
    /// The number called.
    pub to: String,
    /// Calls begun in a second.
    pub rate: u32,
    /// Calls in all.
    pub calls: u32,
    /// How long the while is, in milliseconds.
    pub hold_ms: u32,
}

/// What became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Outcome {
    /// Begun.
    pub calls: u64,
    /// Answered and ended as they should be.
    pub done: u64,
    /// Refused with 503.
    pub busy: u64,
    /// Everything else.
    pub failed: u64,
    /// Messages sent again.
    pub retransmissions: u64,
    /// Calls begun in a second, as it came to be.
    pub rate: f64,
    /// How long it took.
    pub seconds: f64,
}

impl Outcome {
    /// Every call went well.
    pub fn is_clean(&self) -> bool {
        self.calls > 0 && self.done == self.calls && self.busy == 0 && self.failed == 0
    }
}

/// Callers under way.
#[derive(Debug)]
pub struct Running {
    program: Program,
    folder: TempFolder,
    begun: std::time::Instant,
    /// Longer than all of it can take.
    limit: Duration,
}

impl Calls {
    /// Short calls of 200 ms.
    pub fn short(to: &str, rate: u32, calls: u32) -> Self {
        Self {
            scene: Scene::Short,
            to: to.to_owned(),
            rate,
            calls,
            hold_ms: 200,
        }
    }

    /// Makes the calls.
    ///
    /// # Errors
    /// When SIPp cannot be started, or tells nothing. Calls that fail are in the outcome.
    pub async fn run(&self, at: SocketAddr) -> Result<Outcome> {
        self.start(at)?.ended().await
    }

    /// Begins to make them.
    ///
    /// # Errors
    /// When SIPp cannot be started.
    pub fn start(&self, at: SocketAddr) -> Result<Running> {
        let folder = TempFolder::new("sipp")?;
        let scene = folder.path().join("scene.xml");
        std::fs::write(&scene, self.scene.text()).doing("SIPp's scenario")?;
        let mut command = command(&folder, &scene, place::free_port()?);
        command
            .arg(at.to_string())
            .args(["-s", &self.to, "-d", &self.hold_ms.to_string()])
            .args(["-r", &self.rate.to_string(), "-m", &self.calls.to_string()])
            // The bound on calls at once would otherwise be 3 · rate · duration.
            .args(["-l", "20000", "-recv_timeout", "40000"])
            .args(["-trace_stat", "-fd", "1", "-stf"])
            .arg(folder.path().join("calls.csv"));
        let while_ms = u64::from(self.hold_ms) * 2 + 60_000;
        Ok(Running {
            program: Program::start("sipp", command, None)?,
            folder,
            begun: std::time::Instant::now(),
            limit: Duration::from_millis(while_ms)
                + Duration::from_secs(u64::from(self.calls / self.rate.max(1)) * 2),
        })
    }
}

impl Running {
    /// Waits for the last call.
    ///
    /// # Errors
    /// When there is no end, or no figures.
    pub async fn ended(mut self) -> Result<Outcome> {
        while self.program.ended().is_none() {
            if self.begun.elapsed() > self.limit {
                let tail = self.program.tail(5);
                self.program.kill().await?;
                return Err(HarnessError::new(format!("SIPp does not end: {tail}")));
            }
            sleep(Duration::from_millis(50)).await;
        }
        let seconds = self.begun.elapsed().as_secs_f64();
        let text = std::fs::read_to_string(self.folder.path().join("calls.csv"))
            .doing("SIPp's figures")?;
        let outcome = figures(&text, seconds);
        let tail = self.program.tail(5);
        self.program.stop().await?;
        outcome.ok_or_else(|| HarnessError::new(format!("SIPp told nothing: {tail}")))
    }
}

/// The last line of the figures, by the names of the first.
fn figures(text: &str, seconds: f64) -> Option<Outcome> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next()?.split(';').collect();
    let last: Vec<&str> = lines.next_back()?.split(';').collect();
    let field = |name: &str| {
        let at = names.iter().position(|n| *n == name)?;
        last.get(at).copied()
    };
    let number = |name: &str| field(name)?.parse::<u64>().ok();
    let (calls, failed) = (number("TotalCallCreated")?, number("FailedCall(C)")?);
    Some(Outcome {
        calls,
        done: number("done(C)")?,
        busy: number("busy(C)").unwrap_or_default(),
        failed,
        retransmissions: number("Retransmissions(C)").unwrap_or_default(),
        rate: field("CallRate(C)")?.parse().ok()?,
        seconds,
    })
}

fn command(folder: &TempFolder, scene: &PathBuf, port: u16) -> Command {
    let mut command = Command::new("sipp");
    command
        .current_dir(folder.path())
        .arg("-sf")
        .arg(scene)
        .args(["-i", "127.0.0.1", "-p", &port.to_string(), "-nostdin"])
        .args(["-buff_size", "4000000"]);
    command
}

/// SIPp as a phone that answers every call at once.
#[derive(Debug)]
pub struct Answering {
    program: Program,
    address: SocketAddr,
    _folder: TempFolder,
}

impl Answering {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// When SIPp cannot be started.
    pub async fn start() -> Result<Self> {
        let folder = TempFolder::new("sipp")?;
        let scene = folder.path().join("scene.xml");
        std::fs::write(&scene, include_str!("answers.xml")).doing("SIPp's scenario")?;
        let port = place::free_port()?;
        let program = Program::start("sipp", command(&folder, &scene, port), None)?;
        sleep(Duration::from_millis(500)).await;
        Ok(Self {
            program,
            address: loopback(port),
            _folder: folder,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn stop(self) -> Result<()> {
        self.program.kill().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_by_their_names() {
        let text = "CallRate(C);TotalCallCreated;FailedCall(C);Retransmissions(C);busy(C);done(C)\n1;1;0;0;0;1\n18.5;40;2;3;1;37\n";
        let outcome = figures(text, 2.0).unwrap();
        assert_eq!((outcome.calls, outcome.done), (40, 37));
        assert_eq!((outcome.busy, outcome.failed), (1, 2));
        assert!(!outcome.is_clean());
        assert_eq!(figures("", 1.0), None);
    }
}
