//! `soak`: what a box holds after hours of calls that come and go.

use std::process::{Command, ExitCode};

use crate::bench::VOICES;
use crate::needs::{self, Purpose};
use crate::run::build;
use crate::step::{announce, plain};
use crate::{SoakArgs, workspace};

/// `cargo xtask soak`
pub fn soak(args: &SoakArgs) -> Result<ExitCode, String> {
    needs::ensure(&[Purpose::Build, Purpose::Voices], args.yes)?;
    build(
        &["causeway-gateway", "causeway-phone", "causeway-harness"],
        true,
    )?;
    announce(&format!(
        "{} calls that come and go, {} minutes",
        args.calls, args.minutes
    ));
    let mut soak = Command::new(workspace::programs(true)?.join("causeway-soak"));
    soak.args(["--speech", VOICES])
        .args(["--calls", &args.calls.to_string()])
        .args(["--minutes", &args.minutes.to_string()]);
    if let Some(json) = &args.json {
        soak.arg("--json").arg(json);
    }
    Ok(if plain(&mut soak)? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
