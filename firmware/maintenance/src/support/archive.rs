//! A packed archive whose size is bounded and whose last file is an index of all others, with what is missing and why.

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::io::{self, Write};

/// Octets of all files together before they are packed. Packing adds less than a thousandth to what cannot be packed, so the
/// archive stays below 16 MB.
pub const LARGEST: usize = 15_000_000;
/// Octets that are kept free for the index.
const INDEX: usize = 256 * 1024;
/// A file takes a head and is filled up to whole blocks.
const BLOCK: usize = 512;

/// An archive that is being written.
pub(super) struct Archive<W: Write> {
    tar: tar::Builder<GzEncoder<W>>,
    /// Seconds since 1970, of every file.
    at: u64,
    left: usize,
    index: String,
    files: usize,
    missing: usize,
}

impl<W: Write> Archive<W> {
    pub(super) fn new(out: W, at: u64, head: &str) -> Self {
        Self {
            tar: tar::Builder::new(GzEncoder::new(out, Compression::fast())),
            at,
            left: LARGEST - INDEX,
            index: head.to_owned(),
            files: 0,
            missing: 0,
        }
    }

    /// Adds a file; of one that does not fit any more the end is kept, which is the latest of a log. `note` goes to the index.
    pub(super) fn add(&mut self, name: &str, octets: &[u8], note: &str) -> io::Result<()> {
        let room = self.left.saturating_sub(2 * BLOCK);
        let over = octets.len().saturating_sub(room);
        let kept = octets.get(over..).unwrap_or_default();
        if kept.is_empty() && !octets.is_empty() {
            self.lacks(name, "no room is left in the bundle");
            return Ok(());
        }
        self.put(name, kept)?;
        self.files += 1;
        let sum: String = Sha256::digest(kept)
            .iter()
            .fold(String::new(), |mut text, octet| {
                let _ = write!(text, "{octet:02x}");
                text
            });
        let _ = write!(self.index, "{sum}  {:>8}  {name}", kept.len());
        let cut = if over > 0 {
            "its beginning is left out"
        } else {
            ""
        };
        for note in [note, cut].into_iter().filter(|note| !note.is_empty()) {
            let _ = write!(self.index, "  ({note})");
        }
        self.index.push('\n');
        Ok(())
    }

    /// Notes what is not in it, and why.
    pub(super) fn lacks(&mut self, name: &str, why: &str) {
        self.missing += 1;
        let why: String = why
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(200)
            .collect();
        let _ = writeln!(self.index, "{:64}  {:>8}  {name}  ({why})", "missing", "-");
    }

    /// Writes the index and the end; returns how many files there are, and how many are missing.
    pub(super) fn finish(mut self) -> io::Result<(usize, usize)> {
        self.left = INDEX;
        let mut index = std::mem::take(&mut self.index);
        let end = (0..=index.len().min(INDEX - 2 * BLOCK))
            .rev()
            .find(|at| index.is_char_boundary(*at));
        index.truncate(end.unwrap_or(0));
        self.put("INDEX", index.as_bytes())?;
        let mut out = self.tar.into_inner()?.finish()?;
        out.flush()?;
        Ok((self.files, self.missing))
    }

    fn put(&mut self, name: &str, octets: &[u8]) -> io::Result<()> {
        let mut head = tar::Header::new_gnu();
        head.set_size(octets.len() as u64);
        head.set_mode(0o600);
        head.set_mtime(self.at);
        let path = format!("causeway-support/{name}");
        self.tar.append_data(&mut head, path, octets)?;
        let blocks = octets.len().div_ceil(BLOCK) + 1;
        self.left = self.left.saturating_sub(blocks * BLOCK);
        Ok(())
    }
}
