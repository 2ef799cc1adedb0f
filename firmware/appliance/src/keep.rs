//! A folder that nobody but its owner reads.

use causeway_config::{Disk, Folder};
use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;

/// As [`Folder`], with mode 0700, and 0600 of its files.
#[derive(Debug)]
pub struct PrivateFolder {
    path: PathBuf,
    folder: Folder,
}

impl PrivateFolder {
    /// Uses a folder, which is made if it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let folder = Folder::open(&path)?;
        // A disk that cannot be written any more is still read.
        let _ = std::fs::set_permissions(&path, Permissions::from_mode(0o700));
        Ok(Self { path, folder })
    }
}

impl Disk for PrivateFolder {
    fn names(&self) -> io::Result<Vec<String>> {
        self.folder.names()
    }

    fn read(&self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        self.folder.read(name, limit)
    }

    fn write(&mut self, name: &str, octets: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(self.path.join(name))?.write_all(octets)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.folder.sync(name)
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.folder.rename(from, to)
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.folder.remove(name)
    }

    fn sync_names(&mut self) -> io::Result<()> {
        self.folder.sync_names()
    }
}

/// Octets under a name, whole or not at all, across a power cut.
///
/// # Errors
/// As the disk says; what was there is there still.
pub fn replace(disk: &mut impl Disk, name: &str, octets: &[u8]) -> io::Result<()> {
    let new = format!("{name}.new");
    let written = disk
        .write(&new, octets)
        .and_then(|()| disk.sync(&new))
        .and_then(|()| disk.rename(&new, name))
        .and_then(|()| disk.sync_names());
    if written.is_err() {
        let _ = disk.remove(&new);
    }
    written
}
