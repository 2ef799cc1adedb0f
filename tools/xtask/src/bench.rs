//! `bench`: what a transcoded call costs, beside the bare codec in the same run.

use std::process::{Command, ExitCode};
use std::time::Duration;

use crate::needs::{self, Purpose};
use crate::run::build;
use crate::step::{announce, plain};
use crate::{Against, BenchArgs, BenchWhat, MediaBenchArgs, interop, workspace};

/// Where the package of recorded voices puts them.
pub const VOICES: &str = "/usr/share/sounds/alsa";

/// How long making Asterisk's chroot may take.
const CHROOT: Duration = Duration::from_secs(30 * 60);

/// `cargo xtask bench`
pub fn bench(args: &BenchArgs) -> Result<ExitCode, String> {
    if let Some(BenchWhat::Media(args)) = &args.what {
        return media(args);
    }
    needs::ensure(&[Purpose::Build], args.yes)?;
    build(
        &["causeway-gateway", "causeway-phone", "causeway-harness"],
        true,
    )?;
    example("path_cost")?;
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

/// Builds a measure of the codecs alone.
fn example(name: &str) -> Result<(), String> {
    let mut example = workspace::cargo()?;
    example.args([
        "build",
        "--release",
        "--package",
        "causeway-media",
        "--example",
        name,
    ]);
    match plain(&mut example)? {
        true => Ok(()),
        false => Err(
            "the codec's own measure does not build; the compiler's message is above".to_owned(),
        ),
    }
}

/// `cargo xtask bench media`
fn media(args: &MediaBenchArgs) -> Result<ExitCode, String> {
    needs::ensure(&[Purpose::Build, Purpose::Voices], args.yes)?;
    let other = match args.against {
        Some(Against::Rtpengine) => Some(interop::rtpengine(args.yes)?),
        Some(Against::Asterisk) => {
            interop::ready(args.yes, CHROOT)?;
            None
        }
        None => None,
    };
    build(
        &["causeway-gateway", "causeway-phone", "causeway-harness"],
        true,
    )?;
    let steps: Vec<String> = args.steps.iter().map(ToString::to_string).collect();
    let mut bench = Command::new(workspace::programs(true)?.join("causeway-media-bench"));
    bench
        .args(["--speech", VOICES, "--modes", &args.modes.join(",")])
        .args(["--seconds", &args.seconds.to_string()]);
    if !steps.is_empty() {
        bench.args(["--steps", &steps.join(",")]);
    }
    if args.modes.iter().any(|mode| mode.starts_with("video")) {
        example("transcode_cost")?;
        let example = workspace::programs(true)?.join("examples/transcode_cost");
        bench.arg("--pictures").arg(example);
    }
    if let Some(folder) = other {
        bench.arg("--rtpengine").arg(folder);
    }
    if args.against == Some(Against::Asterisk) {
        bench.arg("--asterisk");
    }
    if let Some(json) = &args.json {
        bench.arg("--json").arg(json);
    }
    announce("the engine on one processor, both ends of every call on the other");
    Ok(if plain(&mut bench)? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
