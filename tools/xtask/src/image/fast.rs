//! `image fast`: the box's programs over a kernel and busybox, all in memory, for tests of every change.
//!
//! Kernel and libraries are the base's; the programs are those of the tests, not optimised. It starts in seconds where the image
//! takes half a minute, and has no loader, no slots, no firewall and no PID 1 to speak of.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

use clap::Args;

use super::programs::{self, Programs};
use super::ramfs::Ramfs;
use super::{Arch, Table, base, folder, size, slot, tool};
use crate::needs::{self, Purpose};
use crate::workspace;

const APPLETS: &[&str] = &[
    "[",
    "cat",
    "chown",
    "cut",
    "date",
    "df",
    "dmesg",
    "echo",
    "grep",
    "hostname",
    "insmod",
    "ip",
    "kill",
    "ls",
    "mkdir",
    "mount",
    "mv",
    "ping",
    "reboot",
    "rm",
    "sed",
    "setsid",
    "sh",
    "sleep",
    "start-stop-daemon",
    "sync",
    "tail",
    "touch",
    "umount",
    "usleep",
];

#[derive(Debug, Args)]
pub struct FastArgs {
    /// Take the programs as they were built last
    #[arg(long)]
    built: bool,
    /// Install what is missing without asking
    #[arg(long)]
    yes: bool,
}

/// `cargo xtask image fast`
pub fn fast(args: &FastArgs) -> Result<ExitCode, String> {
    needs::ensure(&[Purpose::Build, Purpose::Image], args.yes)?;
    if !args.built {
        crate::run::build(programs::CRATES, false)?;
    }
    let mut rows = Table::default();
    let since = Instant::now();
    let made = make()?;
    rows.add("fast", since.elapsed(), Some(size(&made.initrd)?));
    rows.print();
    println!("{}", made.initrd.display());
    Ok(ExitCode::SUCCESS)
}

/// A kernel and what it starts with.
#[derive(Debug)]
pub struct Fast {
    pub kernel: PathBuf,
    pub initrd: PathBuf,
}

/// Makes it of the programs that were built for the tests.
///
/// # Errors
/// What is missing.
pub fn make() -> Result<Fast, String> {
    let arch = Arch::X86_64;
    let base = base::ready(arch, false)?;
    let recipe = workspace::root()?.join("image/fast");
    let folder = folder(arch)?;
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let made = Fast {
        kernel: folder.join("fast-vmlinuz"),
        initrd: folder.join("fast-initrd"),
    };
    let scratch = tool::Scratch::new("fast")?;
    let root = scratch.path();
    tool::run(
        Command::new("tar")
            .arg("-C")
            .arg(root)
            .args(["--no-same-owner", "--exclude=./dev", "-xf"])
            .arg(&base),
    )?;
    let kernel = slot::only(&root.join("boot"), "vmlinuz-")?;
    fs::copy(&kernel, &made.kernel).map_err(|e| format!("{}: {e}", kernel.display()))?;

    let mut ramfs = Ramfs::new(root)?;
    for folder in ["etc", "tmp", "var", "usr/share/zoneinfo"] {
        ramfs.folder(folder)?;
    }
    ramfs.busybox(APPLETS)?;
    Programs::of_tests()?.install(&ramfs.tree().join("bin"))?;
    for program in programs::PROGRAMS {
        let program = ramfs.tree().join("bin").join(program);
        ramfs.libraries_of(&program)?;
    }
    ramfs.modules(&recipe.join("modules"))?;
    ramfs.script(&recipe.join("init"), "init")?;
    for script in ["serve", "systemctl", "networkctl", "chronyc"] {
        ramfs.script(&recipe.join(script), &format!("bin/{script}"))?;
    }
    let version = env!("CARGO_PKG_VERSION");
    let texts = [
        (
            "etc/passwd",
            "root:x:0:0::/:/bin/sh\ncauseway:x:900:900::/:/bin/sh\n".to_owned(),
        ),
        (
            "etc/group",
            "root:x:0:\ncauseway:x:900:\nadmin:x:901:\n".to_owned(),
        ),
        (
            "etc/os-release",
            format!("ID=causeway\nIMAGE_VERSION={version}\n"),
        ),
    ];
    for (name, text) in texts {
        fs::write(ramfs.tree().join(name), text).map_err(|e| format!("{name}: {e}"))?;
    }
    ramfs.pack(0, 3, &made.initrd)?;
    Ok(made)
}
