//! Other programs: what they say is bounded in time and octets, and read as it comes.

use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};
use thiserror::Error;

const PIECE: usize = 16 * 1024;
const PIECES: usize = 16;

/// What a program said.
#[derive(Debug)]
pub struct Said {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output, the last octets of it where there were too many.
    pub out: Vec<u8>,
    /// The last of its errors, lossily, 16 KiB at most.
    pub errors: String,
    /// Its output was longer.
    pub cut: bool,
}

/// Why nothing can be said about what a program said.
#[derive(Debug, Error)]
pub enum ProgramError {
    /// It is not there, or may not be run.
    #[error("{program} cannot be run: {fault}")]
    NotRun {
        /// Its name.
        program: String,
        /// Why.
        fault: io::Error,
    },
    /// It did not end in time and was killed.
    #[error("{program} did not end within {} s", limit.as_secs())]
    TooSlow {
        /// Its name.
        program: String,
        /// How long it had.
        limit: Duration,
    },
}

enum Piece {
    Out(Vec<u8>),
    Error(Vec<u8>),
    /// One of both is at its end.
    End,
}

/// Runs a program to its end, keeping the last `octets` of its output.
///
/// # Errors
/// When it cannot be run, or does not end within `limit`; then it is killed.
pub fn run(command: &mut Command, limit: Duration, octets: usize) -> Result<Said, ProgramError> {
    let mut out = Tail::new(octets);
    let (status, errors) = follow(command, limit, &mut |piece| out.add(piece))?;
    Ok(Said {
        status,
        out: out.octets,
        errors,
        cut: out.cut,
    })
}

/// Runs a program to its end and hands its output on as it comes; returns how it ended and the last of its errors.
///
/// # Errors
/// As [`run`].
pub fn follow(
    command: &mut Command,
    limit: Duration,
    hear: &mut dyn FnMut(&[u8]),
) -> Result<(ExitStatus, String), ProgramError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let not_run = |fault| ProgramError::NotRun {
        program: program.clone(),
        fault,
    };
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(not_run)?;
    let pieces = listen(&mut child);
    let end = Instant::now() + limit;
    let mut errors = Tail::new(PIECE);
    let mut open = 2;
    while open > 0 {
        match pieces.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(Piece::Out(octets)) => hear(&octets),
            Ok(Piece::Error(octets)) => errors.add(&octets),
            Ok(Piece::End) => open -= 1,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                // Its own children may hold the pipes open; the threads that read them end with those.
                let _ = child.kill();
                let _ = child.wait();
                return Err(ProgramError::TooSlow { program, limit });
            }
        }
    }
    loop {
        if let Some(status) = child.try_wait().map_err(not_run)? {
            let errors = String::from_utf8_lossy(&errors.octets).into_owned();
            return Ok((status, errors));
        }
        if Instant::now() >= end {
            let _ = child.kill();
            let _ = child.wait();
            return Err(ProgramError::TooSlow { program, limit });
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn listen(child: &mut Child) -> Receiver<Piece> {
    let (to, pieces) = sync_channel(PIECES);
    if let Some(out) = child.stdout.take() {
        let to = to.clone();
        thread::spawn(move || read(out, &to, Piece::Out));
    }
    if let Some(errors) = child.stderr.take() {
        thread::spawn(move || read(errors, &to, Piece::Error));
    }
    pieces
}

fn read(mut from: impl Read, to: &SyncSender<Piece>, kind: fn(Vec<u8>) -> Piece) {
    let mut room = [0; PIECE];
    while let Ok(count @ 1..) = from.read(&mut room) {
        let piece = room.get(..count).unwrap_or_default().to_vec();
        if to.send(kind(piece)).is_err() {
            return;
        }
    }
    let _ = to.send(Piece::End);
}

/// The last octets of many.
struct Tail {
    most: usize,
    octets: Vec<u8>,
    cut: bool,
}

impl Tail {
    fn new(most: usize) -> Self {
        Self {
            most,
            octets: Vec::new(),
            cut: false,
        }
    }

    fn add(&mut self, piece: &[u8]) {
        self.octets.extend_from_slice(piece);
        let over = self.octets.len().saturating_sub(self.most);
        if over > 0 {
            self.cut = true;
            self.octets.drain(..over);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn the_end_of_what_is_too_long_is_kept() {
        let said = run(
            &mut sh("seq 1 100000; echo bad >&2; exit 3"),
            Duration::from_secs(20),
            13,
        );
        let said = said.unwrap();
        assert_eq!(said.out, b"99999\n100000\n");
        assert!(said.cut);
        assert_eq!(
            (said.status.code(), said.errors.as_str()),
            (Some(3), "bad\n")
        );
    }

    #[test]
    fn who_does_not_end_is_killed() {
        let began = Instant::now();
        let fault = run(&mut sh("exec sleep 60"), Duration::from_millis(200), 10).unwrap_err();
        assert!(matches!(fault, ProgramError::TooSlow { .. }), "{fault}");
        assert!(began.elapsed() < Duration::from_secs(20));
        let fault = run(&mut Command::new("/no/such"), Duration::from_secs(1), 1).unwrap_err();
        assert!(matches!(fault, ProgramError::NotRun { .. }), "{fault}");
    }
}
