//! `load`: how many SIP calls a second the box takes, what each costs, what many leave, and ten times as many.

use std::process::{Command, ExitCode};

use crate::needs::{self, Purpose};
use crate::run::build;
use crate::step::plain;
use crate::{LoadArgs, workspace};

/// `cargo xtask load`
pub fn load(args: &LoadArgs) -> Result<ExitCode, String> {
    needs::ensure(
        &[Purpose::Build, Purpose::Load, Purpose::LoadReference],
        args.yes,
    )?;
    build(&["causeway-gateway", "causeway-harness"], true)?;
    let mut load = Command::new(workspace::programs(true)?.join("causeway-load"));
    load.args(["--calls", &args.calls.to_string()])
        .args(["--seconds", &args.seconds.to_string()]);
    if let Some(rate) = args.rate {
        load.args(["--rate", &rate.to_string()]);
    }
    Ok(if plain(&mut load)? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
