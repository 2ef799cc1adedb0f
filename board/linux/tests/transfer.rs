//! Files over a real terminal device, with the field's own programs (lrzsz) at the other end.

#[path = "support/mod.rs"]
mod support;

use causeway_board::console::{Access, Banner, Command, Console, Trees};
use causeway_board::{ResetCause, Setting};
use causeway_board_linux::{Moved, Post, SerialLine, Shell, Transfer, serve};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::openpty;
use nix::unistd::ttyname;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::{Child, Command as Process, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::Machine;

const BANNER: Banner<'static> = Banner {
    name: "front-desk",
    version: "0.1.0",
    slot: "",
    state: "well",
    addresses: &[],
    reset: ResetCause::PowerOn,
    fingerprint: "",
};
const LIMIT: u64 = 1 << 20;
const LONG: Duration = Duration::from_secs(30);

/// Behind the console: takes an update and a document, gives a document and a bundle.
struct Desk {
    folder: PathBuf,
    moved: Mutex<Vec<Moved>>,
}

impl Shell for Desk {
    fn is_password(&self, _tried: &str) -> bool {
        false
    }

    fn run(&self, _command: Command<'_>, out: &mut dyn fmt::Write, _stop: &AtomicBool) {
        let _ = writeln!(out, "done");
    }

    fn transfer(
        &self,
        command: Command<'_>,
        out: &mut dyn fmt::Write,
        _stop: &AtomicBool,
    ) -> Option<Transfer> {
        match command {
            Command::ReceiveUpdate => Some(Transfer::Receive {
                to: self.folder.join("came"),
                limit: LIMIT,
            }),
            Command::Export => Some(Transfer::Send {
                path: self.folder.join("document"),
                name: "causeway.toml".to_owned(),
            }),
            _ => {
                let _ = writeln!(out, "Nothing to send.");
                None
            }
        }
    }

    fn transferred(
        &self,
        command: Command<'_>,
        moved: &Moved,
        out: &mut dyn fmt::Write,
        _stop: &AtomicBool,
    ) {
        self.moved.lock().unwrap().push(moved.clone());
        let _ = writeln!(out, "told of {command:?}");
    }

    fn set_up(&self, _settings: &[Setting<'_>], _out: &mut dyn fmt::Write) -> bool {
        false
    }

    fn left(&self) {}
}

/// At the other end of the line.
struct Person {
    line: File,
    shown: String,
}

impl Person {
    fn types(&mut self, text: &str) -> &mut Self {
        self.line.write_all(text.as_bytes()).unwrap();
        self
    }

    /// Octet by octet, so that what follows is left to somebody else.
    #[track_caller]
    fn sees(&mut self, text: &str) -> &mut Self {
        let until = Instant::now() + LONG;
        while !self.shown.ends_with(text) {
            assert!(Instant::now() < until, "no `{text}`:\n{}", self.shown);
            let mut poll_fd = [PollFd::new(self.line.as_fd(), PollFlags::POLLIN)];
            if poll(&mut poll_fd, PollTimeout::from(100_u8)).unwrap() > 0 {
                let mut octet = [0];
                self.line.read_exact(&mut octet).unwrap();
                self.shown.push(char::from(octet[0]));
            }
        }
        self.shown.clear();
        self
    }

    /// A program that has the line as its terminal.
    fn program(&self, name: &str, arguments: &[&str], folder: &Machine) -> Running {
        let end = || Stdio::from(self.line.try_clone().unwrap());
        let child = Process::new(name)
            .args(arguments)
            .current_dir(folder.root())
            .stdin(end())
            .stdout(end())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Running(child)
    }
}

struct Running(Child);

impl Running {
    #[track_caller]
    fn ends(mut self) -> ExitStatus {
        let until = Instant::now() + LONG;
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "the program does not end");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn at_the_line(folder: &Machine, session: impl FnOnce(&mut Person, &Desk)) {
    let pty = openpty(None, None).unwrap();
    let path = ttyname(&pty.slave).unwrap();
    let mut line = SerialLine::open(path.to_str().unwrap()).unwrap();
    drop(pty.slave);
    let desk = Desk {
        folder: folder.root().to_owned(),
        moved: Mutex::new(Vec::new()),
    };
    let stopping = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut person = Person {
            line: pty.master.into(),
            shown: String::new(),
        };
        let (desk, stopping) = (&desk, &stopping);
        scope.spawn(move || {
            let mut console = Console::new(Trees::BOX, "front-desk", Access::LoggedIn);
            let post = Post {
                banner: &BANNER,
                epoch: Instant::now(),
                stopping,
            };
            let _ = serve(&mut console, &mut line, desk, post, &mut || {});
        });
        let end = End(stopping);
        session(person.sees("front-desk> "), desk);
        drop(end);
    });
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut roll = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| roll()).collect()
}

fn sha256(octets: &[u8]) -> String {
    let digest = Sha256::digest(octets);
    digest.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Whether the field's programs are here; it is said when they are not.
fn programs_are_missing() -> bool {
    let missing = Process::new("sb").arg("--version").output().is_err();
    if missing {
        eprintln!("\n!! NOT TESTED: the programs sb and rb (Debian: lrzsz) are missing\n");
    }
    missing
}

#[test]
fn sb_sends_an_update() {
    if programs_are_missing() {
        return;
    }
    let folder = Machine::new();
    let update = noise(300_001);
    fs::write(folder.root().join("new.raucb"), &update).unwrap();
    at_the_line(&folder, |person, desk| {
        person.types("update receive\r").sees("^C leaves.\r\n");
        let status = person.program("sb", &["-k", "new.raucb"], &folder).ends();
        assert!(status.success());
        let told = format!(
            "Received new.raucb: 300001 octets, SHA-256 {}\r\n",
            sha256(&update)
        );
        person
            .sees(&told)
            .sees("told of ReceiveUpdate\r\n")
            .sees("front-desk> ");
        assert!(fs::read(folder.root().join("came")).unwrap() == update);
        assert!(!folder.root().join("came.part").exists());
        person.types("show version\r").sees("done\r\nfront-desk> ");
        assert_eq!(desk.moved.lock().unwrap().len(), 1);
    });
}

#[test]
fn sb_goes_on_where_an_earlier_attempt_ended() {
    if programs_are_missing() {
        return;
    }
    let folder = Machine::new();
    let update = noise(200_000);
    fs::write(folder.root().join("came.part"), &update[..150_123]).unwrap();
    fs::write(folder.root().join("new.raucb@150000"), &update[150_000..]).unwrap();
    at_the_line(&folder, |person, _| {
        let told = format!(
            "An earlier attempt left 150123 octets, SHA-256 {};\r\n",
            sha256(&update[..150_123])
        );
        person
            .types("update receive\r")
            .sees(&told)
            .sees("^C leaves.\r\n");
        let sb = person.program("sb", &["-k", "new.raucb@150000"], &folder);
        assert!(sb.ends().success());
        person.sees(&format!(
            "Received new.raucb: 200000 octets, SHA-256 {}\r\n",
            sha256(&update)
        ));
    });
    assert!(fs::read(folder.root().join("came")).unwrap() == update);
}

#[test]
fn what_is_too_long_is_refused_before_it_comes() {
    if programs_are_missing() {
        return;
    }
    let folder = Machine::new();
    fs::write(folder.root().join("came"), "before").unwrap();
    let long = File::create(folder.root().join("long")).unwrap();
    long.set_len(LIMIT + 1).unwrap();
    at_the_line(&folder, |person, _| {
        person.types("update receive\r").sees("^C leaves.\r\n");
        let status = person.program("sb", &["-k", "long"], &folder).ends();
        assert!(!status.success());
        person
            .sees("Not transferred: 1048577 octets are more than the 1048576 that fit.\r\n")
            .sees("told of ReceiveUpdate\r\nfront-desk> ");
        person.types("show version\r").sees("done\r\nfront-desk> ");
    });
    assert_eq!(fs::read(folder.root().join("came")).unwrap(), b"before");
}

#[test]
fn rb_takes_a_document() {
    if programs_are_missing() {
        return;
    }
    let (folder, theirs) = (Machine::new(), Machine::new());
    for length in [0, 1, 1024, 50_000] {
        let document = noise(length);
        fs::write(folder.root().join("document"), &document).unwrap();
        at_the_line(&folder, |person, _| {
            person.types("export\r").sees("^C leaves.\r\n");
            let status = person.program("rb", &["--overwrite"], &theirs).ends();
            assert!(status.success(), "{length}");
            let told = format!("Sent {length} octets, SHA-256 {}\r\n", sha256(&document));
            person.sees(&told).sees("told of Export\r\nfront-desk> ");
        });
        assert!(fs::read(theirs.root().join("causeway.toml")).unwrap() == document);
    }
}

#[test]
fn a_program_that_is_killed_leaves_what_came() {
    if programs_are_missing() {
        return;
    }
    let folder = Machine::new();
    let update = noise(1_000_000);
    fs::write(folder.root().join("new.raucb"), &update).unwrap();
    at_the_line(&folder, |person, _| {
        person.types("update receive\r").sees("^C leaves.\r\n");
        let mut sb = person.program("sb", &["-k", "new.raucb"], &folder);
        let part = folder.root().join("came.part");
        let until = Instant::now() + LONG;
        while fs::metadata(&part).map_or(0, |part| part.len()) < 100_000 {
            assert!(Instant::now() < until);
            thread::sleep(Duration::from_millis(1));
        }
        sb.0.kill().unwrap();
        sb.ends();
        // What a person does whose program is gone: ^X until something happens.
        person.types("\x18\x18\x18\x18\x18\x18\x18\x18");
        person
            .sees("Not transferred: the other end left.\r\n")
            .sees("front-desk> ");
        let kept = fs::read(&part).unwrap();
        assert!(kept.len() >= 100_000 && update.starts_with(&kept));
        assert!(!folder.root().join("came").exists());
    });
}

#[test]
fn a_person_thinks_better_of_it() {
    let folder = Machine::new();
    fs::write(folder.root().join("document"), "x").unwrap();
    at_the_line(&folder, |person, desk| {
        for command in ["update receive\r", "export\r"] {
            person.types(command).sees("^C leaves.\r\n");
            person.types("\x03").sees("Not transferred: left.\r\n");
            person.sees("front-desk> ");
        }
        person
            .types("import\r")
            .sees("Nothing to send.\r\nfront-desk> ");
        person.types("show version\r").sees("done\r\nfront-desk> ");
        assert_eq!(desk.moved.lock().unwrap().len(), 2);
    });
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let folder = Machine::new();
    at_the_line(&folder, |person, _| {
        person
            .types("export\r")
            .sees("Not transferred: the file: No such file or directory (os error 2).\r\n")
            .sees("front-desk> ");
    });
}
