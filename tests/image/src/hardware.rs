//! What the machine is made of: QEMU's command line.

use std::path::Path;
use std::process::Command;

use crate::Disk;

/// The kinds of machine that images are made for; `CAUSEWAY_MACHINE` says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hardware {
    X86,
    Arm,
}

/// Where its programs come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// The image on its disk.
    Image,
    /// A kernel and what it unpacks into memory, which QEMU loads itself: `CAUSEWAY_FAST_KERNEL`, `CAUSEWAY_FAST_INITRD`.
    Memory,
}

impl Hardware {
    /// Of the image at hand: a PC unless the environment says otherwise.
    pub fn at_hand() -> Self {
        match std::env::var("CAUSEWAY_MACHINE").as_deref() {
            Ok("aarch64") => Self::Arm,
            Ok("x86_64") | Err(_) => Self::X86,
            Ok(other) => panic!("CAUSEWAY_MACHINE: there is no machine {other}"),
        }
    }

    /// What `disk` is for: programs in memory are always a PC's.
    pub(crate) fn under(disk: &Disk) -> Self {
        match disk.from() {
            From::Image => Self::at_hand(),
            From::Memory => Self::X86,
        }
    }

    /// As in the names of updates.
    pub fn board(self) -> &'static str {
        match self {
            Self::X86 => "causeway-x86_64",
            Self::Arm => "causeway-aarch64",
        }
    }

    /// The firmware's variables, as they leave the factory.
    pub fn variables(self) -> &'static Path {
        Path::new(match self {
            Self::X86 => "/usr/share/OVMF/OVMF_VARS_4M.fd",
            Self::Arm => "/usr/share/AAVMF/AAVMF_VARS.fd",
        })
    }

    /// QEMU with processor, programs, watchdog and a disk, which is `drive` to QEMU; without KVM, one virtual core.
    pub fn qemu(self, disk: &Disk, drive: &str, memory_mb: u32) -> Command {
        let (program, machine, processor) = match self {
            Self::X86 => ("qemu-system-x86_64", "q35", "max,la57=off"),
            // Without authenticated pointers: they cost more than anything else where they are computed.
            Self::Arm => ("qemu-system-aarch64", "virt", "max,pauth-impdef=on"),
        };
        let mut qemu = Command::new(program);
        qemu.args(["-machine", machine, "-cpu", processor])
            .args(["-accel", "tcg,tb-size=256", "-smp", "1"])
            .args(["-m", &memory_mb.to_string()])
            .args(["-drive", &format!("if=none,id=disk,{drive}")])
            .args(["-device", "virtio-blk-pci,drive=disk"])
            .args(["-device", "virtio-net-pci,netdev=net,romfile="])
            .args(["-device", "i6300esb", "-action", "watchdog=reset"])
            .args(["-no-reboot", "-display", "none", "-monitor", "none"]);
        match disk.from() {
            From::Image => self.firmware(&mut qemu, disk),
            From::Memory => from_memory(&mut qemu),
        }
        qemu
    }

    fn firmware(self, qemu: &mut Command, disk: &Disk) {
        let code = match self {
            Self::X86 => "/usr/share/OVMF/OVMF_CODE_4M.fd",
            Self::Arm => "/usr/share/AAVMF/AAVMF_CODE.fd",
        };
        let variables = disk.variables();
        let drives = [
            format!("if=pflash,format=raw,readonly=on,file={code}"),
            format!("if=pflash,format=raw,file={}", variables.display()),
        ];
        for drive in drives {
            qemu.args(["-drive", &drive]);
        }
    }
}

fn from_memory(qemu: &mut Command) {
    let named = |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} names no file"));
    qemu.args(["-kernel", &named("CAUSEWAY_FAST_KERNEL")])
        .args(["-initrd", &named("CAUSEWAY_FAST_INITRD")])
        .args(["-append", "console=ttyS0,115200 quiet panic=-1"]);
}
