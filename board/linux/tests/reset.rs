//! Why the box was started, one start after the other.

mod support;

use causeway_board::{ResetCause, ResetReport};
use causeway_board_linux::LinuxReset;
use support::Machine;

const BOOTSTATUS: &str = "sys/class/watchdog/watchdog0/bootstatus";

fn machine() -> (Machine, LinuxReset) {
    let machine = Machine::new();
    machine.write(BOOTSTATUS, "0\n");
    let reset = LinuxReset::new(machine.root(), &machine.folder("var/lib/causeway"));
    (machine, reset)
}

#[test]
fn power_asked_for_and_watchdog() {
    let (machine, mut reset) = machine();
    assert_eq!(reset.reset_cause().unwrap(), ResetCause::PowerOn);
    reset.settle().unwrap();

    reset.mark_asked().unwrap();
    assert_eq!(reset.reset_cause().unwrap(), ResetCause::Asked);
    reset.settle().unwrap();
    assert_eq!(
        reset.reset_cause().unwrap(),
        ResetCause::PowerOn,
        "told once"
    );

    machine.write(BOOTSTATUS, "32\n");
    assert_eq!(reset.reset_cause().unwrap(), ResetCause::Watchdog);
    reset.mark_asked().unwrap();
    assert_eq!(
        reset.reset_cause().unwrap(),
        ResetCause::Asked,
        "a driver that calls every warm start its own"
    );
    machine.write(BOOTSTATUS, "0x1\n");
    assert_eq!(reset.reset_cause().unwrap(), ResetCause::Overheated);
    machine.write(BOOTSTATUS, "48\n");
    assert_eq!(reset.reset_cause().unwrap(), ResetCause::PowerFault);
}

#[test]
fn a_panic_outweighs_the_watchdog_that_ended_it_and_is_told_once() {
    let (machine, mut reset) = machine();
    machine.write(BOOTSTATUS, "32\n");
    machine
        .write(
            "sys/fs/pstore/dmesg-efi-1",
            "Panic#1 Part1\nKernel panic - not syncing: sysrq\n",
        )
        .write(
            "sys/fs/pstore/dmesg-efi-0",
            "Oops#1 Part1\nthe kernel survived this\n",
        );
    assert_eq!(reset.reset_cause().unwrap(), ResetCause::Panic);
    let words = reset.last_words().unwrap();
    assert!(
        words.contains("not syncing: sysrq") && !words.contains("survived"),
        "{words}"
    );
    reset.settle().unwrap();
    assert_eq!(
        (reset.reset_cause().unwrap(), reset.last_words()),
        (ResetCause::Watchdog, None)
    );

    // The service manager moves dumps aside at the next start.
    machine.remove("sys/fs/pstore/dmesg-efi-1");
    machine.write(
        "var/lib/systemd/pstore/1764158000/dmesg-efi-2",
        "Panic#1 Part1\nanother\n",
    );
    assert_eq!(reset.reset_cause().unwrap(), ResetCause::Panic);
    assert_eq!(
        reset.last_words().as_deref(),
        Some("Panic#1 Part1\nanother\n")
    );
}

#[test]
fn last_words_are_bounded() {
    let (machine, reset) = machine();
    let long = format!("Panic#1 Part1\n{}", "x".repeat(50_000));
    for part in 0..400 {
        machine.write(&format!("sys/fs/pstore/dmesg-ramoops-{part:03}"), &long);
    }
    assert_eq!(reset.last_words().unwrap().len(), 64 * 1024);
}

#[test]
fn without_anything_that_would_know_it_is_unknown() {
    let machine = Machine::new();
    let mut reset = LinuxReset::new(machine.root(), &machine.folder("state"));
    assert_eq!(reset.reset_cause().unwrap(), ResetCause::Unknown);
}

#[test]
fn a_state_folder_that_cannot_be_written_is_told() {
    let machine = Machine::new();
    let reset = LinuxReset::new(machine.root(), &machine.root().join("nowhere"));
    assert!(reset.mark_asked().is_err() && reset.settle().is_err());
}
