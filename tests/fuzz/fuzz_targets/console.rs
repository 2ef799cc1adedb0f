//! The console: whatever comes over the line, in whatever rhythm, nobody gets in without the password, what is written back
//! is bounded and holds nothing a terminal would obey but the console's own few sequences, and what comes out is checked.
//!
//! Octets that UTF-8 never has steer the test: time passes, a command ends, the line drops.
#![no_main]

use causeway_board::console::{Access, Banner, Command, Event, Terminal, Trees};
use causeway_board::{Console, ResetCause, Setting};
use libfuzzer_sys::fuzz_target;
use std::convert::Infallible;
use std::fmt::Write as _;

const PASSWORD: &str = "correct horse";
/// What one octet may cause: a list of every command is the most.
const MOST_FOR_ONE: usize = 8 * 1024;

const BANNER: Banner<'static> = Banner {
    name: "box\x1b[2J",
    version: "0",
    slot: "b",
    state: "well",
    addresses: &["192.0.2.1"],
    reset: ResetCause::Unknown,
    fingerprint: "",
};

/// Follows what is written.
#[derive(Default)]
struct Line {
    octets: usize,
    /// Of these the last ones.
    said: Vec<u8>,
    begun: Vec<u8>,
}

impl embedded_io::ErrorType for Line {
    type Error = Infallible;
}

impl embedded_io::Write for Line {
    fn write(&mut self, octets: &[u8]) -> Result<usize, Infallible> {
        self.octets += octets.len();
        self.said.extend_from_slice(octets);
        for octet in octets {
            self.follow(*octet);
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Line {
    fn follow(&mut self, octet: u8) {
        if self.begun.is_empty() {
            match octet {
                b' '..=b'~' | b'\r' | b'\n' | 0x07 => return,
                0x1b | 0xc2..=0xf4 => {}
                _ => panic!("{octet:#04x} was written"),
            }
        }
        self.begun.push(octet);
        let whole = match self.begun.first() {
            Some(0x1b) => match self.begun.get(1..).unwrap_or_default() {
                [] | [b'['] => false,
                [b'[', b'K'] => true,
                [b'[', digits @ .., b'D'] if !digits.is_empty() => true,
                [b'[', digits @ ..] => {
                    assert!(digits.len() <= 3 && digits.iter().all(u8::is_ascii_digit));
                    false
                }
                other => panic!("ESC {other:02x?} was written"),
            },
            _ => match std::str::from_utf8(&self.begun) {
                Ok(text) => {
                    assert!(text.chars().all(|c| !c.is_control()), "{text:?}");
                    true
                }
                Err(fault) => {
                    assert_eq!(fault.error_len(), None, "{:02x?}", self.begun);
                    false
                }
            },
        };
        if whole {
            self.begun.clear();
        }
    }

    fn bounded(&mut self) {
        assert!(self.octets <= MOST_FOR_ONE, "{} octets", self.octets);
        self.octets = 0;
        self.said.clear();
    }

    /// Nothing but the question for the password: what is typed there must not be seen.
    fn is_silent(&self) -> bool {
        let text = String::from_utf8_lossy(&self.said);
        let rest = ["\r", "Password: ", "\x1b[K", "\x07"]
            .iter()
            .fold(text.into_owned(), |rest, known| rest.replace(known, ""));
        rest.is_empty()
    }
}

/// What is to be done about an event.
enum Then {
    Nothing,
    Unlock,
    Refuse,
    Wait,
    Guard,
    Locked,
    Left,
}

fn checked(setting: &Setting<'_>) {
    assert!((2..=4).contains(&setting.path.len()), "{setting}");
    assert!(!setting.value.is_empty(), "{setting}");
    let plain = |text: &str| text.chars().all(|c| !c.is_control());
    assert!(plain(setting.value) && setting.path.iter().all(|word| plain(word)));
}

fn seen(event: Option<Event<'_>>, open: bool) -> Then {
    match event {
        None => Then::Nothing,
        Some(Event::Greet) => {
            assert!(!open, "greeted who is in already");
            Then::Nothing
        }
        Some(Event::Unlock(tried)) => {
            assert!(!open, "asked for a password that was shown");
            if tried.0 == PASSWORD {
                Then::Unlock
            } else {
                Then::Refuse
            }
        }
        Some(Event::Run(command)) => {
            assert!(open, "{command:?} without the password");
            match &command {
                Command::Set(setting) | Command::Password(setting) => checked(setting),
                Command::Rollback(revision) => assert!(*revision < 50),
                Command::CommitConfirm { minutes } => assert!((1..=60).contains(minutes)),
                Command::Ping { count, .. } => assert!((1..=100).contains(count)),
                Command::Log(lines) => assert!((1..=1000).contains(lines)),
                _ => {}
            }
            assert!(!format!("{command:?}").is_empty());
            Then::Wait
        }
        Some(Event::SetUp) => {
            assert!(open, "set up without the password");
            Then::Guard
        }
        Some(Event::Interrupt) => Then::Wait,
        Some(Event::Lock) => Then::Locked,
        Some(Event::Leave) => Then::Left,
    }
}

struct Box {
    console: Console,
    line: Line,
    now_ms: u64,
    guarded: bool,
    open: bool,
    logged_in: bool,
}

impl Box {
    /// Commands end at once unless `holds`.
    fn after(&mut self, mut then: Then, holds: bool) {
        loop {
            self.line.bounded();
            match then {
                Then::Nothing => return,
                Then::Unlock => {
                    self.open = true;
                    let Ok(()) = self.console.unlock(&mut self.line);
                }
                Then::Refuse => {
                    let Ok(()) = self.console.refuse(self.now_ms, &mut self.line);
                }
                Then::Locked => {
                    assert!(self.guarded, "nobody could get in again");
                    self.open = false;
                    return;
                }
                Then::Left => {
                    assert!(self.logged_in, "a box is left to nobody");
                    return;
                }
                Then::Guard => {
                    let answers: Vec<_> = self.console.answers().collect();
                    answers.iter().for_each(checked);
                    let first = answers.first().map(|answer| answer.path.join(" "));
                    assert!(
                        self.guarded
                            || self.logged_in
                            || first.as_deref() == Some("admin password")
                    );
                    drop(answers);
                    self.console.set_guarded(true);
                    self.guarded = !self.logged_in;
                    let Ok(()) = self.console.finish(&mut self.line);
                }
                Then::Wait if holds => return,
                Then::Wait => {
                    let mut terminal = Terminal::new(&mut self.line);
                    let _ = writeln!(terminal, "said \x1b[2J \u{9b} \u{202e}");
                    let Ok(()) = terminal.finish();
                    let Ok(()) = self.console.finish(&mut self.line);
                }
            }
            self.line.bounded();
            let Ok(event) = self.console.resume(self.now_ms, &mut self.line);
            // All that waited may have been echoed at once.
            assert!(self.line.octets <= 1024 * MOST_FOR_ONE);
            self.line.octets = 0;
            self.line.said.clear();
            then = seen(event, self.open);
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((first, octets)) = data.split_first() else {
        return;
    };
    let guarded = first & 1 == 1;
    let access = match (guarded, first & 0x80 != 0) {
        (true, _) => Access::Guarded,
        (false, false) => Access::New,
        (false, true) => Access::LoggedIn,
    };
    let mut sut = Box {
        console: Console::new(Trees::BOX, "box\u{202e}\x07ü", access),
        line: Line::default(),
        now_ms: 0,
        guarded,
        open: !guarded,
        logged_in: access == Access::LoggedIn,
    };
    let Ok(()) = sut.console.start(&BANNER, 0, &mut sut.line);
    sut.line.bounded();
    sut.console.set_trunks(["pbx", "pbx-two"].into_iter());
    if first & 2 == 2 {
        sut.console.set_columns(usize::from(first >> 2) * 4);
    }
    let mut holds = false;
    for octet in octets {
        match octet {
            0xfa => holds = !holds,
            0xfb => {
                sut.console.hang_up();
                sut.open = !sut.guarded;
            }
            0xfc => {
                let Ok(()) = sut.console.notice("a\x1b[2J", &mut sut.line);
            }
            0xfd if sut.console.is_running() => sut.after(Then::Wait, false),
            0xfe | 0xff => {
                sut.now_ms += if *octet == 0xfe { 400 } else { 700_000 };
                let Ok(event) = sut.console.handle_timeout(sut.now_ms, &mut sut.line);
                let then = seen(event, sut.open);
                sut.after(then, holds);
            }
            octet => {
                sut.now_ms += 1;
                let Ok(event) = sut.console.handle_byte(*octet, sut.now_ms, &mut sut.line);
                if !sut.open && matches!(octet, b' '..=b'~' | 0x80..) {
                    assert!(sut.line.is_silent(), "{:?}", sut.line.said);
                }
                let then = seen(event, sut.open);
                sut.after(then, holds);
            }
        }
        sut.line.bounded();
    }
});
