//! Kamailio as a proxy on free loopback ports: what it does with which number is in [`config`].

mod config;
pub mod relay;

use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::error::{Doing, HarnessError, Result};
use crate::place::TempFolder;
use crate::program::{LogMark, Program};
pub use config::{Challenge, Plan};

const START: Duration = Duration::from_secs(15);

/// A running Kamailio.
#[derive(Debug)]
pub struct Kamailio {
    program: Program,
    plan: Plan,
    _folder: TempFolder,
}

/// Where its modules are, when it is installed.
pub fn modules() -> Option<PathBuf> {
    let libraries = std::fs::read_dir("/usr/lib").ok()?.flatten();
    libraries
        .map(|e| e.path().join("kamailio/modules"))
        .find(|path| path.join("tm.so").is_file())
}

impl Kamailio {
    /// Starts one and waits until it answers OPTIONS.
    ///
    /// # Errors
    /// What it says when it does not start.
    pub async fn start(plan: Plan) -> Result<Self> {
        let modules =
            modules().doing("there is no Kamailio; install it with: apt-get install kamailio")?;
        let folder = TempFolder::new("kamailio")?;
        let file = config::write(folder.path(), &modules, &plan)?;
        let mut command = Command::new("kamailio");
        // In the foreground, its log on standard error, its few files in the folder, 32 MB shared.
        command
            .args(["-DD", "-E", "-m", "32", "-M", "8", "-f"])
            .arg(&file)
            .arg("-Y")
            .arg(folder.path())
            .arg("-w")
            .arg(folder.path());
        let mut program = Program::start("kamailio", command, None)?;
        let deadline = Instant::now() + START;
        while !answers(plan.listen) {
            if program.ended().is_some() || Instant::now() > deadline {
                sleep(Duration::from_millis(100)).await;
                return Err(HarnessError::new(format!(
                    "Kamailio does not start:\n{}",
                    program.tail(30)
                )));
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(Self {
            program,
            plan,
            _folder: folder,
        })
    }

    /// Where it listens, UDP and TCP.
    pub fn address(&self) -> SocketAddr {
        self.plan.listen
    }

    /// The end of its log as it is now.
    pub fn mark(&self) -> LogMark {
        self.program.mark()
    }

    /// Waits for a line after `from` with all of `words`.
    ///
    /// # Errors
    /// Its last lines when none comes.
    pub async fn logged(&self, from: LogMark, words: &[&str], within: Duration) -> Result<String> {
        let wanted = |line: &str| words.iter().all(|word| line.contains(word));
        let what = format!("{words:?}");
        let found = self.program.logged(from, &what, within, wanted).await?;
        Ok(found.1)
    }

    /// How many lines so far have all of `words`.
    pub fn count(&self, words: &[&str]) -> usize {
        let wanted = |line: &str| words.iter().all(|word| line.contains(word));
        self.program.lines(wanted).len()
    }

    /// Stops it in order.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn stop(self) -> Result<()> {
        self.program.stop().await.map(|_| ())
    }

    /// Ends it and all its processes at once, as a power cut would.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn kill(self) -> Result<()> {
        self.program.kill().await
    }
}

/// Whether an OPTIONS is answered within 100 ms.
fn answers(at: SocketAddr) -> bool {
    let ask = || {
        let socket = UdpSocket::bind("127.0.0.1:0").ok()?;
        let own = socket.local_addr().ok()?;
        socket
            .set_read_timeout(Some(Duration::from_millis(100)))
            .ok()?;
        let request = format!(
            "OPTIONS sip:{at} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{port};rport\r\n\
             From: <sip:ready@{own}>;tag=1\r\nTo: <sip:{at}>\r\nCall-ID: ready-{port}\r\nCSeq: 1 OPTIONS\r\n\
             Max-Forwards: 1\r\nContent-Length: 0\r\n\r\n",
            port = own.port()
        );
        socket.send_to(request.as_bytes(), at).ok()?;
        let mut buffer = [0u8; 2048];
        let (length, _) = socket.recv_from(&mut buffer).ok()?;
        buffer[..length].starts_with(b"SIP/2.0 ").then_some(())
    };
    ask().is_some()
}
