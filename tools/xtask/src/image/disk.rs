//! The disk: partitions, the loader with an entry, the slots, an empty data partition.
//!
//! Made without mounting anything. Every number that tools would draw at random is fixed.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::slot::Slot;
use super::{Arch, tool};

const MIB: u64 = 1 << 20;
/// Two kernels and two initrds, one more of each while an update is written.
const ESP_MIB: u64 = 128;
const SLOT_MIB: u64 = 256;
const DATA_MIB: u64 = 512;
/// Everything lies on a whole MiB, the first of which is the partition table's.
const FIRST_MIB: u64 = 1;

const DISK: &str = "8a3fd3a5-5d2e-4c1e-9f0a-000000000000";
const DATA: &str = "8a3fd3a5-5d2e-4c1e-9f0a-000000000004";

/// Writes the disk with `slot` in slot A.
pub fn make(arch: Arch, slot: &Slot, epoch: u64, to: &Path) -> Result<(), String> {
    let scratch = tool::Scratch::new("disk")?;
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let _ = fs::remove_file(to);
    let room = fs::metadata(&slot.root).map_or(u64::MAX, |m| m.len());
    if room > SLOT_MIB * MIB {
        return Err(format!(
            "the root of {room} octets does not fit into a slot of {SLOT_MIB} MiB"
        ));
    }
    partitions(to)?;
    let esp = scratch.path().join("esp");
    loader(arch, slot, epoch, scratch.path(), &esp)?;
    let data = scratch.path().join("data");
    truncate(&data, DATA_MIB)?;
    tool::run(
        Command::new("mkfs.ext4")
            .env("E2FSPROGS_FAKE_TIME", epoch.to_string())
            .args(["-q", "-L", "causeway-data", "-U", DATA, "-E"])
            .arg(format!(
                "hash_seed={DATA},lazy_itable_init=1,lazy_journal_init=1"
            ))
            .args(["-m", "2"])
            .arg(&data),
    )?;
    let slot_a = FIRST_MIB + ESP_MIB;
    put(&esp, to, FIRST_MIB)?;
    put(&slot.root, to, slot_a)?;
    put(&data, to, slot_a + 2 * SLOT_MIB)
}

fn partitions(disk: &Path) -> Result<(), String> {
    truncate(disk, FIRST_MIB + ESP_MIB + 2 * SLOT_MIB + DATA_MIB + 1)?;
    let linux = "0FC63DAF-8483-4772-8E79-3D69D8477DE4";
    let efi = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
    let mut table = format!("label: gpt\nlabel-id: {DISK}\nfirst-lba: 2048\n");
    for (number, (name, kind, mib)) in [
        ("causeway-esp", efi, ESP_MIB),
        ("causeway-a", linux, SLOT_MIB),
        ("causeway-b", linux, SLOT_MIB),
        ("causeway-data", linux, DATA_MIB),
    ]
    .into_iter()
    .enumerate()
    {
        table.push_str(&format!(
            "size={}, type={kind}, name={name}, uuid={}{}\n",
            mib * MIB / 512,
            &DISK[..DISK.len() - 1],
            number + 1
        ));
    }
    tool::shell(
        "printf %s \"$2\" | sfdisk -q --no-reread --no-tell-kernel \"$1\"",
        &[disk.as_os_str(), table.as_ref()],
    )
    .map(|_| ())
}

/// The ESP: the loader, slot A's kernel and initrd, and its entry. Slot A is good from the start: there is no other.
fn loader(arch: Arch, slot: &Slot, epoch: u64, work: &Path, esp: &Path) -> Result<(), String> {
    truncate(esp, ESP_MIB)?;
    tool::run(
        Command::new("mkfs.vfat")
            .args([
                "--invariant",
                "-i",
                "43575931",
                "-n",
                "CAUSEWAY",
                "-F",
                "32",
            ])
            .args(["-s", "1"])
            .arg(esp),
    )?;
    let settings = work.join("loader.conf");
    write(&settings, "timeout 0\nconsole-mode keep\neditor no\n")?;
    let first = work.join("entry.conf");
    write(&first, &entry(arch, slot, "a", "1"))?;
    let (_, firmware) = arch.loader();
    let folders = [
        "EFI",
        "EFI/BOOT",
        "EFI/systemd",
        "loader",
        "loader/entries",
        "a",
        "b",
    ];
    for folder in folders {
        mtool("mmd", epoch, esp)
            .arg(format!("::/{folder}"))
            .pipe()?;
    }
    let copies = [
        (&slot.loader, format!("EFI/BOOT/{firmware}")),
        (&settings, "loader/loader.conf".to_owned()),
        (&slot.kernel, "a/vmlinuz".to_owned()),
        (&slot.initrd, "a/initrd".to_owned()),
        (&first, "loader/entries/causeway-a.conf".to_owned()),
    ];
    for (from, at) in copies {
        mtool("mcopy", epoch, esp)
            .arg(from)
            .arg(format!("::/{at}"))
            .pipe()?;
    }
    Ok(())
}

/// The boot entry of a slot. What the loader sorts by is the number of the installation, not the version: an older version
/// that was forced on purpose is to boot, too.
pub fn entry(arch: Arch, slot: &Slot, name: &str, installation: &str) -> String {
    format!(
        "title Causeway {version}\nsort-key causeway\nversion {installation}\nlinux /{name}/vmlinuz\ninitrd /{name}/initrd\n\
         options console={console} quiet gpt panic=60 causeway.slot={name} rauc.slot={name} causeway.hash={hash} causeway.hash_offset={offset}\n",
        version = slot.version,
        console = arch.console(),
        hash = slot.hash,
        offset = slot.offset,
    )
}

fn mtool(program: &str, epoch: u64, esp: &Path) -> Mtool {
    let mut command = Command::new(program);
    command
        .env("SOURCE_DATE_EPOCH", epoch.to_string())
        .env("MTOOLS_SKIP_CHECK", "1")
        .arg("-i")
        .arg(esp);
    Mtool(command)
}

struct Mtool(Command);

impl Mtool {
    fn arg(mut self, argument: impl AsRef<std::ffi::OsStr>) -> Self {
        self.0.arg(argument);
        self
    }

    fn pipe(mut self) -> Result<(), String> {
        tool::run(&mut self.0).map(|_| ())
    }
}

fn put(part: &Path, disk: &Path, at_mib: u64) -> Result<(), String> {
    tool::run(
        Command::new("dd")
            .arg(format!("if={}", part.display()))
            .arg(format!("of={}", disk.display()))
            .arg(format!("seek={at_mib}"))
            .args(["bs=1M", "conv=notrunc,sparse", "status=none"]),
    )
    .map(|_| ())
}

fn truncate(file: &Path, mib: u64) -> Result<(), String> {
    fs::File::create(file)
        .and_then(|f| f.set_len(mib * MIB))
        .map_err(|e| format!("{}: {e}", file.display()))
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|e| format!("{}: {e}", file.display()))
}
