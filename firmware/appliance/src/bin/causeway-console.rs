//! The box's console: on a serial line, or on the terminal of who has logged in.

use causeway_appliance::shell::console::{Place, attend};
use causeway_board_linux::{SerialLine, TerminalLine};
use clap::Parser;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

/// The box's console.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// A serial line and its speed; without one: this terminal, whose user has been let in.
    #[arg(long, num_args = 1..=2, value_names = ["DEVICE", "BAUD"])]
    line: Option<Vec<String>>,
    /// The box's files are below this folder.
    #[arg(long, default_value = "/", value_name = "FOLDER")]
    root: PathBuf,
    /// The program for calls and trunks.
    #[arg(long, default_value = "causeway")]
    program: String,
    /// Asks for the password, as on a serial line.
    #[arg(long)]
    ask: bool,
    /// What a login hands over; it is not heeded: there is no other shell.
    #[arg(short = 'c', value_name = "COMMAND")]
    command: Option<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut place = Place::below(&arguments.root);
    place.program.clone_from(&arguments.program);
    let stopping = AtomicBool::new(false);
    let served = match &arguments.line {
        Some(line) => serial(line, &place, &stopping),
        None => terminal(&place, arguments.ask, &stopping),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        // The terminal was closed: there is nobody left to tell.
        Err(gone) if gone.kind() == io::ErrorKind::UnexpectedEof => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("causeway-console: {fault}");
            ExitCode::FAILURE
        }
    }
}

/// Session after session; a line that fails is opened again by whoever starts this program again.
fn serial(line: &[String], place: &Place, stopping: &AtomicBool) -> io::Result<()> {
    let device = line.first().map_or("", String::as_str);
    if line.get(1).is_some_and(|baud| baud != "115200") {
        return Err(io::Error::other("the console's speed is 115200"));
    }
    let mut line = SerialLine::open(device)?;
    let served = attend(&mut line, place, "console", false, None, stopping);
    // Not at once again: a line without a plug fails a thousand times a second.
    thread::sleep(Duration::from_secs(1));
    served
}

fn terminal(place: &Place, ask: bool, stopping: &AtomicBool) -> io::Result<()> {
    let terminal = io::stdin();
    if !terminal.is_terminal() {
        return Err(io::Error::other("the console needs a terminal"));
    }
    let author = match std::env::var_os("SSH_CONNECTION") {
        Some(_) => "admin",
        None => "terminal",
    };
    let mut line = TerminalLine::new(terminal.as_fd().try_clone_to_owned()?)?;
    let columns = line.columns();
    attend(&mut line, place, author, !ask, columns, stopping)
}
