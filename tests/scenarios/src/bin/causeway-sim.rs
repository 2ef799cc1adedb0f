//! Runs seeds of simulated SIP on every core, or shows one again.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use causeway_scenarios::ladder::Ladder;
use causeway_scenarios::{Outcome, run};

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
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let over = AtomicBool::new(false);
    let total = Mutex::new((Outcome::default(), Vec::new()));
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..options.jobs)
            .map(|_| {
                scope.spawn(|| {
                    let mut sum = Outcome::default();
                    let mut found = Vec::new();
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        if at >= options.seeds {
                            break;
                        }
                        let seed = options.first + at;
                        let outcome = run(seed, None);
                        sum.calls += outcome.calls;
                        sum.answered += outcome.answered;
                        sum.messages += outcome.messages;
                        found.extend(outcome.findings.into_iter().map(|what| (seed, what)));
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                    if let Ok(mut total) = total.lock() {
                        total.0.calls += sum.calls;
                        total.0.answered += sum.answered;
                        total.0.messages += sum.messages;
                        total.1.extend(found);
                    }
                })
            })
            .collect();
        scope.spawn(|| progress(&done, &over, options.seeds, begun));
        for worker in workers {
            // A panic in a seed is a finding too; the thread's own message names the place.
            if worker.join().is_err()
                && let Ok(mut total) = total.lock()
            {
                total.1.push((0, "a thread panicked, see above".to_owned()));
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    let (sum, mut found) = total
        .into_inner()
        .unwrap_or_else(|fault| fault.into_inner());
    found.sort();
    for (seed, what) in found.iter().take(20) {
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
        found.len()
    );
    if found.is_empty() {
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
