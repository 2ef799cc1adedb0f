//! Somebody at the console.
//!
//! | place | reached by | what may be done |
//! |---|---|---|
//! | unknown | opening, `reboot`, a fault | [`Session::wait_banner`] of a box that starts, [`Session::attend`] of one that runs |
//! | locked | either of them | [`Session::log_in`] |
//! | first start | either of them, of a box without a password | [`Session::set_up`] |
//! | in | logging in, setting up | [`Session::command`] and the rest |
//!
//! A prompt counts once the line was quiet behind it. Where a message of the kernel has buried one, a letter and ^C bring it
//! back: in every state of the console they drop the letter and nothing else (and end what runs).

use crate::banner::Banner;
use crate::error::{CableError, Seen};
use crate::line::Line;
use crate::prompt::Prompt;
use crate::screen::Screen;
use std::time::{Duration, Instant};

/// How long anything is waited for when it is not said.
const PATIENCE: Duration = Duration::from_secs(30);
/// Listening at a time.
const LISTEN: Duration = Duration::from_millis(20);
/// A prompt that is known is believed after so much quiet, any other after this.
const QUIET: Duration = Duration::from_millis(120);
const DOUBT: Duration = Duration::from_millis(1_000);
/// After so much quiet without a prompt it is asked for.
const BURIED: Duration = Duration::from_secs(4);
/// Drops what is in the console's line.
pub(crate) const DROP: &[u8] = b"x\x03";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Unknown,
    Locked,
    FirstStart,
    In,
}

/// See the module.
#[derive(Debug)]
pub struct Session<L> {
    pub(crate) line: L,
    pub(crate) screen: Screen,
    /// Come, and not on the screen yet.
    pub(crate) rest: Vec<u8>,
    pub(crate) place: Place,
    name: Option<String>,
    patience: Duration,
}

impl<L: Line> Session<L> {
    /// At a line of which nothing is known yet.
    pub fn open(line: L) -> Self {
        Self {
            line,
            screen: Screen::default(),
            rest: Vec::new(),
            place: Place::Unknown,
            name: None,
            patience: PATIENCE,
        }
    }

    /// How long anything is waited for from now on; at first 30 s.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// The line, for who has something else to do with it; what the console waits for is unknown then.
    pub fn line_mut(&mut self) -> &mut L {
        self.place = Place::Unknown;
        &mut self.line
    }

    /// Types this as it is and leaves; what comes of it is not known then.
    ///
    /// # Errors
    /// Of the line.
    pub fn leave(&mut self, typed: &str) -> Result<(), CableError> {
        self.place = Place::Unknown;
        Ok(self.line.send(typed.as_bytes())?)
    }

    /// The last lines that were printed.
    pub fn seen(&self) -> Seen {
        Seen(self.screen.tail())
    }

    /// Listens until the box has started and shows its banner and what it waits for. Types nothing before that: a firmware
    /// or a boot menu would take it.
    ///
    /// # Errors
    /// [`CableError::Silent`], and those of the line.
    pub fn wait_banner(&mut self) -> Result<Banner, CableError> {
        if self.place != Place::Unknown {
            self.screen.mark();
        }
        self.place = Place::Unknown;
        self.name = None;
        let until = Instant::now() + self.patience;
        while Banner::find(self.screen.lines()).is_none() {
            if Instant::now() >= until {
                return Err(self.silent("the banner"));
            }
            self.read(LISTEN)?;
        }
        let prompt = self.prompt("a prompt behind the banner", Buried::Drop, |_| true)?;
        let banner = Banner::find(self.screen.lines()).unwrap_or_default();
        self.arrive(&prompt);
        Ok(banner)
    }

    /// Finds out what a box that runs waits for, and leaves it at its password, its first question or its prompt. A command
    /// that somebody left running is ended.
    ///
    /// # Errors
    /// [`CableError::Silent`] when no console answers, and those of the line.
    pub fn attend(&mut self) -> Result<Option<Banner>, CableError> {
        self.place = Place::Unknown;
        self.name = None;
        let until = Instant::now() + self.patience;
        loop {
            if Instant::now() >= until {
                return Err(self.silent("an answer of the console"));
            }
            self.screen.mark();
            self.line.send(DROP)?;
            let Some(prompt) = self.look(Duration::from_secs(2))? else {
                continue;
            };
            match prompt {
                Prompt::Ready(_) => self.arrive(&prompt),
                // Of a locked console Enter brings the banner; of the first question the rules of passwords.
                Prompt::Password => {
                    self.screen.mark();
                    self.line.send(b"\r")?;
                    let Some(prompt) = self.look(Duration::from_secs(2))? else {
                        continue;
                    };
                    let banner = Banner::find(self.screen.lines());
                    self.arrive(&prompt);
                    if banner.is_none() {
                        self.place = Place::FirstStart;
                    }
                    return Ok(banner);
                }
                // Somebody left the questions half answered.
                Prompt::Question(_) | Prompt::Review => {
                    self.line.send(b"\x03")?;
                    continue;
                }
                Prompt::Other(_) => continue,
            }
            return Ok(None);
        }
    }

    pub(crate) fn arrive(&mut self, prompt: &Prompt) {
        let first = |line: &String| line.starts_with("Setting up.");
        match prompt {
            Prompt::Ready(name) => {
                self.place = Place::In;
                self.name = Some(name.clone());
            }
            Prompt::Password if self.screen.lines().iter().any(first) => {
                self.place = Place::FirstStart;
            }
            Prompt::Password => self.place = Place::Locked,
            Prompt::Question(_) | Prompt::Review => self.place = Place::FirstStart,
            Prompt::Other(_) => {}
        }
    }

    /// Whether the box has no password yet.
    pub fn is_new(&self) -> bool {
        self.place == Place::FirstStart
    }

    /// Whether commands may be given.
    pub fn is_in(&self) -> bool {
        self.place == Place::In
    }

    /// Gives the password where it is asked for; who is in already stays so.
    ///
    /// # Errors
    /// [`CableError::WrongPassword`], [`CableError::NotSetUp`] and those of [`Session::attend`].
    pub fn log_in(&mut self, password: &str) -> Result<(), CableError> {
        if self.place == Place::Unknown {
            self.attend()?;
        }
        match self.place {
            Place::In => return Ok(()),
            Place::FirstStart => return Err(CableError::NotSetUp),
            Place::Locked | Place::Unknown => {}
        }
        self.screen.mark();
        self.type_line(password)?;
        let until = Instant::now() + self.patience;
        loop {
            let wrong = |line: &String| line.contains("Wrong. Wait ");
            if self.screen.lines().iter().any(wrong) {
                self.place = Place::Unknown;
                return Err(CableError::WrongPassword { seen: self.seen() });
            }
            match self.look(BURIED)? {
                Some(prompt @ Prompt::Ready(_)) => {
                    self.arrive(&prompt);
                    return Ok(());
                }
                // Not answered yet: the line of the question is still the cursor's.
                Some(_) | None if Instant::now() < until => {}
                Some(_) | None => return Err(self.silent("the prompt behind the password")),
            }
        }
    }

    /// Gives a command and says what came of it.
    ///
    /// # Errors
    /// [`CableError::Failed`] when the console or the box says so, [`CableError::Asked`] when it asks for something,
    /// [`CableError::Locked`], and those of the line.
    pub fn command(&mut self, command: &str) -> Result<String, CableError> {
        self.dialogue(command, &[])
    }

    /// Gives a command that asks for a secret: `set trunk pbx password`, `password`.
    ///
    /// # Errors
    /// As [`Session::command`].
    pub fn secret(&mut self, command: &str, secret: &str) -> Result<String, CableError> {
        let answers = [
            ("Secret: ", secret),
            ("New password: ", secret),
            ("Again: ", secret),
        ];
        self.dialogue(command, &answers)
    }

    /// Gives a command and answers what it asks: of each pair how the question ends, and the answer.
    ///
    /// # Errors
    /// As [`Session::command`].
    pub fn dialogue(
        &mut self,
        command: &str,
        answers: &[(&str, &str)],
    ) -> Result<String, CableError> {
        self.begin(command)?;
        loop {
            let prompt =
                self.prompt(&format!("the end of `{command}`"), Buried::Enter, |_| true)?;
            let asked = match prompt {
                Prompt::Ready(_) => {
                    self.arrive(&prompt);
                    return self.outcome(command);
                }
                Prompt::Password => "Password: ".to_owned(),
                Prompt::Question(question) => format!("{question}: "),
                Prompt::Review => crate::prompt::REVIEW.to_owned(),
                Prompt::Other(asked) => asked,
            };
            let answer = answers.iter().find(|(end, _)| asked.ends_with(end));
            let Some((_, answer)) = answer else {
                self.leave_questions()?;
                return Err(CableError::Asked {
                    command: command.to_owned(),
                    prompt: asked.trim().to_owned(),
                });
            };
            self.type_line(answer)?;
            // The question is answered once its line has ended.
            let until = Instant::now() + self.patience;
            while self.screen.line().ends_with(&asked) && Instant::now() < until {
                self.read(LISTEN)?;
            }
        }
    }

    /// Starts the box anew; [`Session::wait_banner`] sees it come back.
    ///
    /// # Errors
    /// As [`Session::command`].
    pub fn reboot(&mut self) -> Result<(), CableError> {
        self.sure("reboot", "[y/N] ", "y")
    }

    /// Erases everything that was set; the box starts anew.
    ///
    /// # Errors
    /// As [`Session::command`].
    pub fn factory_reset(&mut self) -> Result<(), CableError> {
        self.sure("factory-reset", "to do it: ", "factory-reset")
    }

    fn sure(&mut self, command: &str, asked: &str, word: &str) -> Result<(), CableError> {
        self.begin(command)?;
        self.prompt(
            asked,
            Buried::Listen,
            |prompt| matches!(prompt, Prompt::Other(text) if text.ends_with(asked)),
        )?;
        self.screen.mark();
        self.type_line(word)?;
        self.place = Place::Unknown;
        Ok(())
    }

    /// At the prompt with nothing else on the screen, gives a command.
    pub(crate) fn begin(&mut self, command: &str) -> Result<(), CableError> {
        match self.place {
            Place::In => {}
            Place::FirstStart => return Err(CableError::NotSetUp),
            Place::Locked => return Err(CableError::Locked),
            Place::Unknown => {
                self.attend()?;
                return match self.place {
                    Place::In => self.begin(command),
                    Place::FirstStart => Err(CableError::NotSetUp),
                    Place::Locked | Place::Unknown => Err(CableError::Locked),
                };
            }
        }
        // What was printed meanwhile, a message of the kernel or the box's locking itself.
        while self.read(Duration::ZERO)? > 0 {}
        let there = Prompt::of(self.screen.line());
        if there.as_ref().is_none_or(|prompt| !self.is_known(prompt)) {
            self.line.send(DROP)?;
            let prompt = self.prompt("the prompt", Buried::Drop, |_| true)?;
            self.arrive(&prompt);
            if self.place != Place::In {
                return Err(CableError::Locked);
            }
        }
        self.screen.mark();
        self.type_line(command)
    }

    /// What was printed behind the command's own line.
    pub(crate) fn outcome(&self, command: &str) -> Result<String, CableError> {
        let lines = self.screen.lines();
        let mut lines = lines.get(1..).unwrap_or_default();
        // Enter that was pressed while the command ran.
        while let [rest @ .., last] = lines
            && Prompt::of(last).is_some_and(|prompt| self.is_known(&prompt))
        {
            lines = rest;
        }
        let failed = |why: &str| {
            Err(CableError::Failed {
                command: command.to_owned(),
                why: why.to_owned(),
            })
        };
        // Of the console itself, which then has not run anything.
        let early = lines.iter().take(2).position(|line| {
            (line.starts_with("column ") && line.contains(": "))
                || line.starts_with("not complete; next is ")
                || line.ends_with(": nothing was changed.")
                || line.ends_with(" octets: nothing was done.")
        });
        let last = lines.iter().rev().find(|line| !line.trim().is_empty());
        let late = last.filter(|line| {
            line.starts_with("Failed: ")
                || line.starts_with("The command failed; ")
                || line.as_str() == "Not done."
        });
        match (early, late) {
            (Some(at), _) => {
                let mut whole = lines[at].clone();
                let rest = lines[at + 1..].iter();
                rest.take_while(|line| line.starts_with("  "))
                    .for_each(|line| whole.extend([" ", line.trim()]));
                failed(&whole)
            }
            // The reasons stand above it where there are several.
            (None, Some(why)) if why.ends_with("for these reasons.") => {
                failed(lines.join("\n").trim())
            }
            (None, Some(why)) => failed(why.strip_prefix("Failed: ").unwrap_or(why)),
            (None, None) => Ok(lines.iter().flat_map(|line| [line, "\n"]).collect()),
        }
    }

    pub(crate) fn type_line(&mut self, text: &str) -> Result<(), CableError> {
        self.line.send(text.as_bytes())?;
        Ok(self.line.send(b"\r")?)
    }

    pub(crate) fn silent(&self, wanted: &str) -> CableError {
        CableError::Silent {
            wanted: wanted.to_owned(),
            seen: self.seen(),
        }
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// Octets that came and are on the screen now.
    fn read(&mut self, wait: Duration) -> Result<usize, CableError> {
        self.fetch(wait)?;
        let count = self.rest.len();
        self.screen.take(&self.rest);
        self.rest.clear();
        Ok(count)
    }

    /// Octets that came are in [`Session::rest`] now.
    pub(crate) fn fetch(&mut self, wait: Duration) -> Result<(), CableError> {
        if self.rest.is_empty() {
            let mut octets = [0; 4096];
            let count = self.line.receive(&mut octets, wait)?;
            self.rest.extend(octets.iter().take(count));
        }
        Ok(())
    }

    fn is_known(&self, prompt: &Prompt) -> bool {
        matches!(prompt, Prompt::Ready(name) if Some(name) == self.name.as_ref())
    }

    /// The prompt that the line is quiet behind; none when there is none after `wait`.
    fn look(&mut self, wait: Duration) -> Result<Option<Prompt>, CableError> {
        let until = Instant::now() + wait;
        let mut heard = Instant::now();
        loop {
            if self.read(LISTEN)? > 0 {
                heard = Instant::now();
            }
            let prompt = Prompt::of(self.screen.line());
            let quiet = match &prompt {
                Some(Prompt::Ready(_)) if self.name.is_some() => {
                    let known = prompt.as_ref().is_some_and(|prompt| self.is_known(prompt));
                    if known { QUIET } else { DOUBT }
                }
                Some(Prompt::Other(_)) => DOUBT,
                _ => QUIET,
            };
            if prompt.is_some() && heard.elapsed() >= quiet {
                return Ok(prompt);
            }
            // Long output is no silence.
            if Instant::now() >= until && heard.elapsed() >= QUIET {
                return Ok(None);
            }
        }
    }

    /// Waits for a prompt of this kind.
    pub(crate) fn prompt(
        &mut self,
        wanted: &str,
        buried: Buried,
        good: impl Fn(&Prompt) -> bool,
    ) -> Result<Prompt, CableError> {
        let until = Instant::now() + self.patience;
        loop {
            if let Some(prompt) = self.look(BURIED)?
                && good(&prompt)
            {
                return Ok(prompt);
            }
            if Instant::now() >= until {
                return Err(self.silent(wanted));
            }
            match buried {
                Buried::Listen => {}
                Buried::Enter => self.line.send(b"\r")?,
                Buried::Drop => self.line.send(DROP)?,
            }
        }
    }
}

/// What is typed when no prompt is to be seen for a while.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Buried {
    Listen,
    /// Where a command may run, which is not to be ended.
    Enter,
    Drop,
}
