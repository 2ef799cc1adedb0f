//! `hold-threads PID NAME`: stops those threads of a program whose names begin so, and no other, until it is ended itself.
//!
//! It runs inside a box under test: a plane that hangs while the rest of the program goes on cannot be had by a signal, which
//! stops all threads, and nothing in the program shall be able to hang on request.

use std::fs;
use std::process::ExitCode;

use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [process, name] = arguments.as_slice() else {
        eprintln!("usage: hold-threads PID NAME");
        return ExitCode::from(2);
    };
    match hold(process, name) {
        Ok(0) => {
            eprintln!("process {process} has no thread {name}");
            ExitCode::FAILURE
        }
        Ok(held) => {
            println!("HELD {held} {name}");
            // Whoever ends them waits until this has taken notice.
            while waitpid(None, Some(WaitPidFlag::__WALL)).is_ok() {}
            ExitCode::SUCCESS
        }
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
    }
}

fn hold(process: &str, name: &str) -> Result<usize, Box<dyn std::error::Error>> {
    let mut held = 0;
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        let task = task?;
        // One may end meanwhile.
        let Ok(named) = fs::read_to_string(task.path().join("comm")) else {
            continue;
        };
        if !named.starts_with(name) {
            continue;
        }
        let thread = Pid::from_raw(task.file_name().to_string_lossy().parse()?);
        ptrace::seize(thread, ptrace::Options::empty())?;
        ptrace::interrupt(thread)?;
        // It stands when this says so; what it stands in is of no interest.
        waitpid(thread, Some(WaitPidFlag::__WALL))?;
        held += 1;
    }
    Ok(held)
}
