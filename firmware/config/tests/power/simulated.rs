//! A disk whose every call may fail, and which forgets what was not synced when its power goes.

use causeway_config::Disk;
use std::collections::BTreeMap;
use std::io;

#[derive(Clone, Debug, Default)]
struct File {
    octets: Vec<u8>,
    /// Of them so many are durable; a file that was written anew has lost what it was before.
    synced: bool,
}

#[derive(Clone, Debug)]
enum Naming {
    Give(String, usize),
    Rename(String, String),
    Remove(String),
}

#[derive(Clone, Debug, Default)]
pub struct Simulated {
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
    /// Changes of names since they were durable.
    pending: Vec<Naming>,
    /// Calls that change something, so far.
    pub calls: usize,
    /// The call of that number, from 0, fails; so do all from it on where `stays`.
    pub fails_at: Option<usize>,
    pub stays: bool,
    /// The power goes before the call of that number.
    pub cut_at: Option<usize>,
}

impl Simulated {
    fn step(&mut self) -> io::Result<()> {
        let number = self.calls;
        self.calls += 1;
        let fails = self
            .fails_at
            .is_some_and(|at| number == at || (self.stays && number > at));
        if fails || self.cut_at.is_some_and(|at| number >= at) {
            return Err(io::Error::other("the disk fails"));
        }
        Ok(())
    }

    fn apply(names: &mut BTreeMap<String, usize>, naming: &Naming) {
        match naming {
            Naming::Give(name, file) => _ = names.insert(name.clone(), *file),
            Naming::Rename(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Naming::Remove(name) => _ = names.remove(name),
        }
    }

    /// How many ways there are to come up again.
    pub fn ways(&self) -> usize {
        3 * (self.pending.len() + 1)
    }

    /// Comes up again: of the changes of names that were not durable the first few have happened, as a journal has it, and
    /// of octets that were not synced nothing, a part or all is there.
    pub fn restarted(&self, way: usize) -> Self {
        let (happened, octets) = (way / 3, way % 3);
        let mut names = self.durable.clone();
        for naming in self.pending.iter().take(happened) {
            Self::apply(&mut names, naming);
        }
        let mut files = self.files.clone();
        for file in files.iter_mut().filter(|file| !file.synced) {
            let left = [0, file.octets.len() / 2, file.octets.len()][octets];
            file.octets.truncate(left);
            file.synced = true;
        }
        Self {
            files,
            durable: names.clone(),
            names,
            ..Self::default()
        }
    }

    /// The same disk, which fails no more.
    pub fn mended(&self) -> Self {
        Self {
            fails_at: None,
            stays: false,
            cut_at: None,
            ..self.clone()
        }
    }

    pub fn spoil(&mut self, name: &str) {
        let file = &mut self.files[self.names[name]];
        let middle = file.octets.len() / 2;
        file.octets[middle] ^= 1;
    }
}

impl Disk for Simulated {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.names.keys().cloned().collect())
    }

    fn read(&self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        let file = self.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        let octets = &self.files[*file].octets;
        Ok(octets[..octets.len().min(limit as usize)].to_vec())
    }

    fn write(&mut self, name: &str, octets: &[u8]) -> io::Result<()> {
        let failed = self.step();
        let file = File {
            // A call that fails may have done half of its work.
            octets: match &failed {
                Ok(()) => octets.to_vec(),
                Err(_) => octets[..octets.len() / 2].to_vec(),
            },
            synced: false,
        };
        self.files.push(file);
        let naming = Naming::Give(name.to_owned(), self.files.len() - 1);
        Self::apply(&mut self.names, &naming);
        self.pending.push(naming);
        failed
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.step()?;
        let file = self.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        self.files[*file].synced = true;
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.step()?;
        if !self.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let naming = Naming::Rename(from.to_owned(), to.to_owned());
        Self::apply(&mut self.names, &naming);
        self.pending.push(naming);
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.step()?;
        if !self.names.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let naming = Naming::Remove(name.to_owned());
        Self::apply(&mut self.names, &naming);
        self.pending.push(naming);
        Ok(())
    }

    fn sync_names(&mut self) -> io::Result<()> {
        self.step()?;
        self.pending.clear();
        self.durable = self.names.clone();
        Ok(())
    }
}
