//! `storm`: what strangers at the media ports do to calls.

use std::process::{Command, ExitCode};

use crate::needs::{self, Purpose};
use crate::run::build;
use crate::step::plain;
use crate::{StormArgs, workspace};

/// `cargo xtask storm`
pub fn storm(args: &StormArgs) -> Result<ExitCode, String> {
    needs::ensure(&[Purpose::Build], args.yes)?;
    build(
        &["causeway-gateway", "causeway-phone", "causeway-harness"],
        true,
    )?;
    let mut storm = Command::new(workspace::programs(true)?.join("causeway-storm"));
    storm
        .args(["--setups", &args.setups.to_string()])
        .args(["--seconds", &args.seconds.to_string()]);
    Ok(if plain(&mut storm)? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
