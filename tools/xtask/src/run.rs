//! `run`: builds the box and its demo and starts them.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use nix::sys::signal::{SigHandler, Signal, signal};

use crate::needs::{self, Purpose};
use crate::step::{announce, plain};
use crate::{RunArgs, workspace};

/// The crates whose programs take part: the box, the phone that plays the ACD, and the program that starts both.
const CRATES: [&str; 3] = ["causeway-gateway", "causeway-phone", "causeway-harness"];

/// `cargo xtask run`
pub fn run(args: &RunArgs) -> Result<ExitCode, String> {
    let mut purposes = vec![Purpose::Build];
    if args.check {
        purposes.push(Purpose::Chromium);
    }
    needs::ensure(&purposes, args.yes)?;
    build(&CRATES, args.release)?;

    let mut demo = Command::new(workspace::programs(args.release)?.join("causeway-demo"));
    if args.check {
        demo.arg("--check");
    }
    // Ctrl-C reaches the demo too, which then stops everything in order; we stay to hand on how it ended. A handler
    // that does nothing, unlike an ignored signal, is not inherited by what we start.
    // SAFETY: the handler touches nothing.
    unsafe { signal(Signal::SIGINT, SigHandler::Handler(stay)) }
        .map_err(|e| format!("cannot handle Ctrl-C: {e}"))?;
    // And when we are ended ourselves, the demo stops as if it had been told to: nothing runs on unseen.
    // SAFETY: the call is async-signal-safe.
    unsafe {
        demo.pre_exec(|| nix::sys::prctl::set_pdeathsig(Signal::SIGTERM).map_err(Into::into));
    }
    Ok(if plain(&mut demo)? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

extern "C" fn stay(_signal: i32) {}

/// Builds the programs of `crates`, with cargo's own progress on standard error.
pub fn build(crates: &[&str], release: bool) -> Result<(), String> {
    announce("build");
    let mut cargo = workspace::cargo()?;
    cargo.args(["build", "--bins"]);
    for name in crates {
        cargo.args(["--package", name]);
    }
    if release {
        cargo.arg("--release");
    }
    if plain(&mut cargo)? {
        Ok(())
    } else {
        Err("the build failed; the compiler's message is above".to_owned())
    }
}
