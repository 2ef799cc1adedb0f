//! The same number of calls for hours, coming and going: what a box holds, and how late it becomes.

use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

use causeway_harness::config::{APP, APP_SECRET, loopback};
use causeway_harness::figures::{late, number};
use causeway_harness::soak::{FIGURES, bars, judge};
use causeway_harness::{BoxPlan, BoxProcess, HarnessError, Result, place};
use clap::Parser;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// Keeps a box on this machine under calls for a long time.
#[derive(Debug, Parser)]
#[command(
    after_help = "Example:\n  causeway-soak --speech voices --calls 60 --minutes 120 --json soak.json"
)]
struct Cli {
    /// A folder with voices: WAV, 48 kHz, mono, 16 bit
    #[arg(long)]
    speech: PathBuf,
    /// Calls at any time; each lasts 20 to 240 seconds and is followed by another
    #[arg(long, default_value_t = 60)]
    calls: u16,
    /// How long it goes on
    #[arg(long, default_value_t = 120)]
    minutes: u32,
    /// Also write the minutes to this file, as they come
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match soak(&Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn soak(cli: &Cli) -> Result<()> {
    let pbx = loopback(place::free_port()?);
    let mut plan = BoxPlan::new(pbx)?;
    // A port that was just left rests before it is used again.
    plan.rtp_count = 4 * cli.calls + 100;
    plan.rtp_first = place::free_range(plan.rtp_count)?;
    plan.max_calls = usize::from(cli.calls) + 20;
    let causeway = BoxProcess::start(plan).await?;
    let outcome = minutes(cli, &causeway, &pbx.to_string()).await;
    causeway.stop().await?;
    let rows = outcome?;
    println!();
    for figure in FIGURES {
        if let Some([early, then, late]) = figure.course(&rows) {
            println!(
                "{:<18} {}  {early:.1} → {then:.1} → {late:.1}",
                figure.name,
                bars(&figure.of(&rows))
            );
        }
    }
    judge(&rows)
}

/// The phone in real time where that is granted, as the box's media threads are: else its own lateness is measured as soon
/// as the machine has something else to do.
async fn prompt(phone: &Path) -> Command {
    const REAL_TIME: [&str; 2] = ["-r", "3"];
    let granted = Command::new("chrt")
        .args(REAL_TIME)
        .arg("true")
        .output()
        .await;
    if !granted.is_ok_and(|tried| tried.status.success()) {
        return Command::new(phone);
    }
    let mut command = Command::new("chrt");
    command.args(REAL_TIME).arg(phone);
    command
}

async fn minutes(cli: &Cli, causeway: &BoxProcess, pbx: &str) -> Result<Vec<Value>> {
    let failed = |e: std::io::Error| HarnessError::new(format!("causeway-phone soak: {e}"));
    let mut child = prompt(&place::program("causeway-phone")?)
        .await
        .args(["soak", "--url", &causeway.url(""), "--app", APP])
        .args(["--sip", pbx])
        .args(["--pid", &causeway.program().pid().to_string()])
        .args(["--calls", &cli.calls.to_string()])
        .args(["--minutes", &cli.minutes.to_string()])
        .arg("--speech")
        .arg(&cli.speech)
        .env("CAUSEWAY_APP_SECRET", APP_SECRET)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    println!(
        "{:>6} {:>6} {:>7} {:>7} {:>9} {:>6} {:>8} {:>10} {:>15} {:>15} {:>10}",
        "minute",
        "heard",
        "placed",
        "failed",
        "KiB",
        "files",
        "threads",
        "ms/call·s",
        "web→trunk ms",
        "trunk→web ms",
        "delivered"
    );
    let mut rows = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next_line().await.map_err(failed)? {
            if let Ok(row) = serde_json::from_str::<Value>(&line) {
                println!("{}", line_of(&row));
                rows.push(row);
                if let Some(path) = &cli.json {
                    let text = format!("{:#}\n", Value::from(rows.clone()));
                    std::fs::write(path, text)
                        .map_err(|e| HarnessError::new(format!("{}: {e}", path.display())))?;
                }
            }
        }
    }
    let status = child.wait().await.map_err(failed)?;
    if status.success() {
        Ok(rows)
    } else {
        Err(HarnessError::new(format!(
            "the calls ended early, after {} minutes",
            rows.len()
        )))
    }
}

fn line_of(row: &Value) -> String {
    format!(
        "{:>6} {:>6} {:>7} {:>7} {:>9} {:>6} {:>8} {:>10} {:>15} {:>15} {:>9}%",
        row["minute"],
        row["heard"],
        row["placed"],
        row["failed"],
        number(&row["kib"], 0),
        row["descriptors"],
        row["threads"],
        number(&row["cpu_ms_per_call_s"], 2),
        late(&row["web_to_trunk_ms"]),
        late(&row["trunk_to_web_ms"]),
        number(&row["delivered_pct"], 2),
    )
}
