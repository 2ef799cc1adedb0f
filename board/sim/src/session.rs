//! Somebody at the console, and a shell behind it that does what a box would.

use crate::screen::SimScreen;
use causeway_board::console::{Access, Terminal, Trees};
use causeway_board::console::{Banner, Event};
use causeway_board::{Console, ResetCause};
use std::fmt::Write as _;

/// Milliseconds between two keys of somebody who types.
const KEY_MS: u64 = 60;

/// The banner that every session begins with.
pub const BANNER: Banner<'static> = Banner {
    name: "front-desk",
    version: "0.1.0",
    slot: "a",
    state: "well",
    addresses: &["192.0.2.10", "2001:db8::10"],
    reset: ResetCause::PowerOn,
    fingerprint: "3F:A8:…:19",
};

/// What a console's event asks for, kept beyond the console's borrow.
enum Wanted {
    Greet,
    Unlock(bool),
    Run(String),
    SetUp,
    Interrupt,
    Lock,
    Leave,
}

/// A console, its terminal, its clock, and what it asked for.
#[derive(Debug)]
pub struct Session {
    pub console: Console,
    pub screen: SimScreen,
    now_ms: u64,
    password: Option<String>,
    /// Commands do not end by themselves.
    holds: bool,
    asked: Vec<String>,
    reply: String,
}

impl Session {
    /// A box that was never set up, at its first prompt.
    pub fn first_start() -> Self {
        Self::start(None)
    }

    /// A box with this password, at the question for it.
    pub fn locked(password: &str) -> Self {
        Self::start(Some(password.to_owned()))
    }

    /// The same, and somebody who knew it. What was shown so far is gone.
    pub fn open() -> Self {
        let mut session = Self::locked("correct horse");
        session.types("correct horse\r");
        session.screen = SimScreen::default();
        session.types("\r");
        session
    }

    /// Somebody whom another program let in.
    pub fn logged_in() -> Self {
        Self::start_with(None, Access::LoggedIn)
    }

    fn start(password: Option<String>) -> Self {
        let access = match password {
            Some(_) => Access::Guarded,
            None => Access::New,
        };
        Self::start_with(password, access)
    }

    fn start_with(password: Option<String>, access: Access) -> Self {
        let mut session = Self {
            console: Console::new(Trees::BOX, "front-desk", access),
            screen: SimScreen::default(),
            now_ms: 0,
            password,
            holds: false,
            asked: Vec::new(),
            reply: String::new(),
        };
        let state = match access {
            Access::Guarded | Access::LoggedIn => BANNER.state,
            Access::New => "not set up: nothing but this console answers",
        };
        let banner = Banner { state, ..BANNER };
        let Ok(()) = session.console.start(&banner, 0, &mut session.screen);
        session
    }

    /// From now on commands run until [`Session::ends`].
    pub fn holds(&mut self) {
        self.holds = true;
    }

    /// What every command says from now on.
    pub fn replies(&mut self, text: &str) {
        text.clone_into(&mut self.reply);
    }

    /// The running command ends.
    pub fn ends(&mut self) {
        self.end();
        self.resume();
    }

    /// Time passes.
    pub fn passes(&mut self, ms: u64) -> &mut Self {
        self.now_ms += ms;
        if self
            .console
            .poll_timeout()
            .is_some_and(|at| at <= self.now_ms)
        {
            let Ok(event) = self.console.handle_timeout(self.now_ms, &mut self.screen);
            let wanted = event.map(|event| wanted(event, None));
            self.answer(wanted);
        }
        self
    }

    /// Somebody types, as people do.
    pub fn types(&mut self, text: &str) -> &mut Self {
        for byte in text.bytes() {
            self.passes(KEY_MS);
            self.byte(byte);
        }
        self
    }

    /// Octets come as fast as the line carries them.
    pub fn pastes(&mut self, octets: impl IntoIterator<Item = u8>) -> &mut Self {
        for (at, byte) in octets.into_iter().enumerate() {
            // 11 520 octets a second.
            self.now_ms += u64::from(at % 12 == 0);
            self.byte(byte);
        }
        self
    }

    fn byte(&mut self, byte: u8) {
        let Ok(event) = self
            .console
            .handle_byte(byte, self.now_ms, &mut self.screen);
        let wanted = event.map(|event| wanted(event, self.password.as_deref()));
        self.answer(wanted);
    }

    fn answer(&mut self, wanted: Option<Wanted>) {
        match wanted {
            None => {}
            Some(Wanted::Greet) => {
                let Ok(()) = self.console.start(&BANNER, self.now_ms, &mut self.screen);
            }
            Some(Wanted::Unlock(true)) => {
                let Ok(()) = self.console.unlock(&mut self.screen);
                self.resume();
            }
            Some(Wanted::Unlock(false)) => {
                let Ok(()) = self.console.refuse(self.now_ms, &mut self.screen);
                self.asked.push("refused".to_owned());
            }
            Some(Wanted::Run(command)) => {
                self.asked.push(command);
                if !self.holds {
                    self.ends();
                }
            }
            Some(Wanted::SetUp) => {
                for setting in self.console.answers() {
                    let path = setting.path.join(" ");
                    self.asked.push(format!("{path} = {}", setting.value));
                }
                let mut terminal = Terminal::new(&mut self.screen);
                let _ = writeln!(terminal, "\nIn use.");
                let Ok(()) = terminal.finish();
                self.console.set_guarded(true);
                self.ends();
            }
            Some(Wanted::Interrupt) => {
                self.asked.push("interrupt".to_owned());
                self.ends();
            }
            Some(Wanted::Lock) => self.asked.push("lock".to_owned()),
            Some(Wanted::Leave) => self.asked.push("leave".to_owned()),
        }
    }

    fn end(&mut self) {
        if !self.reply.is_empty() {
            let mut terminal = Terminal::new(&mut self.screen);
            let _ = writeln!(terminal, "{}", self.reply);
            let Ok(()) = terminal.finish();
        }
        let Ok(()) = self.console.finish(&mut self.screen);
    }

    fn resume(&mut self) {
        let Ok(event) = self.console.resume(self.now_ms, &mut self.screen);
        let wanted = event.map(|event| wanted(event, self.password.as_deref()));
        self.answer(wanted);
    }

    /// What was asked for since the last call.
    pub fn asked(&mut self) -> Vec<String> {
        std::mem::take(&mut self.asked)
    }

    /// The screen must show this now.
    #[track_caller]
    pub fn sees(&mut self, text: &str) -> &mut Self {
        let shown = self.screen.text();
        assert!(shown.contains(text), "`{text}` is not to be seen:\n{shown}");
        self
    }

    /// The screen must never have shown this.
    #[track_caller]
    pub fn never_sees(&mut self, text: &str) -> &mut Self {
        let shown = self.screen.text();
        assert!(!shown.contains(text), "`{text}` is to be seen:\n{shown}");
        self
    }

    /// The cursor's line must be this.
    #[track_caller]
    pub fn line_is(&mut self, text: &str) -> &mut Self {
        assert_eq!(
            self.screen.last(),
            text.trim_end(),
            "{}",
            self.screen.text()
        );
        self
    }

    /// What was asked for must be these, in order.
    #[track_caller]
    pub fn asks(&mut self, expected: &[&str]) -> &mut Self {
        assert_eq!(self.asked(), expected, "{}", self.screen.text());
        self
    }
}

fn wanted(event: Event<'_>, password: Option<&str>) -> Wanted {
    match event {
        Event::Greet => Wanted::Greet,
        Event::Unlock(tried) => Wanted::Unlock(Some(tried.0) == password),
        Event::Run(command) => Wanted::Run(format!("{command:?}")),
        Event::SetUp => Wanted::SetUp,
        Event::Interrupt => Wanted::Interrupt,
        Event::Lock => Wanted::Lock,
        Event::Leave => Wanted::Leave,
    }
}
