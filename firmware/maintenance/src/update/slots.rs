//! Both slots, as the loader's entries tell. An entry's name is the whole state of its slot:
//!
//! | name | state |
//! |---|---|
//! | `causeway-b.conf` | good |
//! | `causeway-b+3.conf`, `causeway-b+2-1.conf` | on trial: tries left, tries made |
//! | `causeway-b+0-3.conf` | given up |
//! | none | empty |

use serde::Serialize;
use std::fmt;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

/// What became of the version in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum SlotState {
    /// There is nothing in it that could boot.
    Empty,
    /// It has stood.
    Good,
    /// It has not stood yet.
    Trial {
        /// Starts that are left.
        tries: u32,
    },
    /// It never stood.
    GivenUp,
}

impl fmt::Display for SlotState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty"),
            Self::Good => f.write_str("good"),
            Self::Trial { tries: 1 } => f.write_str("on trial, 1 try left"),
            Self::Trial { tries } => write!(f, "on trial, {tries} tries left"),
            Self::GivenUp => f.write_str("given up"),
        }
    }
}

/// One slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Slot {
    /// `a` or `b`
    pub name: char,
    /// Of what is in it, as its entry says.
    pub version: Option<String>,
    /// What became of it.
    pub state: SlotState,
    /// The box runs from it.
    pub running: bool,
    /// The loader takes it at the next start.
    pub next: bool,
    /// The number of its installation: the higher of two is the later.
    pub installation: u64,
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.version.as_deref().unwrap_or("-");
        write!(f, "{}  {version:<16}  {}", self.name, self.state)?;
        if self.running {
            f.write_str(", running")?;
        }
        if self.next && !self.running {
            f.write_str(", next")?;
        }
        Ok(())
    }
}

/// Both slots of the box below `root`. Without its boot partition both are empty.
pub fn slots(root: &Path) -> [Slot; 2] {
    let running = running(root);
    let mut slots = ['a', 'b'].map(|name| Slot {
        name,
        version: None,
        state: SlotState::Empty,
        running: running == Some(name),
        next: false,
        installation: 0,
    });
    let entries = fs::read_dir(root.join("efi/loader/entries"));
    for entry in entries.into_iter().flatten().flatten() {
        let file_name = entry.file_name();
        let Some((name, state)) = file_name.to_str().and_then(state) else {
            continue;
        };
        let Some(slot) = slots.iter_mut().find(|slot| slot.name == name) else {
            continue;
        };
        let text = head(&entry.path(), 4096);
        slot.state = state;
        slot.version = value(&text, "title").map(|title| {
            let version = title.strip_prefix("Causeway ").unwrap_or(title);
            version.chars().take(64).collect()
        });
        let installation = value(&text, "version").and_then(|v| v.parse().ok());
        slot.installation = installation.unwrap_or(0);
    }
    let bootable = |slot: &&mut Slot| match slot.state {
        SlotState::Good | SlotState::Trial { .. } => true,
        SlotState::Empty | SlotState::GivenUp => false,
    };
    let next = slots.iter_mut().filter(bootable);
    if let Some(slot) = next.max_by_key(|slot| slot.installation) {
        slot.next = true;
    }
    slots
}

/// The slot the box below `root` runs from.
pub fn running(root: &Path) -> Option<char> {
    let line = head(&root.join("proc/cmdline"), 4096);
    let mut words = line.split_whitespace();
    let name = words.find_map(|word| word.strip_prefix("causeway.slot="))?;
    match name {
        "a" => Some('a'),
        "b" => Some('b'),
        _ => None,
    }
}

/// Which slot an entry is of, and in what state.
fn state(name: &str) -> Option<(char, SlotState)> {
    let rest = name.strip_prefix("causeway-")?.strip_suffix(".conf")?;
    let mut chars = rest.chars();
    let slot = chars.next().filter(|slot| matches!(slot, 'a' | 'b'))?;
    let count = chars.as_str();
    if count.is_empty() {
        return Some((slot, SlotState::Good));
    }
    let left = count.strip_prefix('+')?;
    let left = left.split_once('-').map_or(left, |(left, _)| left);
    Some(match left.parse().ok()? {
        0 => (slot, SlotState::GivenUp),
        tries => (slot, SlotState::Trial { tries }),
    })
}

fn value<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    text.lines().find_map(|line| {
        let rest = line.strip_prefix(key)?;
        rest.starts_with([' ', '\t']).then(|| rest.trim())
    })
}

fn head(path: &Path, octets: u64) -> String {
    let mut text = Vec::new();
    if let Ok(file) = File::open(path) {
        let _ = file.take(octets).read_to_end(&mut text);
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_box(entries: &[(&str, &str, u32)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("efi/loader/entries");
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir_all(root.path().join("proc")).unwrap();
        fs::write(
            root.path().join("proc/cmdline"),
            "quiet causeway.slot=a rauc.slot=a\n",
        )
        .unwrap();
        for (name, version, installation) in entries {
            let text = format!(
                "title Causeway {version}\nsort-key causeway\nversion {installation}\nlinux /a/vmlinuz\n"
            );
            fs::write(folder.join(name), text).unwrap();
        }
        root
    }

    fn shown(entries: &[(&str, &str, u32)]) -> [String; 2] {
        let root = a_box(entries);
        slots(root.path()).map(|slot| slot.to_string())
    }

    #[test]
    fn slots_are_told_by_their_entries() {
        assert_eq!(
            shown(&[("causeway-a.conf", "0.1.0", 1)]),
            [
                "a  0.1.0             good, running",
                "b  -                 empty"
            ]
        );
        assert_eq!(
            shown(&[
                ("causeway-a.conf", "0.1.0", 1),
                ("causeway-b+3.conf", "0.2.0", 2)
            ])[1],
            "b  0.2.0             on trial, 3 tries left, next"
        );
        assert_eq!(
            shown(&[
                ("causeway-a.conf", "0.1.0", 1),
                ("causeway-b+1-2.conf", "0.2.0", 2)
            ])[1],
            "b  0.2.0             on trial, 1 try left, next"
        );
        assert_eq!(
            shown(&[
                ("causeway-a.conf", "0.1.0", 1),
                ("causeway-b+0-3.conf", "0.2.0", 2)
            ]),
            [
                "a  0.1.0             good, running",
                "b  0.2.0             given up"
            ]
        );
    }

    #[test]
    fn what_is_no_entry_of_ours_changes_nothing() {
        let root = a_box(&[
            ("causeway-c.conf", "9", 9),
            ("causeway-a+x.conf", "9", 9),
            ("new", "9", 9),
            ("debian.conf", "9", 9),
        ]);
        let states = slots(root.path()).map(|slot| slot.state);
        assert_eq!(states, [SlotState::Empty, SlotState::Empty]);
        let nothing = tempfile::tempdir().unwrap();
        assert_eq!(running(nothing.path()), None);
        assert!(slots(nothing.path()).iter().all(|slot| !slot.next));
    }
}
