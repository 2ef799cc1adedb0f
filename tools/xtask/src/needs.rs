//! Installs what the command at hand needs and the machine lacks.
//!
//! One table says which Debian package serves which purpose, how to tell that it is there, and why. What is missing is
//! named first; with a terminal we ask (unless told `--yes`), without one we go ahead. Only root can install: anybody
//! else gets the exact command to run.

use std::env;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::step;

/// What packages are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Building the firmware: the codecs and the store bring C and C++ sources along.
    Build,
    /// The name server of the tests.
    Names,
    /// Another maker's client of the relay.
    Relay,
    /// Networks of the tests' own.
    Networks,
    /// The browser of `run --check`.
    Chromium,
    /// The second browser of the tests.
    Firefox,
    /// The SDK's own tests.
    Sdk,
    /// Asterisk in a chroot.
    Interop,
    /// Many SIP calls.
    Load,
    /// What their cost is measured against.
    LoadReference,
    /// Recorded voices.
    Voices,
    /// The PBX of the scenarios about signalling.
    Sipp,
    /// Who judges the sound.
    Quality,
    /// The other peers of the interop tests.
    Peers,
    /// The box's image.
    Image,
    /// The same for ARM, on another machine.
    Arm,
    /// A machine that exists only in software.
    Qemu,
    /// Another one, an ARM.
    QemuArm,
    /// Files over a serial line.
    Serial,
}

#[derive(Debug)]
struct Package {
    purpose: Purpose,
    name: &'static str,
    /// A program the package brings, or a file below a folder of `/usr/lib` or `/usr/share`: when it is there, the package is not
    /// needed.
    program: &'static str,
    why: &'static str,
}

const fn row(
    purpose: Purpose,
    name: &'static str,
    program: &'static str,
    why: &'static str,
) -> Package {
    Package {
        purpose,
        name,
        program,
        why,
    }
}

const PACKAGES: &[Package] = &[
    row(
        Purpose::Build,
        "gcc",
        "gcc",
        "compiles the embedded database and the cryptography",
    ),
    row(Purpose::Build, "g++", "g++", "compiles the H.264 codec"),
    row(
        Purpose::Build,
        "nasm",
        "nasm",
        "makes the H.264 codec several times faster",
    ),
    row(
        Purpose::Build,
        "libvpx-dev",
        "libvpx.a",
        "the VP8 codec of pictures",
    ),
    row(
        Purpose::Build,
        "make",
        "make",
        "builds the Opus codec and the memory allocator",
    ),
    row(
        Purpose::Build,
        "cmake",
        "cmake",
        "configures the Opus codec",
    ),
    row(
        Purpose::Names,
        "dnsmasq-base",
        "dnsmasq",
        "answers with NAPTR, SRV and addresses for trunks that are names",
    ),
    row(
        Purpose::Relay,
        "coturn",
        "turnutils_uclient",
        "a TURN client of another maker",
    ),
    row(
        Purpose::Networks,
        "iproute2",
        "ip",
        "makes network namespaces and the cables between them",
    ),
    row(
        Purpose::Networks,
        "nftables",
        "nft",
        "plays the firewalls and address translators before a caller",
    ),
    row(
        Purpose::Chromium,
        "chromium",
        "chromium",
        "makes the test calls",
    ),
    row(
        Purpose::Firefox,
        "firefox-esr",
        "firefox-esr",
        "makes the test calls",
    ),
    row(
        Purpose::Firefox,
        "pulseaudio",
        "pulseaudio",
        "a silent sound card, without which Firefox plays nothing",
    ),
    row(Purpose::Sdk, "nodejs", "node", "runs the SDK's tests"),
    row(
        Purpose::Interop,
        "mmdebstrap",
        "mmdebstrap",
        "makes the chroot Asterisk runs in",
    ),
    row(Purpose::Load, "sip-tester", "sipp", "makes many SIP calls"),
    row(
        Purpose::LoadReference,
        "kamailio",
        "kamailio",
        "the proxy whose cost of a call ours stands beside",
    ),
    row(
        Purpose::Voices,
        "alsa-utils",
        "aplay",
        "brings recorded voices, which the measures of sound let people say",
    ),
    row(
        Purpose::Sipp,
        "sip-tester",
        "sipp",
        "plays the PBX in the scenarios about signalling",
    ),
    row(
        Purpose::Quality,
        "python3-venv",
        "python3",
        "runs PESQ, which judges the sound",
    ),
    row(
        Purpose::Quality,
        "gcc",
        "gcc",
        "compiles PESQ where no binary is to be had",
    ),
    row(
        Purpose::Peers,
        "kamailio",
        "kamailio",
        "a SIP proxy between the box and its targets",
    ),
    row(
        Purpose::Peers,
        "kamailio-tls-modules",
        "kamailio/modules/tls.so",
        "the same over TLS",
    ),
    row(
        Purpose::Peers,
        "baresip-core",
        "baresip",
        "a SIP phone of another maker",
    ),
    row(
        Purpose::Peers,
        "baresip-ffmpeg",
        "modules/avcodec.so",
        "its pictures",
    ),
    row(
        Purpose::Image,
        "mmdebstrap",
        "mmdebstrap",
        "fetches Debian's packages for the image",
    ),
    row(
        Purpose::Image,
        "squashfs-tools",
        "mksquashfs",
        "packs the read-only root",
    ),
    row(
        Purpose::Image,
        "cryptsetup-bin",
        "veritysetup",
        "makes the tree of hashes behind it",
    ),
    row(
        Purpose::Image,
        "fdisk",
        "sfdisk",
        "writes the partition table",
    ),
    row(
        Purpose::Image,
        "dosfstools",
        "mkfs.vfat",
        "makes the partition the firmware boots from",
    ),
    row(
        Purpose::Image,
        "mtools",
        "mcopy",
        "fills it without mounting it",
    ),
    row(
        Purpose::Image,
        "e2fsprogs",
        "mkfs.ext4",
        "makes the data partition",
    ),
    row(Purpose::Image, "cpio", "cpio", "packs the initrd"),
    row(Purpose::Image, "zstd", "zstd", "compresses it"),
    row(
        Purpose::Image,
        "xz-utils",
        "xz",
        "unpacks the kernel's modules",
    ),
    row(
        Purpose::Image,
        "kmod",
        "depmod",
        "says which module needs which",
    ),
    row(
        Purpose::Image,
        "binutils",
        "readelf",
        "says which libraries a program needs",
    ),
    row(
        Purpose::Image,
        "rauc",
        "rauc",
        "signs updates and packs them",
    ),
    row(
        Purpose::Image,
        "openssl",
        "openssl",
        "draws a key for development to sign them with",
    ),
    row(
        Purpose::Arm,
        "gcc-aarch64-linux-gnu",
        "aarch64-linux-gnu-gcc",
        "compiles C for ARM",
    ),
    row(
        Purpose::Arm,
        "g++-aarch64-linux-gnu",
        "aarch64-linux-gnu-g++",
        "compiles C++ for ARM",
    ),
    row(
        Purpose::Arm,
        "qemu-user-static",
        "qemu-aarch64-static",
        "runs what Debian's ARM packages do when they are installed",
    ),
    row(Purpose::Arm, "arch-test", "arch-test", "tells that it can"),
    row(
        Purpose::QemuArm,
        "qemu-system-arm",
        "qemu-system-aarch64",
        "is the ARM box in the image's tests",
    ),
    row(
        Purpose::QemuArm,
        "qemu-efi-aarch64",
        "AAVMF_CODE.fd",
        "its firmware",
    ),
    row(
        Purpose::Qemu,
        "qemu-system-x86",
        "qemu-system-x86_64",
        "is the box in the image's tests",
    ),
    row(Purpose::Qemu, "ovmf", "OVMF_CODE_4M.fd", "its firmware"),
    row(
        Purpose::Qemu,
        "e2fsprogs",
        "mkfs.ext4",
        "makes data partitions",
    ),
    row(
        Purpose::Qemu,
        "mtools",
        "mcopy",
        "reads and writes boot entries",
    ),
    row(
        Purpose::Qemu,
        "fdisk",
        "sfdisk",
        "says where its partitions are",
    ),
    row(
        Purpose::Qemu,
        "rauc",
        "rauc",
        "makes updates that must be refused",
    ),
    row(
        Purpose::Qemu,
        "openssl",
        "openssl",
        "draws the keys of strangers",
    ),
    row(
        Purpose::Serial,
        "lrzsz",
        "sb",
        "sends and takes files over a serial line as terminal programs do",
    ),
];

/// Makes sure that everything `purposes` need is installed.
///
/// # Errors
/// A sentence with the command to run, when this user cannot or does not want to install it.
pub fn ensure(purposes: &[Purpose], yes: bool) -> Result<(), String> {
    let missing: Vec<&Package> = PACKAGES
        .iter()
        .filter(|p| purposes.contains(&p.purpose) && !present(p.program))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("These packages are missing:");
    for package in &missing {
        eprintln!("  {:<14} {}", package.name, package.why);
    }
    let names: Vec<&str> = missing.iter().map(|p| p.name).collect();
    if !on_path("apt-get") {
        return Err(format!(
            "this is not a Debian system (no apt-get): please install the programs {}",
            missing
                .iter()
                .map(|p| p.program)
                .collect::<Vec<_>>()
                .join(", ")
        ));
    }
    if !nix::unistd::geteuid().is_root() {
        return Err(format!(
            "only root can install them; please run\n\n    sudo apt-get update && sudo apt-get install --no-install-recommends {}\n\nand try again",
            names.join(" ")
        ));
    }
    if !yes && std::io::stdin().is_terminal() && !agreed()? {
        return Err(format!(
            "nothing installed; to do it by hand: apt-get install --no-install-recommends {}",
            names.join(" ")
        ));
    }
    install(&names)?;
    match missing.iter().find(|p| !present(p.program)) {
        None => Ok(()),
        Some(package) => Err(format!(
            "{} was installed, but {} is still not there",
            package.name, package.program
        )),
    }
}

/// Whether `program` is on the path, or a file of this name below a folder of libraries or shared data.
fn present(program: &str) -> bool {
    let libraries = ["/usr/lib", "/usr/share"]
        .into_iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .flatten();
    on_path(program)
        || libraries
            .into_iter()
            .any(|e| e.path().join(program).is_file())
}

/// Whether `program` is on the path.
pub fn on_path(program: &str) -> bool {
    // Some of what we call lives in sbin, which is not on every user's path.
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain([Path::new("/usr/sbin").to_path_buf()])
        .any(|dir| dir.join(program).is_file())
}

fn agreed() -> Result<bool, String> {
    eprint!("Install them now? [Y/n] ");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|e| format!("cannot read the answer: {e}"))?;
    Ok(matches!(
        answer.trim().to_ascii_lowercase().as_str(),
        "" | "y" | "yes"
    ))
}

fn install(names: &[&str]) -> Result<(), String> {
    let fresh = lists_are_fresh();
    if !fresh {
        update()?;
    }
    if apt(&[&["install", "--yes", "--no-install-recommends"], names].concat())? {
        return Ok(());
    }
    // Lists that are a few hours old may already name files the mirror has replaced.
    if fresh {
        update()?;
        if apt(&[&["install", "--yes", "--no-install-recommends"], names].concat())? {
            return Ok(());
        }
    }
    Err(format!(
        "apt-get could not install {}; its own message is above",
        names.join(" ")
    ))
}

fn update() -> Result<(), String> {
    if apt(&["update"])? {
        Ok(())
    } else {
        Err("apt-get update failed; its own message is above".to_owned())
    }
}

/// Runs apt-get with its progress on standard error, so that standard output stays the command's own.
fn apt(args: &[&str]) -> Result<bool, String> {
    step::announce(&format!("apt-get {}", args.join(" ")));
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "exec apt-get -o Dpkg::Use-Pty=0 \"$@\" >&2",
            "apt-get",
        ])
        .args(args);
    step::plain(
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(std::process::Stdio::null()),
    )
}

/// Whether the package lists exist and are younger than a day.
fn lists_are_fresh() -> bool {
    let Ok(entries) = std::fs::read_dir("/var/lib/apt/lists") else {
        return false;
    };
    entries
        .flatten()
        .filter(|e| e.file_name().to_string_lossy().contains("_Packages"))
        .filter_map(|e| e.metadata().and_then(|m| m.modified()).ok())
        .any(|at| {
            SystemTime::now().duration_since(at).unwrap_or_default()
                < Duration::from_secs(24 * 3600)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_purpose_has_a_package() {
        for purpose in [
            Purpose::Build,
            Purpose::Relay,
            Purpose::Networks,
            Purpose::Chromium,
            Purpose::Firefox,
            Purpose::Sdk,
            Purpose::Interop,
            Purpose::Load,
            Purpose::LoadReference,
            Purpose::Voices,
            Purpose::Sipp,
            Purpose::Peers,
            Purpose::Image,
            Purpose::Arm,
            Purpose::Qemu,
            Purpose::QemuArm,
            Purpose::Serial,
        ] {
            assert!(PACKAGES.iter().any(|p| p.purpose == purpose), "{purpose:?}");
        }
    }

    #[test]
    fn sees_what_is_on_the_path_and_what_is_not() {
        assert!(on_path("sh"));
        assert!(!on_path("no-such-program-of-causeway"));
        assert!(ensure(&[], false).is_ok());
    }
}
