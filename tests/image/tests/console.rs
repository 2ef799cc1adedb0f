//! Somebody with a laptop and a serial cable.

use causeway_image_tests::{
    Disk, HTTPS, Machine, PASSWORD, Setup, answers, answers_options, configuration, first_options,
};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(240);

#[test]
fn set_up_at_the_serial_port_and_started_anew() {
    let disk = Disk::new("wizard");
    let mut machine = Setup::default().boot(&disk);
    let mut cable = machine.cable();
    cable.wait_banner().expect("a banner");
    assert!(cable.is_new());
    cable.set_up(&answers()).expect("set up");
    assert!(first_options(&mut machine, LIMIT).is_some());
    cable.reboot().expect("a new start");
    machine.ended(LIMIT);

    let mut machine = Setup::default().boot(&disk);
    let mut cable = machine.cable();
    assert!(first_options(&mut machine, LIMIT).is_some());
    cable.log_in(PASSWORD).expect("let in");
    let said = cable.command("show configuration").expect("shown");
    assert!(said.contains("10.0.2.15/24"), "{said}");
    assert!(said.contains("Europe/Berlin"), "{said}");
    let resets = cable.command("show resets").expect("shown");
    println!("{resets}");
}

/// Moves the box to an address where nobody finds it, on trial for two minutes.
fn cut_off(machine: &mut Machine) {
    let mut cable = machine.cable();
    assert!(first_options(machine, LIMIT).is_some());
    cable.log_in(PASSWORD).expect("let in");
    for command in [
        "set network ipv4 address 192.0.2.10/24",
        "set network ipv4 gateway 192.0.2.1",
        "set box public 192.0.2.10",
        "set sip udp 192.0.2.10:5060",
        "set rtp address 192.0.2.10",
        "commit confirm 2",
    ] {
        let said = cable.command(command).expect(command);
        println!("{command}: {said}");
    }
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
    let mut cable = machine.cable();
    assert!(first_options(&mut machine, LIMIT).is_some());
    cable.log_in(PASSWORD).expect("let in");
    cable.factory_reset().expect("a reset");
    machine.ended(LIMIT);

    let mut machine = Setup::default().boot(&disk);
    let mut cable = machine.cable();
    cable.wait_banner().expect("a banner");
    assert!(cable.is_new());
    assert!(!answers_options(&machine));
    machine.line("everything that was set is erased", LIMIT);
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
