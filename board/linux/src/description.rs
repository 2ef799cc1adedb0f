//! Board descriptions: what is where, as data.

use std::fs;
use std::path::Path;

/// A board's button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ButtonAt {
    pub chip: &'static str,
    pub line: u32,
    /// The pin is low while it is down.
    pub active_low: bool,
}

/// What a board has, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoardDescription {
    pub name: &'static str,
    /// The serial ports a console is offered on; those that are not there are passed over.
    pub consoles: &'static [&'static str],
    /// Names in `/sys/class/leds`: power, trunk, call, locate.
    pub lamps: [Option<&'static str>; 4],
    pub button: Option<ButtonAt>,
    /// The driver's name of itself: a machine may have several watchdogs, and not all of them reset it.
    pub watchdog: Option<&'static str>,
    /// A file below the root and a word in it, by which the board is known; none: any machine of its kind.
    known_by: Option<(&'static str, &'static str)>,
    /// `std::env::consts::ARCH`
    arch: &'static str,
}

/// The boards, the most particular first.
pub static BOARDS: &[BoardDescription] = &[
    BoardDescription {
        name: "QEMU x86-64",
        consoles: &["/dev/ttyS0"],
        lamps: [None; 4],
        button: None,
        // q35's own (iTCO) may come first and is not what the image configures.
        watchdog: Some("i6300ESB timer"),
        known_by: Some(("sys/class/dmi/id/sys_vendor", "QEMU")),
        arch: "x86_64",
    },
    BoardDescription {
        name: "QEMU ARM64",
        consoles: &["/dev/ttyAMA0"],
        lamps: [None; 4],
        button: None,
        watchdog: Some("i6300ESB timer"),
        known_by: Some(("sys/class/dmi/id/sys_vendor", "QEMU")),
        arch: "aarch64",
    },
    BoardDescription {
        name: "QEMU ARM64",
        consoles: &["/dev/ttyAMA0"],
        lamps: [None; 4],
        button: None,
        watchdog: Some("i6300ESB timer"),
        known_by: Some(("proc/device-tree/compatible", "linux,dummy-virt")),
        arch: "aarch64",
    },
    BoardDescription {
        name: "x86-64",
        consoles: &["/dev/ttyS0", "/dev/ttyS1", "/dev/ttyUSB0"],
        lamps: [None; 4],
        button: None,
        watchdog: None,
        known_by: None,
        arch: "x86_64",
    },
    BoardDescription {
        name: "ARM64",
        consoles: &["/dev/ttyAMA0", "/dev/ttyS0", "/dev/ttyUSB0"],
        lamps: [None; 4],
        button: None,
        watchdog: None,
        known_by: None,
        arch: "aarch64",
    },
];

/// The board below `root` with a processor of `arch` (`std::env::consts::ARCH`). None: no image is made for that kind.
pub fn detect(root: &Path, arch: &str) -> Option<&'static BoardDescription> {
    let is = |board: &&BoardDescription| {
        board.arch == arch
            && board.known_by.is_none_or(|(file, word)| {
                fs::read(root.join(file))
                    .is_ok_and(|text| String::from_utf8_lossy(&text).contains(word))
            })
    };
    BOARDS.iter().find(is)
}

impl BoardDescription {
    /// The device of the watchdog below `root`, `watchdog0` say: the one of the described driver, else the first there is.
    pub fn watchdog(&self, root: &Path) -> Option<String> {
        let folder = fs::read_dir(root.join("sys/class/watchdog")).ok()?;
        let mut found: Vec<String> = folder
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        found.sort();
        let is = |device: &&String| {
            let identity = root
                .join("sys/class/watchdog")
                .join(device)
                .join("identity");
            let identity = fs::read_to_string(identity).unwrap_or_default();
            self.watchdog.is_none_or(|wanted| identity.trim() == wanted)
        };
        found.iter().find(is).or(found.first()).cloned()
    }
}
