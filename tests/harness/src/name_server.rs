//! A real name server: dnsmasq with the records of a test and nothing else.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

use crate::config::loopback;
use crate::error::Result;
use crate::place;
use crate::program::Program;

const PATIENCE: Duration = Duration::from_secs(10);

/// A running dnsmasq that answers for names below `example` and refuses all others.
#[derive(Debug)]
pub struct NameServer {
    program: Program,
}

/// Where one could listen.
pub fn free_address() -> Result<SocketAddr> {
    Ok(loopback(place::free_port()?))
}

impl NameServer {
    /// Starts one at `address` with these options of dnsmasq, such as `host-record=pbx.example,127.0.0.1`.
    pub async fn start(address: SocketAddr, records: &[String]) -> Result<Self> {
        // It lives in sbin, which is not on every user's path.
        let usual = Path::new("/usr/sbin/dnsmasq");
        let program = if usual.exists() {
            usual
        } else {
            Path::new("dnsmasq")
        };
        let mut command = Command::new(program);
        command
            .args([
                "--keep-in-foreground",
                "--log-facility=-",
                "--conf-file=/dev/null",
                "--pid-file=",
                "--no-resolv",
                "--no-hosts",
                "--bind-interfaces",
                "--local=/example/",
            ])
            .arg(format!("--listen-address={}", address.ip()))
            .arg(format!("--port={}", address.port()))
            .args(records.iter().map(|record| format!("--{record}")));
        let program = Program::start("dnsmasq", command, None)?;
        program
            .logged(Default::default(), "that it started", PATIENCE, |line| {
                line.contains("started, version")
            })
            .await?;
        Ok(Self { program })
    }

    /// Ends it: nobody answers any more.
    pub async fn stop(self) -> Result<()> {
        self.program.kill().await
    }
}
