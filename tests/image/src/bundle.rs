//! Updates that ought to be refused, small ones, made and signed here.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// A bundle of a root that nobody could boot.
#[derive(Debug, Clone, Copy)]
pub struct Bundle<'a> {
    pub board: &'a str,
    pub version: &'a str,
    /// Of whom the box has never heard; otherwise who signed its image.
    pub stranger: bool,
}

impl Bundle<'_> {
    /// Writes it to `to`; the signer's key and certificate are named by `CAUSEWAY_UPDATE_KEY` and `CAUSEWAY_UPDATE_CERT`.
    pub fn write(&self, to: &Path) {
        let tree = to.with_extension("tree");
        fs::create_dir_all(&tree).expect("a folder for the bundle");
        // Packed to less than a block it would be no bundle: nothing here may repeat itself.
        let mut state = 1_u32;
        let root: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_le_bytes()[3]
        })
        .take(64 * 1024)
        .collect();
        fs::write(tree.join("root.img"), root).expect("its root");
        let manifest = format!(
            "[update]\ncompatible={}\nversion={}\n[bundle]\nformat=verity\n[image.root]\nfilename=root.img\n",
            self.board, self.version
        );
        fs::write(tree.join("manifest.raucm"), manifest).expect("its manifest");
        let named = |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
        let (mut key, mut certificate) =
            (named("CAUSEWAY_UPDATE_KEY"), named("CAUSEWAY_UPDATE_CERT"));
        if self.stranger {
            key = to.with_extension("key").display().to_string();
            certificate = to.with_extension("pem").display().to_string();
            run(Command::new("openssl")
                .args([
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:prime256v1",
                ])
                .args(["-nodes", "-days", "30", "-subj", "/CN=stranger", "-keyout"])
                .args([&key, "-out", &certificate]));
        }
        run(Command::new("rauc")
            .arg("bundle")
            .arg(format!("--cert={certificate}"))
            .arg(format!("--key={key}"))
            .arg(format!("--keyring={certificate}"))
            .arg(&tree)
            .arg(to));
        for made in ["tree", "key", "pem"] {
            let _ = fs::remove_dir_all(to.with_extension(made));
            let _ = fs::remove_file(to.with_extension(made));
        }
    }
}

fn run(command: &mut Command) {
    let out = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{command:?}: {said}");
}
