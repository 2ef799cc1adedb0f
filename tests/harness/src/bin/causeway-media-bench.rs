//! What media costs: the engine on one processor, both ends of every call on the other, real speech, more and more
//! calls; beside it the bare codec, and another engine under the same load.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use causeway_harness::asterisk::{Asterisk, Trunk};
use causeway_harness::config::{APP, APP_SECRET, loopback};
use causeway_harness::figures::{late, number};
use causeway_harness::place::TempFolder;
use causeway_harness::program::Program;
use causeway_harness::{BoxPlan, BoxProcess, HarnessError, Result, place};
use clap::{Parser, ValueEnum};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// Of every film.
const PICTURES_A_SECOND: f64 = 15.0;
/// Below this a row counts for nothing.
const DELIVERED: f64 = 99.9;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Opus to PCMU and back
    Transcode,
    /// PCMU as it is
    Relay,
    /// Pictures in H.264 as they are, 640 × 360, 15 a second, 500 kbit/s
    Video,
    /// The same pictures, VP8 to H.264 and back
    VideoTranscode,
}

impl Mode {
    fn has_pictures(self) -> bool {
        matches!(self, Self::Video | Self::VideoTranscode)
    }

    /// As the load takes it.
    fn name(self) -> &'static str {
        match self {
            Self::Transcode => "transcode",
            Self::Relay => "relay",
            Self::Video => "video",
            Self::VideoTranscode => "video-transcode",
        }
    }

    fn steps(self) -> &'static [usize] {
        match self {
            Self::Transcode | Self::Relay => &[20, 80, 150, 200, 250, 300],
            Self::Video => &[20, 80, 150, 200],
            Self::VideoTranscode => &[2, 5, 8, 10, 12, 15, 20, 25, 30],
        }
    }
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
    /// Calls at once, row after row, until an engine is overloaded; 20,80,150,200 and more, of transcoded pictures 2,5,8 and more
    #[arg(long, value_delimiter = ',')]
    steps: Vec<usize>,
    /// The program that measures the codecs of pictures and makes the films, for modes with pictures
    #[arg(long, value_name = "PROGRAM")]
    pictures: Option<PathBuf>,
    /// How long each row is measured, in seconds
    #[arg(long, default_value_t = 15)]
    seconds: u32,
    /// A chroot with rtpengine: the same load goes through it
    #[arg(long, value_name = "FOLDER")]
    rtpengine: Option<PathBuf>,
    /// The same sound goes through an Asterisk 22, in the chroot of the interop tests
    #[arg(long)]
    asterisk: bool,
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
    let films = TempFolder::new("films")?;
    println!("{}", heading());
    for mode in &cli.modes {
        // The codec's own cost is measured where the engine will run, and just before it does.
        let codec_ms = match mode.has_pictures() {
            true => pictures(cli, films.path()).await?,
            false => bare(cli).await?,
        };
        rows.extend(causeway(cli, *mode, codec_ms, films.path()).await?);
        if let Some(folder) = cli
            .rtpengine
            .as_ref()
            .filter(|_| *mode != Mode::VideoTranscode)
        {
            let theirs = rtpengine(cli, folder, *mode, codec_ms, films.path()).await;
            rows.extend(or_told("rtpengine", *mode, theirs));
        }
        if cli.asterisk && *mode == Mode::Transcode {
            let theirs = asterisk(cli, *mode, codec_ms, films.path()).await;
            rows.extend(or_told("asterisk", *mode, theirs));
        }
    }
    if let Some(path) = &cli.json {
        let text = format!("{:#}\n", Value::from(rows.clone()));
        std::fs::write(path, text)
            .map_err(|e| HarnessError::new(format!("{}: {e}", path.display())))?;
    }
    Ok(rows.iter().any(|row| row["counted"] == true))
}

/// What another engine cannot do is told, and costs none of the other rows.
fn or_told(engine: &str, mode: Mode, rows: Result<Vec<Value>>) -> Vec<Value> {
    rows.unwrap_or_else(|error| {
        println!("{engine:<10} {}: {error}", mode.name());
        Vec::new()
    })
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

/// Makes the films, and measures what decoding and encoding them costs both ways: milliseconds a call and second.
async fn pictures(cli: &Cli, films: &Path) -> Result<f64> {
    let failed = |why: String| HarnessError::new(format!("the codecs of pictures: {why}"));
    let program = cli.pictures.as_ref();
    let program = program.ok_or_else(|| failed("name their program by --pictures".to_owned()))?;
    let out = pinned(0, program)
        .arg("300")
        .arg(films)
        .stderr(Stdio::inherit())
        .output()
        .await
        .map_err(|e| failed(e.to_string()))?;
    let text = String::from_utf8_lossy(&out.stdout);
    let ways: Vec<f64> = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok()?["bare_ms"].as_f64())
        .collect();
    match ways[..] {
        [there, back] => Ok(round((there + back) * PICTURES_A_SECOND)),
        _ => Err(failed(text.into_owned())),
    }
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

async fn causeway(cli: &Cli, mode: Mode, codec_ms: f64, films: &Path) -> Result<Vec<Value>> {
    let pbx = loopback(place::free_port()?);
    let most = steps(cli, mode).iter().max().copied().unwrap_or(20);
    let mut plan = BoxPlan::new(pbx)?;
    plan.rtp_count = u16::try_from(4 * most + 40).unwrap_or(2000);
    if mode.has_pictures() {
        // Of its sound nothing is heard.
        plan.trunks[0].extra =
            "video = \"h264\"\nvideo_kbps = 600\nmedia_timeout_s = 0\n".to_owned();
    }
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
        films,
        &["--url", &url, "--app", APP, "--sip", &pbx.to_string()],
    )
    .await;
    causeway.stop().await?;
    rows
}

async fn rtpengine(
    cli: &Cli,
    folder: &PathBuf,
    mode: Mode,
    codec_ms: f64,
    films: &Path,
) -> Result<Vec<Value>> {
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
        films,
        &["--rtpengine", &control.to_string()],
    )
    .await;
    program.stop().await?;
    rows
}

/// Asterisk on one processor, which answers a browser's offer in Opus and dials a PBX in PCMU.
async fn asterisk(cli: &Cli, mode: Mode, codec_ms: f64, films: &Path) -> Result<Vec<Value>> {
    let pbx = loopback(place::free_port()?);
    let most = steps(cli, mode).iter().max().copied().unwrap_or(20);
    let trunk = Trunk {
        webrtc: true,
        rtp_count: u16::try_from(4 * most + 40).unwrap_or(2000),
        ..Trunk::default()
    };
    // Nobody plays the box; who calls is known by its address.
    let asterisk =
        Asterisk::start_with(place::free_port()?, loopback(9), Some(pbx), &trunk).await?;
    let pid = asterisk.pid();
    pin(pid, 0).await?;
    let sip = asterisk.address().to_string();
    let rows = load(
        cli,
        mode,
        codec_ms,
        pid,
        films,
        &["--asterisk", &sip, "--sip", &pbx.to_string()],
    )
    .await;
    if rows.as_ref().map_or(true, Vec::is_empty) {
        eprintln!("{}", asterisk.log());
    }
    asterisk.stop().await?;
    rows
}

/// What was asked for, else what suits the mode.
fn steps(cli: &Cli, mode: Mode) -> &[usize] {
    match cli.steps.is_empty() {
        true => mode.steps(),
        false => &cli.steps,
    }
}

/// Runs the load and shows its rows as they come.
async fn load(
    cli: &Cli,
    mode: Mode,
    codec_ms: f64,
    pid: u32,
    films: &Path,
    way: &[&str],
) -> Result<Vec<Value>> {
    let steps: Vec<String> = steps(cli, mode).iter().map(ToString::to_string).collect();
    let mut command = pinned(1, place::program("causeway-phone")?);
    command
        .arg("engine")
        .args(way)
        .args(["--pid", &pid.to_string(), "--steps", &steps.join(",")])
        .args(["--seconds", &cli.seconds.to_string()])
        .arg("--speech")
        .arg(&cli.speech)
        .args(["--mode", mode.name(), "--films"])
        .arg(films)
        .env("CAUSEWAY_APP_SECRET", APP_SECRET)
        .stdout(Stdio::piped());
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
    let is_coded = matches!(mode, Mode::Transcode | Mode::VideoTranscode);
    row["codec_ms_per_call_s"] = match mode {
        // Nothing is coded.
        Mode::Video => json!(0),
        Mode::Transcode | Mode::Relay | Mode::VideoTranscode => json!(codec_ms),
    };
    row["ratio"] = match is_coded {
        true => json!(round(cost / codec_ms)),
        false => Value::Null,
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
        "{:<10} {:<18} {:>4} {:>9} {:>9} {:>6} {:>6} {:>6}  {:>15} {:>15} {:>10}",
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
    let mut line = format!(
        "{:<10} {:<18} {:>4} {:>9} {:>9} {:>6} {:>6} {:>6}  {:>15} {:>15} {:>9}%",
        text("engine"),
        text("mode"),
        row["n"],
        number(&row["cpu_ms_per_call_s"], 2),
        number(&row["codec_ms_per_call_s"], 2),
        number(&row["ratio"], 2),
        number(&row["calls_per_core"], 0),
        number(&row["kib_per_call"], 0),
        late(&row["web_to_trunk_ms"]),
        late(&row["trunk_to_web_ms"]),
        number(&row["delivered_pct"], 2),
    );
    if row["counted"] != true {
        let _ = write!(line, "  ← not counted");
    }
    line
}
