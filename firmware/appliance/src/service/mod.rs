//! Who changes what: drafts, commits, trials, rollback, the first set-up. No sockets, clock or lots: times and random octets
//! are handed in, a [`Disk`] for revisions and one for secrets and password.
//!
//! | state | event | next |
//! |---|---|---|
//! | no password | `set_up` at the console, or with the code | guarded, in force |
//! | no password | the fifth wrong code | no page until the next start |
//! | guarded | `set`, `delete`, `import`, `rollback` | the author has a draft |
//! | draft | `commit` | in force; refused when another commit came between |
//! | draft | `commit` with `confirm_minutes` | on trial |
//! | draft | `left`, `discard` | gone |
//! | on trial | `confirm` | in force |
//! | on trial | `revert`, the deadline, a start of the box | what was before, in force |
//!
//! What is in force at a start: the newest revision that can be used; where none of several can, [`FAIL_SAFE`]; where there
//! was never one, an empty document.

mod commit;
mod draft;
mod set_up;
mod stick;
mod trust;

use crate::document::{FAIL_SAFE, validate};
use crate::keep;
use crate::password::Guard;
use crate::secrets::{Lots, Secrets};
use crate::wire::{Refusal, Request};
use causeway_config::{Disk, Opened, Revisions, StoreError};
use draft::Draft;
pub use draft::utc;
use serde_json::{Value, json};
use set_up::Code;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
pub use stick::Stick;

/// Names in the private folder.
const SECRETS: &str = "secrets";
const PASSWORD: &str = "admin-password";
/// Authors that have a draft at once.
const DRAFTS: usize = 16;

/// Who is at the other end of a connection, as the kernel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    /// The console at the serial port, and the box's own programs.
    Root,
    /// The gateway, for an administrator whom it has let in, or for the page of the first set-up.
    Gateway,
    /// The administrator's session by SSH.
    Admin,
}

/// Whose draft it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Who {
    pub peer: Peer,
    pub author: String,
}

/// What the core cannot know by itself.
pub struct Moment<'a> {
    pub now: Instant,
    /// Seconds since 1970, as the box believes.
    pub at: u64,
    pub lots: Lots<'a>,
}

impl std::fmt::Debug for Moment<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Moment")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// What came of a request.
#[derive(Clone, Debug)]
pub struct Reply {
    /// For people.
    pub says: String,
    /// For programs.
    pub result: Result<Value, Refusal>,
    /// Another document is in force, or the box has a password now: the machine has to follow.
    pub changed: bool,
}

impl Reply {
    fn done(says: impl Into<String>, value: Value) -> Self {
        Self {
            says: says.into(),
            result: Ok(value),
            changed: false,
        }
    }

    fn changed(says: impl Into<String>, value: Value) -> Self {
        Self {
            changed: true,
            ..Self::done(says, value)
        }
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        Self {
            says: String::new(),
            result: Err(refusal),
            changed: false,
        }
    }
}

/// What a trial's end, or nobody's wish, has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reverted {
    pub from: u32,
    pub to: u32,
}

/// See the module.
#[derive(Debug)]
pub struct Service<D> {
    revisions: Revisions<D>,
    private: D,
    secrets: Secrets,
    /// Its hash; `Some` of what matches nothing where it cannot be read.
    password: Option<String>,
    drafts: BTreeMap<Who, Draft>,
    guards: BTreeMap<Peer, Guard>,
    code: Option<Code>,
    /// Where nothing that was committed can be used.
    fail_safe: Option<String>,
    told: Vec<String>,
}

impl<D: Disk> Service<D> {
    /// Finds what is in force. `private` holds secrets and password.
    ///
    /// # Errors
    /// When the revisions cannot be listed.
    pub fn open(revisions: D, mut private: D, moment: Moment<'_>) -> Result<Self, StoreError> {
        let first_fault = |text: &str| match validate(text) {
            Ok(_) => Ok(()),
            Err(faults) => Err(faults.first().map_or_else(String::new, ToString::to_string)),
        };
        let (revisions, opened) = Revisions::open(revisions, first_fault)?;
        let mut told = tell(&opened);
        let read = |disk: &D, name: &str| {
            let there = disk
                .names()
                .is_ok_and(|names| names.iter().any(|n| n == name));
            there.then(|| disk.read(name, 8 * 1024 * 1024).unwrap_or_default())
        };
        let password = read(&private, PASSWORD);
        let password = password.map(|octets| String::from_utf8_lossy(&octets).trim().to_owned());
        let secrets = match read(&private, SECRETS).map(|octets| Secrets::from_octets(&octets)) {
            None => Secrets::default(),
            Some(Ok(secrets)) => secrets,
            Some(Err(fault)) => {
                told.push(format!("{fault}; each has to be set anew."));
                // Somebody may still find out what happened to it.
                let _ = private.rename(SECRETS, "secrets.damaged");
                Secrets::default()
            }
        };
        let is_lost = opened.revision.is_none() && !opened.passed_over.is_empty();
        // Whoever has the API's key can still use it on the box's own cable.
        let fail_safe = is_lost.then(|| match secrets.any_admin_key() {
            Some(hash) => format!("{FAIL_SAFE}\n[box]\nadmin_key_sha256 = \"{hash}\"\n"),
            None => FAIL_SAFE.to_owned(),
        });
        if is_lost {
            told.push("Nothing that was committed can be used: the box is reached at its console and on its own cable alone.".to_owned());
        }
        let code = password.is_none().then(|| Code::draw(moment.lots));
        Ok(Self {
            revisions,
            private,
            secrets,
            password,
            drafts: BTreeMap::new(),
            guards: BTreeMap::new(),
            code,
            fail_safe,
            told,
        })
    }

    /// The document in force.
    pub fn text(&self) -> &str {
        match self.revisions.in_force() {
            Some(revision) => &revision.text,
            None => self.fail_safe.as_deref().unwrap_or_default(),
        }
    }

    /// The secrets that documents name.
    pub const fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Whether the box has an administrator.
    pub const fn is_guarded(&self) -> bool {
        self.password.is_some()
    }

    /// Whether anybody ever committed anything.
    pub fn is_configured(&self) -> bool {
        self.is_guarded() || self.revisions.in_force().is_some() || self.fail_safe.is_some()
    }

    /// The number of what is in force.
    pub fn revision(&self) -> Option<u32> {
        self.revisions.in_force().map(|revision| revision.number)
    }

    /// What is on trial, and until when.
    pub fn on_trial(&self) -> Option<(u32, Instant)> {
        Some((self.revisions.on_trial()?, self.revisions.poll_timeout()?))
    }

    /// Whether nothing that was committed can be used.
    pub fn is_fail_safe(&self) -> bool {
        self.fail_safe.is_some() && self.revisions.in_force().is_none()
    }

    /// What the start found that somebody should know.
    pub fn told(&self) -> &[String] {
        &self.told
    }

    /// The code that the page of the first set-up asks for.
    pub fn code(&self) -> Option<&str> {
        self.code.as_ref().and_then(Code::shown)
    }

    /// Answers what is about the configuration; none: the request is about the machine.
    pub fn handle_request(
        &mut self,
        who: &Who,
        request: &Request,
        moment: Moment<'_>,
    ) -> Option<Reply> {
        let answered = match request {
            Request::Set { path, value, .. } => self.set(who, path, &value.0, moment),
            Request::Delete { path, value } => self.delete(who, path, value.as_deref()),
            Request::Compare => self.compare(who),
            Request::Discard | Request::Left => {
                let had = self.drafts.remove(who).is_some();
                Ok(Reply::done("", json!({ "had_draft": had })))
            }
            Request::Show { path, draft } => self.show(who, path, *draft),
            Request::Commit {
                comment,
                confirm_minutes,
                base,
            } => self.commit(who, comment.as_deref(), *confirm_minutes, *base, moment),
            Request::Confirm => self.confirm(),
            Request::Revert => self.revert(),
            Request::Rollback { number, back } => self.rollback(who, *number, *back),
            Request::Revisions => self.list(),
            Request::Export { number, draft } => self.export(who, *number, *draft),
            Request::Import { text } => self.import(who, &text.0, moment),
            Request::SetUp {
                settings,
                code,
                password,
            } => self.set_up(who, settings, code.as_ref(), password.as_ref(), moment),
            Request::CheckPassword { password } => {
                self.check_password(who, &password.0, moment.now)
            }
            Request::Password { password } => self.new_password(&password.0, moment),
            Request::SshKey { text } => self.ssh_key(who, text, moment),
            Request::Status
            | Request::Banner
            | Request::Alarms
            | Request::Resets
            | Request::Logs { .. }
            | Request::Network
            | Request::Version
            | Request::Ping { .. }
            | Request::Update { .. }
            | Request::Slots
            | Request::SupportBundle
            | Request::Reboot
            | Request::FactoryReset => return None,
        };
        Some(answered.unwrap_or_else(Reply::from))
    }

    /// Ends a trial whose time is over: the machine has to follow.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Reverted> {
        let back = self.revisions.handle_timeout(now)?;
        Some(Reverted {
            from: back.from,
            to: back.to.number,
        })
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.revisions.poll_timeout()
    }

    fn keep_secrets(&mut self, secrets: Secrets) -> Result<(), Refusal> {
        keep::replace(&mut self.private, SECRETS, &secrets.to_octets()).map_err(|fault| {
            Refusal::new("disk", format!("the secrets cannot be kept: {fault}"))
        })?;
        self.secrets = secrets;
        Ok(())
    }

    fn keep_password(&mut self, hash: String) -> Result<(), Refusal> {
        keep::replace(&mut self.private, PASSWORD, hash.as_bytes()).map_err(|fault| {
            Refusal::new("disk", format!("the password cannot be kept: {fault}"))
        })?;
        self.password = Some(hash);
        self.code = None;
        Ok(())
    }
}

fn tell(opened: &Opened) -> Vec<String> {
    let mut told = Vec::new();
    if let Some(number) = opened.reverted {
        told.push(format!(
            "Revision {number} was on trial when the box was started, and is not in force any more."
        ));
    }
    for passed in &opened.passed_over {
        told.push(format!(
            "Revision {} cannot be used: {}.",
            passed.number, passed.why
        ));
    }
    told
}

fn of_store(fault: StoreError) -> Refusal {
    let code = match fault {
        StoreError::OnTrial(_) => "on_trial",
        StoreError::NotOnTrial => "not_on_trial",
        StoreError::Unchanged => "unchanged",
        StoreError::NothingBefore => "nothing_before",
        StoreError::TrialLength => "trial_length",
        StoreError::TooLarge => "too_large",
        StoreError::Unknown(_) => "unknown",
        StoreError::Damaged(..) => "damaged",
        StoreError::Disk { .. } => "disk",
    };
    Refusal::new(code, format!("{fault}."))
}

/// Seconds, for people.
fn minutes(length: Duration) -> String {
    let seconds = length.as_secs();
    format!("{}:{:02} minutes", seconds / 60, seconds % 60)
}
