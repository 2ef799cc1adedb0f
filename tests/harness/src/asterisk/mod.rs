//! Asterisk 22 in its chroot, in a mount namespace of its own, on free loopback ports.
//!
//! The chroot (`cargo xtask interop` makes it) is shared and stays as it is: configuration, log and run-time files of
//! one run lie in a temporary folder mounted into it for that process only.

mod config;
mod dialplan;
mod manager;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::config::loopback;
use crate::error::{Doing, HarnessError, Result};
use crate::place::{self, TempFolder};
use crate::program::Program;
use config::Ports;
pub use config::{MUSIC_HZ, Tls, Trunk};
use manager::Manager;

const START: Duration = Duration::from_secs(30);

/// A running Asterisk.
#[derive(Debug)]
pub struct Asterisk {
    program: Program,
    manager: Manager,
    ports: Ports,
    folder: TempFolder,
}

/// A place in Asterisk's log: what is looked for later comes after it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogPlace(usize);

/// Where the chroot is, when it has been made.
pub fn chroot() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .filter(|v| !v.is_empty())
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))?;
    let folder = cache.join("causeway/asterisk-22");
    folder.is_dir().then_some(folder)
}

impl Asterisk {
    /// Starts one whose `box` endpoint is the box at `sip`, and whose `agent` endpoint is the phone at `agent`. What it
    /// answers under which number is in [`config`].
    pub async fn start(port: u16, sip: SocketAddr, agent: Option<SocketAddr>) -> Result<Self> {
        Self::start_with(port, sip, agent, &Trunk::default()).await
    }

    /// The same, with the box's end of the trunk set up as `trunk` says.
    pub async fn start_with(
        port: u16,
        sip: SocketAddr,
        agent: Option<SocketAddr>,
        trunk: &Trunk,
    ) -> Result<Self> {
        let chroot =
            chroot().doing("there is no Asterisk; make it with: cargo xtask interop --prepare")?;
        let count = match trunk.rtp_count {
            0 => 100,
            count => count,
        };
        let ports = Ports {
            sip: loopback(port),
            manager: loopback(place::free_port()?),
            rtp_first: place::free_range(count)?,
            rtp_count: count,
            peer: sip,
            agent: agent.unwrap_or(loopback(9)),
        };
        let folder = TempFolder::new("asterisk")?;
        config::write(folder.path(), &chroot, &ports, trunk)?;
        // Asterisk resolves its own host's name, and waits for a name server when nothing answers.
        let script = "mount --bind \"$1\" \"$2/mnt\"\n\
             mount --bind \"$1/hosts\" \"$2/etc/hosts\"\n\
             mount -t proc proc \"$2/proc\"\n\
             mount --rbind /dev \"$2/dev\"\n\
             exec chroot \"$2\" /usr/sbin/asterisk -f -C /mnt/etc/asterisk.conf";
        let mut command = Command::new("unshare");
        command
            .args([
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-ec",
                script,
                "sh",
            ])
            .arg(folder.path())
            .arg(&chroot);
        let mut program = Program::start("asterisk", command, None)?;
        let deadline = Instant::now() + START;
        let manager = loop {
            if let Ok(mut manager) = Manager::connect(ports.manager).await {
                let booted = manager.command("core waitfullybooted").await?;
                if booted.iter().any(|line| line.contains("fully booted")) {
                    break manager;
                }
            }
            if program.ended().is_some() || Instant::now() > deadline {
                let log =
                    std::fs::read_to_string(folder.path().join("log/full.log")).unwrap_or_default();
                return Err(HarnessError::new(format!(
                    "Asterisk does not start:\n{}\n{log}",
                    program.tail(20)
                )));
            }
            sleep(Duration::from_millis(50)).await;
        };
        Ok(Self {
            program,
            manager,
            ports,
            folder,
        })
    }

    /// Where it listens for SIP.
    pub fn address(&self) -> SocketAddr {
        self.ports.sip
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// Runs a command of its console; the lines it printed.
    pub async fn console(&mut self, line: &str) -> Result<Vec<String>> {
        self.manager.command(line).await
    }

    /// Calls `number` at the box, from `caller`; once answered, the caller is connected to `extension`.
    pub async fn call(&mut self, number: &str, caller: &str, extension: &str) -> Result<()> {
        self.originate(&format!("PJSIP/{number}@box"), caller, extension)
            .await
    }

    /// Rings `number` at the box for `seconds`, as Alice Example <4711>; once answered, she is connected to `extension`.
    /// The end is logged, as [`config`] says, answered or not.
    pub async fn ring(&mut self, number: &str, seconds: u32, extension: &str) -> Result<()> {
        let channel = format!("Local/{number}-{seconds}@to-box");
        self.originate(&channel, "4711", extension).await
    }

    /// The same, to the account the box has registered; the number stands in P-Called-Party-ID.
    pub async fn ring_account(
        &mut self,
        number: &str,
        seconds: u32,
        extension: &str,
    ) -> Result<()> {
        let channel = format!("Local/{number}-{seconds}@to-account");
        self.originate(&channel, "4711", extension).await
    }

    /// Rings the number through a context that says more than who calls: `hidden` or `diverted`, where the User-to-User
    /// header is `uui`. Once answered, it is connected to 600.
    pub async fn ring_as(&mut self, context: &str, number: &str, uui: &str) -> Result<()> {
        let channel = format!("Local/{number}-20@{context}");
        self.originate_with(
            &channel,
            "4711",
            "600",
            &[("Variable", &format!("__UUI={uui}"))],
        )
        .await
    }

    /// Does something to the channel of this endpoint.
    ///
    /// # Errors
    /// When there is no such channel, or Asterisk refuses.
    pub async fn act_on(&mut self, endpoint: &str, fields: &[(&str, &str)]) -> Result<()> {
        let lines = self.console("core show channels concise").await?;
        let prefix = format!("PJSIP/{endpoint}-");
        let channel = lines
            .iter()
            .filter_map(|line| line.split('!').next())
            .find(|name| name.starts_with(&prefix))
            .doing(&format!("no channel of {endpoint} in {lines:?}"))?
            .to_owned();
        let mut all = fields.to_vec();
        all.push(("Channel", &channel));
        self.manager.action(&all).await.map(|_| ())
    }

    /// Opens `channel`; once answered, it is connected to `extension`.
    pub async fn originate(&mut self, channel: &str, caller: &str, extension: &str) -> Result<()> {
        self.originate_with(channel, caller, extension, &[]).await
    }

    async fn originate_with(
        &mut self,
        channel: &str,
        caller: &str,
        extension: &str,
        further: &[(&str, &str)],
    ) -> Result<()> {
        let mut fields = vec![
            ("Action", "Originate"),
            ("Channel", channel),
            ("Context", "from-box"),
            ("Exten", extension),
            ("Priority", "1"),
            ("CallerID", caller),
            ("Timeout", "30000"),
            ("Async", "true"),
        ];
        fields.extend_from_slice(further);
        self.manager.action(&fields).await.map(|_| ())
    }

    /// How many channels it has: zero when nothing is left of any call.
    pub async fn channels(&mut self) -> Result<usize> {
        let lines = self.console("core show channels count").await?;
        let count = lines.iter().find_map(|line| {
            line.trim()
                .strip_suffix("active channels")
                .or(line.trim().strip_suffix("active channel"))
        });
        count
            .and_then(|n| n.trim().parse().ok())
            .doing(&format!("no count of channels in {lines:?}"))
    }

    /// Waits until no channel is left.
    pub async fn idle(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.channels().await? > 0 {
            if Instant::now() > deadline {
                let channels = self.console("core show channels verbose").await?;
                return Err(HarnessError::new(format!(
                    "channels are left:\n{}",
                    channels.join("\n")
                )));
            }
            sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Everything it logged so far.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.folder.path().join("log/full.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The end of the log as it is now.
    pub fn mark(&self) -> LogPlace {
        LogPlace(self.log().len())
    }

    /// What it logged since `from`.
    pub fn log_since(&self, from: LogPlace) -> String {
        self.log().get(from.0..).unwrap_or_default().to_owned()
    }

    /// Waits for a line after `from` with all of `words`; the line.
    pub async fn logged(&self, from: LogPlace, words: &[&str], within: Duration) -> Result<String> {
        let deadline = Instant::now() + within;
        loop {
            let log = self.log();
            let new = log.get(from.0..).unwrap_or_default();
            if let Some(line) = new
                .lines()
                .find(|line| words.iter().all(|word| line.contains(word)))
            {
                return Ok(line.to_owned());
            }
            if Instant::now() > deadline {
                let lines: Vec<&str> = new.lines().collect();
                let tail = lines[lines.len().saturating_sub(40)..].join("\n");
                return Err(HarnessError::new(format!(
                    "Asterisk did not log {words:?} within {within:?}:\n{tail}"
                )));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Stops it in order.
    pub async fn stop(self) -> Result<()> {
        let Self {
            program,
            manager,
            folder,
            ..
        } = self;
        drop(manager);
        program.stop().await?;
        drop(folder);
        Ok(())
    }

    /// Ends it at once, as a power cut would.
    pub async fn kill(self) -> Result<()> {
        self.program.kill().await
    }
}
