//! `causeway-quality`: the table of how calls sound on bad networks.

use causeway_harness::impairment::{Fate, Fates, Impairment};
use causeway_quality::calls::{self, Task};
use causeway_quality::score::Judge;
use causeway_quality::speech::Speech;
use causeway_quality::{chain, listener, path};
use clap::Parser;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// What a PBX (web→trunk) and a browser (trunk→web) hear of real speech, PESQ, beside libopus alone.
#[derive(Debug, Parser)]
struct Cli {
    /// The box's path alone, in virtual time
    #[arg(long)]
    path_only: bool,
    /// Fewer networks, less speech
    #[arg(long)]
    quick: bool,
    /// Also write the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Folder with the recordings
    #[arg(long)]
    speech: PathBuf,
    /// A Python that has the package pesq
    #[arg(long)]
    python: PathBuf,
    /// Draws the networks
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only networks whose name contains this
    #[arg(long)]
    only: Option<String>,
}

const FILES: [&str; 4] = [
    "demo-congrats.wav",
    "basic-pbx-ivr-main.wav",
    "priv-callee-options.wav",
    "conf-adminmenu.wav",
];
/// Clips of 8 s.
const CLIPS: usize = 5;
const QUICK_CLIPS: usize = 3;
/// What may be missing to libopus' own.
const TOLERANCE: f64 = 0.1;

struct Network {
    name: String,
    impairment: Impairment,
    quick: bool,
}

fn networks() -> Vec<Network> {
    let mut networks = Vec::new();
    let mut add = |name: &str, quick, impairment| {
        networks.push(Network {
            name: name.to_owned(),
            impairment,
            quick,
        });
    };
    add("clean", true, Impairment::NONE);
    for percent in [1, 2, 5, 10, 20] {
        let loss = f64::from(percent) / 100.0;
        let name = format!("loss {percent} %");
        add(&name, percent >= 5, Impairment::loss(loss));
    }
    for percent in [1, 2, 5, 10, 20] {
        let loss = f64::from(percent) / 100.0;
        let name = format!("bursts {percent} %");
        add(&name, percent == 10, Impairment::bursts(loss, 3.0));
    }
    add("jitter 30 ms", false, Impairment::jitter(30));
    add("jitter 100 ms", true, Impairment::jitter(100));
    let overtaken = |overtaken, loss, jitter| Impairment {
        overtaken,
        loss,
        jitter: Duration::from_millis(jitter),
        ..Impairment::NONE
    };
    add("reordering 5 %", true, overtaken(0.05, 0.0, 0));
    add(
        "loss 5 %, jitter 60 ms, reordering 2 %",
        false,
        overtaken(0.02, 0.05, 60),
    );
    networks
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(sentence) => {
            eprintln!("error: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<bool, String> {
    let clips = if cli.quick { QUICK_CLIPS } else { CLIPS };
    let speech = Speech::read(&cli.speech, &FILES, clips)?;
    let wide = speech.wide();
    let networks: Vec<Network> = networks()
        .into_iter()
        .filter(|n| n.quick || !cli.quick)
        .filter(|n| cli.only.as_ref().is_none_or(|only| n.name.contains(only)))
        .collect();
    // First those of callers that send each packet once, then those of callers that send it twice.
    let mut tasks = Vec::new();
    for redundant in [false, true] {
        for network in &networks {
            tasks.push(Task {
                impairment: network.impairment,
                seed: cli.seed,
                redundant,
                packets: chain::encode(&wide, 48_000, expected_loss(network))?,
            });
        }
    }
    let mut sounds = Vec::new();
    let mut notes = Vec::new();
    let mut add = |way, n: usize, sound| sounds.push((format!("{way}-{n}"), sound));
    for (n, task) in tasks.iter().take(networks.len()).enumerate() {
        let heard = chain::decode(&task.packets, &fates(task, cli.seed))?;
        add("floor-to-trunk", n, chain::through_g711(&heard));
    }
    if cli.path_only {
        for (n, task) in tasks.iter().enumerate() {
            let fates = fates(task, cli.seed);
            let (sent, counters) = path::to_trunk(&task.packets, task.redundant, &fates)?;
            let heard = listener::listen(&sent);
            notes.push(format!("late at the PBX {}; {counters:?}", heard.late));
            add("to-trunk", n, heard.sound);
        }
    } else {
        let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
        let taken = runtime
            .block_on(Box::pin(calls::make(&tasks, &speech)))
            .map_err(|e| e.to_string())?;
        for (n, taken) in taken.iter().enumerate() {
            let heard = listener::listen(&taken.to_trunk);
            notes.push(format!("late at the PBX {}", heard.late));
            add("to-trunk", n, heard.sound);
        }
        let said = chain::through_g711(&speech.narrow);
        let mut heard = Vec::new();
        for taken in &taken {
            heard.push(calls::listen_in_browser(&taken.to_web)?);
        }
        for (n, network) in networks.iter().enumerate() {
            // Which of the box's packets carries the beginning, and so what met each of those behind.
            let lag = listener::lag(&speech.narrow, &heard[n]);
            let first = usize::try_from(lag / chain::FRAME as i64).unwrap_or(0);
            let packets = chain::encode(&said, 8_000, expected_loss(network))?;
            let fates: Vec<Fate> = Fates::new(network.impairment, calls::down_seed(cli.seed))
                .skip(first)
                .take(packets.len())
                .collect();
            add("floor-to-web", n, chain::decode(&packets, &fates)?);
        }
        for (n, heard) in heard.into_iter().enumerate() {
            add("to-web", n, heard);
        }
    }
    let judge = Judge {
        python: cli.python.clone(),
        folder: std::env::temp_dir().join(format!("causeway-quality-{}", std::process::id())),
        speech: &speech,
    };
    let scores = judge.scores(&sounds);
    let _ = std::fs::remove_dir_all(&judge.folder);
    let scores = scores?;
    let rows = rows(&networks, &scores);
    print(&rows, &notes);
    if let Some(file) = &cli.json {
        let text = format!("{:#}\n", Value::from(rows.clone()));
        std::fs::write(file, text).map_err(|e| format!("{}: {e}", file.display()))?;
    }
    Ok(rows.iter().all(|row| row["good"] == true))
}

/// What a browser's encoder is told to reckon with.
fn expected_loss(network: &Network) -> i32 {
    (network.impairment.loss * 100.0).round() as i32
}

fn fates(task: &Task, seed: u64) -> Vec<Fate> {
    Fates::new(task.impairment, seed)
        .take(task.packets.len())
        .collect()
}

fn rows(networks: &[Network], scores: &[f64]) -> Vec<Value> {
    let count = networks.len();
    let round = |score: f64| (score * 100.0).round() / 100.0;
    let mut rows = Vec::new();
    // As the sounds were added: of each way where its floor and what was heard begin.
    for (way, floor, heard) in WAYS {
        for (n, network) in networks.iter().enumerate() {
            let (Some(floor), Some(heard)) =
                (scores.get(floor * count + n), scores.get(heard * count + n))
            else {
                continue;
            };
            let (floor, heard) = (round(*floor), round(*heard));
            let gain = round(heard - floor);
            rows.push(json!({
                "way": way,
                "network": network.name,
                "floor": floor,
                "heard": heard,
                "gain": gain,
                "good": gain >= -TOLERANCE,
            }));
        }
    }
    rows
}

/// A browser that sends each packet once (Firefox) or twice (Chromium) to a PBX, and a PBX to a browser.
const WAYS: [(&str, usize, usize); 4] = [
    ("web to trunk", 0, 1),
    ("web to trunk, redundant", 0, 2),
    ("trunk to web", 3, 4),
    ("trunk to web, redundant", 3, 5),
];

fn print(rows: &[Value], notes: &[String]) {
    println!("PESQ, narrow band: libopus alone on the same packets (floor), and what was heard");
    let mut way = "";
    for (n, row) in rows.iter().enumerate() {
        let number = |name: &str| row[name].as_f64().unwrap_or_default();
        let text = |name: &str| row[name].as_str().unwrap_or_default();
        if text("way") != way {
            way = text("way");
            println!("{way}");
        }
        println!(
            "  {:<40} floor {:.2}   heard {:.2}   {:+.2} {} {}",
            text("network"),
            number("floor"),
            number("heard"),
            number("gain"),
            if row["good"] == true { " " } else { "!" },
            notes.get(n).map_or("", String::as_str),
        );
    }
}
