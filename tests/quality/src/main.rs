//! `causeway-quality`: the table.

use causeway_harness::impairment::{Fate, Fates, Impairment};
use causeway_quality::score::Judge;
use causeway_quality::speech::Speech;
use causeway_quality::{chain, listener, path};
use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Parser)]
struct Cli {
    /// The box's path in virtual time instead of a box
    #[arg(long)]
    path_only: bool,
    /// Folder with the recordings
    #[arg(long)]
    speech: PathBuf,
    /// A Python that has the package pesq
    #[arg(long)]
    python: PathBuf,
    /// Clips of 8 s
    #[arg(long, default_value_t = 8)]
    clips: usize,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only points whose name contains this
    #[arg(long)]
    only: Option<String>,
}

const FILES: [&str; 4] = [
    "demo-congrats.wav",
    "basic-pbx-ivr-main.wav",
    "priv-callee-options.wav",
    "conf-adminmenu.wav",
];

fn points() -> Vec<(String, Impairment)> {
    let mut points = vec![("clean".to_owned(), Impairment::NONE)];
    for percent in [1, 2, 5, 10, 20] {
        let loss = f64::from(percent) / 100.0;
        points.push((format!("loss {percent} %"), Impairment::loss(loss)));
    }
    for percent in [1, 2, 5, 10, 20] {
        let loss = f64::from(percent) / 100.0;
        points.push((format!("bursts {percent} %"), Impairment::bursts(loss, 3.0)));
    }
    points.push(("jitter 30 ms".to_owned(), Impairment::jitter(30)));
    points.push(("jitter 100 ms".to_owned(), Impairment::jitter(100)));
    let overtaken = Impairment {
        overtaken: 0.05,
        ..Impairment::NONE
    };
    points.push(("reordering 5 %".to_owned(), overtaken));
    let all = Impairment {
        loss: 0.05,
        jitter: std::time::Duration::from_millis(60),
        overtaken: 0.02,
        ..Impairment::NONE
    };
    points.push(("mixed".to_owned(), all));
    points
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("error: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<(), String> {
    let speech = Speech::read(&cli.speech, &FILES, cli.clips)?;
    let wide = speech.wide();
    let judge = Judge {
        python: cli.python.clone(),
        folder: std::env::temp_dir().join("causeway-quality"),
        speech: &speech,
    };
    let mut sounds = Vec::new();
    let mut notes = Vec::new();
    let points: Vec<_> = points()
        .into_iter()
        .filter(|(name, _)| cli.only.as_ref().is_none_or(|only| name.contains(only)))
        .collect();
    for (n, (name, impairment)) in points.iter().enumerate() {
        let expected = (impairment.loss * 100.0).round() as i32;
        let packets = chain::encode(&wide, 48_000, expected)?;
        let fates: Vec<Fate> = Fates::new(*impairment, cli.seed)
            .take(packets.len())
            .collect();
        let floor = chain::through_g711(&chain::decode(&packets, &fates)?);
        let (sent, counters) = path::to_trunk(&packets, &fates)?;
        let heard = listener::listen(&sent);
        let lag = listener::lag(&speech.narrow, &heard.sound);
        notes.push(format!(
            "lag {} ms, late {}; box: late {}, lost {}, concealed {}, stretched {}, merged {}",
            lag / 8,
            heard.late,
            counters.late,
            counters.lost,
            counters.concealed,
            counters.stretched,
            counters.merged
        ));
        let _ = name;
        sounds.push((format!("floor-{n}"), floor));
        sounds.push((format!("path-{n}"), heard.sound));
    }
    let scores = judge.scores(&sounds)?;
    for ((name, _), (pair, note)) in points.iter().zip(scores.chunks(2).zip(notes)) {
        println!(
            "{name:<16} floor {:.2}  path {:.2}  {:+.2}   {note}",
            pair[0],
            pair[1],
            pair[1] - pair[0]
        );
    }
    Ok(())
}
