//! What somebody types at the serial console, and waits for.

use crate::{Machine, PASSWORD};
use std::time::Duration;

/// The wizard of the first start, with an answer where it cannot do without.
pub fn wizard(machine: &mut Machine, limit: Duration) {
    for (question, answer) in [
        ("Password:", PASSWORD),
        ("again:", PASSWORD),
        ("IPv4 address [dhcp]:", "10.0.2.15/24"),
        ("IPv4 gateway", "10.0.2.2"),
        ("IPv6 address [auto]:", "none"),
        ("Name servers", "10.0.2.3"),
        ("Time servers", ""),
        ("Time zone [UTC]:", "Europe/Berlin"),
        ("PBX address", "10.0.2.2"),
        ("Transport [udp]:", ""),
        ("User", ""),
        ("Number to call", ""),
        ("Put it into use?", "yes"),
    ] {
        machine.answers(question, answer, limit);
    }
    machine.said("is in force", limit);
    machine.said("> ", limit);
}

/// The administrator comes to a box that has been set up.
pub fn log_in(machine: &mut Machine, limit: Duration) {
    machine.answers("Password:", PASSWORD, limit);
    machine.said("> ", limit);
}

/// A command, until the next prompt; what the console said.
pub fn command(machine: &mut Machine, line: &str, limit: Duration) -> String {
    let before = machine.heard();
    machine.types(line);
    machine.types("\r");
    machine.said("\n", limit);
    machine.said("> ", limit);
    machine.text()[before..].to_owned()
}
