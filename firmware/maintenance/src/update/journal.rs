//! Who installed what, when, and, of what is older, why.

use crate::durable;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Entries that are kept.
pub const KEPT: usize = 200;
const OCTETS: u64 = 512 * 1024;

/// One installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Seconds since 1970, by the box's clock.
    pub at: u64,
    /// Who asked for it.
    pub by: String,
    /// Where it came from, without what follows a `?`.
    pub source: String,
    /// The version it was, and the one that ran.
    pub version: String,
    /// The version that ran.
    pub running: String,
    /// Why an older one was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forced: Option<String>,
    /// What came of it: `begun`, `installed`, or why not.
    pub outcome: String,
}

fn path(root: &Path) -> PathBuf {
    root.join("var/lib/causeway-maintenance/updates.jsonl")
}

/// The last installations of the box below `root`, the oldest first.
pub fn entries(root: &Path) -> Vec<Entry> {
    let mut text = Vec::new();
    if let Ok(file) = File::open(path(root)) {
        let _ = file.take(OCTETS).read_to_end(&mut text);
    }
    let text = String::from_utf8_lossy(&text);
    let entries = text.lines();
    // A line that is damaged costs itself alone.
    entries
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// Adds an entry, or puts it in the place of the one with the same time that was `begun`.
///
/// # Errors
/// When it cannot be written; what was there is as it was.
pub(super) fn note(root: &Path, entry: Entry) -> io::Result<()> {
    let path = path(root);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut all = entries(root);
    all.retain(|other| !(other.at == entry.at && other.outcome == "begun"));
    all.push(entry);
    let over = all.len().saturating_sub(KEPT);
    let mut text = String::new();
    for entry in all.iter().skip(over) {
        text += &serde_json::to_string(entry)?;
        text.push('\n');
    }
    durable::write(&path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_kept_in_order_and_bounded() {
        let root = tempfile::tempdir().unwrap();
        let entry = |at, outcome: &str| Entry {
            at,
            by: "console".to_owned(),
            source: "usb".to_owned(),
            version: "0.0.9".to_owned(),
            running: "0.1.0".to_owned(),
            forced: Some("the new one loses calls".to_owned()),
            outcome: outcome.to_owned(),
        };
        for at in 0..KEPT as u64 + 5 {
            note(root.path(), entry(at, "begun")).unwrap();
            note(root.path(), entry(at, "installed")).unwrap();
        }
        let all = entries(root.path());
        assert_eq!(all.len(), KEPT);
        assert_eq!(all.first(), Some(&entry(5, "installed")));
        assert_eq!(all.last(), Some(&entry(KEPT as u64 + 4, "installed")));
    }
}
