//! `fuzz`: feeds every parser mutated input.
//!
//! The targets are built with the compiler's own coverage counters, which the stable toolchain has, and linked to
//! libFuzzer; as many run at once as there are processors. What they learn is kept in `tests/fuzz/corpus`, what they
//! find in `tests/fuzz/artifacts`.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use crate::needs::{self, Purpose};
use crate::step::{announce, plain, took};
use crate::tally::Tally;
use crate::{FuzzArgs, workspace};

/// Coverage counters at every edge, comparisons shown to the fuzzer, and our own assertions kept.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions --cfg fuzzing";

/// Foreign material a target begins with, as folders of the corpora.
const SEEDS: &[(&str, &[&str])] = &[
    (
        "sip_message",
        &["torture", "protos-sample", "sip-vendor", "rfc-callflows"],
    ),
    (
        "sip_stream",
        &["torture", "protos-sample", "sip-vendor", "rfc-callflows"],
    ),
    (
        "sip_endpoint",
        &["torture", "protos-sample", "sip-vendor", "rfc-callflows"],
    ),
    ("sdp_trunk", &["sdp"]),
    ("sdp_browser", &["sdp"]),
    ("srtp", &["fuzz-seeds/rtp"]),
    ("rtp", &["fuzz-seeds/rtp"]),
    ("rtcp", &["fuzz-seeds/rtcp"]),
    ("path", &["fuzz-seeds/rtp"]),
    ("video", &["fuzz-seeds/rtp"]),
    ("transcode", &["fuzz-seeds/rtp"]),
    ("stun", &["fuzz-seeds/stun", "fuzz-seeds/aiortc-bin"]),
    ("turn", &["fuzz-seeds/stun"]),
];

/// `cargo xtask fuzz`
pub fn fuzz(args: &FuzzArgs) -> Result<ExitCode, String> {
    let folder = workspace::root()?.join("tests/fuzz");
    let known = targets(&folder)?;
    if args.list {
        known.iter().for_each(|name| println!("{name}"));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(unknown) = args.targets.iter().find(|name| !known.contains(name)) {
        return Err(format!(
            "no target is called {unknown}; there are {}",
            known.join(", ")
        ));
    }
    let chosen = if args.targets.is_empty() {
        known
    } else {
        args.targets.clone()
    };
    needs::ensure(&[Purpose::Build], args.yes)?;
    let programs = build(&folder, &chosen)?;
    let corpora = workspace::corpora()?;
    if corpora.is_none() {
        eprintln!("\n!! CAUSEWAY_CORPORA is not set: the targets begin without foreign material\n");
    }

    let at_once = thread::available_parallelism()
        .map_or(1, usize::from)
        .min(chosen.len());
    announce(&format!(
        "{} targets, {} s each, {at_once} at once",
        chosen.len(),
        args.seconds
    ));
    let since = Instant::now();
    let queue = Mutex::new(chosen.into_iter().collect::<VecDeque<_>>());
    let tally = Mutex::new(Tally::default());
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some(target) = queue.lock().ok().and_then(|mut q| q.pop_front()) {
                    let good = feed(
                        &folder,
                        &programs,
                        &target,
                        corpora.as_deref(),
                        args.seconds,
                    );
                    if let Err(why) = &good {
                        eprintln!("{target}: {why}");
                    }
                    if let Ok(mut tally) = tally.lock() {
                        tally.check(good == Ok(true));
                    }
                }
            });
        }
    });
    took("fuzz", since);
    let tally = tally
        .into_inner()
        .map_err(|_| "a fuzzing thread panicked")?;
    println!("{tally}");
    Ok(if tally.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The targets, by the names of their files.
fn targets(folder: &Path) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(folder.join("fuzz_targets"))
        .map_err(|e| format!("tests/fuzz/fuzz_targets: {e}"))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|e| {
            e.file_name()
                .to_str()?
                .strip_suffix(".rs")
                .map(str::to_owned)
        })
        .collect();
    names.sort();
    Ok(names)
}

/// Builds the targets; the folder their programs are in.
fn build(folder: &Path, targets: &[String]) -> Result<PathBuf, String> {
    announce("build, instrumented");
    let since = Instant::now();
    let triple = host()?;
    let output = folder.join("target");
    let mut cargo = workspace::cargo()?;
    // A target is named so that build scripts and macros stay uninstrumented.
    cargo
        .current_dir(folder)
        .args(["build", "--release", "--target", &triple, "--target-dir"])
        .arg(&output);
    for target in targets {
        cargo.args(["--bin", target]);
    }
    cargo
        .env("RUSTFLAGS", FLAGS)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_MANIFEST_DIR");
    if !plain(&mut cargo)? {
        return Err("the fuzz targets do not build; the compiler's message is above".to_owned());
    }
    took("build", since);
    Ok(output.join(triple).join("release"))
}

/// The triple of this machine.
fn host() -> Result<String, String> {
    let out = Command::new("rustc")
        .arg("-vV")
        .output()
        .map_err(|e| format!("rustc: {e}"))?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    text.lines()
        .find_map(|l| l.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or("rustc names no host".to_owned())
}

/// Feeds one target; true when it held.
fn feed(
    folder: &Path,
    programs: &Path,
    target: &str,
    corpora: Option<&Path>,
    seconds: u32,
) -> Result<bool, String> {
    let corpus = folder.join("corpus").join(target);
    let artifacts = folder.join("artifacts").join(target);
    for dir in [&corpus, &artifacts] {
        fs::create_dir_all(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    }
    let log = artifacts.join("log.txt");
    let file = fs::File::create(&log).map_err(|e| format!("{}: {e}", log.display()))?;
    let mut command = Command::new(programs.join(target));
    command
        .arg(format!("-max_total_time={seconds}"))
        .args([
            "-rss_limit_mb=2048",
            "-malloc_limit_mb=256",
            "-timeout=10",
            "-max_len=16384",
            "-print_final_stats=1",
        ])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(&corpus)
        .args(seeds(folder, target, corpora))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(file);
    let status = command.status().map_err(|e| format!("{target}: {e}"))?;
    let text = String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();
    let figure = |key: &str| {
        let line = text
            .lines()
            .rev()
            .find_map(|l| l.strip_prefix("stat::").and_then(|l| l.strip_prefix(key)));
        line.map_or("?".to_owned(), |l| {
            l.trim_start_matches(':').trim().to_owned()
        })
    };
    let covered = text
        .lines()
        .rev()
        .find_map(|l| l.split("cov: ").nth(1)?.split(' ').next())
        .unwrap_or("?");
    eprintln!(
        "{target:<14} {}  {} runs, {covered} edges, {} MiB at most",
        if status.success() { "held  " } else { "FAILED" },
        figure("number_of_executed_units"),
        figure("peak_rss_mb"),
    );
    if !status.success() {
        let lines: Vec<&str> = text.lines().collect();
        let begin = lines
            .iter()
            .position(|l| l.contains("panicked at") || l.contains("ERROR: libFuzzer"))
            .unwrap_or(0);
        lines[begin..]
            .iter()
            .take(12)
            .for_each(|line| eprintln!("    {line}"));
        eprintln!("    the input is in {}", artifacts.display());
    }
    Ok(status.success())
}

/// Folders of material a target begins with, our own and foreign: read, never written.
fn seeds(folder: &Path, target: &str, corpora: Option<&Path>) -> Vec<PathBuf> {
    let foreign = SEEDS
        .iter()
        .find(|(name, _)| *name == target)
        .map_or(&[][..], |(_, folders)| folders);
    let foreign = corpora
        .into_iter()
        .flat_map(|corpora| foreign.iter().map(|name| corpora.join(name)));
    let own = folder.join("seeds").join(target);
    foreign.chain([own]).filter(|path| path.is_dir()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_of_the_seed_table_exists_and_is_declared() {
        let folder = workspace::root().unwrap().join("tests/fuzz");
        let names = targets(&folder).unwrap();
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        for (name, _) in SEEDS {
            assert!(names.iter().any(|n| n == name), "{name}");
        }
        for name in names {
            assert!(
                manifest.contains(&format!("fuzz_targets/{name}.rs")),
                "{name} is not in tests/fuzz/Cargo.toml"
            );
        }
    }
}
