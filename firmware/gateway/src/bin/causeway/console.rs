//! `causeway console`: the box's console on this terminal, for who has logged in to the box or sits beside it.
//!
//! It offers what a running box answers. A command is this very program, run once more: it can be stopped by ^C, and what it
//! says passes the console's filter before it reaches the terminal.

use crate::{Connection, Failure};
use causeway_board::console::{
    Access, Banner, Command, Console, Entry, Kind, Node, TRUNK, Trees, Verb,
};
use causeway_board::{ResetCause, ResetReport as _, Setting};
use causeway_board_linux::{LinuxReset, Post, Shell, TerminalLine, serve};
use std::fmt;
use std::io::{self, IsTerminal as _, PipeReader, Read as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Child, Command as Process, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How soon ^C is obeyed.
const LOOK: Duration = Duration::from_millis(50);
/// Records that `calls` shows.
const CALLS: &str = "20";

const CALL: Node = Node::value(
    "ID",
    Kind::Text(64),
    "one call, with how it sounds",
    Some(Verb::Call),
    &[],
);

static COMMANDS: &[Node] = &[
    Node::word("calls", "the last calls", Some(Verb::Calls), &[CALL]),
    Node::word("exit", "leave", Some(Verb::Logout), &[]),
    Node::word("help", "how this console is used", Some(Verb::Help), &[]),
    Node::word("menu", "the numbered menu", Some(Verb::Menu), &[]),
    Node::word(
        "show",
        "look at something",
        None,
        &[
            Node::word("calls", "the last calls", Some(Verb::Calls), &[CALL]),
            Node::word(
                "status",
                "how the box is, and who speaks",
                Some(Verb::Status),
                &[],
            ),
            Node::word("trunks", "how each trunk is", Some(Verb::Trunks), &[]),
            Node::word("version", "of this program", Some(Verb::Version), &[]),
        ],
    ),
    TRUNK,
];

static MENU: &[Entry] = &[
    Entry {
        label: "Status",
        line: "show status",
        ask: None,
    },
    Entry {
        label: "Trunks",
        line: "show trunks",
        ask: None,
    },
    Entry {
        label: "Check a trunk",
        line: "trunk check",
        ask: Some("Which trunk: "),
    },
    Entry {
        label: "Calls",
        line: "calls",
        ask: None,
    },
];

/// The console until somebody leaves it.
pub(crate) fn console(connection: &Connection) -> Result<(), Failure> {
    let terminal = io::stdin();
    if !terminal.is_terminal() {
        return Err(Failure::Unasked("the console needs a terminal".into()));
    }
    let fault = |fault: io::Error| Failure::Unasked(format!("the terminal: {fault}"));
    let shell = Programs { connection };
    let trees = Trees {
        commands: COMMANDS,
        settings: &[],
        menu: MENU,
    };
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    let mut console = Console::new(trees, name, Access::LoggedIn);
    console.set_trunks(shell.trunks().iter().map(String::as_str));
    let banner = Banner {
        name,
        version: env!("CARGO_PKG_VERSION"),
        slot: "",
        state: &shell.state(),
        addresses: &[&connection.url],
        reset: reset_cause(),
        fingerprint: connection.fingerprint.as_deref().unwrap_or_default(),
    };
    let post = Post {
        banner: &banner,
        epoch: Instant::now(),
        stopping: &AtomicBool::new(false),
    };
    // Dropped before anything else is printed: it gives the terminal back.
    let mut line =
        TerminalLine::new(terminal.as_fd().try_clone_to_owned().map_err(fault)?).map_err(fault)?;
    if let Some(columns) = line.columns() {
        console.set_columns(columns);
    }
    match serve(&mut console, &mut line, &shell, post, &mut || {}) {
        // The terminal was closed: there is nobody left to tell.
        Err(gone) if gone.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
        result => result.map_err(fault),
    }
}

fn reset_cause() -> ResetCause {
    let mut report = LinuxReset::new(Path::new("/"), Path::new("/var/lib/causeway"));
    report.reset_cause().unwrap_or(ResetCause::Unknown)
}

/// Commands as runs of this program against the same box.
struct Programs<'a> {
    connection: &'a Connection,
}

impl Programs<'_> {
    fn process(&self, arguments: &[&str]) -> io::Result<Process> {
        let mut process = Process::new(std::env::current_exe()?);
        process.args(["--url", &self.connection.url]);
        for (name, file) in [
            ("--admin-key-file", &self.connection.admin_key_file),
            ("--ca", &self.connection.ca),
        ] {
            if let Some(file) = file {
                process.arg(name).arg(file);
            }
        }
        if let Some(fingerprint) = &self.connection.fingerprint {
            process.args(["--fingerprint", fingerprint]);
        }
        if self.connection.insecure {
            process.arg("--insecure");
        }
        process.args(arguments).stdin(Stdio::null());
        Ok(process)
    }

    /// The first word that the box says of itself.
    fn state(&self) -> String {
        let said = self
            .process(&["health"])
            .and_then(|mut process| process.output());
        let said = said.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let first = said
            .ok()
            .and_then(|said| said.lines().next().map(str::to_owned));
        first.unwrap_or_else(|| "does not answer".to_owned())
    }

    /// Names to complete; none when the box does not say.
    fn trunks(&self) -> Vec<String> {
        let said = self
            .process(&["trunks", "--json"])
            .and_then(|mut process| process.output());
        let said = said.map(|output| output.stdout).unwrap_or_default();
        let told: serde_json::Value = serde_json::from_slice(&said).unwrap_or_default();
        let trunks = told["trunks"].as_array().cloned().unwrap_or_default();
        let name = |trunk: &serde_json::Value| trunk["name"].as_str().map(str::to_owned);
        trunks.iter().filter_map(name).collect()
    }

    fn carry_out(
        &self,
        arguments: &[&str],
        out: &mut dyn fmt::Write,
        stop: &AtomicBool,
    ) -> io::Result<()> {
        let (mut said, says) = io::pipe()?;
        let mut process = self.process(arguments)?;
        process.stdout(says.try_clone()?).stderr(says);
        let mut child = process.spawn()?;
        // It holds the pipe's other end, too: nothing would end the reading.
        drop(process);
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| end_on(&mut child, stop, &done));
            let copied = copy(&mut said, out);
            done.store(true, Ordering::Relaxed);
            copied
        })
    }
}

/// Ends the child when `stop` turns true or nobody reads it any more, and sees that none is left.
fn end_on(child: &mut Child, stop: &AtomicBool, done: &AtomicBool) {
    while !done.load(Ordering::Relaxed) && !stop.load(Ordering::Relaxed) {
        thread::sleep(LOOK);
    }
    // One that has said everything is at its end anyway.
    let _ = child.kill();
    let _ = child.wait();
}

/// Until the child has said everything, or nobody listens any more.
fn copy(said: &mut PipeReader, out: &mut dyn fmt::Write) -> io::Result<()> {
    let mut pending = Vec::new();
    let mut octets = [0; 4096];
    loop {
        let count = said.read(&mut octets)?;
        pending.extend_from_slice(octets.get(..count).unwrap_or_default());
        // A character may have been cut; at the end there is no more of it.
        let whole = match std::str::from_utf8(&pending) {
            Err(cut) if cut.error_len().is_none() && count > 0 => cut.valid_up_to(),
            Ok(_) | Err(_) => pending.len(),
        };
        let text: Vec<u8> = pending.drain(..whole).collect();
        if out.write_str(&String::from_utf8_lossy(&text)).is_err() || count == 0 {
            return Ok(());
        }
    }
}

impl Shell for Programs<'_> {
    /// Nobody is asked: the login has let them in.
    fn is_password(&self, _tried: &str) -> bool {
        false
    }

    fn run(&self, command: Command<'_>, out: &mut dyn fmt::Write, stop: &AtomicBool) {
        let done = match command {
            Command::Status => self.carry_out(&["status"], out, stop),
            Command::Trunks => self.carry_out(&["trunks"], out, stop),
            Command::Calls => self.carry_out(&["calls", "--limit", CALLS], out, stop),
            Command::Call(id) => self.carry_out(&["call", "--", id], out, stop),
            Command::Version => self.carry_out(&["--version"], out, stop),
            Command::TrunkCheck { trunk, number } => {
                let mut arguments = vec!["trunk", "check", trunk];
                arguments.extend(number.map(|_| "--number"));
                arguments.extend(number);
                self.carry_out(&arguments, out, stop)
            }
            // None of the commands above leads here.
            other => Err(io::Error::other(format!("{other:?} is not known here"))),
        };
        if let Err(fault) = done {
            let _ = writeln!(out, "causeway: {fault}");
        }
    }

    /// There is no wizard among the commands.
    fn set_up(&self, _settings: &[Setting<'_>], _out: &mut dyn fmt::Write) -> bool {
        false
    }

    fn left(&self) {}
}
