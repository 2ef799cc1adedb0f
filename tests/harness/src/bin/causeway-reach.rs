//! The table of reachability: callers in networks of many kinds call a box; see `causeway_harness::reach`.

use std::path::PathBuf;
use std::process::ExitCode;

use causeway_harness::browser::Kind;
use causeway_harness::reach::{self, Outcome, Row};
use causeway_harness::{HarnessError, Result, network};
use clap::Parser;
use serde_json::Value;

/// Calls a box from networks of many kinds and says who was heard, by which way and how soon.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  causeway-reach\n  causeway-reach --only tls-443 --only ipv6")]
struct Cli {
    /// Also write the rows to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only these networks: open, nat-box, nat-found, symmetric, no-udp, tcp-443, tcp-443-relay, ice-tcp, tls-443, ipv6, http-443,
    /// no-relay
    #[arg(long, value_name = "NETWORK")]
    only: Vec<String>,
    /// Without Firefox
    #[arg(long)]
    no_firefox: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match table(Cli::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn table(cli: Cli) -> Result<bool> {
    if let Some(missing) = network::missing() {
        return Err(HarnessError::new(missing));
    }
    let known = |key: &String| reach::ALL.iter().any(|row| row.key == key);
    if let Some(unknown) = cli.only.iter().find(|key| !known(key)) {
        return Err(HarnessError::new(format!("there is no network {unknown}")));
    }
    let wanted = |row: &&Row| cli.only.is_empty() || cli.only.iter().any(|key| key == row.key);
    let mut outcomes = Vec::new();
    println!(
        "{:<38} {:<9} {:<22} {:>11}  ",
        "network of the caller", "browser", "media by", "heard after"
    );
    for row in reach::ALL.iter().filter(wanted) {
        for kind in [Kind::Chromium, Kind::Firefox] {
            if kind == Kind::Firefox && (cli.no_firefox || !row.firefox) {
                continue;
            }
            let outcome = reach::run(row, kind).await?;
            print(&outcome);
            outcomes.push(outcome);
        }
    }
    if let Some(file) = &cli.json {
        let rows = Value::Array(outcomes.iter().map(Outcome::to_json).collect());
        std::fs::write(file, format!("{rows:#}\n"))
            .map_err(|e| HarnessError::new(format!("{}: {e}", file.display())))?;
    }
    let failed = outcomes.iter().filter(|o| !o.holds).count();
    println!("{} rows, {failed} not as they must be", outcomes.len());
    Ok(failed == 0)
}

fn print(outcome: &Outcome) {
    let heard = outcome
        .first_sound_s
        .map_or_else(|| "–".to_owned(), |s| format!("{s:.2} s"));
    println!(
        "{:<38} {:<9} {:<22} {heard:>11}  {}",
        outcome.row,
        outcome.browser,
        outcome.path.as_deref().unwrap_or("–"),
        if outcome.holds {
            "as it must be"
        } else {
            "NOT AS IT MUST BE"
        }
    );
    if let Some((code, message, after)) = &outcome.told {
        println!("    told after {after:.2} s: {message} ({code})");
    }
}
