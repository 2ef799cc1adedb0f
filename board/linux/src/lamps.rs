//! Lamps of `/sys/class/leds`.

use causeway_board::{Lamp, StatusLamps};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug)]
struct Led {
    brightness: PathBuf,
    most: u32,
}

/// Up to four lamps; one that the board does not have takes everything and shows nothing.
#[derive(Debug)]
pub struct SysfsLamps {
    leds: [Option<Led>; 4],
}

impl SysfsLamps {
    /// The lamps called `names` below `root`, dark, and taken from the kernel's own triggers.
    ///
    /// # Errors
    /// When one that is named is not there or not to be written.
    pub fn open(root: &Path, names: [Option<&str>; 4]) -> io::Result<Self> {
        let mut leds = [const { None }; 4];
        for (led, name) in leds.iter_mut().zip(names) {
            *led = name.map(|name| Led::open(root, name)).transpose()?;
        }
        Ok(Self { leds })
    }
}

impl Led {
    fn open(root: &Path, name: &str) -> io::Result<Self> {
        let folder = root.join("sys/class/leds").join(name);
        let trigger = folder.join("trigger");
        if trigger.exists() {
            fs::write(trigger, "none")?;
        }
        let text = fs::read_to_string(folder.join("max_brightness"))?;
        let most = text.trim().parse().map_err(|_| {
            let what = format!("{name}: max_brightness is no number");
            io::Error::new(io::ErrorKind::InvalidData, what)
        })?;
        let led = Self {
            brightness: folder.join("brightness"),
            most,
        };
        led.set(false)?;
        Ok(led)
    }

    fn set(&self, lit: bool) -> io::Result<()> {
        let level = if lit { self.most } else { 0 };
        // Opened for every write, since a lamp on USB may have gone and come back.
        fs::OpenOptions::new()
            .write(true)
            .open(&self.brightness)
            .and_then(|mut file| io::Write::write_all(&mut file, format!("{level}\n").as_bytes()))
    }
}

impl StatusLamps for SysfsLamps {
    type Error = io::Error;

    fn set(&mut self, lamp: Lamp, lit: bool) -> io::Result<()> {
        let at = Lamp::ALL.iter().position(|other| *other == lamp);
        match at.and_then(|at| self.leds.get(at)) {
            Some(Some(led)) => led.set(lit),
            Some(None) | None => Ok(()),
        }
    }
}
