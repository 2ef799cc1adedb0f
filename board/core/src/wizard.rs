//! The questions of the first start.
//!
//! | question | answer | next |
//! |---|---|---|
//! | password | by the rules | again |
//! | password | nothing, when there is one already | IPv4 |
//! | again | the same | IPv4 |
//! | again | another | password |
//! | IPv4 | `dhcp`, `none` | IPv6 |
//! | IPv4 | address/prefix | its gateway, then IPv6 |
//! | IPv6 | `auto`, `none` | name servers, or with `dhcp` time servers |
//! | IPv6 | address/prefix | its gateway, then as above |
//! | name servers | 1 to 3 addresses, `none` | time servers |
//! | time servers | 1 to 4 hosts, `none` | zone |
//! | zone | a zone | trunk |
//! | trunk | a place | transport, user |
//! | trunk | `none` | review |
//! | user | a user | secret, then test number |
//! | user | `none` | test number |
//! | test number | a number, `none` | review |
//! | review | `yes` | done |
//! | any | `back` | the one before |
//! | any | `again` | password; what was answered is offered again |
//! | any | `abort` | left, nothing is kept |
//! | any | a bad answer | the same, with the reason |
//!
//! Enter takes what stands in brackets. No password may be as short as the three words. An admin's password comes first,
//! so that no box is put into a network without one.

mod question;

use crate::check::{self, Checked};
use crate::console::{LINE, Plain, is_printable};
use crate::setting::Setting;
use core::fmt;
use heapless::{String, Vec};

pub use question::Question;
use question::{ALL, COUNT};

/// What a line led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The next question, or the same again.
    Ask,
    /// Every question is answered: [`Wizard::settings`].
    Done,
    /// Somebody thought better of it.
    Left,
}

/// See the module.
pub struct Wizard {
    question: Question,
    /// Where `back` leads.
    trail: Vec<Question, COUNT>,
    answers: [String<LINE>; COUNT],
    has_password: bool,
}

impl fmt::Debug for Wizard {
    /// Not the answers: two are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wizard")
            .field("question", &self.question)
            .finish_non_exhaustive()
    }
}

impl Default for Wizard {
    fn default() -> Self {
        Self::new()
    }
}

impl Wizard {
    pub const fn new() -> Self {
        Self {
            question: Question::Password,
            trail: Vec::new(),
            answers: [const { String::new() }; COUNT],
            has_password: false,
        }
    }

    /// From the first question; `has_password`: it may stay as it is.
    pub fn begin(&mut self, has_password: bool, out: &mut dyn fmt::Write) {
        self.forget();
        self.has_password = has_password;
        say(
            out,
            format_args!(
                "\nSetting up. Enter takes what stands in [brackets]; ? explains;\nback, again (from the start) and abort are always possible.\n\n"
            ),
        );
        self.introduce(out);
    }

    /// No answer is kept.
    pub fn forget(&mut self) {
        *self = Self::new();
    }

    /// The question that is asked now.
    pub const fn question(&self) -> Question {
        self.question
    }

    /// The answer must not be seen.
    pub fn hides(&self) -> bool {
        self.question.about().secret
    }

    /// Writes the question, short.
    ///
    /// # Errors
    /// Of `out`.
    pub fn write_prompt(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{}", self.question.about().prompt)?;
        match (self.offered(), self.hides()) {
            ("", _) => {}
            (_, true) => write!(out, " [as it is]")?,
            (offered, false) => {
                let clipped: String<32> = offered.chars().take(28).filter_map(narrow).collect();
                let more = if offered.len() > clipped.len() {
                    "…"
                } else {
                    ""
                };
                write!(out, " [{clipped}{more}]")?;
            }
        }
        out.write_str(": ")
    }

    /// What Enter takes; empty: nothing.
    fn offered(&self) -> &str {
        match self.question {
            Question::Repeat | Question::Review => "",
            Question::Password if self.has_password && self.answer(self.question).is_empty() => {
                "as it is"
            }
            question => match self.answer(question) {
                "" => question.about().offered,
                answer => answer,
            },
        }
    }

    /// Says what the question is about.
    pub fn help(&self, out: &mut dyn fmt::Write) {
        say(out, format_args!("{}\n", self.question.about().help));
    }

    /// An answer.
    pub fn handle_line(&mut self, line: &str, out: &mut dyn fmt::Write) -> Step {
        // A password may begin or end with a blank.
        let text = if self.hides() { line } else { line.trim() };
        match text {
            "back" => {
                match self.trail.pop() {
                    Some(before) => self.question = before,
                    None => say(out, format_args!("This is the first question.\n")),
                }
                self.introduce(out);
                return Step::Ask;
            }
            "again" => {
                self.trail.clear();
                self.question = Question::Password;
                self.introduce(out);
                return Step::Ask;
            }
            "abort" => {
                self.forget();
                say(
                    out,
                    format_args!("Left; nothing was changed. setup begins anew.\n"),
                );
                return Step::Left;
            }
            "?" => {
                self.help(out);
                return Step::Ask;
            }
            _ => {}
        }
        if self.question == Question::Review && text == "yes" {
            return Step::Done;
        }
        let answer: String<LINE> = match text {
            "" if self.question == Question::Password && self.has_password => {
                String::try_from(self.answer(Question::Password)).unwrap_or_default()
            }
            "" => String::try_from(self.offered()).unwrap_or_default(),
            text => String::try_from(text).unwrap_or_default(),
        };
        match self.check(&answer) {
            Ok(()) => self.answered(answer, text.is_empty(), out),
            Err(why) => {
                say(
                    out,
                    format_args!("  {}: {why}.\n", self.question.about().prompt),
                );
                if self.question == Question::Repeat {
                    self.trail.pop();
                    self.question = Question::Password;
                    self.keep(Question::Password, String::new());
                }
            }
        }
        Step::Ask
    }

    fn answered(&mut self, answer: String<LINE>, as_offered: bool, out: &mut dyn fmt::Write) {
        let at = self.question;
        // A password taken as it was needs no repeating.
        let next = match at {
            Question::Password if as_offered => Question::Ipv4,
            _ => self.after(at, &answer),
        };
        if at != Question::Repeat {
            self.keep(at, answer);
            // As many as there are questions, and none twice.
            let _ = self.trail.push(at);
        }
        self.question = next;
        self.introduce(out);
    }

    fn after(&self, at: Question, answer: &str) -> Question {
        let network_done = || match self.answer(Question::Ipv4) {
            "dhcp" => Question::TimeServers,
            _ => Question::NameServers,
        };
        match at {
            Question::Password => Question::Repeat,
            Question::Repeat => Question::Ipv4,
            Question::Ipv4 if answer.contains('/') => Question::Ipv4Gateway,
            Question::Ipv4 | Question::Ipv4Gateway => Question::Ipv6,
            Question::Ipv6 if answer.contains('/') => Question::Ipv6Gateway,
            Question::Ipv6 | Question::Ipv6Gateway => network_done(),
            Question::NameServers => Question::TimeServers,
            Question::TimeServers => Question::Zone,
            Question::Zone => Question::Trunk,
            Question::Trunk if answer == "none" => Question::Review,
            Question::Trunk => Question::Transport,
            Question::Transport => Question::User,
            Question::User if answer == "none" => Question::TestNumber,
            Question::User => Question::Secret,
            Question::Secret => Question::TestNumber,
            Question::TestNumber | Question::Review => Question::Review,
        }
    }

    fn check(&self, answer: &str) -> Checked {
        let listed = |most: usize, one: fn(&str) -> Checked| {
            if items(answer).count() > most {
                return Err("too many");
            }
            items(answer).try_for_each(one)
        };
        match self.question {
            Question::Password if answer.is_empty() && self.has_password => Ok(()),
            Question::Password => check::password(answer),
            Question::Repeat if answer == self.answer(Question::Password) => Ok(()),
            Question::Repeat => Err("not the same; once more from the first"),
            Question::Ipv4 => check::ipv4(answer),
            Question::Ipv6 if answer == "none" && self.answer(Question::Ipv4) == "none" => {
                Err("without IPv4 and IPv6 nobody reaches the box")
            }
            Question::Ipv6 => check::ipv6(answer),
            _ if answer == "none" && self.question.about().optional => Ok(()),
            Question::Ipv4Gateway => {
                check::gateway_v4(answer, check::network_v4(self.answer(Question::Ipv4))?)
            }
            Question::Ipv6Gateway => {
                check::gateway_v6(answer, check::network_v6(self.answer(Question::Ipv6))?)
            }
            Question::NameServers => listed(3, |one| {
                let ip = one.parse::<core::net::IpAddr>();
                ip.map_err(|_| "a name server is known by its address")?;
                check::host(one)
            }),
            Question::TimeServers => listed(4, check::host),
            Question::Zone => check::zone(answer),
            Question::Trunk => check::place(answer),
            Question::Transport => {
                let known = matches!(answer, "udp" | "tcp" | "tls");
                known.then_some(()).ok_or("udp, tcp or tls")
            }
            Question::User => {
                let good = (1..=64).contains(&answer.len()) && answer.chars().all(is_printable);
                good.then_some(()).ok_or("1 to 64 characters")
            }
            Question::Secret if answer.is_empty() => {
                Err("the user has one; back, and none, if not")
            }
            Question::Secret => Ok(()),
            Question::TestNumber => check::phone(answer),
            Question::Review => Err("yes, back, again or abort"),
        }
    }

    fn introduce(&self, out: &mut dyn fmt::Write) {
        if self.question == Question::Review {
            say(out, format_args!("\nThis was answered:\n"));
            for setting in self.settings() {
                let mut path: String<LINE> = String::new();
                for word in &setting.path {
                    let separator = if path.is_empty() { "" } else { " " };
                    let _ = path.push_str(separator).and_then(|()| path.push_str(word));
                }
                let value = if setting.secret {
                    "(not shown)"
                } else {
                    setting.value
                };
                say(out, format_args!("  {path:<22} {}\n", Plain(value)));
            }
        }
        let heading = self.question.about().heading;
        if !heading.is_empty() {
            say(out, format_args!("{heading}\n"));
        }
    }

    fn answer(&self, question: Question) -> &str {
        self.answers
            .get(question.at())
            .map_or("", |answer| answer.as_str())
    }

    fn keep(&mut self, question: Question, answer: String<LINE>) {
        if let Some(kept) = self.answers.get_mut(question.at()) {
            *kept = answer;
        }
    }

    /// What was answered to the questions that led here, as settings. One that is a list comes once for each of its items;
    /// what was left at `none` does not come.
    pub fn settings(&self) -> impl Iterator<Item = Setting<'_>> {
        let asked = |question: &&Question| self.trail.contains(question);
        ALL.iter().filter(asked).flat_map(|question| {
            let (about, answer) = (question.about(), self.answer(*question));
            let left_open = answer.is_empty() || (about.optional && answer == "none");
            let whole = (!left_open && !about.list).then_some(answer);
            let parts = (!left_open && about.list)
                .then(|| items(answer))
                .into_iter()
                .flatten();
            let path = about.path;
            whole
                .into_iter()
                .chain(parts)
                .filter(move |_| !path.is_empty())
                .map(move |value| Setting::new(path, value, about.secret))
        })
    }
}

/// The items of an answer, with blanks or commas between them.
fn items(answer: &str) -> impl Iterator<Item = &str> {
    answer.split([' ', ',']).filter(|item| !item.is_empty())
}

/// A prompt must not take more columns than it has characters.
fn narrow(c: char) -> Option<char> {
    (c.is_ascii_graphic() || c == ' ').then_some(c)
}

/// A fault of the line is told by whoever owns it.
fn say(out: &mut dyn fmt::Write, text: fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}
