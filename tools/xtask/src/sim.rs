//! `sim`: the simulated worlds of `tests/scenarios`, optimised.

use std::process::{Command, ExitCode};

use crate::run::build;
use crate::step::plain;
use crate::{SimArgs, workspace};

/// `cargo xtask sim`
pub fn sim(args: &SimArgs) -> Result<ExitCode, String> {
    build(&["causeway-scenarios"], true)?;
    let mut sim = Command::new(workspace::programs(true)?.join("causeway-sim"));
    match args.replay {
        Some(seed) => sim.args(["--replay", &seed.to_string()]),
        None => sim.args([
            "--seeds",
            &args.seeds.to_string(),
            "--first",
            &args.first.to_string(),
        ]),
    };
    if let Some(jobs) = args.jobs {
        sim.args(["--jobs", &jobs.to_string()]);
    }
    Ok(if plain(&mut sim)? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
