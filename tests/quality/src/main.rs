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
const CLIPS: usize = 6;
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
    add("loss 5 %, jitter 60 ms, reordering 2 %", false, overtaken(0.02, 0.05, 60));
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
    let tasks = networks
        .iter()
        .map(|network| {
            Ok(Task {
                impairment: network.impairment,
                seed: cli.seed,
                packets: chain::encode(&wide, 48_000, expected_loss(network))?,
            })
        })
        .collect::<Result<Vec<_>, String>>()?;

    let mut sounds = Vec::new();
    let mut notes = Vec::new();
    for (n, task) in tasks.iter().enumerate() {
        let fates = fates(task, cli.seed);
        let floor = chain::through_g711(&chain::decode(&task.packets, &fates)?);
        sounds.push((format!("floor-to-trunk-{n}"), floor));
    }
    let columns = if cli.path_only {
        for (n, task) in tasks.iter().enumerate() {
            let (sent, counters) = path::to_trunk(&task.packets, &fates(task, cli.seed))?;
            let heard = listener::listen(&sent);
            notes.push(format!("late at the PBX {}; {counters:?}", heard.late));
            sounds.push((format!("path-to-trunk-{n}"), heard.sound));
        }
        1
    } else {
        let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
        let taken = runtime
            .block_on(Box::pin(calls::make(&tasks, &speech)))
            .map_err(|e| e.to_string())?;
        for (n, taken) in taken.iter().enumerate() {
            let heard = listener::listen(&taken.to_trunk);
            notes.push(format!("late at the PBX {}", heard.late));
            sounds.push((format!("box-to-trunk-{n}"), heard.sound));
        }
        let mut floors = Vec::new();
        let said = chain::through_g711(&speech.narrow);
        for (n, (taken, task)) in taken.iter().zip(&tasks).enumerate() {
            let heard = calls::listen_in_browser(&taken.to_web)?;
            let shift = listener::lag(&speech.narrow, &heard) / chain::FRAME as i64;
            let packets = chain::encode(&said, 8_000, expected_loss(&networks[n]))?;
            let skipped = usize::try_from(shift).unwrap_or(0);
            let fates: Vec<Fate> = Fates::new(task.impairment, calls::down_seed(cli.seed))
                .skip(skipped)
                .take(packets.len())
                .collect();
            floors.push((format!("floor-to-web-{n}"), chain::decode(&packets, &fates)?));
            sounds.push((format!("box-to-web-{n}"), heard));
        }
        sounds.extend(floors);
        2
    };
    let judge = Judge {
        python: cli.python.clone(),
        folder: std::env::temp_dir().join(format!("causeway-quality-{}", std::process::id())),
        speech: &speech,
    };
    let scores = judge.scores(&sounds);
    let _ = std::fs::remove_dir_all(&judge.folder);
    let scores = scores?;
    let rows = rows(&networks, &scores, columns);
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

fn rows(networks: &[Network], scores: &[f64], columns: usize) -> Vec<Value> {
    let count = networks.len();
    let round = |score: f64| (score * 100.0).round() / 100.0;
    let mut rows = Vec::new();
    for (n, network) in networks.iter().enumerate() {
        // Floors to the trunk, the box to the trunk, the box to the web, floors to the web.
        for (way, floor, heard) in [
            ("web_to_trunk", n, count + n),
            ("trunk_to_web", 3 * count + n, 2 * count + n),
        ]
        .into_iter()
        .take(columns)
        {
            let (floor, heard) = (round(scores[floor]), round(scores[heard]));
            rows.push(json!({
                "network": network.name,
                "way": way,
                "floor": floor,
                "heard": heard,
                "good": round(heard - floor) >= -TOLERANCE,
            }));
        }
    }
    rows
}

fn print(rows: &[Value], notes: &[String]) {
    println!("PESQ, narrow band: libopus alone on the same packets (floor), and what was heard");
    let mut notes = notes.iter();
    for row in rows {
        let number = |name: &str| row[name].as_f64().unwrap_or_default();
        let way = row["way"].as_str().unwrap_or_default();
        let note = if way == "web_to_trunk" { notes.next() } else { None };
        println!(
            "{:<40}{way:<14}floor {:.2}   heard {:.2}   {:+.2} {} {}",
            row["network"].as_str().unwrap_or_default(),
            number("floor"),
            number("heard"),
            number("heard") - number("floor"),
            if row["good"] == true { " " } else { "!" },
            note.map_or("", String::as_str),
        );
    }
}
