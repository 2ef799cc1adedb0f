//! What is asked of a file system, in the steps in which it may fail or lose power.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;

/// A folder of small files. Nothing is durable before it was synced: the octets of a file by [`Disk::sync`], its name and
/// every change of names by [`Disk::sync_names`].
pub trait Disk {
    /// Names of all files, in no order.
    ///
    /// # Errors
    /// As the file system says; of every other method, too.
    fn names(&self) -> io::Result<Vec<String>>;
    /// The octets of a file, at most `limit` of them.
    #[allow(missing_docs, clippy::missing_errors_doc)]
    fn read(&self, name: &str, limit: u64) -> io::Result<Vec<u8>>;
    /// Makes a file of these octets, or makes it anew.
    #[allow(clippy::missing_errors_doc)]
    fn write(&mut self, name: &str, octets: &[u8]) -> io::Result<()>;
    /// Makes a file's octets durable.
    #[allow(clippy::missing_errors_doc)]
    fn sync(&mut self, name: &str) -> io::Result<()>;
    /// Gives a file another name, in one step, in the place of what had that name.
    #[allow(clippy::missing_errors_doc)]
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    #[allow(clippy::missing_errors_doc)]
    fn remove(&mut self, name: &str) -> io::Result<()>;
    /// Makes all names durable.
    #[allow(clippy::missing_errors_doc)]
    fn sync_names(&mut self) -> io::Result<()>;
}

/// A folder of a real file system. It must be one whose rename is atomic: ext4 and its like, not FAT.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Uses a folder, which is made if it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        std::fs::create_dir_all(&path)?;
        Ok(Self { path })
    }
}

impl Disk for Folder {
    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            // What is not UTF-8 is none of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn read(&self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        let mut octets = Vec::new();
        io::Read::read_to_end(
            &mut io::Read::take(File::open(self.path.join(name))?, limit),
            &mut octets,
        )?;
        Ok(octets)
    }

    fn write(&mut self, name: &str, octets: &[u8]) -> io::Result<()> {
        File::create(self.path.join(name))?.write_all(octets)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        File::open(self.path.join(name))?.sync_all()
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name))
    }

    fn sync_names(&mut self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}
