//! The command line as an administrator would use it on a box.

use std::process::Output;

use tokio::process::Command;

use crate::box_process::BoxProcess;
use crate::config::ADMIN_KEY;
use crate::error::{Doing, HarnessError, Result};
use crate::place;

/// Runs `causeway` against a box.
pub async fn causeway(to: &BoxProcess, arguments: &[&str]) -> Result<Output> {
    Command::new(place::program("causeway")?)
        .args(["--url", &to.url(""), "--ca"])
        .arg(to.folder().join("state/tls/cert.pem"))
        .args(arguments)
        .env("CAUSEWAY_ADMIN_KEY", ADMIN_KEY)
        .kill_on_drop(true)
        .output()
        .await
        .doing("causeway")
}

/// What it prints when all is well.
///
/// # Errors
/// What it says on standard error when it ends with another status than 0.
pub async fn causeway_says(to: &BoxProcess, arguments: &[&str]) -> Result<String> {
    let output = causeway(to, arguments).await?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(HarnessError::new(format!(
        "causeway {}: {}: {}{}",
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )))
}
