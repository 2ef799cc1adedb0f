//! The box's programs over a kernel and busybox: set up at the serial line, and cut off.

use causeway_image_tests::{Disk, Machine, PASSWORD, Setup, first_options};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// The wizard of the first start, with an answer where it cannot do without.
fn wizard(machine: &mut Machine) {
    machine.answers("Password:", PASSWORD, LIMIT);
    machine.answers("again:", PASSWORD, LIMIT);
    machine.answers("IPv4 address [dhcp]:", "10.0.2.15/24", LIMIT);
    machine.answers("IPv4 gateway", "10.0.2.2", LIMIT);
    machine.answers("IPv6 address [auto]:", "none", LIMIT);
    machine.answers("Name servers", "10.0.2.3", LIMIT);
    machine.answers("Time servers", "", LIMIT);
    machine.answers("Time zone [UTC]:", "Europe/Berlin", LIMIT);
    machine.answers("PBX address", "10.0.2.2", LIMIT);
    machine.answers("Transport [udp]:", "", LIMIT);
    machine.answers("User", "", LIMIT);
    machine.answers("Number to call", "", LIMIT);
    machine.answers("Put it into use?", "yes", LIMIT);
    machine.said("is in force", LIMIT);
}

fn log_in(machine: &mut Machine) {
    machine.answers("Password:", PASSWORD, LIMIT);
    machine.said("> ", LIMIT);
}

#[test]
fn what_the_wizard_was_told_is_there_after_a_power_cut() {
    let disk = Disk::of_fast("wizard");
    let mut machine = Setup::default().boot(&disk);
    wizard(&mut machine);
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
    log_in(&mut machine);
    machine.types("show configuration\r");
    machine.said("10.0.2.15/24", LIMIT);
}

/// Puts a name into use on trial, for a minute.
fn tries_a_name(machine: &mut Machine) {
    machine.said("> ", LIMIT);
    machine.types("set box name Foyer\r");
    machine.said("> ", LIMIT);
    machine.types("commit confirm 1\r");
    machine.said("confirm", LIMIT);
    machine.said("> ", LIMIT);
}

/// The deadline of a trial is on the disk: a reset inside of it reverts, too.
#[test]
fn a_power_cut_in_a_trial_reverts() {
    let disk = Disk::of_fast("trial");
    let mut machine = Setup::default().boot(&disk);
    wizard(&mut machine);
    tries_a_name(&mut machine);
    machine.cut();

    let mut machine = Setup::default().boot(&disk);
    log_in(&mut machine);
    machine.types("show configuration\r");
    machine.said("10.0.2.15/24", LIMIT);
    machine.said("> ", LIMIT);
    assert!(!machine.console().contains("Foyer"), "the trial is over");
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
    wizard(&mut machine);
    machine.said("> ", LIMIT);
    machine.types("set box name Foyer\r");
    machine.said("> ", LIMIT);
    machine.types("commit confirm 1\r");
    let (_, killed) = machine.line("KILLED", LIMIT);
    let (_, reverted) = machine.line("REVERTED", LIMIT * 3);
    let after = reverted - killed;
    println!("reverted {:.1} s after the kill", after.as_secs_f64());
    assert!(after < Duration::from_secs(75), "the deadline holds");
}
