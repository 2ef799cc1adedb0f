//! Each call of the disk fails in turn, once or from then on: what was in force stays in force, and a box that starts again
//! finds it.

use crate::simulated::Simulated;
use causeway_config::{Note, Revisions, State, StoreError};
use std::time::{Duration, Instant};

const OLD: &str = "name = \"old\"\n";
const NEW: &str = "name = \"new\"\n";

fn open(disk: Simulated) -> Revisions<Simulated> {
    Revisions::open(disk, |_| Ok(())).unwrap().0
}

fn commit(revisions: &mut Revisions<Simulated>, text: &str) -> Result<u32, StoreError> {
    revisions.commit(text, Note::default(), None, Instant::now())
}

fn in_force(revisions: &Revisions<Simulated>) -> &str {
    revisions.in_force().map_or("", |revision| &revision.text)
}

#[test]
fn a_commit_that_fails_changes_nothing() {
    for stays in [false, true] {
        let mut failed = 0;
        for at in 0..20 {
            let mut revisions = open(Simulated::default());
            commit(&mut revisions, OLD).unwrap();
            let disk = revisions.disk_mut();
            disk.fails_at = Some(disk.calls + at);
            disk.stays = stays;
            if commit(&mut revisions, NEW).is_ok() {
                continue;
            }
            failed += 1;
            assert_eq!(in_force(&revisions), OLD);
            let disk = revisions.disk().mended();
            let again = open(disk.clone());
            // A disk that took the name and then nothing any more may show what was refused.
            assert!(in_force(&again) == OLD || stays, "step {at}");
            // And when the disk is well again, so is the next commit.
            *revisions.disk_mut() = disk;
            commit(&mut revisions, NEW).unwrap();
            assert_eq!(in_force(&open(revisions.disk().clone())), NEW);
        }
        assert!(failed >= 4, "{failed}");
    }
}

#[test]
fn a_spoilt_revision_is_passed_over_and_named() {
    let mut revisions = open(Simulated::default());
    commit(&mut revisions, OLD).unwrap();
    commit(&mut revisions, NEW).unwrap();
    let mut disk = revisions.disk().clone();
    disk.spoil("000002.toml");
    let (revisions, opened) = Revisions::open(disk, |_| Ok(())).unwrap();
    assert_eq!(in_force(&revisions), OLD);
    assert_eq!(opened.passed_over[0].number, 2);
    assert!(opened.passed_over[0].why.contains("checksum"), "{opened:?}");
    // Its number is not given again.
    let mut revisions = revisions;
    assert_eq!(commit(&mut revisions, NEW).unwrap(), 3);
}

#[test]
fn a_revision_that_the_check_refuses_is_passed_over() {
    let mut revisions = open(Simulated::default());
    commit(&mut revisions, OLD).unwrap();
    commit(&mut revisions, NEW).unwrap();
    let check = |text: &str| match text == NEW {
        true => Err("line 1: this version knows no `new`".to_owned()),
        false => Ok(()),
    };
    let (revisions, opened) = Revisions::open(revisions.disk().clone(), check).unwrap();
    assert_eq!(in_force(&revisions), OLD);
    assert!(opened.passed_over[0].why.contains("knows no"));
}

#[test]
fn a_trial_ends_at_its_deadline_and_not_before() {
    let mut revisions = open(Simulated::default());
    let begun = Instant::now();
    let trial = Duration::from_secs(300);
    let first = revisions.commit(OLD, Note::default(), Some(trial), begun);
    assert!(matches!(first, Err(StoreError::NothingBefore)));
    commit(&mut revisions, OLD).unwrap();
    let short = revisions.commit(NEW, Note::default(), Some(Duration::from_secs(1)), begun);
    assert!(matches!(short, Err(StoreError::TrialLength)));

    revisions
        .commit(NEW, Note::default(), Some(trial), begun)
        .unwrap();
    assert_eq!(in_force(&revisions), NEW);
    assert!(matches!(
        commit(&mut revisions, "third"),
        Err(StoreError::OnTrial(2))
    ));
    let almost = begun + trial - Duration::from_millis(1);
    assert_eq!(revisions.handle_timeout(almost), None);
    let back = revisions.handle_timeout(begun + trial).unwrap();
    assert_eq!((back.from, back.to.text.as_str()), (2, OLD));
    assert_eq!(in_force(&revisions), OLD);
    assert!(matches!(revisions.confirm(), Err(StoreError::NotOnTrial)));
    let states: Vec<(u32, State)> = revisions
        .list()
        .unwrap()
        .iter()
        .map(|s| (s.number, s.state))
        .collect();
    assert_eq!(states, [(2, State::Reverted), (1, State::Kept)]);
    // What was given up is nothing that is missing.
    let (_, opened) = Revisions::open(revisions.disk().clone(), |_| Ok(())).unwrap();
    assert_eq!((opened.passed_over.len(), opened.reverted), (0, None));
}

#[test]
fn fifty_are_kept_and_never_less_than_what_is_in_force() {
    let mut revisions = open(Simulated::default());
    for number in 1..=70 {
        commit(&mut revisions, &format!("number = {number}\n")).unwrap();
    }
    let list = revisions.list().unwrap();
    assert_eq!((list.len(), list[0].number, list[49].number), (50, 70, 21));
    assert!(matches!(
        revisions.revision(20),
        Err(StoreError::Unknown(20))
    ));
    assert_eq!(revisions.revision(21).unwrap().text, "number = 21\n");
    // Tried and reverted again and again: what is in force is the oldest then, and stays.
    let begun = Instant::now();
    for round in 0..60 {
        let text = format!("round = {round}\n");
        revisions
            .commit(&text, Note::default(), Some(Duration::from_secs(60)), begun)
            .unwrap();
        revisions.give_up().unwrap();
    }
    assert_eq!(in_force(&open(revisions.disk().clone())), "number = 70\n");
}
