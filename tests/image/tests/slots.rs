//! A version that does not start is left for the other one.

use causeway_image_tests::{Disk, STATE, Setup, configuration};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(180);

#[test]
fn slot_b_boots_after_a_slot_a_on_trial_that_cannot_be_opened() {
    let disk = Disk::configured("trial", &configuration());
    disk.fill_slot_b();
    // A younger installation with two tries, whose root was damaged on its way.
    let esp = disk.esp();
    let entry = esp.read("loader/entries/causeway-a.conf");
    esp.remove("loader/entries/causeway-a.conf");
    esp.write(
        "loader/entries/causeway-a+2.conf",
        &entry.replace("version 1", "version 2"),
    );
    disk.damage("causeway-a", 0, &[0; 4096]);

    for (tries, left) in [("causeway-a+1-1.conf", 1), ("causeway-a+0-2.conf", 0)] {
        let mut machine = Setup::default().boot(&disk);
        machine.line("causeway initrd: slot a", LIMIT);
        machine.ended(LIMIT);
        assert!(
            disk.esp().entries().contains(&tries.to_owned()),
            "{left} tries left"
        );
    }
    let mut machine = Setup::default().with(STATE).boot(&disk);
    machine.line("SLOT b: active", LIMIT);
}

#[test]
fn a_good_slot_that_rots_is_put_on_trial_and_left() {
    let disk = Disk::configured("rot", &configuration());
    disk.fill_slot_b();
    let esp = disk.esp();
    let entry = esp.read("loader/entries/causeway-a.conf");
    esp.write(
        "loader/entries/causeway-a.conf",
        &entry.replace("version 1", "version 2"),
    );
    disk.damage("causeway-a", 0, &[0; 4096]);

    for _ in 0..2 {
        let mut machine = Setup::default().boot(&disk);
        machine.line("causeway initrd: slot a", LIMIT);
        machine.ended(LIMIT);
    }
    let mut machine = Setup::default().with(STATE).boot(&disk);
    machine.line("SLOT b: active", LIMIT);
}
