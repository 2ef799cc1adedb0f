//! What each byte does: see the table of [`super`].

use super::assist::{Completion, Place};
use super::key::Key;
use super::line::{Echo, LINE};
use super::screen::{Screen, width_of};
use super::tree::{Kind, Misread, Verb};
use super::words::Words;
use super::{Access, Console, Entry, Mode, Outcome, PROMPT, QUIET_MS};
use crate::check;
use crate::wizard::Step;
use core::fmt::Write as _;
use heapless::String;

const HELP: &str = "\
A number picks from the menu; anything else is a command.
  ?    what may stand here, with a word on each
  TAB  completes a word; words may also be cut: sh st is show status
  ^W ^U ^K  erase word, line, rest     up, down  lines from before
  ^C   drops the line or ends what runs
Settings change in a draft: set, delete, compare, then commit. Where a change may
lock you out write commit confirm: it goes back by itself unless you confirm, and
at once with revert. Lists: set adds a value, delete with a value takes it out.
Files go over this line by YMODEM, as terminal programs have it: export, import,
update receive, support bundle send.
Values with blanks go in quotes: 'as it is' or \"with \\\" and \\\\\".
";

impl Console {
    pub(super) fn take(&mut self, byte: u8, now_ms: u64, screen: &mut Screen<'_>) -> Outcome {
        let quiet_ms = now_ms.saturating_sub(self.last_ms);
        self.last_ms = now_ms;
        if self.flooded && quiet_ms < QUIET_MS {
            return Outcome::Nothing;
        }
        self.flooded = false;
        match self.mode {
            Mode::Running => return self.wait(byte, screen),
            Mode::Refused { until_ms } if now_ms < until_ms => return Outcome::Nothing,
            Mode::Refused { .. } => {
                self.mode = Mode::Locked;
                self.ask(screen);
            }
            _ => {}
        }
        match self.decoder.push(byte, now_ms) {
            Some(key) => self.key(key, screen),
            None => Outcome::Nothing,
        }
    }

    /// A byte that comes while a command runs.
    fn wait(&mut self, byte: u8, screen: &mut Screen<'_>) -> Outcome {
        if byte == 0x03 {
            self.ahead.clear();
            return Outcome::Interrupt;
        }
        if self.ahead.push_back(byte).is_err() {
            self.ahead.clear();
            self.decoder.reset();
            self.flooded = true;
            screen.show(format_args!(
                "\nToo much came at once: all of it is dropped until the line is quiet.\n"
            ));
        }
        Outcome::Nothing
    }

    fn key(&mut self, key: Key, screen: &mut Screen<'_>) -> Outcome {
        match (key, self.mode) {
            (Key::Enter, _) => return self.enter(screen),
            (Key::Interrupt | Key::Break, _) => self.drop_line(key, screen),
            (Key::EndOfInput, _) if !self.editor.text().is_empty() => {
                self.edit(Key::Delete, screen);
            }
            (Key::EndOfInput, Mode::Ready) if self.access != Access::New => {
                screen.show(format_args!("\n"));
                return self.lock(screen);
            }
            (Key::Tab, Mode::Ready) => self.complete(screen),
            (Key::Char('?'), Mode::Ready) => self.explain(screen),
            (Key::Char('?'), Mode::Wizard)
                if self.editor.text().is_empty() && !self.wizard.hides() =>
            {
                screen.show(format_args!("?\n"));
                self.wizard.help(screen.0);
                self.ask(screen);
            }
            (Key::Up | Key::Down, mode) if !matches!(mode, Mode::Ready) => {}
            (Key::Tab | Key::EndOfInput, _) => screen.bell(),
            (key, _) => self.edit(key, screen),
        }
        Outcome::Nothing
    }

    fn edit(&mut self, key: Key, screen: &mut Screen<'_>) {
        let prompt = self.prompt();
        self.editor.handle(key, &prompt, screen);
    }

    /// ^C or break.
    fn drop_line(&mut self, key: Key, screen: &mut Screen<'_>) {
        screen.show(format_args!(
            "{}\n",
            if key == Key::Interrupt { "^C" } else { "" }
        ));
        let begun = !self.editor.text().is_empty();
        self.mode = match self.mode {
            Mode::Wizard if !begun && key == Key::Interrupt => {
                self.wizard.forget();
                screen.show(format_args!(
                    "Left; nothing was changed. setup begins anew.\n"
                ));
                Mode::Ready
            }
            Mode::Asking(_) | Mode::Secret { .. } | Mode::Confirming => {
                self.forget();
                Mode::Ready
            }
            mode => mode,
        };
        self.ask(screen);
    }

    fn enter(&mut self, screen: &mut Screen<'_>) -> Outcome {
        screen.show(format_args!("\n"));
        let line: String<LINE> = String::try_from(self.editor.text()).unwrap_or_default();
        if self.editor.overflowed() {
            screen.show(format_args!(
                "The line is longer than {LINE} octets: nothing was done.\n"
            ));
            self.ask(screen);
            return Outcome::Nothing;
        }
        self.editor.clear(Echo::Hidden);
        let outcome = match self.mode {
            Mode::Locked if line.is_empty() => return Outcome::Greet,
            Mode::Locked => {
                self.secret.0 = line;
                self.mode = Mode::Running;
                Outcome::Unlock
            }
            Mode::Ready => self.line(&line, screen),
            Mode::Asking(entry) => self.asked(entry, &line, screen),
            Mode::Secret { again } => self.secret(line, again, screen),
            Mode::Confirming => self.confirmed(&line, screen),
            Mode::Wizard => match self.wizard.handle_line(&line, screen.0) {
                Step::Ask => Outcome::Nothing,
                Step::Left => {
                    self.mode = Mode::Ready;
                    Outcome::Nothing
                }
                Step::Done => {
                    self.mode = Mode::Running;
                    Outcome::SetUp
                }
            },
            Mode::Running | Mode::Refused { .. } => Outcome::Nothing,
        };
        if matches!(outcome, Outcome::Nothing) {
            self.ask(screen);
        }
        outcome
    }

    /// A line at the prompt.
    fn line(&mut self, line: &str, screen: &mut Screen<'_>) -> Outcome {
        let bare = line.trim();
        if !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_digit()) {
            return self.pick(bare, screen);
        }
        let words = match Words::parse(line) {
            Ok(words) => words,
            Err(fault) => {
                self.editor.remember(line);
                self.point_at(Some(fault.column), screen);
                screen.show(format_args!("{fault}\n"));
                return Outcome::Nothing;
            }
        };
        if words.is_empty() {
            return Outcome::Nothing;
        }
        let found = self.trees.find(&words);
        let secret = matches!(
            found,
            Err(Misread::Value {
                kind: Kind::Secret,
                ..
            })
        );
        if !secret && !speaks_of_secrets(&words) {
            self.editor.remember(line);
        }
        match found {
            Err(fault) => {
                self.point_at(fault.column(), screen);
                screen.show(format_args!("{fault}\n"));
                Outcome::Nothing
            }
            Ok(found) => {
                let (verb, secret) = (found.verb, found.secret);
                (self.words, self.found) = (words, Some(found));
                self.begin(verb, secret, screen)
            }
        }
    }

    fn begin(&mut self, verb: Verb, secret: bool, screen: &mut Screen<'_>) -> Outcome {
        match verb {
            Verb::Help => screen.show(format_args!("{HELP}")),
            Verb::Menu => self.show_menu(screen),
            Verb::SetUp => self.begin_wizard(screen),
            Verb::Logout if self.access != Access::New => return self.lock(screen),
            Verb::Logout => screen.show(format_args!(
                "There is no password yet; setup asks for one.\n"
            )),
            Verb::Reboot | Verb::FactoryReset => self.mode = Mode::Confirming,
            Verb::Password => self.mode = Mode::Secret { again: false },
            _ if secret => self.mode = Mode::Secret { again: false },
            _ => {
                self.mode = Mode::Running;
                return Outcome::Run;
            }
        }
        Outcome::Nothing
    }

    /// A number at the prompt.
    fn pick(&mut self, number: &str, screen: &mut Screen<'_>) -> Outcome {
        let entry = number
            .parse::<usize>()
            .ok()
            .and_then(|n| match n.checked_sub(1) {
                Some(at) => self.trees.menu.get(at),
                None => None,
            });
        match entry {
            Some(entry) if entry.ask.is_some() => {
                self.mode = Mode::Asking(entry);
                Outcome::Nothing
            }
            Some(entry) => self.chosen(entry.line, screen),
            None if number == "0" => self.chosen("exit", screen),
            None => {
                screen.show(format_args!(
                    "The menu goes from 0 to {}.\n",
                    self.trees.menu.len()
                ));
                Outcome::Nothing
            }
        }
    }

    /// The answer to what an entry of the menu asks.
    fn asked(&mut self, entry: &Entry, answer: &str, screen: &mut Screen<'_>) -> Outcome {
        self.mode = Mode::Ready;
        if answer.trim().is_empty() {
            return Outcome::Nothing;
        }
        let mut line: String<LINE> = String::new();
        if write!(line, "{} {answer}", entry.line).is_err() {
            screen.show(format_args!("That is too long.\n"));
            return Outcome::Nothing;
        }
        self.chosen(&line, screen)
    }

    /// A command that the menu put together is shown as if it had been typed: so it is learnt, and faults can point at it.
    fn chosen(&mut self, line: &str, screen: &mut Screen<'_>) -> Outcome {
        screen.show(format_args!("{}{line}\n", self.prompt()));
        self.line(line, screen)
    }

    fn secret(&mut self, line: String<LINE>, again: bool, screen: &mut Screen<'_>) -> Outcome {
        let of_admin = self.is_admins_password();
        let mut refuse = |console: &mut Self, why: &str| {
            screen.show(format_args!("{why}: nothing was changed.\n"));
            console.forget();
            console.mode = Mode::Ready;
            Outcome::Nothing
        };
        if line.is_empty() {
            return refuse(self, "Left");
        }
        if again {
            if self.secret.0 != line {
                return refuse(self, "The two are not the same");
            }
        } else {
            if of_admin && let Err(why) = check::password(&line) {
                return refuse(self, why);
            }
            self.secret.0 = line;
            if of_admin {
                self.mode = Mode::Secret { again: true };
                return Outcome::Nothing;
            }
        }
        self.mode = Mode::Running;
        Outcome::Run
    }

    fn is_admins_password(&self) -> bool {
        self.found.as_ref().is_some_and(|found| {
            found.verb == Verb::Password || found.words(&self.words, 1).next() == Some("admin")
        })
    }

    fn confirmed(&mut self, line: &str, screen: &mut Screen<'_>) -> Outcome {
        let good = match self.found.as_ref().map(|found| found.verb) {
            Some(Verb::FactoryReset) => line.trim() == "factory-reset",
            _ => matches!(line.trim(), "y" | "Y" | "yes"),
        };
        if good {
            self.mode = Mode::Running;
            return Outcome::Run;
        }
        screen.show(format_args!("Not done.\n"));
        self.forget();
        self.mode = Mode::Ready;
        Outcome::Nothing
    }

    pub(super) fn lock(&mut self, screen: &mut Screen<'_>) -> Outcome {
        self.hang_up();
        if self.access == Access::LoggedIn {
            return Outcome::Leave;
        }
        screen.show(format_args!("Locked.\n"));
        self.ask(screen);
        Outcome::Lock
    }

    pub(super) fn begin_wizard(&mut self, screen: &mut Screen<'_>) {
        self.wizard.begin(self.access != Access::New, screen.0);
        self.mode = Mode::Wizard;
    }

    pub(super) fn show_menu(&mut self, screen: &mut Screen<'_>) {
        screen.show(format_args!("\n"));
        let half = self.trees.menu.len().div_ceil(2);
        let columns = self
            .trees
            .menu
            .iter()
            .zip(1..)
            .zip(self.trees.menu.iter().zip(1..).skip(half));
        for ((left, l), (right, r)) in columns {
            screen.show(format_args!(
                "{l:>4}) {:<24}{r:>4}) {}\n",
                left.label, right.label
            ));
        }
        screen.show(format_args!(
            "   0) Log out                    or a command; ? lists them\n\n"
        ));
    }

    /// A mark under the column of the line that was just entered.
    fn point_at(&self, column: Option<usize>, screen: &mut Screen<'_>) {
        if let Some(column) = column.and_then(|c| c.checked_sub(1)) {
            let at = width_of(&self.prompt()) + column;
            if at < 79 {
                screen.show(format_args!("{:at$}^\n", ""));
            }
        }
    }

    pub(super) fn prompt(&self) -> String<PROMPT> {
        let mut prompt = String::new();
        let _ = match self.mode {
            Mode::Locked | Mode::Refused { .. } => write!(prompt, "Password: "),
            Mode::Ready => write!(prompt, "{}> ", self.host),
            Mode::Asking(entry) => write!(prompt, "{}", entry.ask.unwrap_or_default()),
            Mode::Secret { again: true } => write!(prompt, "Again: "),
            Mode::Secret { again: false } if self.is_admins_password() => {
                write!(prompt, "New password: ")
            }
            Mode::Secret { again: false } => write!(prompt, "Secret: "),
            Mode::Confirming => match self.found.as_ref().map(|found| found.verb) {
                Some(Verb::FactoryReset) => {
                    write!(
                        prompt,
                        "This erases all settings. Write factory-reset to do it: "
                    )
                }
                _ => write!(prompt, "Reboot now? Calls end. [y/N] "),
            },
            Mode::Wizard => self.wizard.write_prompt(&mut prompt),
            Mode::Running => Ok(()),
        };
        prompt
    }

    pub(super) fn echo(&self) -> Echo {
        let hides = match self.mode {
            Mode::Locked | Mode::Refused { .. } | Mode::Secret { .. } | Mode::Running => true,
            Mode::Wizard => self.wizard.hides(),
            Mode::Ready | Mode::Asking(_) | Mode::Confirming => false,
        };
        if hides { Echo::Hidden } else { Echo::Shown }
    }

    /// An empty line behind the prompt.
    pub(super) fn ask(&mut self, screen: &mut Screen<'_>) {
        self.editor.clear(self.echo());
        if !self.is_running() {
            screen.show(format_args!("{}", self.prompt()));
        }
    }

    pub(super) fn redraw(&mut self, screen: &mut Screen<'_>) {
        let prompt = self.prompt();
        self.editor.redraw(&prompt, screen);
    }

    /// TAB
    fn complete(&mut self, screen: &mut Screen<'_>) {
        let prompt = self.prompt();
        let Some(Ok(place)) = Place::find(self.trees, self.editor.before(), &self.trunks) else {
            return screen.bell();
        };
        match place.complete() {
            Completion::Nothing => screen.bell(),
            Completion::List => {
                screen.show(format_args!("\n"));
                place.list(screen);
                self.editor.redraw(&prompt, screen);
            }
            Completion::Insert { text, whole } => {
                self.editor.insert(text, &prompt, screen);
                if whole {
                    self.editor.insert(" ", &prompt, screen);
                }
            }
        }
    }

    /// `?`
    fn explain(&mut self, screen: &mut Screen<'_>) {
        let Some(place) = Place::find(self.trees, self.editor.before(), &self.trunks) else {
            return self.edit(Key::Char('?'), screen);
        };
        screen.show(format_args!("\n"));
        match place {
            Ok(place) => place.list(screen),
            Err(fault) => screen.show(format_args!("{fault}\n")),
        }
        self.redraw(screen);
    }
}

/// Lines with such words are not remembered, however they are misspelt.
fn speaks_of_secrets(words: &Words) -> bool {
    let begins = |text: &str, begin| {
        text.get(..3)
            .is_some_and(|t: &str| t.eq_ignore_ascii_case(begin))
    };
    (0..words.len()).any(|at| begins(words.text(at), "pas") || begins(words.text(at), "sec"))
}
