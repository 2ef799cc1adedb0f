//! A draft: what an author has changed and nobody uses yet.

use super::{DRAFTS, Moment, Reply, Service, Who, of_store};
use crate::apply::{Effect, effect};
use crate::document::{Fault, LARGEST, SHAPE, validate, verdict};
use crate::password;
use crate::secrets::{self, Lots, Secrets};
use crate::wire::Refusal;
use causeway_config::{Disk, Document, EditError, State};
use serde_json::json;
use time::OffsetDateTime;
use toml_edit::{DocumentMut, Item};

/// Words of a path, and octets of a word.
const DEPTH: usize = 8;
const WORD: usize = 256;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// The revision it began with.
    pub(super) base: Option<u32>,
    pub(super) document: Document,
    /// Those that are not kept yet.
    pub(super) secrets: Secrets,
    /// A new password's hash.
    pub(super) password: Option<String>,
}

impl Draft {
    pub(super) fn of(text: &str, base: Option<u32>) -> Result<Self, Refusal> {
        Ok(Self {
            base,
            document: Document::parse(text, SHAPE).map_err(of_edit)?,
            secrets: Secrets::default(),
            password: None,
        })
    }

    pub(super) fn text(&self) -> String {
        self.document.to_string()
    }

    /// Gives a setting a value; nothing is changed when it cannot have it.
    pub(super) fn set(
        &mut self,
        path: &[&str],
        value: &str,
        kept: &Secrets,
        lots: Lots<'_>,
    ) -> Result<(), Refusal> {
        if path == ["admin", "password"] {
            password::check(value).map_err(|why| Refusal::new("invalid", why))?;
            let hash = password::hash(value, lots).map_err(|why| Refusal::new("fault", why))?;
            self.password = Some(hash);
            return Ok(());
        }
        let mut changed = self.document.clone();
        match secrets::is_secret(path) {
            true if value.is_empty() => return Err(Refusal::new("invalid", "the secret is empty")),
            true => {
                let quoted = toml_edit::Value::from(value).to_string();
                changed.set(path, &quoted, |_| causeway_config::Verdict::Good)
            }
            false => changed.set(path, value, |text| verdict(&alone(text, path))),
        }
        .map_err(of_edit)?;
        let (changed, taken) = self.without_secrets(&changed.to_string(), kept, lots)?;
        let own = path.join(" ");
        let text = changed.to_string();
        let refused = |fault: &Fault| {
            fault.path == own || fault.wrong_kind || fault.message.starts_with("unknown field")
        };
        if let Err(faults) = validate(&alone(&text, path))
            && let Some(fault) = faults.into_iter().find(refused)
        {
            return Err(Refusal::new("invalid", format!("{own}: {}", fault.message)));
        }
        self.document = changed;
        self.secrets.extend(&taken);
        Ok(())
    }

    /// Of a text, the document, and the secrets that stood in it.
    fn without_secrets(
        &self,
        text: &str,
        kept: &Secrets,
        lots: Lots<'_>,
    ) -> Result<(Document, Secrets), Refusal> {
        let invalid = |why: String| Refusal::new("invalid", why);
        let mut toml: DocumentMut = text
            .parse()
            .map_err(|fault: toml_edit::TomlError| invalid(fault.message().to_owned()))?;
        let mut known = kept.clone();
        known.extend(&self.secrets);
        let taken = secrets::take_out(&mut toml, &known, lots).map_err(invalid)?;
        let document = Document::parse(&toml.to_string(), SHAPE).map_err(of_edit)?;
        Ok((document, taken))
    }

    /// A whole document takes the place of what was. It may bring the administrator's password, as `[admin] password`, which
    /// does not stay in it.
    pub(super) fn import(
        &mut self,
        text: &str,
        kept: &Secrets,
        lots: Lots<'_>,
    ) -> Result<(), Refusal> {
        if text.len() > LARGEST {
            let why = format!("the document is larger than {LARGEST} octets");
            return Err(Refusal::new("too_large", why));
        }
        let refused = |why: &str| Refusal::new("invalid", why);
        let (text, password) = without_admin(text).map_err(refused)?;
        let (document, taken) = self.without_secrets(&text, kept, lots)?;
        validate(&document.to_string()).map_err(|faults| invalid(&faults))?;
        if let Some(new) = password {
            password::check(&new).map_err(refused)?;
            let hash = password::hash(&new, lots).map_err(|why| Refusal::new("fault", why))?;
            self.password = Some(hash);
        }
        self.document = document;
        self.secrets.extend(&taken);
        Ok(())
    }
}

/// A text without its table `[admin]`, and the password that stood there. Lines keep their numbers where there is none.
fn without_admin(text: &str) -> Result<(String, Option<String>), &'static str> {
    // What is no TOML is told by who checks it.
    let Ok(mut document) = text.parse::<DocumentMut>() else {
        return Ok((text.to_owned(), None));
    };
    let Some(admin) = document.remove("admin") else {
        return Ok((text.to_owned(), None));
    };
    let only = "[admin] has a password, and nothing else";
    let table = admin
        .as_table_like()
        .filter(|table| table.len() == 1)
        .ok_or(only)?;
    let password = table.get("password").and_then(Item::as_str).ok_or(only)?;
    Ok((document.to_string(), Some(password.to_owned())))
}

/// A document of nothing but the table that a path leads into, so that no other's faults hide that one's.
fn alone(text: &str, path: &[&str]) -> String {
    let Ok(mut document) = text.parse::<DocumentMut>() else {
        return text.to_owned();
    };
    let others: Vec<String> = document.iter().map(|(name, _)| name.to_owned()).collect();
    for name in others
        .iter()
        .filter(|name| Some(&name.as_str()) != path.first())
    {
        document.remove(name);
    }
    if let [name, which, ..] = path
        && let Some((_, key)) = SHAPE.many.iter().find(|(many, _)| many == name)
        && let Some(tables) = document
            .get_mut(name)
            .and_then(Item::as_array_of_tables_mut)
    {
        tables.retain(|table| table.get(key).and_then(Item::as_str) == Some(which));
    }
    document.to_string()
}

pub(super) fn of_edit(fault: EditError) -> Refusal {
    Refusal::new("invalid", fault.to_string())
}

pub(super) fn invalid(faults: &[Fault]) -> Refusal {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    Refusal::new("invalid", lines.join("\n"))
}

impl<D: Disk> Service<D> {
    /// The author's draft, or one of what is in force.
    fn draft(&self, who: &Who) -> Result<Draft, Refusal> {
        match self.drafts.get(who) {
            Some(draft) => Ok(draft.clone()),
            None => Draft::of(self.text(), self.revision()),
        }
    }

    fn keep_draft(&mut self, who: &Who, draft: Draft) -> Result<(), Refusal> {
        if self.drafts.len() >= DRAFTS && !self.drafts.contains_key(who) {
            return Err(Refusal::new(
                "busy",
                format!("{DRAFTS} others have a draft already"),
            ));
        }
        self.drafts.insert(who.clone(), draft);
        Ok(())
    }

    pub(super) fn set(
        &mut self,
        who: &Who,
        path: &[String],
        value: &str,
        moment: Moment<'_>,
    ) -> Result<Reply, Refusal> {
        let path = words(path)?;
        let mut draft = self.draft(who)?;
        draft.set(&path, value, &self.secrets, moment.lots)?;
        self.keep_draft(who, draft)?;
        Ok(Reply::done("", json!({})))
    }

    pub(super) fn delete(
        &mut self,
        who: &Who,
        path: &[String],
        value: Option<&str>,
    ) -> Result<Reply, Refusal> {
        let path = words(path)?;
        if path == ["admin", "password"] {
            return Err(Refusal::new(
                "invalid",
                "the password can be changed, not deleted",
            ));
        }
        let mut draft = self.draft(who)?;
        let done = match (draft.document.delete(&path, value), path.split_last()) {
            // The last word may be one of a list.
            (
                Err(fault @ (EditError::Unknown(_) | EditError::IsValue(_))),
                Some((last, holders)),
            ) if value.is_none() => draft
                .document
                .delete(holders, Some(last))
                .map_err(|_| fault),
            (done, _) => done,
        };
        done.map_err(of_edit)?;
        self.keep_draft(who, draft)?;
        Ok(Reply::done("", json!({})))
    }

    pub(super) fn compare(&self, who: &Who) -> Result<Reply, Refusal> {
        let draft = self.draft(who)?;
        let before = Draft::of(self.text(), None)?;
        let changes = draft.document.changes_since(&before.document);
        let mut lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
        if draft.password.is_some() {
            lines.push("+ admin password ********".to_owned());
        }
        let mut says = lines
            .iter()
            .fold(String::new(), |says, line| says + line + "\n");
        if lines.is_empty() {
            says.push_str("Nothing differs.\n");
        }
        if draft.base != self.revision() {
            says.push_str("Another revision came into force since this draft was begun: it cannot be committed. Note what you need, and discard.\n");
        }
        let effect = match (validate(self.text()), validate(&draft.text())) {
            (Ok(before), Ok(after)) => effect(&before, &after),
            (_, Err(faults)) => {
                says.push_str("It cannot be committed yet:\n");
                for fault in &faults {
                    says.push_str(&format!("  {fault}\n"));
                }
                Effect::Nothing
            }
            (Err(_), Ok(_)) => Effect::Restart(Vec::new()),
        };
        if !lines.is_empty()
            && let Some(line) = effect.line()
        {
            says.push_str(&line);
        }
        let value = json!({ "changes": lines, "effect": effect.name(), "base": draft.base });
        Ok(Reply::done(says, value))
    }

    pub(super) fn show(&self, who: &Who, path: &[String], draft: bool) -> Result<Reply, Refusal> {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let shown = match draft {
            true => self.draft(who)?,
            false => Draft::of(self.text(), None)?,
        };
        let lines = shown.document.show(&path);
        let says = match lines.is_empty() {
            true => "Nothing is set.\n".to_owned(),
            false => lines.join("\n") + "\n",
        };
        let value = json!({ "settings": lines, "revision": self.revision() });
        Ok(Reply::done(says, value))
    }

    pub(super) fn import(
        &mut self,
        who: &Who,
        text: &str,
        moment: Moment<'_>,
    ) -> Result<Reply, Refusal> {
        let mut draft = self.draft(who)?;
        draft.base = self.revision();
        draft.import(text, &self.secrets, moment.lots)?;
        self.keep_draft(who, draft)?;
        Ok(Reply::done(
            "It is the draft now.\n",
            json!({ "base": self.revision() }),
        ))
    }

    pub(super) fn export(
        &self,
        who: &Who,
        number: Option<u32>,
        draft: bool,
    ) -> Result<Reply, Refusal> {
        let (text, number) = match number {
            Some(number) => (
                self.revisions.revision(number).map_err(of_store)?.text,
                Some(number),
            ),
            None if draft => (self.draft(who)?.text(), self.revision()),
            None => (self.text().to_owned(), self.revision()),
        };
        Ok(Reply::done("", json!({ "text": text, "revision": number })))
    }

    pub(super) fn rollback(
        &mut self,
        who: &Who,
        number: Option<u32>,
        back: Option<u32>,
    ) -> Result<Reply, Refusal> {
        let number = match (number, back) {
            (Some(number), None) => number,
            (None, back) => {
                let back = back.unwrap_or(1);
                let kept = self.revisions.list().map_err(of_store)?;
                let mut in_force = kept
                    .iter()
                    .filter(|found| found.state != State::Reverted)
                    .map(|found| found.number)
                    .filter(|number| self.revision().is_none_or(|now| *number <= now));
                let at = usize::try_from(back).unwrap_or(usize::MAX);
                let why = format!("there are no {back} revisions before this one");
                in_force
                    .nth(at)
                    .ok_or_else(|| Refusal::new("unknown", why))?
            }
            (Some(_), Some(_)) => {
                return Err(Refusal::new(
                    "request",
                    "a number, or how many back, not both",
                ));
            }
        };
        let revision = self.revisions.revision(number).map_err(of_store)?;
        validate(&revision.text).map_err(|faults| invalid(&faults))?;
        let draft = Draft::of(&revision.text, self.revision())?;
        self.keep_draft(who, draft)?;
        let says = format!(
            "Revision {number} is the draft now; compare shows what that changes, commit puts it into use.\n"
        );
        Ok(Reply::done(says, json!({ "number": number })))
    }

    pub(super) fn list(&self) -> Result<Reply, Refusal> {
        let found = self.revisions.list().map_err(of_store)?;
        let now = self.revision();
        let mut says = String::new();
        let mut values = Vec::new();
        let mut back = 0;
        for summary in found {
            let state = match summary.state {
                _ if Some(summary.number) == now && summary.state == State::Trial => "on trial",
                _ if Some(summary.number) == now => "in force",
                State::Kept => "",
                State::Trial | State::Reverted => "reverted",
            };
            let counts = summary.state != State::Reverted;
            let step = if counts {
                format!("{back:>4}")
            } else {
                "    ".to_owned()
            };
            back += u32::from(counts);
            match &summary.note {
                Ok(note) => {
                    says.push_str(&format!(
                        "{step}  {:>5}  {}  {:<10} {:<9} {}\n",
                        summary.number,
                        utc(note.at),
                        note.author,
                        state,
                        note.comment
                    ));
                    values.push(json!({ "number": summary.number, "at": note.at,
                        "author": note.author, "comment": note.comment, "state": state }));
                }
                Err(damage) => {
                    says.push_str(&format!(
                        "{step}  {:>5}  cannot be read: {damage}\n",
                        summary.number
                    ));
                    values.push(json!({ "number": summary.number, "state": "damaged",
                        "why": damage.to_string() }));
                }
            }
        }
        match says.is_empty() {
            true => says.push_str("There is none.\n"),
            false => says.insert_str(
                0,
                "back  number  when (UTC)           by         state     why\n",
            ),
        }
        Ok(Reply::done(
            says,
            json!({ "revisions": values, "in_force": now }),
        ))
    }
}

fn words(path: &[String]) -> Result<Vec<&str>, Refusal> {
    let good = (1..=DEPTH).contains(&path.len()) && path.iter().all(|word| word.len() <= WORD);
    match good {
        true => Ok(path.iter().map(String::as_str).collect()),
        false => Err(Refusal::new("request", "a path has 1 to 8 words")),
    }
}

/// Seconds since 1970 as a date; a year past 9999 is 1970.
pub fn utc(at: u64) -> String {
    let at = i64::try_from(at).unwrap_or_default();
    let at = OffsetDateTime::from_unix_timestamp(at).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second) = at.to_hms();
    let month = u8::from(month);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}
