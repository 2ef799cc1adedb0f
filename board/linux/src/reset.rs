//! Why the box was started, from three places, the surest first.
//!
//! | place | says |
//! |---|---|
//! | pstore, or the folder the service manager moves it to: a dump that was not there at the last start | panic |
//! | `bootstatus` of a watchdog: 0x01, 0x10, 0x20 | too hot, power fault, watchdog (unless asked for) |
//! | the mark that [`LinuxReset::mark_asked`] left | asked for |
//! | none of them, and there is a watchdog that would know | power on |
//! | none of them | unknown |
//!
//! A panicked box is reset by its watchdog, so both speak and the panic is what matters.

use causeway_board::{ResetCause, ResetReport};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Octets of a panic's last words that are kept.
const WORDS: u64 = 64 * 1024;
/// Dumps that are looked at: a box that panics in a loop fills pstore.
const DUMPS: usize = 256;
const ASKED: &str = "reset-asked";
const SEEN: &str = "dumps-seen";

// <linux/watchdog.h>
const OVERHEAT: u32 = 0x01;
const POWER_UNDER: u32 = 0x10;
const CARD_RESET: u32 = 0x20;

/// See the module.
#[derive(Debug)]
pub struct LinuxReset {
    root: PathBuf,
    state: PathBuf,
}

impl LinuxReset {
    /// The machine below `root`; `state` is a folder that outlives starts.
    pub fn new(root: &Path, state: &Path) -> Self {
        Self {
            root: root.to_owned(),
            state: state.to_owned(),
        }
    }

    /// Leaves word that the next start was asked for. To be called last before it.
    ///
    /// # Errors
    /// When it cannot be written; the next start then counts as power on.
    pub fn mark_asked(&self) -> io::Result<()> {
        write_durably(&self.state.join(ASKED), b"")
    }

    /// The cause is known and written down elsewhere: what spoke for it is not taken for the next one's. Once a start.
    ///
    /// # Errors
    /// When the state folder cannot be written.
    pub fn settle(&self) -> io::Result<()> {
        let names: Vec<String> = self.dumps().into_iter().map(|(name, _)| name).collect();
        write_durably(&self.state.join(SEEN), names.join("\n").as_bytes())?;
        match fs::remove_file(self.state.join(ASKED)) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => Err(fault),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The last words of a panic that is new since [`LinuxReset::settle`], 64 KiB at most; none when there was none.
    pub fn last_words(&self) -> Option<String> {
        let mut words = Vec::new();
        for path in self.new_panics() {
            let left = WORDS.saturating_sub(words.len() as u64);
            if let Ok(file) = File::open(path) {
                // What was read before a fault is kept.
                let _ = file.take(left).read_to_end(&mut words);
            }
        }
        (!words.is_empty()).then(|| String::from_utf8_lossy(&words).into_owned())
    }

    /// Dumps by name: a folder's or file's below one of the two places, with its path.
    fn dumps(&self) -> Vec<(String, PathBuf)> {
        let mut dumps = Vec::new();
        let mut folders = vec![
            (String::new(), self.root.join("sys/fs/pstore")),
            (String::new(), self.root.join("var/lib/systemd/pstore")),
        ];
        while let Some((prefix, folder)) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
                match entry.file_type() {
                    // One level: what was archived together.
                    Ok(kind) if kind.is_dir() && prefix.is_empty() => {
                        folders.push((format!("{name}/"), entry.path()));
                    }
                    Ok(kind) if kind.is_file() && dumps.len() < DUMPS => {
                        dumps.push((name, entry.path()));
                    }
                    Ok(_) | Err(_) => {}
                }
            }
        }
        dumps.sort();
        dumps
    }

    fn new_panics(&self) -> Vec<PathBuf> {
        let seen = fs::read_to_string(self.state.join(SEEN)).unwrap_or_default();
        let seen: BTreeSet<&str> = seen.lines().collect();
        let is_panic = |path: &PathBuf| {
            let mut head = [0; 16];
            let read = File::open(path).and_then(|mut file| file.read(&mut head));
            // Also dumped: oopses that the kernel survived.
            read.is_ok_and(|_| head.starts_with(b"Panic"))
        };
        let new = self
            .dumps()
            .into_iter()
            .filter(|(name, _)| !seen.contains(name.as_str()));
        new.map(|(_, path)| path).filter(is_panic).collect()
    }

    /// Flags of all watchdogs; none when there is none.
    fn bootstatus(&self) -> Option<u32> {
        let folder = fs::read_dir(self.root.join("sys/class/watchdog")).ok()?;
        let flags = folder.flatten().filter_map(|device| {
            let text = fs::read_to_string(device.path().join("bootstatus")).ok()?;
            let text = text.trim();
            match text.strip_prefix("0x") {
                Some(digits) => u32::from_str_radix(digits, 16).ok(),
                None => text.parse().ok(),
            }
        });
        flags.reduce(|all, flags| all | flags)
    }
}

impl ResetReport for LinuxReset {
    type Error = io::Error;

    fn reset_cause(&mut self) -> io::Result<ResetCause> {
        if !self.new_panics().is_empty() {
            return Ok(ResetCause::Panic);
        }
        let flags = self.bootstatus();
        let has = |flag| flags.is_some_and(|flags| flags & flag != 0);
        let asked = self.state.join(ASKED).try_exists()?;
        Ok(match () {
            () if has(OVERHEAT) => ResetCause::Overheated,
            () if has(POWER_UNDER) => ResetCause::PowerFault,
            // Some drivers report every warm start as theirs; one that was asked for was not.
            () if has(CARD_RESET) && !asked => ResetCause::Watchdog,
            () if asked => ResetCause::Asked,
            () if flags.is_some() => ResetCause::PowerOn,
            () => ResetCause::Unknown,
        })
    }
}

/// Whole or not at all, across a power cut.
fn write_durably(path: &Path, octets: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(octets)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
