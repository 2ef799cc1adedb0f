//! The configuration of each version: an older one that comes back finds its own.
//!
//! The store in use is always `/var/lib/causeway-box`; in it `owner` names the version it belongs to. At its start a
//! version takes the store:
//!
//! | the owner is | then |
//! |---|---|
//! | this version, or nobody yet | it is used |
//! | an older one | a copy is kept as `causeway-box.<owner>`, and the store goes on as this version's |
//! | a newer one, and there is `causeway-box.<this version>` | both change places: this version's own is used, the newer one's is kept |
//! | a newer one, and this version has none | as with an older one: what it does not understand is for the check of the configuration |
//!
//! The copy is made under another name, synced, then renamed; places are changed in one step (`RENAME_EXCHANGE`). A folder's name
//! is only where it lies: whom it belongs to is in it, so a power cut between two steps is put right at the next start.

use super::Version;
use crate::durable;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use std::cmp::Ordering;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

const OWNER: &str = "owner";
const STORE: &str = "causeway-box";
const COPYING: &str = "causeway-box.copying";
/// Versions whose stores are kept beside the one in use.
const KEPT: usize = 2;
/// Octets and files of a store that is copied.
const LARGEST: u64 = 128 << 20;
const FILES: usize = 4096;

/// What was found when the store was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was this version's already.
    Own,
    /// It was nobody's.
    New,
    /// It came from another version, of which a copy is kept.
    Inherited {
        /// That version.
        from: String,
    },
    /// This version's own of before was put back; what a newer one changed is kept apart.
    PutBack {
        /// The newer version.
        newer: String,
    },
}

/// Takes the store of the box below `root` for `version`. To be called before anybody reads the configuration; calling it
/// again changes nothing.
///
/// # Errors
/// As the disk says. The store in use is whole then, its owner's or this version's; it may be used all the same, and a fallback
/// then finds what this version leaves.
pub fn take(root: &Path, version: &Version) -> io::Result<Taken> {
    let place = Place {
        folder: root.join("var/lib"),
    };
    let store = place.at(STORE);
    fs::create_dir_all(&store)?;
    place.tidy()?;
    let Some(owner) = owner(&store) else {
        set_owner(&store, version)?;
        return Ok(Taken::New);
    };
    let own = place.of(version);
    let taken = match owner.order(version) {
        Ordering::Equal if owner == *version => return Ok(Taken::Own),
        Ordering::Greater if own.is_dir() => {
            exchange(&store, &own)?;
            durable::sync_folder_of(&store)?;
            // What lies in the place of this version's own is the newer one's now.
            place.tidy()?;
            Taken::PutBack {
                newer: owner.to_string(),
            }
        }
        Ordering::Equal | Ordering::Less | Ordering::Greater => {
            place.keep_copy(&owner)?;
            set_owner(&store, version)?;
            Taken::Inherited {
                from: owner.to_string(),
            }
        }
    };
    place.drop_old(&[version, &owner]);
    Ok(taken)
}

struct Place {
    folder: PathBuf,
}

impl Place {
    fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn of(&self, version: &Version) -> PathBuf {
        self.at(&format!("{STORE}.{version}"))
    }

    /// What is kept beside the store: where it lies, and whose it is.
    fn kept(&self) -> Vec<(PathBuf, Version)> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut kept: Vec<(PathBuf, Version)> = entries
            .filter(|entry| {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                name.starts_with("causeway-box.") && name != COPYING
            })
            .filter_map(|entry| Some((entry.path(), owner(&entry.path())?)))
            .collect();
        kept.sort_by(|(_, one), (_, other)| one.order(other));
        kept
    }

    /// Puts right what a power cut left: half a copy, and a store under another's name.
    fn tidy(&self) -> io::Result<()> {
        remove(&self.at(COPYING))?;
        for (path, owner) in self.kept() {
            let right = self.of(&owner);
            if path != right {
                remove(&right)?;
                fs::rename(&path, &right)?;
                durable::sync_folder_of(&right)?;
            }
        }
        Ok(())
    }

    fn keep_copy(&self, owner: &Version) -> io::Result<()> {
        let copying = self.at(COPYING);
        let mut room = Room {
            octets: LARGEST,
            files: FILES,
        };
        let copied = copy(&self.at(STORE), &copying, &mut room);
        if let Err(fault) = copied {
            let _ = remove(&copying);
            return Err(fault);
        }
        let kept = self.of(owner);
        remove(&kept)?;
        fs::rename(&copying, &kept)?;
        durable::sync_folder_of(&kept)
    }

    /// Nobody goes back three versions; disks are small.
    fn drop_old(&self, in_use: &[&Version]) {
        let mut others = self.kept();
        others.retain(|(_, owner)| !in_use.contains(&owner));
        let mine = in_use.iter().filter(|v| self.of(v).is_dir()).count();
        let over = (others.len() + mine).saturating_sub(KEPT);
        for (path, _) in others.iter().take(over) {
            let _ = remove(path);
        }
    }
}

fn owner(store: &Path) -> Option<Version> {
    let mut text = String::new();
    let file = File::open(store.join(OWNER)).ok()?;
    file.take(128).read_to_string(&mut text).ok()?;
    Version::parse(text.trim())
}

fn set_owner(store: &Path, version: &Version) -> io::Result<()> {
    durable::write(&store.join(OWNER), format!("{version}\n").as_bytes())
}

fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    renameat2(AT_FDCWD, one, AT_FDCWD, other, RenameFlags::RENAME_EXCHANGE).map_err(io::Error::from)
}

struct Room {
    octets: u64,
    files: usize,
}

/// Copies a folder of files and folders with their owners and modes, everything synced.
fn copy(from: &Path, to: &Path, room: &mut Room) -> io::Result<()> {
    fs::create_dir(to)?;
    let of = fs::metadata(from)?;
    fs::set_permissions(to, fs::Permissions::from_mode(of.mode() & 0o7777))?;
    chown_as(to, &of)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        room.files = room.files.checked_sub(1).ok_or_else(too_large)?;
        if kind.is_dir() {
            copy(&from, &to, room)?;
        } else if kind.is_file() {
            let of = fs::metadata(&from)?;
            room.octets = room.octets.checked_sub(of.len()).ok_or_else(too_large)?;
            fs::copy(&from, &to)?;
            chown_as(&to, &of)?;
            File::open(&to)?.sync_all()?;
        }
        // Sockets, links: nothing of a configuration.
    }
    File::open(to)?.sync_all()
}

fn chown_as(path: &Path, of: &fs::Metadata) -> io::Result<()> {
    let is = fs::metadata(path)?;
    if (is.uid(), is.gid()) == (of.uid(), of.gid()) {
        return Ok(());
    }
    chown(path, Some(of.uid()), Some(of.gid()))
}

fn too_large() -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        "the configuration store is too large to copy",
    )
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => Err(fault),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Tested(tempfile::TempDir);

    impl Tested {
        fn new() -> Self {
            let tested = Self(tempfile::tempdir().unwrap());
            fs::create_dir_all(tested.0.path().join("var/lib/causeway-box/revisions")).unwrap();
            tested
        }

        fn lib(&self, name: &str) -> PathBuf {
            self.0.path().join("var/lib").join(name)
        }

        fn start(&self, version: &str) -> Taken {
            take(self.0.path(), &Version::parse(version).unwrap()).unwrap()
        }

        fn commit(&self, text: &str) {
            fs::write(self.lib("causeway-box/revisions/1.toml"), text).unwrap();
        }

        fn reads(&self, name: &str) -> String {
            fs::read_to_string(self.lib(name).join("revisions/1.toml")).unwrap()
        }
    }

    #[test]
    fn an_update_that_falls_back_finds_its_own_and_so_does_the_next_one() {
        let tested = Tested::new();
        tested.commit("old");
        assert_eq!(tested.start("0.1.0"), Taken::New);
        assert_eq!(tested.start("0.1.0"), Taken::Own);
        let from = |from: &str| Taken::Inherited {
            from: from.to_owned(),
        };
        assert_eq!(tested.start("0.2.0"), from("0.1.0"));
        assert_eq!(tested.start("0.2.0"), Taken::Own);
        tested.commit("new");
        let newer = "0.2.0".to_owned();
        assert_eq!(tested.start("0.1.0"), Taken::PutBack { newer });
        assert_eq!(tested.reads("causeway-box"), "old");
        assert_eq!(tested.reads("causeway-box.0.2.0"), "new");
        // What is changed now counts when the update is tried again.
        tested.commit("changed");
        assert_eq!(tested.start("0.2.0"), from("0.1.0"));
        assert_eq!(tested.reads("causeway-box"), "changed");
        assert_eq!(tested.reads("causeway-box.0.1.0"), "changed");
    }

    #[test]
    fn a_power_cut_between_any_two_steps_is_put_right() {
        let tested = Tested::new();
        tested.commit("old");
        tested.start("0.1.0");
        // Half a copy.
        fs::create_dir(tested.lib(COPYING)).unwrap();
        fs::write(tested.lib(COPYING).join("half"), "x").unwrap();
        tested.start("0.2.0");
        assert!(!tested.lib(COPYING).exists());
        // A copy that is kept, and a store not yet this version's.
        set_owner(&tested.lib(STORE), &Version::parse("0.1.0").unwrap()).unwrap();
        tested.commit("old");
        tested.start("0.2.0");
        tested.commit("new");
        // Places were changed, names not yet.
        exchange(&tested.lib(STORE), &tested.lib("causeway-box.0.1.0")).unwrap();
        assert_eq!(tested.reads("causeway-box.0.1.0"), "new");
        assert_eq!(tested.start("0.1.0"), Taken::Own);
        assert_eq!(tested.reads("causeway-box"), "old");
        assert_eq!(tested.reads("causeway-box.0.2.0"), "new");
        assert!(!tested.lib("causeway-box.0.1.0").exists());
    }

    #[test]
    fn few_are_kept_and_their_modes_with_them() {
        let tested = Tested::new();
        let secrets = tested.lib("causeway-box/secrets");
        fs::write(&secrets, "x").unwrap();
        fs::set_permissions(&secrets, fs::Permissions::from_mode(0o600)).unwrap();
        for version in ["0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.10.0"] {
            tested.start(version);
        }
        let names = fs::read_dir(tested.lib("")).unwrap().flatten();
        let mut names: Vec<String> = names
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(
            names,
            ["causeway-box", "causeway-box.0.3.0", "causeway-box.0.4.0"]
        );
        let mode = fs::metadata(tested.lib("causeway-box.0.4.0/secrets")).unwrap();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }
}
