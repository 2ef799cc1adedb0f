//! Other programs: bounded in time and in what they may say.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Octets of what a program says at most.
const LONGEST: u64 = 256 * 1024;
const LOOK: Duration = Duration::from_millis(20);

/// What it said, when it ended well within `most`.
///
/// # Errors
/// A sentence for people.
pub fn quietly(program: &str, arguments: &[&str], most: Duration) -> Result<String, String> {
    let whole = format!("{program} {}", arguments.join(" "));
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|fault| format!("{program}: {fault}"))?;
    let reads = |from: Option<Box<dyn io::Read + Send>>| {
        thread::spawn(move || {
            let mut said = Vec::new();
            let _ = from.map(|from| from.take(LONGEST).read_to_end(&mut said));
            String::from_utf8_lossy(&said).into_owned()
        })
    };
    let out = reads(
        child
            .stdout
            .take()
            .map(|out| Box::new(out) as Box<dyn io::Read + Send>),
    );
    let err = reads(
        child
            .stderr
            .take()
            .map(|err| Box::new(err) as Box<dyn io::Read + Send>),
    );
    let end = Instant::now() + most;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Ok(status),
            Ok(None) if Instant::now() >= end => {
                let _ = child.kill();
                let _ = child.wait();
                break Err(format!("`{whole}` did not end within {} s", most.as_secs()));
            }
            Ok(None) => thread::sleep(LOOK),
            Err(fault) => break Err(format!("{program}: {fault}")),
        }
    };
    // A child of the child may hold them open: they are left to themselves then.
    let status = status?;
    let said = out.join().unwrap_or_default();
    match status.success() {
        true => Ok(said),
        false => {
            let why = err.join().unwrap_or_default();
            let line = why.lines().next().unwrap_or("it says nothing");
            Err(format!("`{whole}`: {line}"))
        }
    }
}

/// Hands each line on as it comes, until the program ends, or `line` says false.
///
/// # Errors
/// When it cannot be started.
pub fn aloud(
    program: &str,
    arguments: &[&str],
    line: &mut dyn FnMut(&str) -> bool,
) -> Result<(), String> {
    let fault = |fault: io::Error| format!("{program}: {fault}");
    let (said, says) = io::pipe().map_err(fault)?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(says.try_clone().map_err(fault)?)
        .stderr(says);
    let mut child = command.spawn().map_err(fault)?;
    // It holds the pipe's other end, too: nothing would end the reading.
    drop(command);
    let mut reader = BufReader::new(said);
    let mut octets = Vec::new();
    loop {
        octets.clear();
        let mut some = (&mut reader).take(4096);
        match some.read_until(b'\n', &mut octets) {
            Ok(count) if count > 0 => {
                let text = String::from_utf8_lossy(&octets);
                if !line(text.trim_end_matches('\n')) {
                    break;
                }
            }
            Ok(_) | Err(_) => break,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    Ok(())
}
