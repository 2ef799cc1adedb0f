//! Which revision is in force, and how another takes its place.
//!
//! A revision's state is the end of its file's name, so that it changes in one step:
//!
//! | file | state | becomes |
//! |---|---|---|
//! | `000012.toml` | kept: the newest is in force | – |
//! | `000012.trial` | in force until its deadline, unless it is confirmed | `.toml` when confirmed; `.reverted` at the deadline, when it is given up, **and whenever the box starts** |
//! | `000012.reverted` | was tried and given up | – |
//! | `new` | being written | `.toml` or `.trial` |
//!
//! | event | nothing tried | a trial runs |
//! |---|---|---|
//! | `commit` | in force at once, or for as long as a trial lasts | refused |
//! | `confirm` | refused | kept |
//! | `give_up`, deadline | – | the one before is in force again |
//!
//! A trial that meets a start of the box is over whatever its deadline: the clock of a box that was reset may be years
//! behind, and a reset may be what its trial brought about. A power cut at any moment leaves what was in force or what
//! was committed, whole.

use crate::disk::Disk;
use crate::revision::{Damage, Note, Revision};
use std::io;
use std::time::{Duration, Instant};
use thiserror::Error;

/// Revisions that are kept, of all states.
pub const KEPT: usize = 50;
/// Octets of a revision's file.
pub const LARGEST: usize = 1024 * 1024;
/// The shortest and the longest trial.
pub const TRIAL: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(24 * 3600));

const NEW: &str = "new";

/// What became of a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It is, or was, in force.
    Kept,
    /// In force until its deadline.
    Trial,
    /// It was tried and given up.
    Reverted,
}

impl State {
    const ALL: [Self; 3] = [Self::Kept, Self::Trial, Self::Reverted];

    const fn ending(self) -> &'static str {
        match self {
            Self::Kept => "toml",
            Self::Trial => "trial",
            Self::Reverted => "reverted",
        }
    }
}

/// A revision as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its number.
    pub number: u32,
    /// What became of it.
    pub state: State,
    /// Who, when and why; or why it cannot be read.
    pub note: Result<Note, Damage>,
}

/// A revision that should have been in force and cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// Its number.
    pub number: u32,
    /// What is wrong with it.
    pub why: String,
}

/// What was found at the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// What is in force; `None`: the box was never configured, or nothing of it can be used.
    pub revision: Option<Revision>,
    /// Newer ones that cannot be used, newest first.
    pub passed_over: Vec<PassedOver>,
    /// A trial that the start has ended.
    pub reverted: Option<u32>,
}

/// A trial is over, and another revision in force again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Back {
    /// What was tried.
    pub from: u32,
    /// What is in force now.
    pub to: Revision,
}

/// Why something was not done. What was in force stays in force.
#[derive(Debug, Error)]
#[allow(missing_docs)]
pub enum StoreError {
    #[error("revision {0} is still on trial: confirm it or give it up first")]
    OnTrial(u32),
    #[error("nothing is on trial")]
    NotOnTrial,
    #[error("nothing changes")]
    Unchanged,
    #[error("the first configuration cannot be tried: there is none to go back to")]
    NothingBefore,
    #[error("a trial lasts from 10 seconds to 24 hours")]
    TrialLength,
    #[error("the document is larger than {LARGEST} octets")]
    TooLarge,
    #[error("there is no revision {0}")]
    Unknown(u32),
    #[error("revision {0}: {1}")]
    Damaged(u32, Damage),
    #[error("{step}: {error}")]
    Disk {
        step: &'static str,
        error: io::Error,
    },
}

trait Step<T> {
    fn step(self, step: &'static str) -> Result<T, StoreError>;
}

impl<T> Step<T> for io::Result<T> {
    fn step(self, step: &'static str) -> Result<T, StoreError> {
        self.map_err(|error| StoreError::Disk { step, error })
    }
}

#[derive(Debug)]
struct Trial {
    revision: Revision,
    deadline: Instant,
}

/// See the module.
#[derive(Debug)]
pub struct Revisions<D> {
    disk: D,
    kept: Option<Revision>,
    trial: Option<Trial>,
    /// The highest number that was ever given.
    last: u32,
}

impl<D: Disk> Revisions<D> {
    /// Finds what is in force: the newest revision that was kept, can be read, and that `check` does not object to.
    ///
    /// # Errors
    /// When the folder cannot be listed. A disk that cannot be written to any more is no obstacle.
    pub fn open(
        mut disk: D,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Result<(Self, Opened), StoreError> {
        let mut found = list(&disk)?;
        found.sort_unstable();
        let last = found.last().map_or(0, |(number, _)| *number);
        let mut opened = Opened::default();
        let _ = disk.remove(NEW);
        for (number, _) in found.iter().filter(|(_, state)| *state == State::Trial) {
            opened.reverted = Some(*number);
            // Where that fails it is tried again at the next start, and counts for as little.
            let _ = disk.rename(
                &name(*number, State::Trial),
                &name(*number, State::Reverted),
            );
        }
        let _ = disk.sync_names();
        for (number, _) in found.iter().rev().filter(|(_, s)| *s == State::Kept) {
            let usable = read(&disk, *number, State::Kept)
                .map_err(|fault| fault.to_string())
                .and_then(|revision| check(&revision.text).map(|()| revision));
            match usable {
                Ok(revision) => {
                    opened.revision = Some(revision);
                    break;
                }
                Err(why) => opened.passed_over.push(PassedOver {
                    number: *number,
                    why,
                }),
            }
        }
        let revisions = Self {
            disk,
            kept: opened.revision.clone(),
            trial: None,
            last,
        };
        Ok((revisions, opened))
    }

    /// What is in force, tried or kept.
    pub fn in_force(&self) -> Option<&Revision> {
        let tried = self.trial.as_ref().map(|trial| &trial.revision);
        tried.or(self.kept.as_ref())
    }

    /// The number of what is on trial.
    pub fn on_trial(&self) -> Option<u32> {
        self.trial.as_ref().map(|trial| trial.revision.number)
    }

    /// Puts a document in force, which the caller has checked; for `trial` alone, unless it is confirmed by then.
    ///
    /// # Errors
    /// [`StoreError`]; what was in force stays so.
    pub fn commit(
        &mut self,
        text: &str,
        note: Note,
        trial: Option<Duration>,
        now: Instant,
    ) -> Result<u32, StoreError> {
        if let Some(tried) = self.on_trial() {
            return Err(StoreError::OnTrial(tried));
        }
        if self.kept.as_ref().is_some_and(|kept| kept.text == text) {
            return Err(StoreError::Unchanged);
        }
        if let Some(length) = trial {
            if self.kept.is_none() {
                return Err(StoreError::NothingBefore);
            }
            if length < TRIAL.0 || length > TRIAL.1 {
                return Err(StoreError::TrialLength);
            }
        }
        let revision = Revision {
            number: self.last.saturating_add(1),
            note: note.tidied(),
            text: text.to_owned(),
        };
        let octets = revision.to_octets();
        if octets.len() > LARGEST {
            return Err(StoreError::TooLarge);
        }
        let (number, state) = match trial {
            Some(_) => (revision.number, State::Trial),
            None => (revision.number, State::Kept),
        };
        self.put(&octets, &name(number, state))?;
        self.last = number;
        match trial {
            Some(length) => {
                self.trial = Some(Trial {
                    revision,
                    deadline: now + length,
                });
            }
            None => self.kept = Some(revision),
        }
        self.prune();
        Ok(number)
    }

    /// Keeps what is on trial.
    ///
    /// # Errors
    /// [`StoreError::NotOnTrial`], or a disk that cannot keep it: the trial goes on then.
    pub fn confirm(&mut self) -> Result<u32, StoreError> {
        let trial = self.trial.as_ref().ok_or(StoreError::NotOnTrial)?;
        let number = trial.revision.number;
        let (tried, kept) = (name(number, State::Trial), name(number, State::Kept));
        self.disk.rename(&tried, &kept).step("keeping it")?;
        if let Err(error) = self.disk.sync_names() {
            let _ = self.disk.rename(&kept, &tried);
            return Err(error).step("keeping it for good");
        }
        self.kept = self.trial.take().map(|trial| trial.revision);
        Ok(number)
    }

    /// Ends a trial before its time.
    ///
    /// # Errors
    /// [`StoreError::NotOnTrial`].
    pub fn give_up(&mut self) -> Result<Back, StoreError> {
        let (Some(trial), Some(to)) = (self.trial.take(), self.kept.clone()) else {
            return Err(StoreError::NotOnTrial);
        };
        let from = trial.revision.number;
        // On a disk that fails here it is still a trial at the next start, which ends it.
        let _ = self
            .disk
            .rename(&name(from, State::Trial), &name(from, State::Reverted));
        let _ = self.disk.sync_names();
        Ok(Back { from, to })
    }

    /// Ends a trial whose time is over.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Back> {
        if self.poll_timeout().is_none_or(|deadline| now < deadline) {
            return None;
        }
        self.give_up().ok()
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.trial.as_ref().map(|trial| trial.deadline)
    }

    /// All revisions that are kept, newest first.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn list(&self) -> Result<Vec<Summary>, StoreError> {
        let mut found = list(&self.disk)?;
        found.sort_unstable_by(|a, b| b.cmp(a));
        let summaries = found.into_iter().map(|(number, state)| Summary {
            number,
            state,
            note: match read(&self.disk, number, state) {
                Ok(revision) => Ok(revision.note),
                Err(StoreError::Damaged(_, damage)) => Err(damage),
                Err(_) => Err(Damage::Checksum),
            },
        });
        Ok(summaries.collect())
    }

    /// A revision by its number, to be shown, compared or committed anew.
    ///
    /// # Errors
    /// [`StoreError::Unknown`], or why it cannot be read.
    pub fn revision(&self, number: u32) -> Result<Revision, StoreError> {
        let found = list(&self.disk)?;
        let state = found.iter().find(|(other, _)| *other == number);
        let (_, state) = state.ok_or(StoreError::Unknown(number))?;
        read(&self.disk, number, *state)
    }

    /// What it lies on.
    pub fn disk(&self) -> &D {
        &self.disk
    }

    /// What it lies on, to be exchanged or, in a test, to fail.
    pub fn disk_mut(&mut self) -> &mut D {
        &mut self.disk
    }

    /// Octets under a name, durable or not there.
    fn put(&mut self, octets: &[u8], name: &str) -> Result<(), StoreError> {
        let disk = &mut self.disk;
        let written = disk
            .write(NEW, octets)
            .step("writing the new revision")
            .and_then(|()| disk.sync(NEW).step("writing it for good"))
            .and_then(|()| disk.rename(NEW, name).step("putting it in place"));
        if let Err(fault) = written {
            let _ = disk.remove(NEW);
            return Err(fault);
        }
        if let Err(error) = disk.sync_names() {
            // It was not promised, so it must not come up at the next start.
            let _ = disk.remove(name);
            let _ = disk.sync_names();
            return Err(error).step("putting it in place for good");
        }
        Ok(())
    }

    /// Lets go of the oldest ones, never of what is in force or would be.
    fn prune(&mut self) {
        let Ok(mut found) = list(&self.disk) else {
            return;
        };
        found.sort_unstable();
        let in_use = [self.kept.as_ref().map(|kept| kept.number), self.on_trial()];
        let surplus = found.len().saturating_sub(KEPT);
        let old = found
            .into_iter()
            .filter(|(number, _)| !in_use.contains(&Some(*number)));
        for (number, state) in old.take(surplus) {
            let _ = self.disk.remove(&name(number, state));
        }
    }
}

fn name(number: u32, state: State) -> String {
    format!("{number:06}.{}", state.ending())
}

/// What a name says; `None`: it is no revision.
fn meaning(name: &str) -> Option<(u32, State)> {
    let (number, ending) = name.split_once('.')?;
    let state = State::ALL.into_iter().find(|s| s.ending() == ending)?;
    let plain = number.len() >= 6 && number.bytes().all(|octet| octet.is_ascii_digit());
    Some((number.parse().ok().filter(|_| plain)?, state))
}

fn list(disk: &impl Disk) -> Result<Vec<(u32, State)>, StoreError> {
    let names = disk.names().step("listing the revisions")?;
    Ok(names.iter().filter_map(|name| meaning(name)).collect())
}

fn read(disk: &impl Disk, number: u32, state: State) -> Result<Revision, StoreError> {
    let octets = disk
        .read(&name(number, state), LARGEST as u64 + 1)
        .step("reading a revision")?;
    let revision = Revision::from_octets(&octets).map_err(|d| StoreError::Damaged(number, d))?;
    // A file under another's name is not that one.
    match revision.number == number {
        true => Ok(revision),
        false => Err(StoreError::Damaged(number, Damage::Head("revision"))),
    }
}
