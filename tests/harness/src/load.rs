//! Many callers at once: `causeway-phone load` against a box.

use serde_json::Value;
use tokio::process::Command;

use crate::box_process::BoxProcess;
use crate::config::{APP, APP_SECRET};
use crate::error::{Doing, HarnessError, Result};
use crate::network::Namespace;
use crate::place;

/// What the callers do.
#[derive(Debug, Clone)]
pub struct Load {
    /// Calls in all.
    pub calls: u32,
    /// Calls at the same time.
    pub at_once: u32,
    /// How long each talks.
    pub seconds: f64,
    /// The number called; one that echoes.
    pub to: String,
    /// `opus`, `pcmu` or `pcma`.
    pub codec: String,
}

impl Load {
    /// `calls` to the echo, `at_once` at a time, of `seconds` each, in Opus.
    pub fn new(calls: u32, at_once: u32, seconds: f64) -> Self {
        Self {
            calls,
            at_once,
            seconds,
            to: "600".to_owned(),
            codec: "opus".to_owned(),
        }
    }

    /// Makes the calls; the callers' report.
    ///
    /// # Errors
    /// When they could not begin. Calls that fail are in the report.
    pub async fn run(&self, to: &BoxProcess) -> Result<Value> {
        self.run_at(&to.url(""), None).await
    }

    /// The same at a box of this address, from within a namespace where one is given.
    ///
    /// # Errors
    /// As [`Load::run`].
    pub async fn run_at(&self, url: &str, from: Option<&Namespace>) -> Result<Value> {
        let mut command = Command::new(place::program("causeway-phone")?);
        command
            .args(["load", "--insecure", "--json", "--url", url])
            .args(["--app", APP, "--to", &self.to, "--codec", &self.codec])
            .args([
                "--calls",
                &self.calls.to_string(),
                "--at-once",
                &self.at_once.to_string(),
            ])
            .args(["--seconds", &self.seconds.to_string()])
            .env("CAUSEWAY_APP_SECRET", APP_SECRET)
            .kill_on_drop(true);
        if let Some(from) = from {
            from.enter(&mut command);
        }
        let out = command.output().await.doing("causeway-phone load")?;
        let text = String::from_utf8_lossy(&out.stdout);
        let report = text
            .lines()
            .rev()
            .find_map(|line| serde_json::from_str(line).ok());
        report.ok_or_else(|| {
            HarnessError::new(format!(
                "causeway-phone load told nothing: {text}{}",
                String::from_utf8_lossy(&out.stderr)
            ))
        })
    }
}
