//! The box's programs over a kernel and busybox: set up at the serial line, and cut off.

use causeway_cable::{Session, SocketLine};
use causeway_image_tests::{Disk, Lots, Machine, PASSWORD, Setup, answers, first_options};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

fn set_up(machine: &mut Machine) -> Session<SocketLine> {
    let mut cable = machine.cable();
    cable.wait_banner().expect("a banner");
    cable.set_up(&answers()).expect("set up");
    cable
}

fn configuration(machine: &mut Machine) -> String {
    let mut cable = machine.cable();
    cable.log_in(PASSWORD).expect("let in");
    cable.command("show configuration").expect("shown")
}

#[test]
fn what_the_wizard_was_told_is_there_after_a_power_cut() {
    let disk = Disk::of_fast("wizard");
    let mut machine = Setup::default().boot(&disk);
    set_up(&mut machine);
    let serves = first_options(&mut machine, LIMIT).expect("OPTIONS are answered");
    println!(
        "OPTIONS answered {:.1} s after the wizard",
        serves.as_secs_f64()
    );
    machine.cut();

    let mut machine = Setup::default().boot(&disk);
    assert!(first_options(&mut machine, LIMIT).is_some());
    println!(
        "first OPTIONS answered {:.1} s after power-on, {:.1} s of them on the processor",
        machine.since_power_on().as_secs_f64(),
        machine.processor_time().as_secs_f64()
    );
    let said = configuration(&mut machine);
    assert!(said.contains("10.0.2.15/24"), "{said}");
}

/// The deadline of a trial is on the disk: a reset inside of it reverts, too.
#[test]
fn a_power_cut_in_a_trial_reverts() {
    let disk = Disk::of_fast("trial");
    let mut machine = Setup::default().boot(&disk);
    let mut cable = set_up(&mut machine);
    cable.command("set box name Foyer").expect("a draft");
    cable.command("commit confirm 1").expect("a trial");
    machine.cut();

    let mut machine = Setup::default().boot(&disk);
    let said = configuration(&mut machine);
    assert!(said.contains("10.0.2.15/24"), "{said}");
    assert!(!said.contains("Foyer"), "the trial is over: {said}");
}

/// Kills the box's service as soon as the trial is in force, and tells when it has been taken back.
const KILL: &str = "#!/bin/sh
document=/run/causeway/causeway.toml
until grep -qs Foyer $document; do usleep 100000; done
kill -9 $(cat /run/services/causeway-boxd.service.pid)
echo KILLED
until [ -e $document ] && ! grep -q Foyer $document; do usleep 100000; done
echo REVERTED
";

#[test]
fn a_service_killed_in_a_trial_reverts() {
    let disk = Disk::of_fast_with("killed", KILL);
    let mut machine = Setup::default().boot(&disk);
    let mut cable = set_up(&mut machine);
    cable.command("set box name Foyer").expect("a draft");
    cable
        .leave("commit confirm 1\r")
        .expect("the line takes it");
    let (_, killed) = machine.line("KILLED", LIMIT);
    let (_, reverted) = machine.line("REVERTED", LIMIT * 3);
    let after = reverted - killed;
    println!("reverted {:.1} s after the kill", after.as_secs_f64());
    assert!(after < Duration::from_secs(75), "the deadline holds");
}

/// `CAUSEWAY_POWER_CUTS` (3) commits are cut off at moments nobody chose: each is there whole, or not at all.
#[test]
fn a_power_cut_in_a_commit_leaves_the_old_or_the_new() {
    let cuts = std::env::var("CAUSEWAY_POWER_CUTS").map_or(3, |n| n.parse().expect("a number"));
    let disk = Disk::of_fast("commits");
    let mut machine = Setup::default().boot(&disk);
    let mut cable = set_up(&mut machine);
    let mut old = "before".to_owned();
    cable
        .command(&format!("set box name {old}"))
        .expect("a draft");
    cable.command("commit").expect("in force");
    let (mut lots, mut kept) = (Lots(1), 0);
    for cut in 1..=cuts {
        let new = format!("name-{cut}");
        cable
            .command(&format!("set box name {new}"))
            .expect("a draft");
        cable.leave("commit\r").expect("the line takes it");
        let after = Duration::from_millis(lots.next() % 600);
        std::thread::sleep(after);
        machine.cut();

        machine = Setup::default().boot(&disk);
        cable = machine.cable();
        cable.log_in(PASSWORD).expect("let in");
        let said = cable.command("show configuration").expect("shown");
        let has = |name: &str| {
            said.split_whitespace()
                .any(|word| word.trim_matches('"') == name)
        };
        assert!(has(&old) != has(&new), "cut {cut}, {after:?}: {said}");
        if has(&new) {
            kept += 1;
            old = new;
        }
    }
    println!("{cuts} commits cut off: {kept} there, the others not");
}
