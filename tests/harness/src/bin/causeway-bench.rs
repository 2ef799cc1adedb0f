//! What a transcoded call costs the whole box, beside the bare codec's cost in the same run, and how long calls take
//! to set up.

use std::path::PathBuf;
use std::process::ExitCode;

use causeway_harness::load::Load;
use causeway_harness::{Acd, BoxPlan, BoxProcess, HarnessError, Result};
use clap::Parser;
use serde_json::{Value, json};
use tokio::process::Command;

/// A frame of speech, in milliseconds.
const FRAME_MS: f64 = 20.0;

/// Measures a box on this machine.
#[derive(Debug, Parser)]
#[command(after_help = "Example:\n  causeway-bench --calls 30 --seconds 20 --bare path_cost")]
struct Cli {
    /// Calls at once
    #[arg(long, default_value_t = 30)]
    calls: u32,
    /// How long each talks, in seconds
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// The program that measures the codec alone
    #[arg(long, value_name = "PROGRAM")]
    bare: PathBuf,
    /// Also write the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match measure(Cli::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(cli: Cli) -> Result<bool> {
    let bare_us = bare_us_per_frame(&cli.bare).await?;
    let acd = Acd::start(&[]).await?;
    let plan = BoxPlan::new(acd.address())?;
    let causeway = BoxProcess::start(plan).await?;

    // Set-up is measured apart, one call after the other and at number 100, which the ACD rings 300 ms.
    let one_by_one = Load::new(20, 1, 0.5).run(&causeway).await?;
    let before = causeway.cpu_ms()?;
    let report = Load::new(cli.calls, cli.calls, f64::from(cli.seconds))
        .run(&causeway)
        .await?;
    let cpu_ms = causeway.cpu_ms()? - before;
    causeway.stop().await?;
    acd.stop().await?;

    let connected = report["connected"].as_u64().unwrap_or(0);
    let call_seconds = f64::from(cli.seconds) * connected as f64;
    if connected == 0 {
        return Err(HarnessError::new(format!("no call connected: {report}")));
    }
    let box_ms = cpu_ms / call_seconds;
    // One direction decodes and the other encodes a frame, fifty times a second: that is the bare pair.
    let bare_ms = bare_us * (1000.0 / FRAME_MS) / 1000.0;
    let figures = json!({
        "calls": cli.calls,
        "connected": connected,
        "heard_ok": report["heard_ok"],
        "seconds": cli.seconds,
        "packets_lost": report["lost"],
        "cpu_ms_per_call_second": {"box": round(box_ms), "bare_codec": round(bare_ms), "ratio": round(box_ms / bare_ms)},
        "setup_ms": {"one_by_one": one_by_one["setup_ms"], "all_at_once": report["setup_ms"]},
        "first_audio_ms": {"one_by_one": one_by_one["first_audio_ms"], "all_at_once": report["first_audio_ms"]},
    });
    println!("CPU of a transcoded call, ms per call and second (hand-shakes included)");
    println!("  bare codec  {bare_ms:6.2}  {}", bar(bare_ms));
    println!("  whole box   {box_ms:6.2}  {}", bar(box_ms));
    println!("  ratio       {:6.2}", box_ms / bare_ms);
    println!("set-up, ms from the click (the ACD rings 300 ms of it)");
    for (name, setup) in [
        ("one by one", &one_by_one["setup_ms"]),
        ("all at once", &report["setup_ms"]),
    ] {
        println!(
            "  {name:<12}p50 {:7.1}   p95 {:7.1}",
            number(&setup["p50"]),
            number(&setup["p95"])
        );
    }
    if let Some(path) = &cli.json {
        std::fs::write(path, format!("{figures:#}\n"))
            .map_err(|e| HarnessError::new(format!("{}: {e}", path.display())))?;
    }
    println!("{figures}");
    Ok(report["heard_ok"] == report["calls"])
}

async fn bare_us_per_frame(program: &std::path::Path) -> Result<f64> {
    let failed = |what: String| HarnessError::new(format!("{}: {what}", program.display()));
    let out = Command::new(program)
        .arg("20")
        .output()
        .await
        .map_err(|e| failed(e.to_string()))?;
    let figures: Value = serde_json::from_slice(&out.stdout).map_err(|e| failed(e.to_string()))?;
    figures["bare_us_per_frame"]
        .as_f64()
        .ok_or_else(|| failed("no figure".to_owned()))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Four marks a millisecond.
fn bar(ms: f64) -> String {
    "█".repeat((ms * 4.0).clamp(1.0, 120.0) as usize)
}
