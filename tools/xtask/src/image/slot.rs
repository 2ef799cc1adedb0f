//! A slot: the read-only root with its tree of hashes behind it, and the kernel and initrd that go with it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::bundle::Signer;
use super::programs::Programs;
use super::{Arch, initrd, tool};
use crate::workspace;

/// Block of file system and hash tree, in octets.
const BLOCK: u64 = 4096;
const UUID: &str = "00000000-0000-0000-0000-000000000001";

/// What a slot is made of.
#[derive(Debug, Clone)]
pub struct Slot {
    /// Squashfs, padded, and the tree of hashes.
    pub root: PathBuf,
    pub kernel: PathBuf,
    pub initrd: PathBuf,
    /// The EFI program that loads them.
    pub loader: PathBuf,
    /// Root of the tree, in hexadecimal: who knows it knows every octet.
    pub hash: String,
    /// Where the tree begins, in octets.
    pub offset: u64,
    pub version: String,
}

/// Makes a slot in `folder`, from the base's tar, the files of `image/box` and the box's programs. The box will
/// trust updates of `signer`.
pub fn make(
    arch: Arch,
    base: &Path,
    programs: &Programs,
    signer: &Signer,
    epoch: u64,
    folder: &Path,
) -> Result<Slot, String> {
    let tree = workspace::root()?;
    let scratch = tool::Scratch::new("slot")?;
    let root = scratch.path().join("root");
    create(&root)?;
    create(folder)?;
    tool::run(
        Command::new("tar")
            .arg("-C")
            .arg(&root)
            .args(["--numeric-owner", "--xattrs", "-xpf"])
            .arg(base),
    )?;
    lay_over(&tree.join("image/box"), &root)?;
    programs.install(&root.join("usr/bin"))?;
    let version = env!("CARGO_PKG_VERSION").to_owned();
    settle(&root, &version)?;
    copy(&signer.certificate, &root.join("etc/rauc/keyring.pem"))?;
    tool::shell(
        "sed -i -e \"s/@ARCH@/$2/\" -e \"s/@VERSION@/$3/\" \"$1/etc/rauc/system.conf\"",
        &[root.as_os_str(), arch.name().as_ref(), version.as_ref()],
    )?;

    let slot = Slot {
        root: folder.join("root.img"),
        kernel: folder.join("vmlinuz"),
        initrd: folder.join("initrd"),
        loader: folder.join(arch.loader().0),
        hash: String::new(),
        offset: 0,
        version,
    };
    initrd::make(&root, &tree.join("image"), epoch, &slot.initrd)?;
    let kernel = only(&root.join("boot"), "vmlinuz-")?;
    copy(&kernel, &slot.kernel)?;
    copy(
        &root.join("usr/lib/systemd/boot/efi").join(arch.loader().0),
        &slot.loader,
    )?;
    tool::shell("rm -rf \"$1\"/boot/*", &[&root])?;
    seal(&root, epoch, slot)
}

/// What is enabled, hidden or linked: an image has no package manager that would do it.
fn settle(root: &Path, version: &str) -> Result<(), String> {
    for folder in [
        "var",
        "efi",
        "sysroot",
        "etc/systemd/system-generators",
        "etc/systemd/system/multi-user.target.wants",
        "etc/systemd/system/sysinit.target.wants",
        "etc/systemd/system/boot-complete.target.requires",
    ] {
        create(&root.join(folder))?;
    }
    let units = "etc/systemd/system";
    for (unit, of) in [
        ("causeway-boxd.service", "multi-user.target.wants"),
        ("causeway-grow.service", "multi-user.target.wants"),
        ("causeway-health.service", "boot-complete.target.requires"),
    ] {
        link(
            &format!("/{units}/{unit}"),
            &root.join(units).join(of).join(unit),
        )?;
    }
    for (unit, of) in [
        ("systemd-networkd.service", "multi-user.target.wants"),
        ("nftables.service", "sysinit.target.wants"),
    ] {
        let target = format!("/usr/lib/systemd/system/{unit}");
        link(&target, &root.join(units).join(of).join(unit))?;
    }
    // No login on any terminal, nothing that wants to change a root that is read-only, nothing that a box has no use for: every unit
    // costs a slow machine a tenth of a second and more.
    for unit in [
        "dev-hugepages.mount",
        "dev-mqueue.mount",
        "kmod-static-nodes.service",
        "ldconfig.service",
        "modprobe@configfs.service",
        "modprobe@drm.service",
        "modprobe@fuse.service",
        "proc-sys-fs-binfmt_misc.automount",
        "sys-fs-fuse-connections.mount",
        "sys-kernel-config.mount",
        "sys-kernel-debug.mount",
        "sys-kernel-tracing.mount",
        "systemd-fsck-root.service",
        "systemd-hwdb-update.service",
        "systemd-journal-catalog-update.service",
        "systemd-network-generator.service",
        "systemd-remount-fs.service",
        "systemd-tpm2-setup-early.service",
        "systemd-tpm2-setup.service",
        "systemd-udev-load-credentials.service",
        "systemd-update-done.service",
        "getty@.service",
        "serial-getty@.service",
        "console-getty.service",
        "container-getty@.service",
        "autovt@.service",
        "debug-shell.service",
        "systemd-networkd-wait-online.service",
        "systemd-firstboot.service",
        "systemd-machine-id-commit.service",
        "systemd-sysusers.service",
        "sshd-keygen.service",
        "ssh.socket",
        "e2scrub_all.timer",
        "e2scrub_reap.service",
        "dpkg-db-backup.timer",
        "apt-daily.timer",
        "apt-daily-upgrade.timer",
        "ctrl-alt-del.target",
        "systemd-logind.service",
    ] {
        link("/dev/null", &root.join(units).join(unit))?;
    }
    for generator in ["systemd-getty-generator", "systemd-ssh-generator"] {
        let at = root.join("etc/systemd/system-generators").join(generator);
        link("/dev/null", &at)?;
    }
    link("/run/causeway/zone", &root.join("etc/localtime"))?;
    link(
        "/run/systemd/resolve/stub-resolv.conf",
        &root.join("etc/resolv.conf"),
    )?;
    // Wanted and never there before a password is set.
    for wants in ["multi-user.target.wants", "ssh.service.wants"] {
        for unit in ["ssh.service", "sshd-keygen.service"] {
            let _ = fs::remove_file(root.join(units).join(wants).join(unit));
        }
    }
    write(
        &root.join("usr/lib/os-release"),
        &format!(
            "ID=causeway\nID_LIKE=debian\nNAME=Causeway\nPRETTY_NAME=\"Causeway {version}\"\nIMAGE_ID=causeway\nIMAGE_VERSION={version}\n"
        ),
    )?;
    // The data partition lies there; what is in the base's is made by systemd-tmpfiles where it is needed.
    tool::shell(
        "rm -rf \"$1\"/var/* \"$1\"/usr/share/zoneinfo/right",
        &[root],
    )
    .map(|_| ())
}

/// Makes the file system and the tree of hashes.
fn seal(root: &Path, epoch: u64, slot: Slot) -> Result<Slot, String> {
    // mksquashfs replaces files that are there only when told to append.
    let _ = fs::remove_file(&slot.root);
    tool::run(
        Command::new("mksquashfs")
            .arg(root)
            .arg(&slot.root)
            .args(["-comp", "zstd", "-Xcompression-level", "15", "-b", "256K"])
            .args([
                "-noappend",
                "-no-progress",
                "-quiet",
                "-no-exports",
                "-reproducible",
            ])
            .args(["-mkfs-time", &epoch.to_string()])
            .args(["-all-time", &epoch.to_string()]),
    )?;
    let length = fs::metadata(&slot.root)
        .map_err(|e| format!("{}: {e}", slot.root.display()))?
        .len();
    let blocks = length.div_ceil(BLOCK);
    let offset = blocks * BLOCK;
    let file = fs::OpenOptions::new().write(true).open(&slot.root);
    file.and_then(|f| f.set_len(offset))
        .map_err(|e| format!("{}: {e}", slot.root.display()))?;
    let said = tool::run(
        Command::new("veritysetup")
            .arg("format")
            .arg(format!("--salt={}", salt(&slot.version)?))
            .arg(format!("--uuid={UUID}"))
            .arg(format!("--data-blocks={blocks}"))
            .arg(format!("--hash-offset={offset}"))
            .args([&slot.root, &slot.root]),
    )?;
    let hash = said
        .lines()
        .find_map(|line| line.strip_prefix("Root hash:"))
        .ok_or("veritysetup names no root hash")?
        .trim()
        .to_owned();
    Ok(Slot {
        hash,
        offset,
        ..slot
    })
}

/// The same for every build of a version: the salt hides nothing here, a new one would only make builds differ.
fn salt(version: &str) -> Result<String, String> {
    let sum = tool::shell("printf 'causeway %s' \"$1\" | sha256sum", &[version])?;
    Ok(sum.chars().take(64).collect())
}

fn lay_over(from: &Path, root: &Path) -> Result<(), String> {
    // Owners and modes are the image's, not those of whoever cloned the tree.
    tool::shell(
        "tar -C \"$1\" --owner=0 --group=0 --mode=u+rwX,go+rX,go-w -cf - . | tar -C \"$2\" --keep-directory-symlink -xpf -",
        &[from, root],
    )
    .map(|_| ())
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to)
        .map(|_| ())
        .map_err(|e| format!("{} to {}: {e}", from.display(), to.display()))
}

fn create(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|e| format!("{}: {e}", file.display()))
}

fn link(to: &str, at: &Path) -> Result<(), String> {
    let _ = fs::remove_file(at);
    symlink(to, at).map_err(|e| format!("{}: {e}", at.display()))
}

/// The one file of `folder` whose name begins so.
pub fn only(folder: &Path, begins: &str) -> Result<PathBuf, String> {
    let mut found = fs::read_dir(folder)
        .map_err(|e| format!("{}: {e}", folder.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.file_name()
                .is_some_and(|n| n.to_string_lossy().starts_with(begins))
        });
    match (found.next(), found.next()) {
        (Some(file), None) => Ok(file),
        (None, _) => Err(format!("{}: no {begins}…", folder.display())),
        (Some(_), Some(_)) => Err(format!("{}: more than one {begins}…", folder.display())),
    }
}
