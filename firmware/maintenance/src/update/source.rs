//! Where an update comes from.

use super::UpdateError;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Files of a stick that are looked at.
const FILES: usize = 1024;
/// Sticks and partitions that are looked at.
const PARTITIONS: usize = 32;
/// The longest source, in octets.
const LONGEST: usize = 1024;
/// What sticks are made with, most likely first.
const KINDS: [&str; 3] = ["vfat", "exfat", "ext4"];

/// What somebody named as the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file of the box.
    File(PathBuf),
    /// A USB stick, whichever there is.
    Usb,
    /// A server's, as the whole address.
    Https(String),
}

impl Source {
    /// Reads an absolute path, `usb` or an https address.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self, UpdateError> {
        let wrong = || UpdateError::Source(text.chars().take(200).collect());
        // Nothing here passes a shell; but what is shown to people has no controls.
        if text.len() > LONGEST || text.chars().any(char::is_control) {
            return Err(wrong());
        }
        if text == "usb" {
            return Ok(Self::Usb);
        }
        if let Some(rest) = text.strip_prefix("https://") {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            let good = !host.is_empty() && !text.contains(' ');
            return good.then(|| Self::Https(text.to_owned())).ok_or_else(wrong);
        }
        match text.starts_with('/') {
            true => Ok(Self::File(PathBuf::from(text))),
            false => Err(wrong()),
        }
    }
}

/// An update on a stick; what was mounted for it is unmounted with it.
#[derive(Debug)]
pub struct Found {
    /// Its file.
    pub path: PathBuf,
    _mount: Option<Mount>,
}

#[derive(Debug)]
struct Mount(PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: a stick that was pulled out must not hold anybody up.
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
        let _ = fs::remove_dir(&self.0);
    }
}

/// The one update on the USB sticks of the box below `root`, which are mounted read-only where they are not yet.
///
/// # Errors
/// When there is none, or more than one.
pub fn usb(root: &Path) -> Result<Found, UpdateError> {
    let mut found = Vec::new();
    for name in partitions(root) {
        let (folder, mount) = match mounted(root, &name) {
            Some(folder) => (folder, None),
            None => match mount_at(root, &name) {
                Some(mount) => (mount.0.clone(), Some(mount)),
                None => continue,
            },
        };
        let mut updates = updates_in(&folder);
        if updates.is_empty() {
            continue;
        }
        // All of one stick share its mount, which lives as long as the first.
        let first = updates.remove(0);
        found.push(Found {
            path: first,
            _mount: mount,
        });
        found.extend(updates.into_iter().map(|path| Found { path, _mount: None }));
    }
    let names = |found: &[Found]| {
        let names = found.iter().filter_map(|found| found.path.file_name());
        let names: Vec<_> = names
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.join(", ")
    };
    match found.len() {
        0 => Err(UpdateError::NoStick),
        1 => found.pop().ok_or(UpdateError::NoStick),
        _ => Err(UpdateError::Many(names(&found).chars().take(200).collect())),
    }
}

/// Block devices on USB that may hold a file system: partitions, and disks without any. None of the box's own.
fn partitions(root: &Path) -> Vec<String> {
    let folder = root.join("sys/class/block");
    let names = fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = names
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| {
            let device = folder.join(name);
            fs::canonicalize(&device).is_ok_and(|path| {
                path.iter()
                    .any(|part| part.to_string_lossy().starts_with("usb"))
            }) && !is_ours(&device)
        })
        .collect();
    names.sort();
    let parents: BTreeSet<String> = names
        .iter()
        .filter(|name| folder.join(name).join("partition").exists())
        .filter_map(|name| {
            let path = fs::canonicalize(folder.join(name)).ok()?;
            Some(path.parent()?.file_name()?.to_string_lossy().into_owned())
        })
        .collect();
    names.retain(|name| !parents.contains(name));
    names.truncate(PARTITIONS);
    names
}

/// Whether a partition, or any of a disk, is one the box runs from: it may itself have been started from a stick.
fn is_ours(device: &Path) -> bool {
    let named = |device: &Path| {
        fs::read_to_string(device.join("uevent"))
            .is_ok_and(|text| text.lines().any(|l| l.starts_with("PARTNAME=causeway-")))
    };
    let inside = fs::read_dir(device).into_iter().flatten().flatten();
    named(device) || inside.take(256).any(|entry| named(&entry.path()))
}

fn mounted(root: &Path, name: &str) -> Option<PathBuf> {
    let mounts = fs::read_to_string(root.join("proc/mounts")).ok()?;
    let device = format!("/dev/{name}");
    let at = mounts.lines().find_map(|line| {
        let mut words = line.split(' ');
        (words.next() == Some(&device))
            .then(|| words.next())
            .flatten()
    })?;
    // Spaces and the like are written in octal there.
    let at = at
        .replace("\\040", " ")
        .replace("\\011", "\t")
        .replace("\\134", "\\");
    Some(root.join(at.trim_start_matches('/')))
}

fn mount_at(root: &Path, name: &str) -> Option<Mount> {
    let at = root.join("run/causeway").join(format!("usb-{name}"));
    fs::create_dir_all(&at).ok()?;
    let flags = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let device = root.join("dev").join(name);
    let is_mounted = KINDS
        .iter()
        .any(|kind| mount(Some(&device), &at, Some(*kind), flags, None::<&str>).is_ok());
    if is_mounted {
        return Some(Mount(at));
    }
    let _ = fs::remove_dir(&at);
    None
}

fn updates_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut updates: Vec<PathBuf> = entries
        .take(FILES)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .filter(|entry| {
            let name = entry.file_name().to_string_lossy().to_lowercase();
            name.starts_with("causeway") && name.ends_with(".raucb")
        })
        .map(|entry| entry.path())
        .collect();
    updates.sort();
    updates
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn sources_are_paths_sticks_and_https() {
        assert_eq!(Source::parse("usb"), Ok(Source::Usb));
        assert_eq!(
            Source::parse("/var/new.raucb"),
            Ok(Source::File("/var/new.raucb".into()))
        );
        let url = "https://updates.example/causeway.raucb?token=1";
        assert_eq!(Source::parse(url), Ok(Source::Https(url.to_owned())));
        for text in [
            "",
            "new.raucb",
            "--help",
            "http://updates.example/a",
            "https://",
            "https:///a",
            "https://a b",
            "/a\nb",
            "file:///a",
        ] {
            let fault = Source::parse(text).unwrap_err();
            assert_eq!(fault.code(), "source", "{text}");
        }
    }

    /// A box with partitions: name, whether on USB, its own name, the files of it.
    fn a_box(partitions: &[(&str, bool, &str, &[&str])]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let class = root.path().join("sys/class/block");
        fs::create_dir_all(&class).unwrap();
        fs::create_dir_all(root.path().join("proc")).unwrap();
        let mut mounts = String::new();
        for (name, on_usb, label, files) in partitions {
            let disk = &name[..3];
            let bus = if *on_usb { "usb2/2-1" } else { "ata1" };
            let parent = root.path().join(format!("sys/devices/pci0/{bus}/{disk}"));
            let device = parent.join(name);
            fs::create_dir_all(&device).unwrap();
            fs::write(device.join("partition"), "1\n").unwrap();
            fs::write(device.join("uevent"), format!("PARTNAME={label}\n")).unwrap();
            let _ = symlink(&parent, class.join(disk));
            symlink(&device, class.join(name)).unwrap();
            let folder = root.path().join("media/a stick").join(name);
            fs::create_dir_all(&folder).unwrap();
            for file in *files {
                fs::write(folder.join(file), "x").unwrap();
            }
            mounts += &format!("/dev/{name} /media/a\\040stick/{name} vfat ro 0 0\n");
        }
        fs::write(root.path().join("proc/mounts"), mounts).unwrap();
        root
    }

    #[test]
    fn the_update_on_a_stick_is_found_and_doubt_is_told() {
        let root = a_box(&[
            ("sda1", false, "causeway-data", &["causeway-disk.raucb"]),
            ("sdb1", true, "", &["holiday.jpg"]),
            ("sdc1", true, "", &["Causeway-0.2.0.RAUCB", "causeway.txt"]),
        ]);
        let found = usb(root.path()).unwrap();
        assert!(found.path.ends_with("sdc1/Causeway-0.2.0.RAUCB"));

        let root = a_box(&[
            ("sdb1", true, "", &["causeway-1.raucb", "causeway-2.raucb"]),
            ("sdc1", true, "", &[]),
        ]);
        let fault = usb(root.path()).unwrap_err();
        assert_eq!(
            fault,
            UpdateError::Many("causeway-1.raucb, causeway-2.raucb".to_owned())
        );

        let root = a_box(&[("sdb1", true, "causeway-a", &["causeway-1.raucb"])]);
        assert_eq!(usb(root.path()).unwrap_err(), UpdateError::NoStick);
    }
}
