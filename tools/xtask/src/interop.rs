//! `interop`: Asterisk 22 in a chroot of its own, and the tests that call it.
//!
//! Debian has Asterisk 22 in its development suite only, so it lives in a folder of the cache, made once and entered
//! by the tests with `chroot` in a mount namespace of its own. Nothing of it is installed on the machine.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use crate::needs::{self, Purpose};
use crate::step::{announce, counted, took};
use crate::{InteropArgs, TestArgs, suite, workspace};

const PACKAGES: &str = "asterisk,asterisk-core-sounds-en-wav,asterisk-moh-opsound-wav";
const PATIENCE: Duration = Duration::from_secs(20 * 60);

/// `cargo xtask interop`
pub fn interop(args: &InteropArgs) -> Result<ExitCode, String> {
    if args.fresh {
        let chroot = chroot()?;
        if chroot.is_dir() {
            remove(&chroot)?;
        }
    }
    ready(args.yes, PATIENCE)?;
    if args.prepare {
        println!("{}", chroot()?.display());
        return Ok(ExitCode::SUCCESS);
    }
    suite::test(&TestArgs {
        only: Some("interop".to_owned()),
        no_interop: false,
        yes: args.yes,
    })
}

/// Where the chroot is; the test harness looks in the same place.
fn chroot() -> Result<PathBuf, String> {
    Ok(workspace::cache()?.join("asterisk-22"))
}

/// Makes sure that the chroot exists, taking `limit` at most.
///
/// # Errors
/// A sentence why there is none.
pub fn ready(yes: bool, limit: Duration) -> Result<(), String> {
    let chroot = chroot()?;
    if !nix::unistd::geteuid().is_root() {
        return Err("only root can enter a chroot; run it with sudo".to_owned());
    }
    needs::ensure(&[Purpose::Peers], yes)?;
    if chroot.is_dir() {
        return Ok(());
    }
    needs::ensure(&[Purpose::Interop], yes)?;
    announce("Asterisk 22 (about 400 MB, once)");
    once(&chroot, |making| {
        make(making, PACKAGES, limit)?;
        right_version(making)?;
        place_for_hosts(making)
    })
}

/// rtpengine in a chroot, like Asterisk: the one that Debian's present release has is two years behind.
///
/// # Errors
/// A sentence why there is none.
pub fn rtpengine(yes: bool) -> Result<PathBuf, String> {
    let chroot = workspace::cache()?.join("rtpengine-26");
    if !nix::unistd::geteuid().is_root() {
        return Err("only root can enter a chroot; run it with sudo".to_owned());
    }
    if !chroot.is_dir() {
        needs::ensure(&[Purpose::Interop], yes)?;
        announce("rtpengine 26 (about 300 MB, once)");
        once(&chroot, |making| {
            make(making, "rtpengine-daemon", PATIENCE)?;
            version(making, &["/usr/bin/rtpengine", "--version"], "Version: 26.")
        })?;
    }
    Ok(chroot)
}

/// Makes a chroot beside its place and moves it there when it is whole.
fn once(chroot: &Path, fill: impl FnOnce(&Path) -> Result<(), String>) -> Result<(), String> {
    let since = Instant::now();
    let making = chroot.with_extension("making");
    if making.exists() {
        remove(&making)?;
    }
    fs::create_dir_all(&making).map_err(|e| format!("{}: {e}", making.display()))?;
    if let Err(why) = fill(&making) {
        let _ = remove(&making);
        return Err(why);
    }
    fs::rename(&making, chroot).map_err(|e| format!("{}: {e}", chroot.display()))?;
    took(&chroot.display().to_string(), since);
    Ok(())
}

fn make(folder: &Path, packages: &str, limit: Duration) -> Result<(), String> {
    // Package scripts try to start services: inside the chroot the answer is always no.
    let policy = folder.with_extension("policy");
    fs::write(&policy, "#!/bin/sh\nexit 101\n")
        .map_err(|e| format!("{}: {e}", policy.display()))?;
    fs::set_permissions(&policy, fs::Permissions::from_mode(0o755))
        .map_err(|e| format!("{}: {e}", policy.display()))?;
    let mut command = Command::new("mmdebstrap");
    command
        .args([
            "--variant=minbase",
            "--mode=root",
            &format!("--include={packages}"),
        ])
        .args([
            "--aptopt=APT::Install-Recommends \"false\"",
            "--aptopt=Acquire::Check-Valid-Until \"false\"",
        ])
        .arg(format!(
            "--setup-hook=mkdir -p \"$1\"/usr/sbin && cp {} \"$1\"/usr/sbin/policy-rc.d",
            policy.display()
        ))
        .arg("sid")
        .arg(folder);
    if let Some(mirror) = mirror() {
        command.arg(mirror);
    }
    let outcome = counted(&mut command, limit);
    let _ = fs::remove_file(&policy);
    if outcome?.good {
        Ok(())
    } else {
        Err("the chroot could not be made; the message is above".to_owned())
    }
}

fn right_version(folder: &Path) -> Result<(), String> {
    version(folder, &["/usr/sbin/asterisk", "-V"], "Asterisk 22.")
}

/// What a program in the chroot says of itself, which must begin with `wanted`.
fn version(folder: &Path, command: &[&str], wanted: &str) -> Result<(), String> {
    let out = Command::new("chroot")
        .arg(folder)
        .args(command)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("chroot: {e}"))?;
    let said = [out.stdout, out.stderr].concat();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    if said.starts_with(wanted) {
        eprintln!("{said}");
        return Ok(());
    }
    Err(format!("the chroot holds \"{said}\", wanted is {wanted}"))
}

/// Every run of Asterisk mounts its own file there: it asks for its host's name and stalls without an answer.
fn place_for_hosts(folder: &Path) -> Result<(), String> {
    let hosts = folder.join("etc/hosts");
    fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&hosts)
        .map(|_| ())
        .map_err(|e| format!("{}: {e}", hosts.display()))
}

/// The Debian mirror this machine uses, so that a local one serves the chroot too.
pub fn mirror() -> Option<String> {
    let lists = fs::read_dir("/etc/apt/sources.list.d")
        .ok()?
        .flatten()
        .map(|e| e.path());
    let named = lists.chain([PathBuf::from("/etc/apt/sources.list")]);
    named
        .filter(|p| p.extension().is_some_and(|e| e == "sources" || e == "list"))
        .filter_map(|p| fs::read_to_string(p).ok())
        .find_map(|text| mirror_in(&text))
}

/// The first address ending in `/debian` of an apt source list, in either notation.
fn mirror_in(text: &str) -> Option<String> {
    text.lines()
        .filter(|line| line.starts_with("URIs:") || line.starts_with("deb "))
        .flat_map(str::split_whitespace)
        .find(|word| word.contains("://") && word.trim_end_matches('/').ends_with("/debian"))
        .map(str::to_owned)
}

/// Removes a chroot, unless something is still mounted in it.
fn remove(folder: &Path) -> Result<(), String> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let inside = format!(" {}/", folder.display());
    if mounts.lines().any(|line| line.contains(&inside)) {
        return Err(format!(
            "something is still mounted in {}",
            folder.display()
        ));
    }
    fs::remove_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_mirror_in_both_notations() {
        let deb822 = "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\n";
        assert_eq!(
            mirror_in(deb822).as_deref(),
            Some("http://mirror.example/debian")
        );
        let line = "# deb http://old.example/debian x main\ndeb [arch=amd64] http://mirror.example/debian/ bookworm main\n";
        assert_eq!(
            mirror_in(line).as_deref(),
            Some("http://mirror.example/debian/")
        );
        assert_eq!(
            mirror_in("deb http://mirror.example/debian-security x main\n"),
            None
        );
    }
}
