//! Lamps, thermometers and descriptions on a folder that looks like a machine.

mod support;

use causeway_board::{Lamp, Lamps, StatusLamps, Temperature};
use causeway_board_linux::{SysfsLamps, ThermalZones, detect};
use support::Machine;

fn with_lamps() -> Machine {
    let machine = Machine::new();
    for (name, most) in [("board:green:power", "255\n"), ("board:blue:locate", "1\n")] {
        machine
            .write(&format!("sys/class/leds/{name}/brightness"), "7\n")
            .write(&format!("sys/class/leds/{name}/max_brightness"), most)
            .write(
                &format!("sys/class/leds/{name}/trigger"),
                "[heartbeat] none",
            );
    }
    machine
}

const NAMES: [Option<&str>; 4] = [
    Some("board:green:power"),
    None,
    None,
    Some("board:blue:locate"),
];

#[test]
fn lamps_are_taken_from_the_kernel_and_follow() {
    let machine = with_lamps();
    let level = |name| machine.read(&format!("sys/class/leds/board:{name}/brightness"));
    let mut lamps = SysfsLamps::open(machine.root(), NAMES).unwrap();
    assert_eq!(
        machine.read("sys/class/leds/board:green:power/trigger"),
        "none"
    );
    assert_eq!(
        (level("green:power").trim(), level("blue:locate").trim()),
        ("0", "0")
    );
    lamps.show(Lamps::ALL).unwrap();
    assert_eq!(level("green:power").lines().next(), Some("255"));
    assert_eq!(level("blue:locate").lines().next(), Some("1"));
    lamps.set(Lamp::Power, false).unwrap();
    assert!(level("green:power").starts_with("0\n"));
}

#[test]
fn one_lamp_that_is_gone_leaves_the_others() {
    let machine = with_lamps();
    let mut lamps = SysfsLamps::open(machine.root(), NAMES).unwrap();
    machine.remove("sys/class/leds/board:green:power");
    assert!(lamps.show(Lamps::ALL).is_err());
    assert_eq!(
        machine
            .read("sys/class/leds/board:blue:locate/brightness")
            .lines()
            .next(),
        Some("1")
    );
}

#[test]
fn a_described_lamp_that_is_not_there_is_an_error() {
    let machine = with_lamps();
    let names = [Some("board:red:nowhere"), None, None, None];
    let fault = SysfsLamps::open(machine.root(), names).unwrap_err();
    assert_eq!(fault.kind(), std::io::ErrorKind::NotFound);
    machine.write("sys/class/leds/board:blue:locate/max_brightness", "bright");
    let fault = SysfsLamps::open(machine.root(), NAMES).unwrap_err();
    assert!(
        fault
            .to_string()
            .contains("board:blue:locate: max_brightness"),
        "{fault}"
    );
}

#[test]
fn the_hottest_zone_counts_and_broken_ones_do_not() {
    let machine = Machine::new();
    let mut zones = ThermalZones::new(machine.root());
    assert!(zones.millicelsius().is_err(), "no thermometer at all");
    machine
        .write("sys/class/thermal/thermal_zone0/temp", "41000\n")
        .write("sys/class/thermal/thermal_zone1/temp", "63500\n")
        .write("sys/class/thermal/thermal_zone2/temp", "-274000\n")
        .write("sys/class/thermal/thermal_zone3/temp", "200000\n")
        .write("sys/class/thermal/thermal_zone4/temp", "what?\n")
        .write("sys/class/thermal/cooling_device0/temp", "99000\n");
    machine.folder("sys/class/thermal/thermal_zone5");
    assert_eq!(zones.millicelsius().unwrap(), 63_500);
}

#[test]
fn boards_are_told_apart() {
    let machine = Machine::new();
    let name = |arch| detect(machine.root(), arch).map(|board| board.name);
    assert_eq!(
        (name("x86_64"), name("aarch64"), name("riscv64")),
        (Some("x86-64"), Some("ARM64"), None)
    );
    machine.write("proc/device-tree/compatible", "linux,dummy-virt\0");
    assert_eq!(
        (name("x86_64"), name("aarch64")),
        (Some("x86-64"), Some("QEMU ARM64"))
    );
    machine.write("sys/class/dmi/id/sys_vendor", "QEMU\n");
    assert_eq!(
        (name("x86_64"), name("aarch64")),
        (Some("QEMU x86-64"), Some("QEMU ARM64"))
    );
}

#[test]
fn of_several_watchdogs_the_described_one_is_taken() {
    let machine = Machine::new();
    machine.write("sys/class/dmi/id/sys_vendor", "QEMU\n");
    let board = detect(machine.root(), "x86_64").unwrap();
    assert_eq!(board.watchdog(machine.root()), None);
    machine.write("sys/class/watchdog/watchdog0/identity", "iTCO_wdt\n");
    assert_eq!(board.watchdog(machine.root()).as_deref(), Some("watchdog0"));
    machine.write("sys/class/watchdog/watchdog1/identity", "i6300ESB timer\n");
    assert_eq!(board.watchdog(machine.root()).as_deref(), Some("watchdog1"));
}
