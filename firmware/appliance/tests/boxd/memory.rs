//! A folder in memory that can be full.

use causeway_config::Disk;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

/// See the module. Clones are the same folder.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    inner: Rc<RefCell<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    files: BTreeMap<String, Vec<u8>>,
    full: bool,
}

impl Memory {
    pub fn fills(&self, full: bool) {
        self.inner.borrow_mut().full = full;
    }

    pub fn contains(&self, text: &str) -> bool {
        let inner = self.inner.borrow();
        inner
            .files
            .values()
            .any(|octets| String::from_utf8_lossy(octets).contains(text))
    }
}

impl Disk for Memory {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.inner.borrow().files.keys().cloned().collect())
    }

    fn read(&self, name: &str, _limit: u64) -> io::Result<Vec<u8>> {
        let octets = self.inner.borrow().files.get(name).cloned();
        octets.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn write(&mut self, name: &str, octets: &[u8]) -> io::Result<()> {
        let mut inner = self.inner.borrow_mut();
        if inner.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        inner.files.insert(name.to_owned(), octets.to_vec());
        Ok(())
    }

    fn sync(&mut self, _name: &str) -> io::Result<()> {
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let mut inner = self.inner.borrow_mut();
        let octets = inner.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        inner.files.insert(to.to_owned(), octets);
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        let gone = self.inner.borrow_mut().files.remove(name);
        gone.map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_names(&mut self) -> io::Result<()> {
        Ok(())
    }
}
