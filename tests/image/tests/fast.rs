//! The box's programs over a kernel and busybox: set up at the serial line, and cut off.

use causeway_image_tests::dialog::{command, log_in, wizard};
use causeway_image_tests::{Disk, Setup, first_options};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn what_the_wizard_was_told_is_there_after_a_power_cut() {
    let disk = Disk::of_fast("wizard");
    let mut machine = Setup::default().boot(&disk);
    wizard(&mut machine, LIMIT);
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
    log_in(&mut machine, LIMIT);
    let said = command(&mut machine, "show configuration", LIMIT);
    assert!(said.contains("10.0.2.15/24"), "{said}");
}

/// The deadline of a trial is on the disk: a reset inside of it reverts, too.
#[test]
fn a_power_cut_in_a_trial_reverts() {
    let disk = Disk::of_fast("trial");
    let mut machine = Setup::default().boot(&disk);
    wizard(&mut machine, LIMIT);
    command(&mut machine, "set box name Foyer", LIMIT);
    command(&mut machine, "commit confirm 1", LIMIT);
    machine.cut();

    let mut machine = Setup::default().boot(&disk);
    log_in(&mut machine, LIMIT);
    let said = command(&mut machine, "show configuration", LIMIT);
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
    wizard(&mut machine, LIMIT);
    command(&mut machine, "set box name Foyer", LIMIT);
    machine.types("commit confirm 1\r");
    let (_, killed) = machine.line("KILLED", LIMIT);
    let (_, reverted) = machine.line("REVERTED", LIMIT * 3);
    let after = reverted - killed;
    println!("reverted {:.1} s after the kill", after.as_secs_f64());
    assert!(after < Duration::from_secs(75), "the deadline holds");
}
