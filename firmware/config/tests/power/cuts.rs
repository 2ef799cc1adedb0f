//! The power goes before each step of a commit, a trial, a confirmation and a reversion: the box comes up with what was in
//! force or with what was committed, whole.

use crate::simulated::Simulated;
use causeway_config::{Note, Revisions};
use std::time::{Duration, Instant};

const OLD: &str = "name = \"old\"\n";
const NEW: &str = "name = \"new\"\nwith = \"more\"\n";

fn open(disk: Simulated) -> Revisions<Simulated> {
    Revisions::open(disk, |_| Ok(())).unwrap().0
}

fn text(disk: &Simulated, way: usize) -> String {
    let revisions = open(disk.restarted(way));
    revisions
        .in_force()
        .map(|revision| revision.text.clone())
        .unwrap_or_default()
}

/// Cuts `act` at every step, and comes up in every way: each time `fits` what it said and what is in force then.
fn cut(
    before: &Simulated,
    act: impl Fn(&mut Revisions<Simulated>) -> bool,
    fits: impl Fn(bool, &str) -> bool,
) -> usize {
    let mut tried = 0;
    for at in 0.. {
        let mut disk = before.mended();
        disk.calls = 0;
        let mut revisions = open(disk);
        let begun = revisions.disk().calls;
        revisions.disk_mut().cut_at = Some(begun + at);
        let done = act(&mut revisions);
        let disk = revisions.disk().clone();
        for way in 0..disk.ways() {
            let found = text(&disk, way);
            assert!(
                fits(done, &found),
                "cut before step {at}, way {way}: done {done}, found {found:?}"
            );
            tried += 1;
        }
        if disk.calls < begun + at {
            return tried;
        }
    }
    unreachable!("every act ends");
}

fn note() -> Note {
    Note {
        at: 1_795_696_916,
        author: "admin".to_owned(),
        comment: "a test".to_owned(),
    }
}

fn with_old() -> Simulated {
    let mut revisions = open(Simulated::default());
    revisions.commit(OLD, note(), None, Instant::now()).unwrap();
    revisions.disk().clone()
}

#[test]
fn in_a_commit() {
    let tried = cut(
        &with_old(),
        |revisions| revisions.commit(NEW, note(), None, Instant::now()).is_ok(),
        |done, found| {
            if done {
                found == NEW
            } else {
                found == OLD || found == NEW
            }
        },
    );
    assert!(tried >= 15, "{tried}");
}

#[test]
fn in_the_first_commit_of_all() {
    cut(
        &Simulated::default(),
        |revisions| revisions.commit(NEW, note(), None, Instant::now()).is_ok(),
        |done, found| {
            if done {
                found == NEW
            } else {
                found.is_empty() || found == NEW
            }
        },
    );
}

#[test]
fn in_a_trial_which_no_start_of_the_box_survives() {
    cut(
        &with_old(),
        |revisions| {
            let trial = Some(Duration::from_secs(300));
            revisions.commit(NEW, note(), trial, Instant::now()).is_ok()
        },
        |_, found| found == OLD,
    );
}

#[test]
fn in_a_confirmation() {
    cut(
        &with_old(),
        |revisions| {
            let trial = Some(Duration::from_secs(300));
            let tried = revisions.commit(NEW, note(), trial, Instant::now());
            tried.is_ok() && revisions.confirm().is_ok()
        },
        |done, found| {
            if done {
                found == NEW
            } else {
                found == OLD || found == NEW
            }
        },
    );
}

#[test]
fn in_a_reversion() {
    cut(
        &with_old(),
        |revisions| {
            let begun = Instant::now();
            let trial = Duration::from_secs(300);
            let _ = revisions.commit(NEW, note(), Some(trial), begun);
            revisions.handle_timeout(begun + trial).is_some()
        },
        |_, found| found == OLD,
    );
}

/// The same file system may see many cuts in a row, each in the midst of a commit.
#[test]
fn again_and_again() {
    let mut disk = with_old();
    let mut allowed = vec![OLD.to_owned()];
    let mut cuts = 0;
    for round in 0..400_usize {
        let mut revisions = open(disk);
        let begun = revisions.disk().calls;
        revisions.disk_mut().cut_at = Some(begun + round % 9);
        let next = format!("round = {round}\n");
        let done = revisions
            .commit(&next, note(), None, Instant::now())
            .is_ok();
        if done {
            allowed.clear();
        }
        allowed.push(next);
        let ways = revisions.disk().ways();
        disk = revisions.disk().restarted((round * 7) % ways);
        let found = open(disk.clone()).in_force().unwrap().text.clone();
        assert!(
            allowed.contains(&found),
            "round {round}: {found:?} of {allowed:?}"
        );
        allowed = vec![found];
        cuts += usize::from(!done);
    }
    assert!(cuts > 100, "{cuts}");
}
