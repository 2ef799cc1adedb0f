//! Set-ups in a storm of handshakes, and standing calls in one of sound: what strangers can do to a box.

use std::process::ExitCode;

use causeway_harness::Result;
use causeway_harness::load::Load;
use causeway_harness::storm::{Outcome, Rubbish, calls_in};
use clap::Parser;

/// Storms a box on this machine.
#[derive(Debug, Parser)]
#[command(after_help = "Example:\n  causeway-storm --setups 500 --seconds 60")]
struct Cli {
    /// Calls set up while 1 000 handshakes a second begin at every media port
    #[arg(long, default_value_t = 500)]
    setups: u32,
    /// How long 20 calls stand while 10 000 packets of sound a second come to every media port
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

#[tokio::main]
async fn main() -> ExitCode {
    match storms(&Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn storms(cli: &Cli) -> Result<()> {
    let setups = Load::new(cli.setups, 20, 1.0);
    let outcome = calls_in(Rubbish::ClientHello, 1_000, &setups).await?;
    show("1 000 ClientHellos a second at every media port", &outcome);
    outcome.unharmed(cli.setups)?;
    let standing = Load::new(20, 20, f64::from(cli.seconds));
    let outcome = calls_in(Rubbish::Media, 10_000, &standing).await?;
    show(
        "10 000 packets of sound a second at every media port",
        &outcome,
    );
    outcome.unharmed(20)
}

fn show(what: &str, outcome: &Outcome) {
    let report = &outcome.report;
    println!("{what}");
    println!(
        "  calls       {} of {} connected, {} heard what they should",
        report["connected"], report["calls"], report["heard_ok"]
    );
    println!(
        "  set-up      p50 {} ms, p95 {} ms",
        report["setup_ms"]["p50"], report["setup_ms"]["p95"]
    );
    println!(
        "  strangers   sent {}, got {} back",
        outcome.weather.sent, outcome.weather.reflected
    );
    println!("  made up     {:.2} %", outcome.concealed_percent);
    println!(
        "  received    {:.1} % of what was sent",
        outcome.received_percent
    );
}
