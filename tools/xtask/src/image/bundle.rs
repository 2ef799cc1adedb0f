//! Signed updates: a slot's root, kernel and initrd in one file that RAUC installs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::slot::Slot;
use super::{Arch, disk, tool};
use crate::workspace;

/// Who signs: a key and its certificate, which is also the ring of keys that a box trusts.
#[derive(Debug, Clone)]
pub struct Signer {
    pub key: PathBuf,
    pub certificate: PathBuf,
}

impl Signer {
    /// The maker's, where `CAUSEWAY_UPDATE_KEY` and `CAUSEWAY_UPDATE_CERT` name them; else one for development, drawn once
    /// and kept in the cache. A box trusts the one its image was made with.
    ///
    /// # Errors
    /// When only one of them is named, or the development key cannot be made.
    pub fn ready() -> Result<Self, String> {
        let named = |name| std::env::var_os(name).map(PathBuf::from);
        match (named("CAUSEWAY_UPDATE_KEY"), named("CAUSEWAY_UPDATE_CERT")) {
            (Some(key), Some(certificate)) => Ok(Self { key, certificate }),
            (None, None) => Self::of_development("development"),
            _ => Err("CAUSEWAY_UPDATE_KEY and CAUSEWAY_UPDATE_CERT go together".to_owned()),
        }
    }

    /// A key of this machine's own.
    ///
    /// # Errors
    /// openssl's words.
    pub fn of_development(name: &str) -> Result<Self, String> {
        let folder = workspace::cache()?.join("image");
        fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let key = folder.join(format!("{name}.key"));
        let certificate = folder.join(format!("{name}.pem"));
        if !key.is_file() || !certificate.is_file() {
            eprintln!("updates are signed with a key for development, drawn now");
            tool::run(
                Command::new("openssl")
                    .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
                    .args(["ec_paramgen_curve:prime256v1", "-nodes", "-days", "7300"])
                    .arg("-subj")
                    .arg(format!("/CN=Causeway {name}"))
                    .arg("-keyout")
                    .arg(&key)
                    .arg("-out")
                    .arg(&certificate),
            )?;
        }
        Ok(Self { key, certificate })
    }
}

/// Writes the bundle of `slot` as `version` of the board `board`.
pub fn make(
    arch: Arch,
    slot: &Slot,
    version: &str,
    board: &str,
    signer: &Signer,
    to: &Path,
) -> Result<(), String> {
    let scratch = tool::Scratch::new("bundle")?;
    let tree = scratch.path();
    let recipe = workspace::root()?.join("image/bundle");
    let copies = [
        (&slot.root, "root.img"),
        (&slot.kernel, "vmlinuz"),
        (&slot.initrd, "initrd"),
        (&recipe.join("hook.sh"), "hook.sh"),
    ];
    for (from, name) in copies {
        fs::copy(from, tree.join(name)).map_err(|e| format!("{}: {e}", from.display()))?;
    }
    let texts = [
        (
            "slot.env",
            format!("HASH={}\nOFFSET={}\n", slot.hash, slot.offset),
        ),
        (
            "entry.conf",
            disk::entry(arch, slot, "@SLOT@", "@INSTALLATION@"),
        ),
        (
            "manifest.raucm",
            format!(
                "[update]\ncompatible={board}\nversion={version}\n\n[bundle]\nformat=verity\n\n[hooks]\nfilename=hook.sh\n\n\
                 [image.root]\nfilename=root.img\nhooks=post-install\n"
            ),
        ),
    ];
    for (name, text) in texts {
        fs::write(tree.join(name), text).map_err(|e| format!("{name}: {e}"))?;
    }
    let _ = fs::remove_file(to);
    tool::run(
        Command::new("rauc")
            .arg("bundle")
            .arg(format!("--cert={}", signer.certificate.display()))
            .arg(format!("--key={}", signer.key.display()))
            .arg(format!("--keyring={}", signer.certificate.display()))
            .arg(tree)
            .arg(to),
    )
    .map(|_| ())
}
