//! A configured box is switched on: it serves, and the boot is counted as good.

use causeway_image_tests::{Disk, HTTPS, Probe, Setup, configuration, first_options};
use std::time::Duration;

const FIGURES: Probe = Probe {
    name: "figures",
    script: "until systemctl is-active --quiet causeway.service; do sleep 0.5; done
echo SLOT $(sed -n 's/.*causeway.slot=\\([ab]\\).*/\\1/p' /proc/cmdline): $(systemctl is-active causeway.service) $([ -e /run/causeway-data-ok ] && echo DATA)
set -- $(sed -n 's/^Mem\\(Total\\|Available\\): *\\([0-9]*\\).*/\\2/p' /proc/meminfo)
echo FIGURES memory in use $((($1 - $2) / 1024)) MB of $(($1 / 1024))
echo FAILED $(systemctl --failed --plain --no-legend | tr '\\n' ';')
systemd-analyze security causeway.service --no-pager | tail -n 1
systemd-analyze time --no-pager | head -n 1
systemd-analyze security causeway-boxd.service --no-pager | tail -n 1
systemd-analyze blame --no-pager | head -n 12
systemd-analyze critical-chain causeway.service --no-pager | head -n 30",
    off: true,
};

#[test]
fn boots_to_the_first_answered_options() {
    let disk = Disk::configured("boot", &configuration());
    // A version on trial: what the updater writes.
    let esp = disk.esp();
    let entry = esp.read("loader/entries/causeway-a.conf");
    esp.write("loader/entries/causeway-a+3.conf", &entry);
    esp.remove("loader/entries/causeway-a.conf");

    let mut machine = Setup::default().with(FIGURES).boot(&disk);
    let limit = Duration::from_secs(180);
    let Some(_) = first_options(&mut machine, limit) else {
        panic!("no OPTIONS was answered:\n{}", machine.console());
    };
    println!(
        "first OPTIONS answered {:.1} s after power-on, {:.1} s of them on the processor",
        machine.since_power_on().as_secs_f64(),
        machine.processor_time().as_secs_f64()
    );
    assert!(machine.speaks(HTTPS), "HTTPS");
    machine.line("PROBE END", limit);
    machine.line("SLOT a: active DATA", limit);
    machine.ended(limit);
    assert_eq!(
        disk.esp().entries(),
        ["causeway-a.conf"],
        "the boot is blessed"
    );
}
