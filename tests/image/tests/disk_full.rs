//! The data partition is full to the last block: calls go on, and the box says what is wrong.

use causeway_image_tests::{Disk, PASSWORD, Probe, Setup, configuration, first_options};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(240);

const FILL: Probe = Probe {
    name: "fill",
    script: "until systemctl is-active --quiet causeway.service; do sleep 0.5; done
fallocate -l $(($(df --output=avail /var | tail -n 1) - 64))K /var/full
dd if=/dev/zero of=/var/full2 bs=4096 2>/dev/null
echo FULL $(df --output=avail /var | tail -n 1)
sleep 20
echo STANDS $(systemctl is-active causeway.service) $(systemctl is-active causeway-boxd.service)",
    off: false,
};

#[test]
fn a_full_disk_costs_no_call() {
    let disk = Disk::configured("full", &configuration());
    let mut machine = Setup::default().with(FILL).boot(&disk);
    let mut cable = machine.cable();
    machine.line("FULL 0", LIMIT);
    machine.line("STANDS active active", LIMIT);
    assert!(first_options(&mut machine, LIMIT).is_some());
    cable.log_in(PASSWORD).expect("let in");
    cable.command("set box name Foyer").expect("a draft");
    let why = cable.command("commit").expect_err("there is no room");
    println!("{why}");
    println!("{}", cable.command("show alarms").expect("shown"));
    assert!(first_options(&mut machine, LIMIT).is_some());
}
