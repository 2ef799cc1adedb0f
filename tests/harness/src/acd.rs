//! The demo ACD as a child: its events as JSON, its commands on standard input.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::{Instant, timeout_at};

use crate::config::loopback;
use crate::error::{Doing, HarnessError, Result};
use crate::network::Namespace;
use crate::place;
use crate::program::Program;

const PATIENCE: Duration = Duration::from_secs(10);

/// A running `causeway-phone acd`.
#[derive(Debug)]
pub struct Acd {
    program: Program,
    events: UnboundedReceiver<String>,
    address: SocketAddr,
    /// Every event read so far, oldest first.
    seen: Vec<Value>,
}

impl Acd {
    /// Starts one on a free port with further arguments, and waits until it listens.
    pub async fn start(arguments: &[&str]) -> Result<Self> {
        Self::start_on(place::free_port()?, arguments).await
    }

    /// Starts one on this port of 127.0.0.1.
    pub async fn start_on(port: u16, arguments: &[&str]) -> Result<Self> {
        Self::start_at(loopback(port), arguments).await
    }

    /// Starts one at an address.
    pub async fn start_at(address: SocketAddr, arguments: &[&str]) -> Result<Self> {
        Self::start_in(None, address, arguments).await
    }

    /// The same within a namespace, where one is given.
    pub async fn start_in(
        namespace: Option<&Namespace>,
        address: SocketAddr,
        arguments: &[&str],
    ) -> Result<Self> {
        let mut command = Command::new(place::program("causeway-phone")?);
        command
            .args(["acd", "--json", "--listen", &address.to_string()])
            .args(arguments);
        if let Some(namespace) = namespace {
            namespace.enter(&mut command);
        }
        let (output, events) = mpsc::unbounded_channel();
        let program = Program::start("causeway-phone acd", command, Some(output))?;
        let mut acd = Self {
            program,
            events,
            address,
            seen: Vec::new(),
        };
        acd.wait("listening", PATIENCE, |_| true).await?;
        Ok(acd)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process: id and log.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Gives it a command.
    pub async fn command(&mut self, line: &str) -> Result<()> {
        self.program.write_line(line).await
    }

    /// The next event, of any kind.
    pub async fn event(&mut self, within: Duration) -> Result<Value> {
        self.next(Instant::now() + within, "any event").await
    }

    /// The next event called `name` that is `wanted`; events before it are kept in [`Acd::seen`].
    pub async fn wait(
        &mut self,
        name: &str,
        within: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let deadline = Instant::now() + within;
        loop {
            let event = self.next(deadline, name).await?;
            if event["event"] == name && wanted(&event) {
                return Ok(event);
            }
        }
    }

    /// The same, or one that was seen before.
    pub async fn wait_or_seen(
        &mut self,
        name: &str,
        within: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        match self.seen(name).into_iter().find(|event| wanted(event)) {
            Some(event) => Ok(event),
            None => self.wait(name, within, wanted).await,
        }
    }

    /// Every event so far called `name`.
    pub fn seen(&mut self, name: &str) -> Vec<Value> {
        while let Ok(line) = self.events.try_recv() {
            self.keep(&line);
        }
        self.seen
            .iter()
            .filter(|e| e["event"] == name)
            .cloned()
            .collect()
    }

    /// Forgets the events so far.
    pub fn forget(&mut self) {
        while self.events.try_recv().is_ok() {}
        self.seen.clear();
    }

    async fn next(&mut self, deadline: Instant, what: &str) -> Result<Value> {
        loop {
            let line = match timeout_at(deadline, self.events.recv()).await {
                Ok(Some(line)) => line,
                Ok(None) => return Err(self.missing(what, "it ended")),
                Err(_) => return Err(self.missing(what, "the time is up")),
            };
            if let Some(event) = self.keep(&line) {
                return Ok(event);
            }
        }
    }

    fn keep(&mut self, line: &str) -> Option<Value> {
        let event: Value = serde_json::from_str(line).ok()?;
        self.seen.push(event.clone());
        Some(event)
    }

    fn missing(&self, what: &str, why: &str) -> HarnessError {
        let last: Vec<String> = self
            .seen
            .iter()
            .rev()
            .take(12)
            .rev()
            .map(Value::to_string)
            .collect();
        HarnessError::new(format!(
            "the ACD did not report {what}: {why}; its last events:\n  {}\n{}",
            last.join("\n  "),
            self.program.tail(10)
        ))
    }

    /// Stops it in order.
    pub async fn stop(self) -> Result<()> {
        self.program.stop().await.map(|_| ())
    }

    /// Ends it at once, as a power cut would.
    pub async fn kill(self) -> Result<()> {
        self.program.kill().await
    }
}

/// Makes a recording for a browser's microphone: `hz` for `seconds`, loud for 700 ms and 20 dB quieter for 300 ms in
/// turn, so that the jump marks a moment.
pub async fn tone(path: &std::path::Path, hz: u32, seconds: u32) -> Result<()> {
    let out = Command::new(place::program("causeway-phone")?)
        .args([
            "tone",
            "--hz",
            &hz.to_string(),
            "--seconds",
            &seconds.to_string(),
            "--out",
        ])
        .arg(path)
        .output()
        .await
        .doing("causeway-phone tone")?;
    if out.status.success() {
        return Ok(());
    }
    Err(HarnessError::new(format!(
        "causeway-phone tone: {}",
        String::from_utf8_lossy(&out.stderr).trim()
    )))
}
