//! The support bundle: everything somebody far away asks for first, in one packed archive, without secrets.
//!
//! Every text passes [`crate::redact`]; every file is bounded, and the whole is below 16 MB. What cannot be had is named in
//! the index with why, and stops nothing. A bundle is written to where there is room: a full disk is a reason to want one.

mod archive;
mod sources;

pub use archive::LARGEST;

use self::archive::Archive;
use crate::redact::redact;
use crate::update::{journal, slots};
use sources::{Kind, SOURCES};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Octets of a part that is handed in.
const PART: usize = 1024 * 1024;

/// What the caller knows itself: status, alarms, configuration, metrics, counts of calls.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Its file's name in the bundle, such as `status.txt`: letters, digits, `.`, `-`, `_`.
    pub name: &'a str,
    /// Its text; an error is why it cannot be had.
    pub text: Result<&'a str, &'a str>,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Files in it, without its index.
    pub files: usize,
    /// What could not be had.
    pub missing: usize,
}

/// Writes the support bundle of the box below `root` to `out`, as it is made. `known` are secrets by their values, which are struck
/// out wherever they stand.
///
/// # Errors
/// Of `out` alone.
pub fn bundle(
    root: &Path,
    parts: &[Part<'_>],
    known: &[&str],
    out: impl Write,
) -> io::Result<Summary> {
    let at = now();
    let head = format!(
        "Causeway support bundle, made at {at} (seconds since 1970, by the box's clock)\n\
         SHA-256, octets, file; secrets are struck out and stand as ***\n\n"
    );
    let mut archive = Archive::new(out, at, &head);
    for part in parts {
        let name = file_name(part.name);
        match part.text {
            Ok(text) => {
                let from = text.len().saturating_sub(PART);
                let octets = text.as_bytes().get(from..).unwrap_or_default();
                let note = if from > 0 {
                    "its beginning is left out"
                } else {
                    ""
                };
                archive.add(&name, redact(octets, known).as_bytes(), note)?;
            }
            Err(why) => archive.lacks(&name, &redact(why.as_bytes(), known)),
        }
    }
    let table: String = slots::slots(root)
        .iter()
        .map(|slot| format!("{slot}\n"))
        .collect();
    archive.add("slots.txt", redact(table.as_bytes(), known).as_bytes(), "")?;
    let updates = journal::entries(root)
        .into_iter()
        .map(|entry| format!("{entry:?}\n"));
    let updates: String = updates.collect();
    archive.add(
        "updates.txt",
        redact(updates.as_bytes(), known).as_bytes(),
        "",
    )?;
    for source in SOURCES {
        match source.kind {
            Kind::Panics => panics(root, known, &mut archive)?,
            Kind::File { .. } | Kind::Program { .. } => match source.read(root) {
                Ok((octets, note)) => {
                    archive.add(source.name, redact(&octets, known).as_bytes(), &note)?;
                }
                Err(why) => archive.lacks(source.name, &why),
            },
        }
    }
    let (files, missing) = archive.finish()?;
    Ok(Summary { files, missing })
}

/// The last words of panics, the latest ones: each a file.
fn panics<W: Write>(root: &Path, known: &[&str], archive: &mut Archive<W>) -> io::Result<()> {
    let dumps = sources::panics(root);
    if dumps.is_empty() {
        archive.lacks(
            "panic/",
            "the kernel has not panicked since the data partition was made",
        );
    }
    for (name, octets) in dumps {
        let name = format!("panic/{name}");
        archive.add(&name, redact(&octets, known).as_bytes(), "")?;
    }
    Ok(())
}

/// Writes the support bundle of the box below `root` to a file that only its owner reads, on the disk if it can, else in
/// memory; the ones before it are removed. Returns where it is.
///
/// # Errors
/// When there is room nowhere.
pub fn write(root: &Path, parts: &[Part<'_>], known: &[&str]) -> io::Result<(PathBuf, Summary)> {
    let mut fault = None;
    for folder in [
        "var/lib/causeway-maintenance/support",
        "run/causeway-support",
    ] {
        let folder = root.join(folder);
        // At most one of them is ever there, so that they do not fill what they are to help with.
        let _ = fs::remove_dir_all(&folder);
        if fault.is_none() || !folder.starts_with(root.join("var")) {
            match into_folder(root, &folder, parts, known) {
                Ok(done) => return Ok(done),
                Err(e) => {
                    let _ = fs::remove_dir_all(&folder);
                    fault = Some(e);
                }
            }
        }
    }
    Err(fault.unwrap_or_else(|| io::Error::other("no folder")))
}

fn into_folder(
    root: &Path,
    folder: &Path,
    parts: &[Part<'_>],
    known: &[&str],
) -> io::Result<(PathBuf, Summary)> {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let path = folder.join("causeway-support.tar.gz");
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    let mut out = BufWriter::new(file);
    let summary = bundle(root, parts, known, &mut out)?;
    out.into_inner()?.sync_all()?;
    Ok((path, summary))
}

/// A name that leads nowhere else.
fn file_name(name: &str) -> String {
    let plain: String = name.chars().filter(|c| is_name(*c)).take(64).collect();
    match plain.trim_start_matches('.') {
        "" => "part".to_owned(),
        plain => plain.to_owned(),
    }
}

const fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
