//! The power goes while configurations are committed, and with it whatever the disk had not written yet: the box starts, and its
//! configuration is the last one that it had said is in force, or the one it was about to put there.

use causeway_cable::Session;
use causeway_image_tests::{Disk, Lots, Machine, PASSWORD, Setup, WriteLog, answers};
use std::fs;
use std::time::Duration;

const COMMITS: usize = 8;

/// `CAUSEWAY_POWER_CUTS` (2) of the disks that a cut may leave are booted.
#[test]
fn nothing_that_was_in_force_is_lost_with_the_disks_cache() {
    let cuts = std::env::var("CAUSEWAY_POWER_CUTS").map_or(2, |n| n.parse().expect("a number"));
    let disk = Disk::of_fast("lost");
    let [before, log] = ["before", "log"].map(|name| disk.folder().join(name));
    fs::copy(disk.image(), &before).expect("a copy of the empty disk");
    let said_by_now = || fs::metadata(&log).map_or(0, |file| file.len());

    let mut machine = Setup::default().logged(&log).boot(&disk);
    let mut cable = machine.cable();
    cable.set_patience(Duration::from_secs(90));
    cable.wait_banner().expect("the banner");
    cable.set_up(&answers()).expect("set up");
    // When the box had said of each that it is in force, in octets of the log.
    let mut in_force = Vec::new();
    for commit in 0..COMMITS {
        cable
            .command(&format!("set box name name-{commit}"))
            .expect("a draft");
        cable.command("commit").expect("in force");
        in_force.push(said_by_now());
    }
    machine.cut();

    let log = WriteLog::read(&log);
    let in_force: Vec<usize> = in_force.iter().map(|length| log.within(*length)).collect();
    println!(
        "{} writes and flushes, of which each commit ends at {in_force:?}",
        log.len()
    );
    let first = in_force[0];
    let mut lots = Lots(1);
    let mut newer = 0;
    for cut in 1..=cuts {
        let at = first + usize::try_from(lots.next()).unwrap_or(0) % (log.len() - first + 1);
        let seed = lots.next();
        fs::copy(&before, disk.image()).expect("the disk anew");
        log.cut(&disk.image(), at, seed);
        let done = in_force.iter().rposition(|end| *end <= at).unwrap_or(0);
        let has = booted(&disk);
        assert!(
            has == done || has == done + 1,
            "cut {cut} after {at} entries, seed {seed}: name-{has}, but name-{done} was in force"
        );
        newer += u32::from(has != done);
    }
    println!(
        "{cuts} disks booted: {newer} had the commit that was under way, the others the one before"
    );
}

/// Which commit a box has that starts from this disk.
fn booted(disk: &Disk) -> usize {
    let mut machine: Machine = Setup::default().boot(disk);
    let mut cable: Session<_> = machine.cable();
    cable.set_patience(Duration::from_secs(90));
    cable.log_in(PASSWORD).expect("let in");
    let said = cable.command("show configuration").expect("shown");
    let word = said
        .split_whitespace()
        .find_map(|word| word.trim_matches('"').strip_prefix("name-"));
    let number = word.and_then(|number| number.parse().ok());
    number.unwrap_or_else(|| panic!("no name in {said}"))
}
