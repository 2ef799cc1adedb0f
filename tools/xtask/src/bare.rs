//! Whether the board's core still builds where there is no operating system.

use std::process::Command;
use std::time::Duration;

use crate::step::{announce, counted, took};
use crate::suite::loud;
use crate::tally::Tally;
use crate::workspace;

/// A microcontroller of the kind that sits beside a box's processor.
const TARGET: &str = "thumbv7em-none-eabi";
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// Builds it; says loudly when the toolchain has no core library for it and none can be had.
///
/// # Errors
/// When cargo cannot be started.
pub fn check() -> Result<Tally, String> {
    announce("the board's core without an operating system");
    let since = std::time::Instant::now();
    let mut tally = Tally::default();
    if !installed() {
        loud(&format!(
            "it was not built: rustup target add {TARGET} does not work here"
        ));
        return Ok(tally);
    }
    let outcome = counted(
        workspace::cargo()?.args([
            "check",
            "--quiet",
            "--package",
            "causeway-board",
            "--target",
            TARGET,
        ]),
        LIMIT,
    )?;
    tally.check(outcome.good);
    took("the board's core", since);
    Ok(tally)
}

fn installed() -> bool {
    let rustup = |arguments: &[&str]| Command::new("rustup").args(arguments).output();
    let listed = rustup(&["target", "list", "--installed"]);
    let there = listed.is_ok_and(|out| {
        String::from_utf8_lossy(&out.stdout)
            .lines()
            .any(|line| line.trim() == TARGET)
    });
    there || rustup(&["target", "add", TARGET]).is_ok_and(|out| out.status.success())
}
