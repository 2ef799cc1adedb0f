//! The box's own service: its configuration, and the machine that follows it. It speaks on a socket of the file system alone.

use causeway_appliance::shell::{Daemon, Machine};
use causeway_board_linux::Notifier;
use clap::Parser;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// The box's own service.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The box's files are below this folder.
    #[arg(long, default_value = "/", value_name = "FOLDER")]
    root: PathBuf,
    /// Runs no programs, and writes what it would do to run/causeway/actions.
    #[arg(long)]
    dry_run: bool,
    /// Taken for the box's address instead of those that its interfaces have.
    #[arg(long, value_name = "IP")]
    address: Vec<IpAddr>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let fail = |what: &str, fault: std::io::Error| {
        eprintln!("causeway-boxd: {what}: {fault}");
        ExitCode::FAILURE
    };
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    let notifier = match Notifier::from_env() {
        Ok(notifier) => notifier,
        Err(fault) => return fail("the service manager", fault),
    };
    let machine = Machine::new(arguments.root, arguments.dry_run, arguments.address);
    let daemon: Arc<Daemon> = match Daemon::open(machine) {
        Ok(daemon) => daemon,
        Err(fault) => return fail("the configuration", fault),
    };
    // Nothing is lost by an end at any moment: files are replaced whole, and the next start finishes what was begun.
    match daemon.run(notifier) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => fail("the socket", fault),
    }
}
