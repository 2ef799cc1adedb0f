//! `bench`: what a transcoded call costs, beside the bare codec in the same run.

use std::process::{Command, ExitCode};

use crate::needs::{self, Purpose};
use crate::run::build;
use crate::step::{announce, plain};
use crate::{BenchArgs, workspace};

/// `cargo xtask bench`
pub fn bench(args: &BenchArgs) -> Result<ExitCode, String> {
    needs::ensure(&[Purpose::Build], args.yes)?;
    build(
        &["causeway-gateway", "causeway-phone", "causeway-harness"],
        true,
    )?;
    let mut example = workspace::cargo()?;
    example.args([
        "build",
        "--release",
        "--package",
        "causeway-media",
        "--example",
        "path_cost",
    ]);
    if !plain(&mut example)? {
        return Err(
            "the codec's own measure does not build; the compiler's message is above".to_owned(),
        );
    }
    announce(&format!("{} calls at once, {} s", args.calls, args.seconds));
    let programs = workspace::programs(true)?;
    let mut bench = Command::new(programs.join("causeway-bench"));
    bench
        .args([
            "--calls",
            &args.calls.to_string(),
            "--seconds",
            &args.seconds.to_string(),
        ])
        .arg("--bare")
        .arg(programs.join("examples/path_cost"));
    if let Some(json) = &args.json {
        bench.arg("--json").arg(json);
    }
    Ok(if plain(&mut bench)? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
