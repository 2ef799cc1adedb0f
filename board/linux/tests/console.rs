//! The console on a real terminal device: a pty, with a person at its other end.

use causeway_board::console::{Access, Banner, Command, Console, Trees};
use causeway_board::{ResetCause, Setting};
use causeway_board_linux::{Line, Post, SerialLine, Shell, TerminalLine, serve};
use nix::pty::openpty;
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::ttyname;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const BANNER: Banner<'static> = Banner {
    name: "front-desk",
    version: "0.1.0",
    slot: "",
    state: "well",
    addresses: &[],
    reset: ResetCause::Watchdog,
    fingerprint: "",
};

/// Behind the console.
#[derive(Default)]
struct Desk {
    ran: Mutex<Vec<String>>,
    left: AtomicUsize,
}

impl Shell for Desk {
    fn is_password(&self, tried: &str) -> bool {
        tried == "correct horse"
    }

    fn run(&self, command: Command<'_>, out: &mut dyn fmt::Write, stop: &AtomicBool) {
        self.ran.lock().unwrap().push(format!("{command:?}"));
        match command {
            Command::Ping { .. } => {
                while !stop.load(Ordering::Relaxed) {
                    let _ = writeln!(out, "an answer \x1b[31m");
                    thread::sleep(Duration::from_millis(10));
                }
            }
            Command::Log(lines) => {
                for line in 1..=lines {
                    let _ = writeln!(out, "line {line} of the log");
                }
            }
            Command::SupportBundle => panic!("as a fault of the box would"),
            _ => drop(writeln!(out, "done")),
        }
    }

    fn set_up(&self, settings: &[Setting<'_>], out: &mut dyn fmt::Write) -> bool {
        let told = settings.iter().map(|setting| format!("{setting}"));
        self.ran.lock().unwrap().extend(told);
        let _ = writeln!(out, "in use");
        true
    }

    fn left(&self) {
        self.left.fetch_add(1, Ordering::Relaxed);
    }
}

/// At the other end of the line.
struct Person {
    line: File,
    screen: Arc<Mutex<String>>,
}

impl Person {
    fn new(line: OwnedFd) -> Self {
        let line = File::from(line);
        let screen = Arc::new(Mutex::new(String::new()));
        let (mut reader, kept) = (line.try_clone().unwrap(), Arc::clone(&screen));
        thread::spawn(move || {
            let mut octets = [0; 4096];
            // Ends when the line does.
            while let Ok(count @ 1..) = reader.read(&mut octets) {
                kept.lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&octets[..count]));
            }
        });
        Self { line, screen }
    }

    fn types(&mut self, text: &str) -> &mut Self {
        self.line.write_all(text.as_bytes()).unwrap();
        self
    }

    /// Waits until the screen shows `text`, and forgets everything up to it.
    #[track_caller]
    fn sees(&mut self, text: &str) -> &mut Self {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            {
                let mut screen = self.screen.lock().unwrap();
                if let Some(at) = screen.find(text) {
                    screen.drain(..at + text.len());
                    break;
                }
                assert!(
                    Instant::now() < until,
                    "`{text}` is not to be seen:\n{screen}"
                );
            }
            thread::sleep(Duration::from_millis(5));
        }
        self
    }
}

fn post(stopping: &AtomicBool) -> Post<'_> {
    Post {
        banner: &BANNER,
        epoch: Instant::now(),
        stopping,
    }
}

fn console(guarded: bool) -> Console {
    let access = if guarded {
        Access::Guarded
    } else {
        Access::New
    };
    Console::new(Trees::BOX, "front-desk", access)
}

/// A person at a serial port behind which a box is.
fn serial(guarded: bool, session: impl FnOnce(&mut Person, &Desk)) -> (io::Result<()>, Console) {
    let pty = openpty(None, None).unwrap();
    let path = ttyname(&pty.slave).unwrap();
    let mut line = SerialLine::open(path.to_str().unwrap()).unwrap();
    drop(pty.slave);
    served(guarded, pty.master, &mut line, session)
}

/// Ends a server when it goes.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn served<L: Line + Send>(
    guarded: bool,
    master: OwnedFd,
    line: &mut L,
    session: impl FnOnce(&mut Person, &Desk),
) -> (io::Result<()>, Console) {
    let (desk, stopping) = (Desk::default(), AtomicBool::new(false));
    let beats = AtomicUsize::new(0);
    let mut console = console(guarded);
    let result = thread::scope(|scope| {
        let mut person = Person::new(master);
        let (console, desk, stopping, beats) = (&mut console, &desk, &stopping, &beats);
        let server = scope.spawn(move || {
            let mut pulse = || {
                let _ = beats.fetch_add(1, Ordering::Relaxed);
            };
            serve(console, line, desk, post(stopping), &mut pulse)
        });
        // Also when the session fails: nobody would end the server.
        let end = End(stopping);
        session(&mut person, desk);
        drop(end);
        server.join().unwrap()
    });
    assert!(beats.into_inner() > 0);
    assert!(desk.left.into_inner() > 0);
    (result, console)
}

#[test]
fn a_person_logs_in_at_the_serial_port_and_looks_round() {
    let (result, _) = serial(true, |person, desk| {
        person
            .sees("last start  watchdog: the box had hung\r\n")
            .sees("Password: ");
        person
            .types("wrong\r")
            .sees("Wrong. Wait 1 s.\r\n")
            .sees("Password: ");
        person
            .types("correct horse\r")
            .sees("1) Set up the box")
            .sees("front-desk> ");
        person
            .types("show st\tx\x7f\r")
            .sees("done\r\n")
            .sees("front-desk> ");
        person
            .types("logs 1000\r")
            .sees("line 1000 of the log\r\n")
            .sees("front-desk> ");
        person.types("exit\r").sees("Password: ");
        assert_eq!(*desk.ran.lock().unwrap(), ["Status", "Log(1000)"]);
    });
    result.unwrap();
}

#[test]
fn control_c_ends_a_command_that_would_run_for_ever() {
    serial(true, |person, desk| {
        person
            .sees("Password: ")
            .types("correct horse\r")
            .sees("front-desk> ");
        person
            .types("ping pbx.example\r")
            .sees("an answer ?[31m\r\n")
            .sees("an answer");
        person.types("\x03").sees("front-desk> ");
        // In one piece, as a program at the other end may send it.
        person.types("ping pbx.example\r\x03").sees("front-desk> ");
        person.types("show version\r").sees("done");
        assert_eq!(desk.ran.lock().unwrap().len(), 3);
    })
    .0
    .unwrap();
}

#[test]
fn a_command_that_fails_fails_alone() {
    serial(true, |person, _| {
        person
            .sees("Password: ")
            .types("correct horse\r")
            .sees("front-desk> ");
        person
            .types("support bundle\r")
            .sees("this is a fault of the box")
            .sees("front-desk> ");
        person.types("show version\r").sees("done");
    })
    .0
    .unwrap();
}

#[test]
fn the_wizard_goes_through_a_real_line() {
    let (result, mut console) = serial(false, |person, desk| {
        person
            .sees("Password: ")
            .types("battery staple\rbattery staple\r");
        person
            .types("\r\r\r\r192.0.2.20\r\r\r\r")
            .sees("Put it into use?");
        person
            .types("yes\r")
            .sees("in use\r\n")
            .sees("front-desk> ");
        let ran = desk.ran.lock().unwrap();
        assert_eq!(
            ran.first().map(String::as_str),
            Some("admin password (secret)")
        );
        assert_eq!(ran.len(), 7);
    });
    result.unwrap();
    // There is a password now.
    let mut screen = Vec::new();
    console.handle_byte(b'\x03', 0, &mut screen).unwrap();
    assert!(String::from_utf8_lossy(&screen).ends_with("Password: "));
}

#[test]
fn a_megabyte_at_once_is_survived() {
    serial(true, |person, desk| {
        person
            .sees("Password: ")
            .types("correct horse\r")
            .sees("front-desk> ");
        let mut line = person.line.try_clone().unwrap();
        line.write_all(&[b'x'; 1_000_000]).unwrap();
        person
            .types("\r")
            .sees("nothing was done")
            .sees("front-desk> ");
        person.types("show version\r").sees("done");
        assert_eq!(*desk.ran.lock().unwrap(), ["Version"]);
    })
    .0
    .unwrap();
}

#[test]
fn a_line_that_is_pulled_out_leaves_nothing_open() {
    let pty = openpty(None, None).unwrap();
    let path = ttyname(&pty.slave).unwrap();
    let mut line = SerialLine::open(path.to_str().unwrap()).unwrap();
    drop(pty.slave);
    let (desk, stopping) = (Desk::default(), AtomicBool::new(false));
    let mut console = console(true);
    thread::scope(|scope| {
        let server =
            scope.spawn(|| serve(&mut console, &mut line, &desk, post(&stopping), &mut || {}));
        let mut master = File::from(pty.master);
        master.write_all(b"correct horse\rset box na").unwrap();
        let mut shown = String::new();
        while !shown.ends_with("set box na") {
            let mut octets = [0; 256];
            let count = master.read(&mut octets).unwrap();
            shown.push_str(&String::from_utf8_lossy(&octets[..count]));
        }
        drop(master);
        assert!(server.join().unwrap().is_err());
    });
    assert_eq!(desk.left.load(Ordering::Relaxed), 1);
    let mut screen = Vec::new();
    console.handle_byte(b'\x03', 0, &mut screen).unwrap();
    assert!(String::from_utf8_lossy(&screen).ends_with("Password: "));
}

#[test]
fn a_line_that_nobody_reads_is_given_up() {
    let pty = openpty(None, None).unwrap();
    let path = ttyname(&pty.slave).unwrap();
    let mut line = SerialLine::open(path.to_str().unwrap()).unwrap();
    let (desk, stopping) = (Desk::default(), AtomicBool::new(false));
    let mut console = console(false);
    let mut master = File::from(pty.master);
    // Help that nobody reads, longer than the kernel keeps.
    master.write_all(b"\x03").unwrap();
    let fault = thread::scope(|scope| {
        let server =
            scope.spawn(|| serve(&mut console, &mut line, &desk, post(&stopping), &mut || {}));
        for _ in 0..100 {
            master.write_all(b"?").unwrap();
        }
        server.join().unwrap().unwrap_err()
    });
    assert_eq!(fault.kind(), io::ErrorKind::TimedOut);
}

#[test]
fn a_login_terminal_is_given_back_as_it_was() {
    let pty = openpty(None, None).unwrap();
    let kept = pty.slave.try_clone().unwrap();
    let cooked = || {
        tcgetattr(&kept)
            .unwrap()
            .local_flags
            .contains(LocalFlags::ICANON | LocalFlags::ECHO)
    };
    assert!(cooked());
    let mut line = TerminalLine::new(pty.slave).unwrap();
    assert!(!cooked());
    assert_eq!(
        line.columns(),
        None,
        "a pty of which nobody said how wide it is"
    );
    let (result, _) = served(true, pty.master, &mut line, |person, _| {
        person
            .sees("Password: ")
            .types("correct horse\r")
            .sees("front-desk> ");
        person.types("show version\r").sees("done\r\nfront-desk> ");
    });
    result.unwrap();
    drop(line);
    assert!(cooked());
}

#[test]
fn what_is_no_serial_port_is_refused() {
    assert!(SerialLine::open("/dev/null").is_err());
    assert!(SerialLine::open("/nowhere/ttyS9").is_err());
    assert!(TerminalLine::new(File::open("/dev/null").unwrap().into()).is_err());
}
