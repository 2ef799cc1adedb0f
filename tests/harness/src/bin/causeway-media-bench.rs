//! What media costs: the engine on one processor, both ends of every call on the other, real speech, more and more
//! calls; beside it the bare codec, and another engine under the same load.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use causeway_harness::config::{APP, APP_SECRET, loopback};
use causeway_harness::program::Program;
use causeway_harness::{BoxPlan, BoxProcess, HarnessError, Result, place};
use clap::{Parser, ValueEnum};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// Below this a row counts for nothing.
const DELIVERED: f64 = 99.9;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    Transcode,
    Relay,
}

/// Measures media engines on this machine.
#[derive(Debug, Parser)]
#[command(
    after_help = "Example:\n  causeway-media-bench --speech voices --modes transcode --steps 20,80 --rtpengine CHROOT"
)]
struct Cli {
    /// A folder with voices: WAV, 48 kHz, mono, 16 bit
    #[arg(long)]
    speech: PathBuf,
    /// What the engine does
    #[arg(long, value_delimiter = ',', default_value = "transcode,relay")]
    modes: Vec<Mode>,
    /// Calls at once, row after row, until an engine is overloaded
    #[arg(long, value_delimiter = ',', default_value = "20,80,150,200,250")]
    steps: Vec<usize>,
    /// How long each row is measured, in seconds
    #[arg(long, default_value_t = 15)]
    seconds: u32,
    /// A chroot with rtpengine: the same load goes through it
    #[arg(long, value_name = "FOLDER")]
    rtpengine: Option<PathBuf>,
    /// Also write the rows to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match measure(&Cli::parse()).await {
        Ok(good) => ExitCode::from(u8::from(!good)),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(cli: &Cli) -> Result<bool> {
    let mut rows = Vec::new();
    println!("{}", heading());
    for mode in &cli.modes {
        // The codec's own cost is measured where the engine will run, and just before it does.
        let codec_ms = bare(cli).await?;
        rows.extend(causeway(cli, *mode, codec_ms).await?);
        if let Some(folder) = &cli.rtpengine {
            rows.extend(rtpengine(cli, folder, *mode, codec_ms).await?);
        }
    }
    if let Some(path) = &cli.json {
        let text = format!("{:#}\n", Value::from(rows.clone()));
        std::fs::write(path, text)
            .map_err(|e| HarnessError::new(format!("{}: {e}", path.display())))?;
    }
    Ok(rows.iter().any(|row| row["counted"] == true))
}

async fn bare(cli: &Cli) -> Result<f64> {
    let out = pinned(0, place::program("causeway-phone")?)
        .args(["codec", "--speech"])
        .arg(&cli.speech)
        .stderr(Stdio::inherit())
        .output()
        .await
        .map_err(|e| HarnessError::new(format!("causeway-phone codec: {e}")))?;
    let text = String::from_utf8_lossy(&out.stdout);
    text.trim()
        .parse()
        .map_err(|_| HarnessError::new("the codec's own cost could not be measured"))
}

/// A program that runs on one processor alone.
fn pinned(processor: u8, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command
        .args(["-c", &processor.to_string()])
        .arg(program)
        .kill_on_drop(true);
    command
}

async fn pin(pid: u32, processor: u8) -> Result<()> {
    let out = Command::new("taskset")
        .args(["-a", "-p", "-c", &processor.to_string(), &pid.to_string()])
        .output()
        .await
        .map_err(|e| HarnessError::new(format!("taskset: {e}")))?;
    if out.status.success() {
        Ok(())
    } else {
        Err(HarnessError::new(
            String::from_utf8_lossy(&out.stderr).into_owned(),
        ))
    }
}

async fn causeway(cli: &Cli, mode: Mode, codec_ms: f64) -> Result<Vec<Value>> {
    let pbx = loopback(place::free_port()?);
    let most = cli.steps.iter().max().copied().unwrap_or(20);
    let mut plan = BoxPlan::new(pbx)?;
    plan.rtp_count = u16::try_from(2 * most + 40).unwrap_or(2000);
    plan.rtp_first = place::free_range(plan.rtp_count)?;
    plan.max_calls = most + 10;
    // One core is measured, so one thread.
    plan.extra = "media_threads = 1\n".to_owned();
    let causeway = BoxProcess::start(plan).await?;
    let pid = causeway.program().pid();
    pin(pid, 0).await?;
    let url = causeway.url("");
    let rows = load(
        cli,
        mode,
        codec_ms,
        pid,
        &["--url", &url, "--app", APP, "--sip", &pbx.to_string()],
    )
    .await;
    causeway.stop().await?;
    rows
}

async fn rtpengine(cli: &Cli, folder: &PathBuf, mode: Mode, codec_ms: f64) -> Result<Vec<Value>> {
    let control: SocketAddr = loopback(place::free_port()?);
    let first = place::free_range(2000)?;
    let mut command = Command::new("taskset");
    command
        .args(["-c", "0", "chroot"])
        .arg(folder)
        .args([
            "rtpengine",
            "--foreground",
            "--log-stderr",
            "--log-level=3",
            "--table=-1",
        ])
        .args([
            "--interface=127.0.0.1",
            &format!("--listen-ng={control}"),
            "--config-file=none",
        ])
        .args([
            format!("--port-min={first}"),
            format!("--port-max={}", first + 1999),
        ]);
    let mut program = Program::start("rtpengine", command, None)?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    if let Some(status) = program.ended() {
        return Err(HarnessError::new(format!(
            "rtpengine ended with {status}:\n{}",
            program.tail(10)
        )));
    }
    // taskset and chroot have both become it: it is still the process that was started.
    let pid = program.pid();
    let rows = load(
        cli,
        mode,
        codec_ms,
        pid,
        &["--rtpengine", &control.to_string()],
    )
    .await;
    program.stop().await?;
    rows
}

/// Runs the load and shows its rows as they come.
async fn load(cli: &Cli, mode: Mode, codec_ms: f64, pid: u32, way: &[&str]) -> Result<Vec<Value>> {
    let steps: Vec<String> = cli.steps.iter().map(ToString::to_string).collect();
    let mut command = pinned(1, place::program("causeway-phone")?);
    command
        .arg("engine")
        .args(way)
        .args(["--pid", &pid.to_string(), "--steps", &steps.join(",")])
        .args(["--seconds", &cli.seconds.to_string()])
        .arg("--speech")
        .arg(&cli.speech)
        .env("CAUSEWAY_APP_SECRET", APP_SECRET)
        .stdout(Stdio::piped());
    if mode == Mode::Relay {
        command.arg("--relay");
    }
    let failed = |e: std::io::Error| HarnessError::new(format!("causeway-phone engine: {e}"));
    let mut child = command.spawn().map_err(failed)?;
    let mut rows = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next_line().await.map_err(failed)? {
            if let Ok(row) = serde_json::from_str::<Value>(&line) {
                let row = complete(row, mode, codec_ms);
                println!("{}", line_of(&row));
                rows.push(row);
            }
        }
    }
    let status = child.wait().await.map_err(failed)?;
    if rows.is_empty() && !status.success() {
        return Err(HarnessError::new("the load did not come to its first row"));
    }
    Ok(rows)
}

fn complete(mut row: Value, mode: Mode, codec_ms: f64) -> Value {
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let cost = number(&row["cpu_ms_per_call_s"]);
    row["codec_ms_per_call_s"] = json!(codec_ms);
    row["ratio"] = match mode {
        Mode::Transcode => json!(round(cost / codec_ms)),
        Mode::Relay => Value::Null,
    };
    row["calls_per_core"] = json!((1000.0 / cost).floor());
    row["counted"] = json!(number(&row["delivered_pct"]) >= DELIVERED);
    row
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

fn heading() -> String {
    format!(
        "{:<10} {:<10} {:>4} {:>9} {:>9} {:>6} {:>6} {:>6}  {:>15} {:>15} {:>10}",
        "engine",
        "mode",
        "n",
        "ms/call·s",
        "codec",
        "ratio",
        "calls",
        "KiB",
        "web→trunk ms",
        "trunk→web ms",
        "delivered"
    )
}

fn line_of(row: &Value) -> String {
    let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let number = |value: &Value, digits: usize| {
        value
            .as_f64()
            .map_or_else(|| "–".to_owned(), |v| format!("{v:.digits$}"))
    };
    let late = |key: &str| {
        format!(
            "{} / {}",
            number(&row[key]["p50"], 1),
            number(&row[key]["p99"], 1)
        )
    };
    let mut line = format!(
        "{:<10} {:<10} {:>4} {:>9} {:>9} {:>6} {:>6} {:>6}  {:>15} {:>15} {:>9}%",
        text("engine"),
        text("mode"),
        row["n"],
        number(&row["cpu_ms_per_call_s"], 2),
        number(&row["codec_ms_per_call_s"], 2),
        number(&row["ratio"], 2),
        number(&row["calls_per_core"], 0),
        number(&row["kib_per_call"], 0),
        late("web_to_trunk_ms"),
        late("trunk_to_web_ms"),
        number(&row["delivered_pct"], 2),
    );
    if row["counted"] != true {
        let _ = write!(line, "  ← not counted");
    }
    line
}
