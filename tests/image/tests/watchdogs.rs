//! Whatever hangs is started again by who stands above it.

use causeway_image_tests::{
    Disk, Hardware, Probe, Setup, answers_options, configuration, first_options,
};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(180);

const HANG: Probe = Probe {
    name: "hang",
    script: "until systemctl is-active --quiet causeway.service; do sleep 1; done
kill -STOP $(systemctl show --value -p MainPID causeway.service)
echo HANGS
until [ $(systemctl show --value -p NRestarts causeway.service) -gt 0 ]; do sleep 0.2; done
echo RESTARTED $(systemctl show --value -p Result causeway.service)",
    off: false,
};

#[test]
fn a_gateway_that_hangs_is_restarted_by_its_watchdog() {
    let disk = Disk::configured("hang", &configuration());
    let mut machine = Setup::default().with(HANG).boot(&disk);
    let (_, hung) = machine.line("HANGS", LIMIT);
    assert!(!answers_options(&machine), "a stopped gateway answers");
    let (_, restarted) = machine.line("RESTARTED", LIMIT);
    println!("restarted after {:.1} s", (restarted - hung).as_secs_f64());
    let since = Instant::now();
    assert!(first_options(&mut machine, LIMIT).is_some());
    println!("answers again {:.1} s later", since.elapsed().as_secs_f64());
}

const CRASH: Probe = Probe {
    name: "crash",
    script: "until systemctl is-active --quiet causeway.service; do sleep 1; done
kill -KILL $(systemctl show --value -p MainPID causeway.service)
echo KILLED",
    off: false,
};

#[test]
fn a_gateway_that_is_killed_serves_again() {
    let disk = Disk::configured("crash", &configuration());
    let mut machine = Setup::default().with(CRASH).boot(&disk);
    let (_, killed) = machine.line("KILLED", LIMIT);
    assert!(first_options(&mut machine, LIMIT).is_some());
    let after = machine.since_power_on() - killed;
    println!("serves again {:.1} s after the kill", after.as_secs_f64());
    // Half a second is PID 1's delay; the rest is a start, which without KVM takes many times what it takes on a box.
    assert!(after < Duration::from_secs(30), "{after:?}");
}

const WORDS: Probe = Probe {
    name: "words",
    script: "cat $(find /var/lib/systemd/pstore -type f) | grep -a -m 3 'Kernel panic'
echo EARLIER $(journalctl --boot=-1 --quiet --no-pager --identifier=systemd | grep -c Started)",
    off: false,
};

const PANIC: Probe = Probe {
    name: "panic",
    script: "echo NOW; sync; sleep 1; echo c >/proc/sysrq-trigger",
    off: false,
};

#[test]
fn a_panic_ends_in_a_reset_by_the_hardware_and_its_text_is_kept() {
    let disk = Disk::configured("panic", &configuration());
    let mut machine = match Hardware::at_hand() {
        Hardware::X86 => {
            let mut machine = Setup::default().boot(&disk);
            assert!(first_options(&mut machine, LIMIT).is_some());
            machine.nmi();
            machine
        }
        // It has no such button.
        Hardware::Arm => {
            let mut machine = Setup::default().with(PANIC).boot(&disk);
            machine.line("NOW", LIMIT);
            machine
        }
    };
    let since = machine.since_power_on();
    let ended = machine.ended(LIMIT);
    println!(
        "reset {:.1} s after the panic",
        (ended.after - since).as_secs_f64()
    );
    assert!(
        ended.watchdog,
        "the hardware's watchdog reset it, not the kernel"
    );

    let mut machine = Setup::default().with(WORDS).boot(&disk);
    machine.line("Kernel panic - not syncing", LIMIT);
    machine.line("PROBE END", LIMIT);
    let (earlier, _) = machine.line("EARLIER", LIMIT);
    assert_ne!(
        earlier, "EARLIER 0",
        "the journal of the boot before is kept"
    );
}
