//! `reach`: which callers reach the box from their networks, in namespaces.

use std::process::{Command, ExitCode};

use crate::needs::{self, Purpose};
use crate::run::build;
use crate::step::plain;
use crate::{ReachArgs, workspace};

/// `cargo xtask reach`
pub fn reach(args: &ReachArgs) -> Result<ExitCode, String> {
    let mut purposes = vec![Purpose::Build, Purpose::Networks, Purpose::Chromium];
    if !args.no_firefox {
        purposes.push(Purpose::Firefox);
    }
    needs::ensure(&purposes, args.yes)?;
    build(
        &["causeway-gateway", "causeway-phone", "causeway-harness"],
        false,
    )?;
    let mut reach = Command::new(workspace::programs(false)?.join("causeway-reach"));
    for network in &args.only {
        reach.args(["--only", network]);
    }
    if let Some(file) = &args.json {
        reach.arg("--json").arg(file);
    }
    if args.no_firefox {
        reach.arg("--no-firefox");
    }
    Ok(if plain(&mut reach)? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
