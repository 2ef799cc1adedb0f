//! Runs seeds of simulated SIP on every core, or shows one again.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use causeway_scenarios::ladder::Ladder;
use causeway_scenarios::many::run_many;
use causeway_scenarios::run;

const HELP: &str = "\
Simulated SIP in virtual time: two endpoints of the box, or one and a rude peer, over a bad network.

Usage: causeway-sim [--seeds N] [--first S] [--jobs J]
       causeway-sim --replay SEED

  --seeds N      how many seeds (default 1000)
  --first S      the first one (default 0)
  --jobs J       threads (default: cores)
  --replay SEED  show one seed's messages as a ladder, and what was wrong with it

Examples:
  causeway-sim --seeds 20000
  causeway-sim --replay 406";

struct Options {
    seeds: u64,
    first: u64,
    jobs: u64,
    replay: Option<u64>,
}

fn options() -> Result<Option<Options>, String> {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let mut options = Options {
        seeds: 1_000,
        first: 0,
        jobs: cores,
        replay: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--help" || word == "-h" {
            return Ok(None);
        }
        let value = words
            .next()
            .and_then(|value| value.parse().ok())
            .ok_or_else(|| format!("{word} needs a number; --help shows examples"))?;
        match word.as_str() {
            "--seeds" => options.seeds = value,
            "--first" => options.first = value,
            "--jobs" => options.jobs = value.clamp(1, 256),
            "--replay" => options.replay = Some(value),
            _ => return Err(format!("{word} is no option; --help shows them")),
        }
    }
    Ok(Some(options))
}

fn main() -> ExitCode {
    match options() {
        Ok(None) => {
            println!("{HELP}");
            ExitCode::SUCCESS
        }
        Ok(Some(Options {
            replay: Some(seed), ..
        })) => replay(seed),
        Ok(Some(options)) => simulate(&options),
        Err(fault) => {
            eprintln!("error: {fault}");
            ExitCode::from(2)
        }
    }
}

fn replay(seed: u64) -> ExitCode {
    let mut ladder = Ladder::default();
    let outcome = run(seed, Some(&mut ladder));
    print!("{}", ladder.as_str());
    println!(
        "seed {seed}: {} calls, {} answered, {} messages, {} findings",
        outcome.calls,
        outcome.answered,
        outcome.messages,
        outcome.findings.len()
    );
    verdict(&outcome.findings)
}

fn verdict(findings: &[String]) -> ExitCode {
    for finding in findings {
        println!("  {finding}");
    }
    if findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn simulate(options: &Options) -> ExitCode {
    let begun = Instant::now();
    let (done, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let sum = std::thread::scope(|scope| {
        scope.spawn(|| progress(&done, &over, options.seeds, begun));
        let sum = run_many(options.first, options.seeds, options.jobs, &done);
        over.store(true, Ordering::Relaxed);
        sum
    });
    for (seed, what) in sum.findings.iter().take(20) {
        println!("seed {seed}: {what}   (causeway-sim --replay {seed})");
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{} seeds in {seconds:.1} s ({:.0} a second): {} calls, {} answered, {} messages, {} findings",
        options.seeds,
        options.seeds as f64 / seconds,
        sum.calls,
        sum.answered,
        sum.messages,
        sum.findings.len()
    );
    if sum.findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// A bar on a terminal; nothing in a log.
fn progress(done: &AtomicU64, over: &AtomicBool, seeds: u64, begun: Instant) {
    let mut out = std::io::stderr();
    if !out.is_terminal() {
        return;
    }
    while !over.load(Ordering::Relaxed) {
        let done = done.load(Ordering::Relaxed);
        let filled = usize::try_from(done * 40 / seeds.max(1)).unwrap_or(0);
        let rate = done as f64 / begun.elapsed().as_secs_f64().max(0.001);
        let _ = write!(
            out,
            "\r[{:<40}] {done}/{seeds}  {rate:.0} a second ",
            "█".repeat(filled.min(40))
        );
        let _ = out.flush();
        std::thread::sleep(Duration::from_millis(200));
    }
    let _ = writeln!(out);
}
