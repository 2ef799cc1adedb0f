//! A box at the other end of a terminal device: the console as it is, and behind it what a box would do.

#![allow(dead_code, reason = "each test uses a part")]

use causeway_board::console::{Access, Banner, Command, Console, Trees};
use causeway_board::{ResetCause, Setting};
use causeway_board_linux::{Moved, Post, SerialLine, Shell, Transfer, serve};
use causeway_cable::{DeviceLine, Session};
use nix::pty::openpty;
use nix::unistd::ttyname;
use std::fmt;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub const PASSWORD: &str = "correct horse";

const BANNER: Banner<'static> = Banner {
    name: "front-desk",
    version: "0.1.0",
    slot: "b",
    state: "well",
    addresses: &["192.0.2.10", "2001:db8::10"],
    reset: ResetCause::Watchdog,
    fingerprint: "3F:A8",
};

/// Behind the console.
pub struct Desk {
    pub folder: PathBuf,
    pub ran: Mutex<Vec<String>>,
    /// The console's device, where the kernel speaks, too.
    kernel: File,
    stopping: AtomicBool,
}

impl Desk {
    /// A message of the kernel, wherever the cursor is.
    pub fn kernel_says(&self, text: &str) {
        let line = format!("[   12.345678] {text}\r\n");
        // When nobody holds the cable any more, nobody hears it.
        let _ = (&self.kernel).write_all(line.as_bytes());
    }

    pub fn ran(&self) -> Vec<String> {
        std::mem::take(&mut *self.ran.lock().unwrap())
    }
}

impl Shell for Desk {
    fn is_password(&self, tried: &str) -> bool {
        tried == PASSWORD
    }

    fn run(&self, command: Command<'_>, out: &mut dyn fmt::Write, stop: &AtomicBool) {
        self.ran.lock().unwrap().push(format!("{command:?}"));
        let _ = match command {
            Command::Status => writeln!(out, "state well\ncalls 3"),
            Command::Ping { .. } => {
                while !stop.load(Ordering::Relaxed) {
                    let _ = writeln!(out, "an answer");
                    thread::sleep(Duration::from_millis(10));
                }
                Ok(())
            }
            Command::Log(lines) => (1..=lines).try_for_each(|line| {
                if line % 10 == 0 {
                    self.kernel_says("eth0: link up");
                }
                writeln!(out, "line {line} of the log")
            }),
            Command::Version => {
                // Longer than a prompt is waited for.
                thread::sleep(Duration::from_secs(6));
                writeln!(out, "0.1.0")
            }
            Command::Commit { .. } => writeln!(out, "Failed: trunk pbx has no address"),
            Command::Reboot => {
                self.stopping.store(true, Ordering::Relaxed);
                writeln!(out, "The box starts anew.")
            }
            _ => writeln!(out, "done"),
        };
    }

    fn transfer(
        &self,
        command: Command<'_>,
        out: &mut dyn fmt::Write,
        _stop: &AtomicBool,
    ) -> Option<Transfer> {
        let _ = writeln!(out, "One moment.");
        match command {
            Command::ReceiveUpdate => Some(Transfer::Receive {
                to: self.folder.join("came"),
                limit: 1 << 22,
            }),
            Command::SendSupportBundle => Some(Transfer::Send {
                path: self.folder.join("bundle"),
                name: "bundle.tar.gz".to_owned(),
            }),
            _ => {
                let _ = writeln!(out, "Failed: the disk is full");
                None
            }
        }
    }

    fn transferred(
        &self,
        _command: Command<'_>,
        moved: &Moved,
        out: &mut dyn fmt::Write,
        _stop: &AtomicBool,
    ) {
        if let Moved::Received { name, .. } = moved {
            let _ = writeln!(out, "{name} is good.");
        }
    }

    fn set_up(&self, settings: &[Setting<'_>], out: &mut dyn fmt::Write) -> bool {
        let told = settings.iter().map(|setting| {
            let path = setting.path.join(" ");
            format!("{path} = {}", setting.value)
        });
        self.ran.lock().unwrap().extend(told);
        let _ = writeln!(out, "In use.");
        true
    }

    fn left(&self) {}
}

struct End<'a>(&'a AtomicBool, &'a Desk);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        self.1.stopping.store(true, Ordering::Relaxed);
    }
}

static MADE: AtomicU32 = AtomicU32::new(0);

/// Somebody at the cable of such a box. It starts again when it is told to.
pub fn at_the_cable(access: Access, story: impl FnOnce(&mut Session<DeviceLine>, &Desk)) {
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let name = format!("causeway-cable-{}-{number}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder).unwrap();
    let pty = openpty(None, None).unwrap();
    let path = ttyname(&pty.slave).unwrap();
    let mut line = SerialLine::open(path.to_str().unwrap()).unwrap();
    let desk = Desk {
        folder: folder.clone(),
        ran: Mutex::default(),
        kernel: pty.slave.into(),
        stopping: AtomicBool::new(false),
    };
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let (desk, over) = (&desk, &over);
        scope.spawn(move || {
            let mut guarded = access == Access::Guarded;
            while !over.load(Ordering::Relaxed) {
                desk.stopping
                    .store(over.load(Ordering::Relaxed), Ordering::Relaxed);
                let access = if guarded { Access::Guarded } else { access };
                let mut console = Console::new(Trees::BOX, "front-desk", access);
                let post = Post {
                    banner: &BANNER,
                    epoch: Instant::now(),
                    stopping: &desk.stopping,
                };
                desk.kernel_says("a machine starts: Causeway is its name");
                thread::sleep(Duration::from_millis(200));
                let _ = serve(&mut console, &mut line, desk, post, &mut || {});
                guarded = true;
            }
        });
        let mut session = Session::open(DeviceLine(pty.master.into()));
        let _end = End(over, desk);
        story(&mut session, desk);
    });
    fs::remove_dir_all(folder).unwrap();
}
