//! The initrd: busybox and a few programs with their libraries, kernel modules, `image/init` and `image/grow`.

use std::path::Path;

use super::ramfs::Ramfs;

const APPLETS: &[&str] = &[
    "basename",
    "blockdev",
    "cat",
    "dd",
    "dirname",
    "dmesg",
    "echo",
    "grep",
    "insmod",
    "mkdir",
    "mount",
    "mv",
    "readlink",
    "rm",
    "sed",
    "sh",
    "sleep",
    "switch_root",
    "sync",
    "tr",
    "truncate",
    "umount",
    "usleep",
];
const PROGRAMS: &[&str] = &["veritysetup", "e2fsck", "mke2fs", "sfdisk"];

/// Makes the initrd of the root file system that lies in `root`.
pub fn make(root: &Path, recipe: &Path, epoch: u64, to: &Path) -> Result<(), String> {
    let mut ramfs = Ramfs::new(root)?;
    ramfs.folder("sysroot")?;
    ramfs.busybox(APPLETS)?;
    for program in PROGRAMS {
        ramfs.program(&root.join("usr/sbin").join(program))?;
    }
    ramfs.modules(&recipe.join("modules"))?;
    for script in ["init", "grow"] {
        ramfs.script(&recipe.join(script), script)?;
    }
    ramfs.pack(epoch, 19, to)
}
