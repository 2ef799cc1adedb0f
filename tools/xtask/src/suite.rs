//! `test` and `ci`: every default test, counted, with the sum on the last line.
//!
//! Everything is built once, in one cargo command, so that no crate is compiled twice with different features; the test
//! programs are then run one after another, those with real-time media last and alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::needs::{self, Purpose};
use crate::step::{Outcome, announce, counted, took};
use crate::tally::Tally;
use crate::{CiArgs, TestArgs, bare, interop, tidy, workspace};

const BROWSER: &str = "causeway-browser-tests";
/// Some of its tests make calls, too.
const HARNESS: &str = "causeway-harness";
/// The gateway's tests whose calls pass in real time.
const MEDIA_PLANE: &str = "media_plane";
const INTEROP: &str = "causeway-interop";
/// They need a finished image: `image test` runs them.
const IMAGE: &str = "causeway-image-tests";
/// The program of the interop package that needs neither Asterisk nor the machine for itself.
const SIPP: &str = "sipp";
/// Its scenarios act a few at a time, and for most of their time wait for SIP's timers.
const SIPP_THREADS: &str = "--test-threads=128";
/// Calls with a PBX at a time: their tests wait for it and for timers most of the time.
const PBX_CALLS: usize = 2;
/// How long one test program may run, and one stage of real-time calls.
const PROGRAM_LIMIT: Duration = Duration::from_secs(10 * 60);
const CALLS_LIMIT: Duration = Duration::from_secs(25 * 60);
/// Tests of one program that are tried once more at most.
const SECOND_TRIES: usize = 3;
/// How long making the Asterisk chroot may take inside `test`.
const CHROOT_LIMIT: Duration = Duration::from_secs(5 * 60);

/// Which tests to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Selection<'a> {
    only: Option<&'a str>,
    interop: bool,
}

impl Selection<'_> {
    fn crates(&self) -> bool {
        !matches!(self.only, Some("sdk" | "browser" | "interop"))
    }

    fn takes(&self, package: &str) -> bool {
        match self.only {
            None | Some("crates") => ![BROWSER, INTEROP, IMAGE].contains(&package),
            Some(name) => package == name,
        }
    }

    fn sdk(&self) -> bool {
        matches!(self.only, None | Some("sdk"))
    }

    fn browser(&self) -> bool {
        matches!(self.only, None | Some("browser" | BROWSER))
    }

    fn interop(&self) -> bool {
        self.interop && matches!(self.only, None | Some("interop" | INTEROP))
    }

    /// The crates to build: one crate's tests start programs of others only in the stages that make calls.
    fn build(&self) -> Option<&str> {
        self.only.filter(|name| {
            !matches!(
                *name,
                "crates" | "sdk" | "browser" | "interop" | BROWSER | INTEROP
            )
        })
    }
}

/// A built test program.
#[derive(Debug)]
struct Program {
    package: String,
    name: String,
    folder: PathBuf,
    path: PathBuf,
}

/// `cargo xtask test`
pub fn test(args: &TestArgs) -> Result<ExitCode, String> {
    let selection = Selection {
        only: args.only.as_deref(),
        interop: !args.no_interop,
    };
    if let Some(name) = selection.build() {
        known_crate(name)?;
    }
    let began = Instant::now();
    let tally = tests(selection, args.yes)?;
    Ok(close("test", tally, began))
}

/// `cargo xtask ci`
pub fn ci(args: &CiArgs) -> Result<ExitCode, String> {
    let began = Instant::now();
    needs::ensure(&[Purpose::Build], args.yes)?;
    let mut tally = Tally::default();
    let checks: [(&str, &[&str]); 2] = [
        ("formatting", &["fmt", "--all", "--check"]),
        (
            "lints",
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ],
        ),
    ];
    for (name, arguments) in checks {
        announce(name);
        let since = Instant::now();
        let outcome = counted(
            workspace::cargo()?.args(arguments),
            PROGRAM_LIMIT.saturating_mul(2),
        )?;
        tally.check(outcome.good);
        took(name, since);
    }
    announce("tidy");
    tally.check(tidy::check()?);
    tally.add(bare::check()?);
    tally.add(tests(
        Selection {
            only: None,
            interop: !args.no_interop,
        },
        args.yes,
    )?);
    Ok(close("ci", tally, began))
}

/// Ends standard output with the sum, alone on its line.
fn close(what: &str, tally: Tally, began: Instant) -> ExitCode {
    took(what, began);
    println!("{tally}");
    if tally.failed == 0 && tally.passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn tests(selection: Selection<'_>, yes: bool) -> Result<Tally, String> {
    let mut purposes = vec![Purpose::Build, Purpose::Names];
    if selection.sdk() {
        purposes.push(Purpose::Sdk);
    }
    if selection.crates() {
        purposes.extend([Purpose::Load, Purpose::Relay]);
    }
    if selection.browser() || selection.interop() {
        purposes.extend([Purpose::Chromium, Purpose::Firefox, Purpose::Networks]);
    }
    needs::ensure(&purposes, yes)?;
    let corpora = workspace::corpora()?;
    tell_about(corpora.as_deref());

    let mut tally = Tally::default();
    let mut programs = Vec::new();
    if selection.only != Some("sdk") {
        announce("build");
        let since = Instant::now();
        match build(selection.build())? {
            Some(built) => programs = built,
            None => {
                tally.check(false);
                return Ok(tally);
            }
        }
        took("build", since);
    }

    if selection.crates() {
        let since = Instant::now();
        for program in programs.iter().filter(|p| selection.takes(&p.package)) {
            tally.add(
                if program.package == HARNESS || program.name == MEDIA_PLANE {
                    run_calls(program, &[], corpora.as_deref())?
                } else {
                    run(program, &[], PROGRAM_LIMIT, corpora.as_deref())?
                },
            );
        }
        announce("examples in the documentation");
        let mut doc = workspace::cargo()?;
        doc.args(["test", "--quiet", "--doc"])
            .args(package_arguments(selection.build()));
        if selection.build().is_none_or(has_library) {
            tally.add(settle(counted(&mut doc, PROGRAM_LIMIT)?));
        }
        took("crates", since);
    }
    if selection.sdk() {
        tally.add(sdk()?);
    }
    if selection.browser() {
        tally.add(calls("browser", BROWSER, 1, &programs, corpora.as_deref())?);
    }
    if selection.interop() {
        match needs::ensure(&[Purpose::Sipp], yes) {
            Ok(()) => tally.add(sipp(&programs, corpora.as_deref())?),
            Err(why) => loud(&format!("the tests against SIPp did not run: {why}")),
        }
        match interop::ready(yes, CHROOT_LIMIT) {
            Ok(()) => tally.add(calls(
                "interop",
                INTEROP,
                PBX_CALLS,
                &programs,
                corpora.as_deref(),
            )?),
            Err(why) if selection.only.is_none() => {
                loud(&format!("the tests against Asterisk did not run: {why}"));
            }
            Err(why) => return Err(why),
        }
    }
    tell_about(corpora.as_deref());
    Ok(tally)
}

/// Builds the tests and every program they start; none when the build failed.
fn build(package: Option<&str>) -> Result<Option<Vec<Program>>, String> {
    let mut cargo = workspace::cargo()?;
    cargo.args([
        "build",
        "--all-targets",
        "--message-format=json-render-diagnostics",
    ]);
    cargo
        .args(package_arguments(package))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let out = cargo.output().map_err(|e| format!("cargo build: {e}"))?;
    if !out.status.success() {
        return Ok(None);
    }
    let names = package_names()?;
    let messages = String::from_utf8_lossy(&out.stdout);
    let mut programs: Vec<Program> = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|m| m["reason"] == "compiler-artifact" && m["profile"]["test"] == true)
        .filter_map(|m| program(&m, &names))
        .collect();
    programs.sort_by(|a, b| (&a.package, &a.name).cmp(&(&b.package, &b.name)));
    Ok(Some(programs))
}

fn program(message: &Value, names: &BTreeMap<PathBuf, String>) -> Option<Program> {
    let manifest = PathBuf::from(message["manifest_path"].as_str()?);
    Some(Program {
        package: names.get(&manifest)?.clone(),
        name: message["target"]["name"].as_str()?.to_owned(),
        folder: manifest.parent()?.to_path_buf(),
        path: PathBuf::from(message["executable"].as_str()?),
    })
}

/// The workspace's crates by the path of their manifest.
fn package_names() -> Result<BTreeMap<PathBuf, String>, String> {
    let metadata = workspace::metadata()?;
    let packages = metadata["packages"]
        .as_array()
        .ok_or("cargo metadata lists no packages")?;
    Ok(packages
        .iter()
        .filter_map(|p| {
            Some((
                PathBuf::from(p["manifest_path"].as_str()?),
                p["name"].as_str()?.to_owned(),
            ))
        })
        .collect())
}

fn known_crate(name: &str) -> Result<(), String> {
    let names = package_names()?;
    if names.values().any(|n| n == name) {
        return Ok(());
    }
    let names: Vec<&str> = names.values().map(String::as_str).collect();
    Err(format!(
        "no stage or crate is called {name}; the stages are crates, sdk, browser, interop, the crates {}",
        names.join(", ")
    ))
}

fn has_library(package: &str) -> bool {
    workspace::metadata().is_ok_and(|metadata| {
        metadata["packages"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|p| {
                let targets = p["targets"].as_array().into_iter().flatten();
                p["name"] == package
                    && targets.into_iter().any(|t| {
                        t["kind"]
                            .as_array()
                            .is_some_and(|k| k.contains(&"lib".into()))
                    })
            })
    })
}

fn package_arguments(package: Option<&str>) -> Vec<&str> {
    match package {
        Some(name) => vec!["--package", name],
        None => vec!["--workspace"],
    }
}

/// Runs a test program the way cargo would.
fn run(
    program: &Program,
    arguments: &[&str],
    limit: Duration,
    corpora: Option<&Path>,
) -> Result<Tally, String> {
    announce(&format!("{} ({})", program.package, program.name));
    Ok(settle(start(program, arguments, limit, corpora)?))
}

/// Runs a test program whose calls pass in real time. A machine that others use too can stand still for a moment, so a
/// test that failed is tried once more, alone, and named when it then passes; one that fails again has failed.
fn run_calls(
    program: &Program,
    arguments: &[&str],
    corpora: Option<&Path>,
) -> Result<Tally, String> {
    announce(&format!("{} ({})", program.package, program.name));
    let first = start(program, arguments, CALLS_LIMIT, corpora)?;
    let failed = first.failed.clone();
    let mut tally = settle(first);
    // A program with a real fault fails in many places, and where not every failure has a name nothing is to be made good.
    if failed.len() > SECOND_TRIES || tally.failed != failed.len() as u64 {
        return Ok(tally);
    }
    for name in failed {
        announce(&format!("{name}, once more and alone"));
        let second = start(program, &["--exact", &name], PROGRAM_LIMIT, corpora)?;
        if second.good && second.tally.passed == 1 {
            tally.failed -= 1;
            tally.passed += 1;
            eprintln!("\n!! UNSTEADY: {name} failed, and passed when it was tried once more\n");
        }
    }
    Ok(tally)
}

fn start(
    program: &Program,
    arguments: &[&str],
    limit: Duration,
    corpora: Option<&Path>,
) -> Result<Outcome, String> {
    let mut command = Command::new(&program.path);
    command
        .args(arguments)
        .current_dir(&program.folder)
        .env("CARGO_MANIFEST_DIR", &program.folder);
    if let Some(dir) = corpora {
        command.env("CAUSEWAY_CORPORA", dir);
    }
    counted(&mut command, limit)
}

/// A program that failed without naming a failed test has failed all the same.
fn settle(outcome: Outcome) -> Tally {
    let mut tally = outcome.tally;
    if !outcome.good && tally.failed == 0 {
        tally.failed = 1;
    }
    tally
}

/// Real calls in real time: so many tests at a time, nothing beside them.
fn calls(
    stage: &str,
    package: &str,
    at_a_time: usize,
    programs: &[Program],
    corpora: Option<&Path>,
) -> Result<Tally, String> {
    let since = Instant::now();
    let mut tally = Tally::default();
    let threads = format!("--test-threads={at_a_time}");
    for program in programs
        .iter()
        .filter(|p| p.package == package && p.name != SIPP)
    {
        tally.add(run_calls(program, &[&threads], corpora)?);
    }
    took(stage, since);
    Ok(tally)
}

/// SIPp's scenarios, beside each other.
fn sipp(programs: &[Program], corpora: Option<&Path>) -> Result<Tally, String> {
    let since = Instant::now();
    let mut tally = Tally::default();
    for program in programs
        .iter()
        .filter(|p| p.package == INTEROP && p.name == SIPP)
    {
        tally.add(run_calls(program, &[SIPP_THREADS], corpora)?);
    }
    took("SIPp", since);
    Ok(tally)
}

/// The SDK's tests run on the committed JavaScript: neither a compiler nor a package registry is asked.
fn sdk() -> Result<Tally, String> {
    let folder = workspace::root()?.join("firmware/web/sdk");
    if !folder.join("test").is_dir() {
        loud("the SDK has no tests yet");
        return Ok(Tally::default());
    }
    let since = Instant::now();
    announce("SDK");
    let outcome = counted(
        Command::new("node")
            .args(["--test", "--test-reporter=tap", "test/"])
            .current_dir(folder),
        PROGRAM_LIMIT,
    )?;
    took("SDK", since);
    Ok(settle(outcome))
}

fn tell_about(corpora: Option<&Path>) {
    if corpora.is_none() {
        loud(
            "CAUSEWAY_CORPORA is not set: the tests on foreign messages, torture tests among them, have nothing to read and pass without looking",
        );
    }
}

pub fn loud(sentence: &str) {
    eprintln!("\n!! SKIPPED: {sentence}\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_default_every_stage_runs_and_calls_stay_apart() {
        let all = Selection {
            only: None,
            interop: true,
        };
        assert!(all.crates() && all.sdk() && all.browser() && all.interop());
        assert!(all.takes("causeway-sip") && !all.takes(BROWSER) && !all.takes(INTEROP));
        assert_eq!(all.build(), None);
    }

    #[test]
    fn one_crate_is_built_and_run_alone() {
        let one = Selection {
            only: Some("causeway-sip"),
            interop: true,
        };
        assert!(one.crates() && one.takes("causeway-sip") && !one.takes("causeway-media"));
        assert!(!one.sdk() && !one.browser() && !one.interop());
        assert_eq!(one.build(), Some("causeway-sip"));
    }

    #[test]
    fn asterisk_can_be_left_out() {
        assert!(
            !Selection {
                only: None,
                interop: false
            }
            .interop()
        );
        assert!(
            Selection {
                only: Some("interop"),
                interop: true
            }
            .interop()
        );
    }
}
