//! Runs one program as a step of a longer command: its output streams through, its test counts are added up, its time is
//! limited and told.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::tally::{self, Tally};

/// What came of a step.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub good: bool,
    pub tally: Tally,
    /// Names of the failed tests, where the program is one of Rust's.
    pub failed: Vec<String>,
}

/// Tells on standard error which step begins.
pub fn announce(what: &str) {
    eprintln!("\n── {what}");
}

/// Tells on standard error how long the step took.
pub fn took(what: &str, since: Instant) {
    eprintln!("── {what}: {}", duration(since.elapsed()));
}

/// Minutes and seconds for a person.
pub fn duration(d: Duration) -> String {
    let s = d.as_secs();
    if s < 60 {
        format!("{:.1} s", d.as_secs_f64())
    } else {
        format!("{} min {:02} s", s / 60, s % 60)
    }
}

/// Runs `command` with its standard output passed on line by line and counted, for `limit` at most: past that its whole
/// process group is ended, and the step has failed.
pub fn counted(command: &mut Command, limit: Duration) -> Result<Outcome, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|e| format!("cannot start {name}: {e}"))?;
    let group = Pid::from_raw(i32::try_from(child.id()).map_err(|_| "a process id out of range")?);
    let _stop_with_us = GroupGuard(group);
    let stdout = child.stdout.take().ok_or("a piped stdout is missing")?;

    let (lines, received) = channel();
    let reader = std::thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        let mut line = Vec::new();
        while stdout.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            if lines
                .send(String::from_utf8_lossy(&line).into_owned())
                .is_err()
            {
                return;
            }
            line.clear();
        }
    });

    let deadline = Instant::now() + limit;
    let mut tally = Tally::default();
    let mut failed = Vec::new();
    let mut late = false;
    loop {
        match received.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                tally.read(&line);
                failed.extend(tally::failed_test(&line).map(str::to_owned));
                print!("{line}");
                let _ = std::io::stdout().flush();
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                late = true;
                let _ = killpg(group, Signal::SIGKILL);
                break;
            }
        }
    }
    let status = child.wait().map_err(|e| format!("{name}: {e}"))?;
    if late {
        eprintln!("error: {name} was ended after {}", duration(limit));
    } else {
        let _ = reader.join();
    }
    Ok(Outcome {
        good: status.success() && !late,
        tally,
        failed,
    })
}

/// Runs `command` with our own terminal; true when it succeeds.
///
/// # Errors
/// When it cannot be started, or was ended by a signal: then it had no chance to say why.
pub fn plain(command: &mut Command) -> Result<bool, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .map_err(|e| format!("cannot start {name}: {e}"))?;
    if let Some(signal) = status.signal() {
        return Err(format!("{name} was ended by signal {signal}"));
    }
    Ok(status.success())
}

/// Ends what is left of a step's process group: nothing a step started outlives it.
#[derive(Debug)]
struct GroupGuard(Pid);

impl Drop for GroupGuard {
    fn drop(&mut self) {
        let _ = killpg(self.0, Signal::SIGKILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn counts_and_fails_with_the_program() {
        let line = "echo 'test a::b ... ok'; echo 'test a::c ... FAILED'; echo 'test result: FAILED. 2 passed; 1 failed; 0 ignored'; exit 3";
        let outcome = counted(&mut shell(line), Duration::from_secs(10)).unwrap();
        assert!(!outcome.good);
        assert_eq!(outcome.failed, ["a::c"]);
        assert_eq!(
            outcome.tally,
            Tally {
                passed: 2,
                failed: 1
            }
        );
    }

    #[test]
    fn ends_a_program_that_takes_too_long_and_its_children() {
        let began = Instant::now();
        let outcome = counted(
            &mut shell("sleep 60 & sleep 60"),
            Duration::from_millis(200),
        )
        .unwrap();
        assert!(!outcome.good);
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}
