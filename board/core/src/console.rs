//! The console at the serial port: one line of text each way, no more is needed.
//!
//! A numbered menu and a command line in one: a number picks from the menu, anything else is a command.
//!
//! | state | input | next | what |
//! |---|---|---|---|
//! | locked | a line | running | [`Event::Unlock`]: is this the password? |
//! | locked | an empty line | locked | [`Event::Greet`]: somebody came who has not seen the banner |
//! | refused | anything | refused | dropped, until 1, 2, 4 … 30 s are over; then locked |
//! | ready | a command | running | [`Event::Run`] |
//! | ready | a number of an entry that asks | asking | |
//! | asking | a line | running | the entry's command with the answer behind it |
//! | ready | a command with a secret | secret | |
//! | secret | a line (the admin's password twice) | running | [`Event::Run`] |
//! | ready | `reboot`, `factory-reset` | confirming | |
//! | confirming | the word | running | [`Event::Run`]; anything else: ready |
//! | ready | `setup` | wizard | |
//! | wizard | the last answer | running | [`Event::SetUp`] |
//! | running | ^C | running | [`Event::Interrupt`] |
//! | running | anything else | running | waits its turn, [`AHEAD`] octets of it |
//! | running | [`Console::finish`] | ready | [`Console::resume`] takes what waited |
//! | any but running | ^C, break | ready, locked | the line is dropped; in the wizard: leaves it |
//! | ready | `exit`, ^D | locked | [`Event::Lock`], or [`Event::Leave`] of a session that somebody else let in |
//! | any but running, locked | nothing for ten minutes | locked | as `exit` |
//!
//! A box without a password has nothing to lock. Secrets are asked for, never echoed, never in a line that is remembered.
//!
//! Whatever comes, memory stays as it is: of a line that is too long, and of input that comes while a command runs and does
//! not fit, *nothing* is done, and then nothing is taken before the line was quiet for 300 ms. Half a paste would
//! be another paste.

mod assist;
mod banner;
mod commands;
mod input;
mod key;
mod line;
mod screen;
mod settings;
mod tree;
mod words;

use crate::setting::Setting;
use crate::wizard::Wizard;
use assist::TRUNKS;
use core::fmt;
use heapless::{Deque, String, Vec};
use key::Decoder;
use line::Editor;
use screen::{Raw, Screen};

pub use banner::Banner;
pub use commands::{COMMANDS, CONFIRM_MINUTES, Command, MENU, TRUNK};
pub use key::Key;
pub use line::LINE;
pub(crate) use screen::is_printable;
pub use screen::{Plain, Terminal};
pub use settings::SETTINGS;
pub use tree::{Entry, Found, KEYWORD, Kind, Level, Misread, Name, Next, Node, Trees, Verb};
pub use words::{WORDS, WordError, WordErrorKind, Words};

/// Octets that may wait for a running command to end.
pub const AHEAD: usize = 1024;
/// After a flood the line must be quiet for so long.
const QUIET_MS: u64 = 300;
/// Nobody is there any more.
const IDLE_MS: u64 = 600_000;
/// The longest wait after wrong passwords.
const REFUSED_MS: u64 = 30_000;
/// Octets of a prompt.
const PROMPT: usize = 80;

/// What somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Somebody pressed Enter at the question for the password. Answer with [`Console::start`], which shows who the box is.
    Greet,
    /// Answer with [`Console::unlock`] or [`Console::refuse`].
    Unlock(Password<'a>),
    /// Carry it out, write what there is to say through a [`Terminal`], then call [`Console::finish`].
    Run(Command<'a>),
    /// The wizard is through: [`Console::answers`] has the settings. As with `Run`.
    SetUp,
    /// The running command shall end.
    Interrupt,
    /// Somebody left: what they had begun is theirs no more.
    Lock,
    /// The same where [`Access::LoggedIn`]: the session is over.
    Leave,
}

/// What lies between the line and the box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// No password yet: whoever is at the line sets the box up.
    New,
    /// The console asks for the password, and locks.
    Guarded,
    /// Somebody else (a login, SSH) has let them in and is left to.
    LoggedIn,
}

impl Access {
    const fn first_mode(self) -> Mode {
        match self {
            Self::Guarded => Mode::Locked,
            Self::New | Self::LoggedIn => Mode::Ready,
        }
    }
}

/// A password somebody typed; it does not print.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Password<'a>(pub &'a str);

impl fmt::Debug for Password<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A command that is kept beyond the console's next byte, so that it can run beside it.
#[derive(Clone, Debug)]
pub struct Request {
    words: Words,
    found: Found,
    secret: Hidden,
}

impl Request {
    /// The command; none only where none was running.
    pub fn command(&self) -> Option<Command<'_>> {
        Command::of(&self.found, &self.words, &self.secret.0)
    }
}

/// [`Event`] without what it borrows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Nothing,
    Greet,
    Unlock,
    Run,
    SetUp,
    Interrupt,
    Lock,
    Leave,
}

#[derive(Clone, Copy, Debug)]
enum Mode {
    Locked,
    Refused { until_ms: u64 },
    Ready,
    Asking(&'static Entry),
    Secret { again: bool },
    Confirming,
    Wizard,
    Running,
}

/// See the module.
#[derive(Debug)]
pub struct Console {
    trees: Trees,
    host: String<32>,
    trunks: Vec<assist::TrunkName, TRUNKS>,
    mode: Mode,
    access: Access,
    refusals: u32,
    decoder: Decoder,
    editor: Editor,
    /// The command that is asked about or runs.
    words: Words,
    found: Option<Found>,
    secret: Hidden,
    wizard: Wizard,
    ahead: Deque<u8, AHEAD>,
    flooded: bool,
    last_ms: u64,
}

/// Text that does not print.
#[derive(Clone, Default)]
struct Hidden(String<LINE>);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden")
    }
}

impl Console {
    /// A console of a box called `host`.
    pub fn new(trees: Trees, host: &str, access: Access) -> Self {
        let mut console = Self {
            trees,
            host: String::new(),
            trunks: Vec::new(),
            mode: access.first_mode(),
            access,
            refusals: 0,
            decoder: Decoder::new(),
            editor: Editor::new(),
            words: Words::new(),
            found: None,
            secret: Hidden::default(),
            wizard: Wizard::new(),
            ahead: Deque::new(),
            flooded: false,
            last_ms: 0,
        };
        console.set_host(host);
        console
    }

    /// The name in the prompt; what is past 32 octets or cannot be printed is left out.
    pub fn set_host(&mut self, host: &str) {
        self.host.clear();
        for c in host.chars().filter(|c| is_printable(*c)) {
            if self.host.push(c).is_err() {
                break;
            }
        }
    }

    /// Trunks that TAB and `?` offer; past 16, and names past 32 octets, are left out.
    pub fn set_trunks<'n>(&mut self, names: impl Iterator<Item = &'n str>) {
        let short = names.filter_map(|name| String::try_from(name).ok());
        self.trunks = short.take(TRUNKS).collect();
    }

    /// The terminal's columns where they are known (SSH); else 80.
    pub fn set_columns(&mut self, columns: usize) {
        self.editor.set_columns(columns);
    }

    /// Octets, or runs of them, that were no text: a wrong speed, a bad cable.
    pub fn garbled(&self) -> u64 {
        self.decoder.garbled()
    }

    /// Whether a command waits for [`Console::finish`].
    pub fn is_running(&self) -> bool {
        matches!(self.mode, Mode::Running)
    }

    /// The command that runs, to keep; none when none does.
    pub fn request(&self) -> Option<Request> {
        let found = self.found.clone().filter(|_| self.is_running())?;
        Some(Request {
            words: self.words.clone(),
            found,
            secret: self.secret.clone(),
        })
    }

    /// What the wizard was told.
    pub fn answers(&self) -> impl Iterator<Item = Setting<'_>> {
        self.wizard.settings()
    }

    /// The line is there, or somebody came: shows the banner and asks. A box without a password begins with the wizard.
    ///
    /// # Errors
    /// Of the line; then call [`Console::hang_up`], as after every error below.
    pub fn start<W: embedded_io::Write>(
        &mut self,
        banner: &Banner<'_>,
        now_ms: u64,
        writer: &mut W,
    ) -> Result<(), W::Error> {
        self.last_ms = now_ms;
        self.write(writer, |console, screen| {
            screen.show(format_args!("{banner}"));
            match console.access {
                Access::New => console.begin_wizard(screen),
                Access::LoggedIn => console.show_menu(screen),
                Access::Guarded => {}
            }
            console.ask(screen);
        })
    }

    /// The next byte of the line.
    ///
    /// # Errors
    /// Of the line.
    pub fn handle_byte<W: embedded_io::Write>(
        &mut self,
        byte: u8,
        now_ms: u64,
        writer: &mut W,
    ) -> Result<Option<Event<'_>>, W::Error> {
        let outcome = self.write(writer, |console, screen| console.take(byte, now_ms, screen))?;
        Ok(self.event(outcome))
    }

    /// After [`Console::finish`], [`Console::unlock`] and [`Console::refuse`]: what came meanwhile, until the next event.
    ///
    /// # Errors
    /// Of the line.
    pub fn resume<W: embedded_io::Write>(
        &mut self,
        now_ms: u64,
        writer: &mut W,
    ) -> Result<Option<Event<'_>>, W::Error> {
        let outcome = self.write(writer, |console, screen| {
            while !console.is_running()
                && let Some(byte) = console.ahead.pop_front()
            {
                match console.take(byte, now_ms, screen) {
                    Outcome::Nothing => {}
                    outcome => return outcome,
                }
            }
            Outcome::Nothing
        })?;
        Ok(self.event(outcome))
    }

    /// The running command has ended; the next one may come.
    ///
    /// # Errors
    /// Of the line.
    pub fn finish<W: embedded_io::Write>(&mut self, writer: &mut W) -> Result<(), W::Error> {
        self.forget();
        self.wizard.forget();
        self.mode = Mode::Ready;
        self.write(writer, Self::ask)
    }

    /// The password was right.
    ///
    /// # Errors
    /// Of the line.
    pub fn unlock<W: embedded_io::Write>(&mut self, writer: &mut W) -> Result<(), W::Error> {
        self.refusals = 0;
        self.forget();
        self.mode = Mode::Ready;
        self.write(writer, |console, screen| {
            console.show_menu(screen);
            console.ask(screen);
        })
    }

    /// It was wrong.
    ///
    /// # Errors
    /// Of the line.
    pub fn refuse<W: embedded_io::Write>(
        &mut self,
        now_ms: u64,
        writer: &mut W,
    ) -> Result<(), W::Error> {
        let wait_ms = 1_000_u64
            .saturating_mul(1 << self.refusals.min(5))
            .min(REFUSED_MS);
        self.refusals += 1;
        self.forget();
        // Whoever types ahead here guesses.
        self.ahead.clear();
        self.mode = Mode::Refused {
            until_ms: now_ms.saturating_add(wait_ms),
        };
        self.write(writer, |_, screen| {
            screen.show(format_args!("Wrong. Wait {} s.\n", wait_ms / 1_000));
        })
    }

    /// Whether there is a password now: one was set by the wizard, or set or erased elsewhere.
    pub fn set_guarded(&mut self, guarded: bool) {
        self.access = match self.access {
            Access::LoggedIn => Access::LoggedIn,
            Access::New | Access::Guarded if guarded => Access::Guarded,
            Access::New | Access::Guarded => Access::New,
        };
    }

    /// The line is gone. Whatever was begun on it is forgotten, and whoever comes next has to show a password.
    pub fn hang_up(&mut self) {
        self.forget();
        self.wizard.forget();
        self.ahead.clear();
        self.flooded = false;
        self.decoder.reset();
        self.editor.forget_history();
        self.mode = match self.mode {
            // Whoever pulls the cable out does not guess any faster.
            Mode::Refused { until_ms } => Mode::Refused { until_ms },
            _ => self.access.first_mode(),
        };
        self.editor.clear(self.echo());
    }

    /// Says something above the line that is being written, and restores that.
    ///
    /// # Errors
    /// Of the line.
    pub fn notice<W: embedded_io::Write>(
        &mut self,
        text: &str,
        writer: &mut W,
    ) -> Result<(), W::Error> {
        self.write(writer, |console, screen| {
            screen.show(format_args!("\r\x1b[K{}\n", Plain(text)));
            if !matches!(console.mode, Mode::Running | Mode::Refused { .. }) {
                console.redraw(screen);
            }
        })
    }

    /// When [`Console::handle_timeout`] wants to be called, unless a byte comes before.
    pub fn poll_timeout(&self) -> Option<u64> {
        match self.mode {
            Mode::Refused { until_ms } => Some(until_ms),
            Mode::Locked | Mode::Running => None,
            Mode::Ready
            | Mode::Asking(_)
            | Mode::Secret { .. }
            | Mode::Confirming
            | Mode::Wizard => {
                let at = self.last_ms.saturating_add(IDLE_MS);
                (self.access != Access::New).then_some(at)
            }
        }
    }

    /// Time has passed.
    ///
    /// # Errors
    /// Of the line.
    pub fn handle_timeout<W: embedded_io::Write>(
        &mut self,
        now_ms: u64,
        writer: &mut W,
    ) -> Result<Option<Event<'_>>, W::Error> {
        if self.poll_timeout().is_none_or(|at| now_ms < at) {
            return Ok(None);
        }
        let outcome = self.write(writer, |console, screen| {
            if let Mode::Refused { .. } = console.mode {
                console.mode = Mode::Locked;
                console.ask(screen);
                return Outcome::Nothing;
            }
            screen.show(format_args!("\nNobody typed for ten minutes.\n"));
            console.lock(screen)
        })?;
        Ok(self.event(outcome))
    }

    fn write<W: embedded_io::Write, T>(
        &mut self,
        writer: &mut W,
        what: impl FnOnce(&mut Self, &mut Screen<'_>) -> T,
    ) -> Result<T, W::Error> {
        let mut raw = Raw::new(writer);
        let result = what(self, &mut Screen(&mut raw));
        raw.finish()?;
        Ok(result)
    }

    fn event(&self, outcome: Outcome) -> Option<Event<'_>> {
        match outcome {
            Outcome::Nothing => None,
            Outcome::Greet => Some(Event::Greet),
            Outcome::Unlock => Some(Event::Unlock(Password(&self.secret.0))),
            Outcome::Run => {
                let found = self.found.as_ref()?;
                Command::of(found, &self.words, &self.secret.0).map(Event::Run)
            }
            Outcome::SetUp => Some(Event::SetUp),
            Outcome::Interrupt => Some(Event::Interrupt),
            Outcome::Lock => Some(Event::Lock),
            Outcome::Leave => Some(Event::Leave),
        }
    }

    /// The command and its secret are done with.
    fn forget(&mut self) {
        self.words = Words::new();
        self.found = None;
        self.secret.0.clear();
    }
}
