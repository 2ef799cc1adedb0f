//! Factory reset: everything of the data partition is removed at the next start, before anybody reads it.
//!
//! | step | after a power cut |
//! |---|---|
//! | [`ask`]: the mark `/var/factory-reset` is made and synced, then the box is restarted | without the mark all is as it was; with it the reset is carried out |
//! | [`carry_out`]: configuration, secrets, keys | the mark is there: carried out again |
//! | … everything else | the same |
//! | … synced, and the mark removed last | either carried out again on an empty partition, or done |
//!
//! To be carried out before temporary files are made, the journal is flushed and any service is started: what they would make would be removed, or kept.
//! Files are removed, not written over: a disk of flash keeps old blocks whatever is written to it. A box that is given away has its disk discarded.

use crate::durable;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const MARK: &str = "var/factory-reset";
/// What ought not to be there any longer even when the rest takes its time, or fails.
const FIRST: [&str; 4] = ["causeway-box", "causeway", "admin", "causeway-maintenance"];
/// The file system's own.
const KEPT: [&str; 2] = ["lost+found", "factory-reset"];

/// Has everything removed at the next start of the box below `root`; `by` is who asked for it.
///
/// # Errors
/// When that cannot be written down; then nothing will be removed.
pub fn ask(root: &Path, by: &str) -> io::Result<()> {
    durable::write(&root.join(MARK), by.as_bytes())
}

/// Whether everything will be removed at the next start.
pub fn is_asked(root: &Path) -> bool {
    root.join(MARK).exists()
}

/// Carries the reset out if it was asked for; true when it was.
///
/// # Errors
/// What could not be removed, after everything else was. The mark stays, so that the next start tries again.
pub fn carry_out(root: &Path) -> io::Result<bool> {
    stepwise(root, &mut || Ok(()))
}

/// As [`carry_out`], asking before each change whether the power is still there.
fn stepwise(root: &Path, power: &mut dyn FnMut() -> io::Result<()>) -> io::Result<bool> {
    let mark = root.join(MARK);
    if !mark.exists() {
        return Ok(false);
    }
    let mut fault = None;
    for path in victims(root)? {
        power()?;
        let is_folder = path.symlink_metadata().is_ok_and(|of| of.is_dir());
        let removed = match is_folder {
            true => fs::remove_dir_all(&path),
            false => fs::remove_file(&path),
        };
        match removed {
            Err(e) if e.kind() != io::ErrorKind::NotFound => fault = Some(e),
            Ok(()) | Err(_) => {}
        }
    }
    if let Some(fault) = fault {
        return Err(fault);
    }
    power()?;
    // The names of what is gone, before the mark that would have it removed again.
    fs::File::open(root.join("var"))?.sync_all()?;
    power()?;
    fs::remove_file(&mark)?;
    durable::sync_folder_of(&mark)?;
    Ok(true)
}

/// What is to be removed, in this order.
fn victims(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut victims = Vec::new();
    let states = root.join("var/lib");
    // Stores of other versions, too.
    let mut others: Vec<PathBuf> = fs::read_dir(&states)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    others.sort_by_key(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        !FIRST.iter().any(|first| name.starts_with(first))
    });
    victims.extend(others);
    for entry in fs::read_dir(root.join("var"))? {
        let entry = entry?;
        if !KEPT.iter().any(|kept| entry.file_name() == *kept) {
            victims.push(entry.path());
        }
    }
    Ok(victims)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_box() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for name in [
            "var/lib/causeway-box/secrets/trunk",
            "var/lib/causeway-box.0.1.0/secrets/trunk",
            "var/lib/causeway/tls/key.pem",
            "var/lib/admin/authorized_keys",
            "var/lib/systemd/random-seed",
            "var/lib/machine-id",
            "var/log/journal/1/system.journal",
            "var/lost+found/1",
            "var/tmp/x",
        ] {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        // What a link leads to is not ours to remove.
        fs::create_dir_all(root.path().join("efi")).unwrap();
        fs::write(root.path().join("efi/kept"), "x").unwrap();
        std::os::unix::fs::symlink(root.path().join("efi"), root.path().join("var/lib/link"))
            .unwrap();
        root
    }

    fn left(root: &Path) -> Vec<String> {
        let names = fs::read_dir(root.join("var")).unwrap().flatten();
        let mut names: Vec<String> = names
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn nothing_is_removed_unless_it_was_asked_for() {
        let root = a_box();
        let before = left(root.path());
        assert!(!is_asked(root.path()));
        assert!(!carry_out(root.path()).unwrap());
        assert_eq!(left(root.path()), before);
    }

    #[test]
    fn a_power_cut_before_any_step_ends_in_an_empty_partition_all_the_same() {
        let mut cuts = 0;
        loop {
            let root = a_box();
            ask(root.path(), "button").unwrap();
            let mut steps = cuts;
            let ended = stepwise(root.path(), &mut || {
                steps -= 1;
                if steps < 0 {
                    return Err(io::Error::other("no power"));
                }
                Ok(())
            });
            let uncut = ended.is_ok();
            if !uncut {
                assert!(is_asked(root.path()), "cut before step {cuts}");
                assert!(carry_out(root.path()).unwrap());
            }
            assert_eq!(left(root.path()), ["lost+found"]);
            assert!(root.path().join("efi/kept").exists());
            assert!(!carry_out(root.path()).unwrap());
            if uncut {
                assert!(cuts > 10, "{cuts} steps");
                return;
            }
            cuts += 1;
        }
    }

    #[test]
    fn secrets_go_first() {
        let root = a_box();
        let order = victims(root.path()).unwrap();
        let first = order.iter().take(4).map(|path| path.file_name().unwrap());
        let mut first: Vec<String> = first.map(|n| n.to_string_lossy().into_owned()).collect();
        first.sort();
        assert_eq!(
            first,
            ["admin", "causeway", "causeway-box", "causeway-box.0.1.0"]
        );
    }
}
