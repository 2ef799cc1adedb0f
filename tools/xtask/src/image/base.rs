//! The base: Debian 13's packages and kernel as a tar.
//!
//! Packages move on the mirror, so the tar is kept: two builds of one tree are the same as long as the list of packages and the
//! script are. `--fresh` takes what the mirror has now, security updates included.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::emulation::Emulation;
use super::{Arch, tool};
use crate::interop::mirror;
use crate::step::{announce, counted, took};
use crate::workspace;

const RELEASE: &str = "trixie";
const LIMIT: Duration = Duration::from_secs(30 * 60);
/// A moment before any file of the release: nothing in the base depends on when it was made.
const EPOCH: &str = "1700000000";

/// Makes sure that the base is in the cache.
pub fn ready(arch: Arch, fresh: bool) -> Result<PathBuf, String> {
    let recipe = workspace::root()?.join("image");
    let packages = read(&recipe.join("packages"))?;
    let script = recipe.join("rootfs.sh");
    let key = key(arch, &packages, &read(&script)?)?;
    let cache = workspace::cache()?.join("image");
    fs::create_dir_all(&cache).map_err(|e| format!("{}: {e}", cache.display()))?;
    let base = cache.join(format!("base-{}-{key}.tar", arch.debian()));
    if base.is_file() && !fresh {
        return Ok(base);
    }
    announce(&format!(
        "Debian {RELEASE} for {} (about 220 MB, once)",
        arch.name()
    ));
    let since = Instant::now();
    let making = base.with_extension("making.tar");
    let outcome = debootstrap(arch, &packages, &script, &making);
    if let Err(why) = outcome
        .and_then(|()| fs::rename(&making, &base).map_err(|e| format!("{}: {e}", base.display())))
    {
        let _ = fs::remove_file(&making);
        return Err(why);
    }
    took("base", since);
    Ok(base)
}

fn debootstrap(arch: Arch, packages: &str, script: &Path, to: &Path) -> Result<(), String> {
    let _emulation = Emulation::of(arch)?;
    let mut command = Command::new("mmdebstrap");
    command
        .env("SOURCE_DATE_EPOCH", EPOCH)
        .env("ARCH", arch.debian())
        .args(["--mode=root", "--variant=essential", "--format=tar"])
        .arg(format!("--architectures={}", arch.debian()))
        .arg(format!("--include={}", tool::list(packages).join(",")))
        .args([
            "--aptopt=Acquire::Languages \"none\"",
            "--aptopt=APT::Install-Recommends \"false\"",
        ]);
    // The licences stay.
    for folder in ["doc", "man", "locale", "info", "lintian"] {
        command.arg(format!("--dpkgopt=path-exclude=/usr/share/{folder}/*"));
    }
    command.arg("--dpkgopt=path-include=/usr/share/doc/*/copyright");
    let quoted = script.display().to_string().replace('\'', "'\\''");
    command
        .arg(format!("--customize-hook=sh '{quoted}' \"$1\""))
        .arg(RELEASE)
        .arg(to);
    for line in sources(&mirror().unwrap_or_else(|| "http://deb.debian.org/debian".to_owned())) {
        command.arg(line);
    }
    if counted(&mut command, LIMIT)?.good {
        Ok(())
    } else {
        Err("the base could not be made; the message is above".to_owned())
    }
}

/// A mirror of Debian's has the security updates beside it.
fn sources(mirror: &str) -> [String; 3] {
    let mirror = mirror.trim_end_matches('/');
    let security = format!("{mirror}-security");
    [
        format!("deb {mirror} {RELEASE} main"),
        format!("deb {mirror} {RELEASE}-updates main"),
        format!("deb {security} {RELEASE}-security main"),
    ]
}

/// Names what the base depends on.
fn key(arch: Arch, packages: &str, script: &str) -> Result<String, String> {
    let all = [RELEASE, arch.debian(), packages, script].join("\n");
    let sum = tool::shell("printf %s \"$1\" | sha256sum", &[all])?;
    Ok(sum.chars().take(16).collect())
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_list_is_another_base() {
        let one = key(Arch::X86_64, "systemd\n", "true").unwrap();
        assert_eq!(one.len(), 16);
        assert_eq!(one, key(Arch::X86_64, "systemd\n", "true").unwrap());
        assert_ne!(one, key(Arch::X86_64, "systemd\nkmod\n", "true").unwrap());
    }

    #[test]
    fn security_updates_are_beside_the_mirror() {
        assert_eq!(
            sources("http://mirror.example/debian/")[2],
            "deb http://mirror.example/debian-security trixie-security main"
        );
    }
}
