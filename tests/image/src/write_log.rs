//! What a machine wrote to its disk and when it asked for it to be kept: from that every disk can be made that a power cut may
//! leave behind.
//!
//! Killing QEMU loses nothing that the machine has written, kept or not; a real disk loses what is in its cache, in no order.
//! So QEMU logs (its driver `blklogwrites`, in the format of the kernel's dm-log-writes), and [`WriteLog::cut`] replays: what
//! came before the last flush is there, of what came after it some is, some is not, and one write may be torn.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const MAGIC: u64 = 0x006a_7366_7773_6872;
const FLUSH: u64 = 1;
const FUA: u64 = 2;
const DISCARD: u64 = 4;
/// What a disk writes at once or not at all, in octets.
const ATOM: u64 = 512;

/// One thing that reached the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    /// Where on the disk, in octets.
    to: u64,
    length: u64,
    flags: u64,
    /// Where in the log its octets are, and where they end.
    data: u64,
    end: u64,
}

/// See the module.
#[derive(Debug)]
pub struct WriteLog {
    path: PathBuf,
    entries: Vec<Entry>,
}

impl WriteLog {
    /// Reads the log of a machine that is off.
    ///
    /// # Panics
    /// When it is none.
    pub fn read(path: &Path) -> Self {
        let file = File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let length = file.metadata().expect("the log's length").len();
        let head = words(&file, 0);
        assert_eq!(head[0], MAGIC, "{} is no log of writes", path.display());
        let sector = head[3] & 0xffff_ffff;
        assert!(sector >= ATOM, "sectors of {sector} octets");
        let mut entries = Vec::new();
        let mut at = sector;
        // The head counts only what was flushed; what came after it is there all the same, up to the log's end.
        while at + sector <= length {
            let [place, count, flags, remark] = words(&file, at);
            if place == 0 && count == 0 && flags == 0 {
                break;
            }
            let data = at + sector;
            // Only what is told to be forgotten has no octets; a remark has a length of its own.
            at = match flags & DISCARD {
                0 => data + (count * sector).max(remark).next_multiple_of(sector),
                _ => data,
            };
            if at > length {
                break;
            }
            let entry = Entry {
                to: place * sector,
                length: count * sector,
                flags,
                data,
                end: at,
            };
            entries.push(entry);
        }
        Self {
            path: path.to_owned(),
            entries,
        }
    }

    /// How many writes and flushes there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many of them were in the log when it had this many octets.
    pub fn within(&self, length: u64) -> usize {
        self.entries.partition_point(|entry| entry.end <= length)
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Makes `disk`, which was the machine's before it was switched on, what a power cut leaves of it after the first `at`
    /// entries; `seed` says what was still in the disk's cache then.
    ///
    /// # Panics
    /// When the disk cannot be written.
    pub fn cut(&self, disk: &Path, at: usize, seed: u64) {
        let log = File::open(&self.path).expect("the log");
        let disk = OpenOptions::new().write(true).open(disk).expect("the disk");
        let before = &self.entries[..at.min(self.entries.len())];
        let kept = before
            .iter()
            .rposition(|entry| entry.flags & FLUSH != 0)
            .map_or(0, |last| last + 1);
        let mut lots = Lots(seed);
        for (number, entry) in before.iter().enumerate() {
            let whole = number < kept || entry.flags & FUA != 0;
            let length = match lots.next() % 4 {
                _ if whole => entry.length,
                0 => 0,
                1 => lots.next() % (entry.length / ATOM + 1) * ATOM,
                _ => entry.length,
            };
            if entry.flags & DISCARD == 0 {
                copy(&log, entry.data, &disk, entry.to, length);
            }
        }
    }
}

fn words(file: &File, at: u64) -> [u64; 4] {
    let mut octets = [0; 32];
    file.read_exact_at(&mut octets, at)
        .expect("a word of the log");
    let word = |n: usize| {
        let octets = octets.get(n * 8..n * 8 + 8).and_then(|w| w.try_into().ok());
        octets.map_or(0, u64::from_le_bytes)
    };
    [word(0), word(1), word(2), word(3)]
}

fn copy(from: &File, at: u64, to: &File, place: u64, length: u64) {
    let mut octets = vec![0; 1 << 20];
    let mut done = 0;
    while done < length {
        let next = usize::try_from((length - done).min(1 << 20)).unwrap_or(0);
        let piece = &mut octets[..next];
        from.read_exact_at(piece, at + done)
            .expect("octets of the log");
        to.write_all_at(piece, place + done).expect("the disk");
        done += next as u64;
    }
}

/// Lots that a seed draws again.
#[derive(Debug)]
pub struct Lots(pub u64);

impl Lots {
    #[expect(clippy::should_implement_trait, reason = "it has no end")]
    pub fn next(&mut self) -> u64 {
        // SplitMix64: any seed is good, 0 too.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A log with these writes: sector, flags, what each of its two sectors is filled with; no octets: a flush.
    fn log(name: &str, writes: &[(u64, u64, Option<u8>)]) -> PathBuf {
        let mut octets = Vec::new();
        let sector = |words: [u64; 4]| {
            let mut sector: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
            sector.resize(512, 0);
            sector
        };
        octets.extend(sector([MAGIC, 1, writes.len() as u64, 512]));
        for (place, flags, fill) in writes {
            let count = fill.map_or(0, |_| 2);
            octets.extend(sector([*place, count, *flags, 0]));
            octets.extend(fill.map_or(Vec::new(), |fill| vec![fill; 1024]));
        }
        let path = std::env::temp_dir().join(format!("causeway-log-{name}-{}", std::process::id()));
        fs::write(&path, octets).unwrap();
        path
    }

    fn disk_after(log: &WriteLog, at: usize, seed: u64) -> Vec<u8> {
        let disk = log.path.with_extension(format!("{at}-{seed}"));
        fs::write(&disk, vec![0; 8 * 512]).unwrap();
        log.cut(&disk, at, seed);
        let octets = fs::read(&disk).unwrap();
        fs::remove_file(&disk).unwrap();
        octets.chunks(512).map(|sector| sector[0]).collect()
    }

    #[test]
    fn what_was_flushed_is_there_and_of_the_rest_anything() {
        let path = log(
            "flushed",
            &[
                (0, 0, Some(1)),
                (0, FLUSH, None),
                (2, 0, Some(2)),
                (4, FUA, Some(3)),
                (6, 0, Some(4)),
            ],
        );
        let log = WriteLog::read(&path);
        assert_eq!(log.len(), 5);
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let sectors = disk_after(&log, 5, seed);
            assert_eq!(sectors[..2], [1, 1], "flushed");
            assert_eq!(sectors[4..6], [3, 3], "written through");
            seen.insert(sectors);
        }
        for (second, fourth) in [([0, 0], [4, 4]), ([2, 2], [0, 0]), ([2, 0], [4, 0])] {
            let wanted = [[1, 1], second, [3, 3], fourth].concat();
            assert!(seen.contains(&wanted), "{wanted:?} in {seen:?}");
        }
        assert_eq!(disk_after(&log, 2, 7), [1, 1, 0, 0, 0, 0, 0, 0]);
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn an_entry_without_all_of_its_octets_is_not_there() {
        let path = log("short", &[(0, 0, Some(1)), (2, 0, Some(2))]);
        let octets = fs::read(&path).unwrap();
        fs::write(&path, &octets[..octets.len() - 512]).unwrap();
        assert_eq!(WriteLog::read(&path).len(), 1);
        fs::remove_file(path).unwrap();
    }
}
