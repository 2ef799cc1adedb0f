//! SIPp as the PBX: one scenario, one process, its verdict and what it saw.
//!
//! A [`Script`] is the scenario as a message exchange; [`Sipp`] writes it as XML and runs it. Whatever the scenario does
//! not expect ends it as a failure: SIPp's own exit code is the verdict.

mod load;
mod media;
mod script;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{Instant, sleep};

pub use load::{Answering, Calls, Outcome, Running, Scene};
pub use media::{ECHO, Media};
pub use script::Script;

use crate::error::{Doing, HarnessError, Result};
use crate::place::{self, TempFolder};
use crate::program::Program;

/// How long one expected message may take to come, in milliseconds.
const PATIENCE_MS: u32 = 12_000;
/// How long a whole scenario may take.
const LIMIT: Duration = Duration::from_secs(50);

/// What SIPp speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Udp,
    Tcp,
}

/// A running SIPp.
#[derive(Debug)]
pub struct Sipp {
    program: Program,
    address: SocketAddr,
    folder: TempFolder,
    xml: String,
}

/// Whether SIPp is on this machine.
pub fn present() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join("sipp").is_file())
}

impl Sipp {
    /// Starts a scenario on `address`. One that is called waits when this returns; one that calls has called `box_sip`.
    /// `contact` is the address the scenario's Contact shows: its own, or that of a relay before it.
    pub async fn start(
        script: &Script,
        transport: Transport,
        address: SocketAddr,
        contact: SocketAddr,
        box_sip: SocketAddr,
    ) -> Result<Self> {
        let folder = TempFolder::new("sipp")?;
        let xml = script.xml();
        let file = folder.path().join("scenario.xml");
        std::fs::write(&file, script.bytes()).doing("SIPp's scenario")?;
        // SIPp takes this one and the third, and what they need for RTCP.
        let media = place::free_range(4)?;
        let times = script.calls_in_all().to_string();
        let mut command = Command::new("sipp");
        if script.calls() {
            command.arg(box_sip.to_string());
        }
        command
            .current_dir(folder.path())
            .arg("-sf")
            .arg(&file)
            .args(["-i", "127.0.0.1", "-p", &address.port().to_string()])
            .args(["-mi", "127.0.0.1", "-mp", &media.to_string()])
            .args(["-m", &times, "-l", &times, "-nostdin", "-rtp_echo"])
            .args([
                "-t",
                if transport == Transport::Udp {
                    "u1"
                } else {
                    "t1"
                },
            ])
            .args(["-default_behaviors", "all,-bye"])
            .args(["-recv_timeout", &PATIENCE_MS.to_string()])
            .args(["-key", "contact", &contact.to_string()])
            .args(["-key", "box", &box_sip.to_string()])
            // What SIPp would take away from the beginning of a line.
            .args(["-key", "fold", "\t"])
            .args(["-trace_msg", "-message_file"])
            .arg(folder.path().join("messages.log"))
            .args(["-trace_err", "-error_file"])
            .arg(folder.path().join("errors.log"));
        let program = Program::start("sipp", command, None)?;
        let mut sipp = Self {
            program,
            address,
            folder,
            xml,
        };
        if !script.calls() {
            sipp.listening(transport).await?;
        }
        Ok(sipp)
    }

    async fn listening(&mut self, transport: Transport) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let free = match transport {
                Transport::Udp => std::net::UdpSocket::bind(self.address).is_ok(),
                Transport::Tcp => std::net::TcpListener::bind(self.address).is_ok(),
            };
            if !free {
                return Ok(());
            }
            if self.program.ended().is_some() || Instant::now() > deadline {
                sleep(Duration::from_millis(100)).await;
                return Err(self.told("SIPp does not listen"));
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the end of the scenario.
    ///
    /// # Errors
    /// It went otherwise than the scenario says: SIPp's words, the scenario, and every message.
    pub async fn done(&mut self) -> Result<()> {
        let deadline = Instant::now() + LIMIT;
        loop {
            match self.program.ended() {
                Some(status) if status.success() => return Ok(()),
                Some(status) => {
                    sleep(Duration::from_millis(50)).await;
                    return Err(self.told(&format!("SIPp ended with {status}")));
                }
                None if Instant::now() > deadline => {
                    return Err(self.told(&format!("SIPp is not done after {LIMIT:?}")));
                }
                None => sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Every message so far: whether SIPp received it, and its text.
    pub fn messages(&self) -> Vec<(bool, String)> {
        let log = self.read("messages.log");
        log.split("----------------------------------------------- ")
            .filter_map(|block| {
                let (head, rest) = block.split_once("\n\n")?;
                let received = head.contains("received");
                (received || head.contains("sent")).then(|| (received, rest.to_owned()))
            })
            .collect()
    }

    /// Those of the box that begin with `start`, oldest first.
    pub fn received(&self, start: &str) -> Vec<String> {
        self.messages()
            .into_iter()
            .filter(|(received, text)| *received && text.starts_with(start))
            .map(|(_, text)| text)
            .collect()
    }

    fn read(&self, name: &str) -> String {
        let bytes = std::fs::read(self.folder.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// An error with everything one needs to understand it.
    pub fn told(&self, what: &str) -> HarnessError {
        HarnessError::new(format!(
            "{what}\n== its errors ==\n{}\n== the messages ==\n{}\n== its scenario ==\n{}\n== its last lines ==\n{}",
            self.read("errors.log"),
            self.read("messages.log"),
            self.xml,
            self.program.tail(6)
        ))
    }
}
