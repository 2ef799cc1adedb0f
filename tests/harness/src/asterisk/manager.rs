//! Asterisk's manager interface: actions and their answers, line by line.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::config::MANAGER;
use crate::error::{Doing, HarnessError, Result};

const PATIENCE: Duration = Duration::from_secs(15);

/// A session of the manager interface, without events.
#[derive(Debug)]
pub struct Manager {
    stream: BufReader<TcpStream>,
    next: u32,
}

impl Manager {
    /// Connects and signs in.
    pub async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .doing("Asterisk's manager interface")?;
        let mut manager = Self {
            stream: BufReader::new(stream),
            next: 0,
        };
        let _greeting = manager.line().await?;
        let (user, secret) = MANAGER;
        manager
            .action(&[
                ("Action", "Login"),
                ("Username", user),
                ("Secret", secret),
                ("Events", "off"),
            ])
            .await?;
        Ok(manager)
    }

    /// Runs a command of the console; the lines it printed.
    pub async fn command(&mut self, line: &str) -> Result<Vec<String>> {
        let answer = self
            .action(&[("Action", "Command"), ("Command", line)])
            .await?;
        Ok(answer
            .iter()
            .filter_map(|l| l.strip_prefix("Output:"))
            .map(|l| l.trim().to_owned())
            .collect())
    }

    /// Sends an action and reads its answer's lines.
    pub async fn action(&mut self, fields: &[(&str, &str)]) -> Result<Vec<String>> {
        self.next += 1;
        let id = format!("ActionID: {}", self.next);
        let mut text: String = fields
            .iter()
            .map(|(key, value)| format!("{key}: {value}\r\n"))
            .collect();
        text.push_str(&format!("{id}\r\n\r\n"));
        self.stream
            .get_mut()
            .write_all(text.as_bytes())
            .await
            .doing("Asterisk's manager interface")?;
        loop {
            let mut lines = Vec::new();
            loop {
                let line = self.line().await?;
                if line.is_empty() {
                    break;
                }
                lines.push(line);
            }
            if !lines.contains(&id) {
                continue;
            }
            if lines.iter().any(|l| l == "Response: Error") {
                return Err(HarnessError::new(format!(
                    "Asterisk refused {fields:?}: {lines:?}"
                )));
            }
            return Ok(lines);
        }
    }

    async fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        let read = timeout(PATIENCE, self.stream.read_line(&mut line))
            .await
            .doing("Asterisk's manager interface")?;
        if read.doing("Asterisk's manager interface")? == 0 {
            return Err(HarnessError::new("Asterisk closed its manager interface"));
        }
        Ok(line.trim_end().to_owned())
    }
}
