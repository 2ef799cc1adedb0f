//! Somebody with a laptop and a serial cable.

use causeway_image_tests::dialog::{command, log_in, wizard};
use causeway_image_tests::{Disk, HTTPS, Setup, answers_options, configuration, first_options};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(240);

#[test]
fn set_up_at_the_serial_port_and_started_anew() {
    let disk = Disk::new("wizard");
    let mut machine = Setup::default().boot(&disk);
    wizard(&mut machine, LIMIT);
    assert!(first_options(&mut machine, LIMIT).is_some());
    machine.types("reboot\r");
    machine.said("Reboot now?", LIMIT);
    machine.types("yes\r");
    machine.ended(LIMIT);

    let mut machine = Setup::default().boot(&disk);
    assert!(first_options(&mut machine, LIMIT).is_some());
    log_in(&mut machine, LIMIT);
    let said = command(&mut machine, "show configuration", LIMIT);
    assert!(said.contains("10.0.2.15/24"), "{said}");
    assert!(said.contains("Europe/Berlin"), "{said}");
}

/// Moves the box to an address where nobody finds it, on trial for a minute.
fn cut_off(machine: &mut causeway_image_tests::Machine) {
    assert!(first_options(machine, LIMIT).is_some());
    log_in(machine, LIMIT);
    command(machine, "set network ipv4 address 192.0.2.10/24", LIMIT);
    let said = command(machine, "commit confirm 2", LIMIT);
    assert!(said.contains("confirm"), "{said}");
    let until = Instant::now() + Duration::from_secs(60);
    while answers_options(machine) {
        assert!(Instant::now() < until, "the box has not moved");
    }
}

#[test]
fn a_commit_that_cuts_off_is_taken_back_in_time() {
    let disk = Disk::configured("cut-off", &configuration());
    let mut machine = Setup::default().boot(&disk);
    cut_off(&mut machine);
    let back = first_options(&mut machine, LIMIT).expect("the box came back");
    println!("back {:.1} s later", back.as_secs_f64());
}

#[test]
fn a_commit_that_cuts_off_is_taken_back_by_a_reset() {
    let disk = Disk::configured("cut-off-reset", &configuration());
    let mut machine = Setup::default().boot(&disk);
    cut_off(&mut machine);
    machine.cut();
    let mut machine = Setup::default().boot(&disk);
    assert!(first_options(&mut machine, LIMIT).is_some());
}

#[test]
fn a_factory_reset_leaves_nothing() {
    let disk = Disk::configured("factory", &configuration());
    let mut machine = Setup::default().boot(&disk);
    assert!(first_options(&mut machine, LIMIT).is_some());
    log_in(&mut machine, LIMIT);
    machine.types("factory-reset\r");
    machine.said("Write factory-reset to do it:", LIMIT);
    machine.types("factory-reset\r");
    machine.ended(LIMIT);

    let mut machine = Setup::default().boot(&disk);
    machine.said("everything that was set is erased", LIMIT);
    machine.said("Setting up.", LIMIT);
    assert!(!answers_options(&machine));
}

/// A clock without a battery.
#[test]
fn serves_at_the_first_of_january_2000() {
    let disk = Disk::configured("clock", &configuration());
    let mut machine = Setup::default()
        .also(&["-rtc", "base=2000-01-01"])
        .boot(&disk);
    assert!(first_options(&mut machine, LIMIT).is_some());
    assert!(machine.speaks(HTTPS), "HTTPS");
}
