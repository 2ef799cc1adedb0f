//! A bundle's file, as RAUC's format `verity` lays it out, and what its signed manifest says.
//!
//! | octets | what |
//! |---|---|
//! | … | a squashfs image, whole blocks of 4096 |
//! | `verity-size` of the manifest | dm-verity's hash tree over it, the top level first |
//! | … | the signature (CMS), which holds the manifest and so the tree's root |
//! | 8 | the signature's length, big-endian |
//!
//! RAUC trusts the kernel to notice a changed block when it is read, which is while the slot is being written. So that a bundle
//! that was spoilt on its way is refused before that, the tree is computed here first.

use sha2::{Digest as _, Sha256};
use std::io::{self, Read, Seek, SeekFrom};
use thiserror::Error;

const BLOCK: usize = 4096;
const SUM: usize = 32;
const SQUASHFS: [u8; 4] = *b"hsqs";
/// The largest bundle that is looked at, in octets.
pub const LARGEST: u64 = 2 << 30;
/// The largest signature RAUC itself takes, in octets.
const SIGNATURE: u64 = 64 * 1024;

/// What a manifest says of which somebody trusted has signed every word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The board it is for.
    pub compatible: String,
    /// Its version.
    pub version: String,
    /// Octets of the largest image for a slot.
    pub image: u64,
    /// The tree over its contents; none in a bundle of another format.
    pub tree: Option<Tree>,
}

/// A tree of hashes, as dm-verity has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// Octets it takes.
    pub size: u64,
    /// What is hashed before each block.
    pub salt: Vec<u8>,
    /// The hash of its top.
    pub root: [u8; SUM],
}

/// Why what RAUC says of a bundle cannot be read.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ManifestError {
    /// It is not JSON.
    #[error("not JSON: {0}")]
    Json(String),
    /// Something is not there or not what it should be.
    #[error("no usable {0}")]
    Lacks(&'static str),
}

impl Manifest {
    /// Reads `rauc info --output-format=json-2`.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(json: &[u8]) -> Result<Self, ManifestError> {
        let all: serde_json::Value =
            serde_json::from_slice(json).map_err(|e| ManifestError::Json(e.to_string()))?;
        let word = |pointer: &str, what| {
            let word = all.pointer(pointer).and_then(serde_json::Value::as_str);
            word.filter(|word| !word.is_empty() && word.len() <= 256)
                .map(str::to_owned)
                .ok_or(ManifestError::Lacks(what))
        };
        let images = all.get("images").and_then(serde_json::Value::as_array);
        let image = images
            .into_iter()
            .flatten()
            .filter_map(|image| image.get("size")?.as_u64())
            .max();
        let tree = match all.pointer("/bundle/format").and_then(|f| f.as_str()) {
            Some("verity") => Some(Tree {
                size: all
                    .pointer("/bundle/verity-size")
                    .and_then(serde_json::Value::as_u64)
                    .ok_or(ManifestError::Lacks("verity-size"))?,
                salt: hex(&word("/bundle/verity-salt", "verity-salt")?)
                    .ok_or(ManifestError::Lacks("verity-salt"))?,
                root: hex(&word("/bundle/verity-hash", "verity-hash")?)
                    .and_then(|root| root.try_into().ok())
                    .ok_or(ManifestError::Lacks("verity-hash"))?,
            }),
            Some(_) | None => None,
        };
        Ok(Self {
            compatible: word("/update/compatible", "compatible")?,
            version: word("/update/version", "version")?,
            image: image.ok_or(ManifestError::Lacks("image"))?,
            tree,
        })
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = |pair: &[u8]| {
        let text = str::from_utf8(pair).ok()?;
        let all = pair.len() == 2 && pair.iter().all(u8::is_ascii_hexdigit);
        all.then(|| u8::from_str_radix(text, 16).ok()).flatten()
    };
    text.as_bytes().chunks(2).map(digits).collect()
}

/// What is wrong with a file that ought to be a bundle.
#[derive(Debug, Error)]
pub enum FileError {
    /// It has another beginning.
    #[error("it is not an update")]
    NotABundle,
    /// Nothing stands where its signature should.
    #[error("it is not signed, or its end is missing")]
    Unsigned,
    /// Its contents are not those that were signed.
    #[error("{0}")]
    Changed(String),
    /// Larger than any.
    #[error("it is larger than any update: {0} octets")]
    TooLarge(u64),
    /// Somebody ended it.
    #[error("stopped")]
    Stopped,
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
}

/// Where the signature of a bundle begins; looks at both ends of it.
///
/// # Errors
/// When it is no bundle, or has no signature.
pub fn signature_at(file: &mut (impl Read + Seek)) -> Result<u64, FileError> {
    let length = file.seek(SeekFrom::End(0))?;
    if length > LARGEST {
        return Err(FileError::TooLarge(length));
    }
    let mut magic = [0; SQUASHFS.len()];
    file.seek(SeekFrom::Start(0))?;
    if length < 96 || file.read_exact(&mut magic).is_err() || magic != SQUASHFS {
        return Err(FileError::NotABundle);
    }
    let mut size = [0; 8];
    file.seek(SeekFrom::End(-8))?;
    file.read_exact(&mut size)?;
    let size = u64::from_be_bytes(size);
    match length.checked_sub(8).and_then(|end| end.checked_sub(size)) {
        Some(at) if size > 0 && size <= SIGNATURE && at >= BLOCK as u64 => Ok(at),
        Some(_) | None => Err(FileError::Unsigned),
    }
}

/// Computes the tree over a bundle's contents and compares it with the signed root and with the tree in the file. `pulse` is told
/// thousandths done and says whether to go on.
///
/// # Errors
/// When anything differs, the file cannot be read, or `pulse` said no.
pub fn check(
    file: &mut (impl Read + Seek),
    tree: &Tree,
    pulse: &mut dyn FnMut(u16) -> bool,
) -> Result<(), FileError> {
    let changed = |what: &str| FileError::Changed(what.to_owned());
    let end = signature_at(file)?;
    let data = end
        .checked_sub(tree.size)
        .filter(|data| *data > 0 && data.is_multiple_of(BLOCK as u64))
        .ok_or_else(|| changed("its parts do not have the lengths that were signed"))?;
    let blocks = data / BLOCK as u64;
    file.seek(SeekFrom::Start(0))?;
    let mut level = Vec::with_capacity(usize::try_from(blocks).unwrap_or(0) * SUM);
    let mut block = vec![0; BLOCK];
    let mut told = None;
    for at in 0..blocks {
        let done = u16::try_from(at * 1000 / blocks).unwrap_or(1000);
        if told != Some(done) {
            told = Some(done);
            if !pulse(done) {
                return Err(FileError::Stopped);
            }
        }
        file.read_exact(&mut block)?;
        level.extend_from_slice(&sum(&tree.salt, &block));
    }
    // From the leaves to the top; kept the other way round.
    let mut levels = Vec::new();
    while level.len() > SUM {
        level.resize(level.len().next_multiple_of(BLOCK), 0);
        let above = level.chunks(BLOCK).map(|block| sum(&tree.salt, block));
        let above: Vec<u8> = above.flatten().collect();
        levels.push(std::mem::replace(&mut level, above));
    }
    if level != tree.root {
        return Err(changed("its contents are not those that were signed"));
    }
    for level in levels.iter().rev() {
        let mut stored = vec![0; level.len()];
        match file.read_exact(&mut stored) {
            Ok(()) if stored == *level => {}
            Ok(()) => return Err(changed("its hashes are not those that were signed")),
            Err(fault) => return Err(fault.into()),
        }
    }
    if file.stream_position()? != end {
        return Err(changed(
            "its parts do not have the lengths that were signed",
        ));
    }
    Ok(())
}

fn sum(salt: &[u8], block: &[u8]) -> [u8; SUM] {
    Sha256::new_with_prefix(salt)
        .chain_update(block)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// What `rauc` 1.13 says of `bundle.raucb`, which it made.
    const INFO: &[u8] = include_bytes!("../../tests/data/info.json");
    const BUNDLE: &[u8] = include_bytes!("../../tests/data/bundle.raucb");

    fn checked(octets: &[u8]) -> Result<(), FileError> {
        let tree = Manifest::parse(INFO).unwrap().tree.unwrap();
        check(&mut Cursor::new(octets), &tree, &mut |_| true)
    }

    #[test]
    fn a_bundle_as_it_was_made_is_good_and_one_with_any_octet_changed_is_not() {
        checked(BUNDLE).unwrap();
        let end = usize::try_from(signature_at(&mut Cursor::new(BUNDLE)).unwrap()).unwrap();
        for at in [4, 100, 4096, end / 2, end - 4097, end - 4096, end - 1] {
            let mut octets = BUNDLE.to_vec();
            octets[at] ^= 1;
            let fault = checked(&octets).unwrap_err();
            assert!(matches!(fault, FileError::Changed(_)), "{at}: {fault}");
        }
    }

    #[test]
    fn a_bundle_that_ends_early_or_begins_otherwise_is_none() {
        for length in [0, 1, 95] {
            let fault = checked(&BUNDLE[..length]).unwrap_err();
            assert!(matches!(fault, FileError::NotABundle), "{length}: {fault}");
        }
        for length in [96, 8192, BUNDLE.len() - 1] {
            let fault = checked(&BUNDLE[..length]).unwrap_err();
            assert!(matches!(fault, FileError::Unsigned), "{length}: {fault}");
        }
        let fault = checked(&[b'x'; 10_000]).unwrap_err();
        assert!(matches!(fault, FileError::NotABundle), "{fault}");
    }

    #[test]
    fn it_can_be_stopped() {
        let tree = Manifest::parse(INFO).unwrap().tree.unwrap();
        let mut told = Vec::new();
        let ended = check(&mut Cursor::new(BUNDLE), &tree, &mut |done| {
            told.push(done);
            done < 500
        });
        assert!(matches!(ended, Err(FileError::Stopped)));
        assert_eq!(told.first(), Some(&0));
        assert!(told.is_sorted());
    }

    #[test]
    fn what_rauc_says_is_read_and_nothing_else() {
        let manifest = Manifest::parse(INFO).unwrap();
        assert_eq!(manifest.compatible, "causeway-x86_64");
        assert_eq!(manifest.version, "0.2.0");
        assert_eq!(manifest.image, 65_536);
        assert!(matches!(Manifest::parse(b"{"), Err(ManifestError::Json(_))));
        let text = String::from_utf8_lossy(INFO);
        for (part, what) in [
            ("\"compatible\"", "compatible"),
            ("\"version\"", "version"),
            ("\"size\"", "image"),
            ("\"verity-hash\"", "verity-hash"),
            ("\"verity-salt\"", "verity-salt"),
            ("\"verity-size\"", "verity-size"),
        ] {
            let without = text.replace(part, "\"other\"");
            assert_eq!(
                Manifest::parse(without.as_bytes()),
                Err(ManifestError::Lacks(what))
            );
        }
    }
}
