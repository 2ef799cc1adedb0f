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

impl Hardware {
    /// Of the image at hand: a PC unless the environment says otherwise.
    pub fn at_hand() -> Self {
        match std::env::var("CAUSEWAY_MACHINE").as_deref() {
            Ok("aarch64") => Self::Arm,
            Ok("x86_64") | Err(_) => Self::X86,
            Ok(other) => panic!("CAUSEWAY_MACHINE: there is no machine {other}"),
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

    /// QEMU with processor, firmware, watchdog and a disk, which is `drive` to QEMU; without KVM, one virtual core.
    pub fn qemu(self, disk: &Disk, drive: &str, memory_mb: u32) -> Command {
        let (program, machine, processor, firmware) = match self {
            Self::X86 => (
                "qemu-system-x86_64",
                "q35",
                "max,la57=off",
                "/usr/share/OVMF/OVMF_CODE_4M.fd",
            ),
            // Without authenticated pointers: they cost more than anything else where they are computed.
            Self::Arm => (
                "qemu-system-aarch64",
                "virt",
                "max,pauth-impdef=on",
                "/usr/share/AAVMF/AAVMF_CODE.fd",
            ),
        };
        let mut qemu = Command::new(program);
        qemu.args(["-machine", machine, "-cpu", processor])
            .args(["-accel", "tcg,tb-size=256", "-smp", "1"])
            .args(["-m", &memory_mb.to_string()]);
        let variables = disk.variables();
        let drives = [
            format!("if=pflash,format=raw,readonly=on,file={firmware}"),
            format!("if=pflash,format=raw,file={}", variables.display()),
            format!("if=none,id=disk,{drive}"),
        ];
        for drive in drives {
            qemu.args(["-drive", &drive]);
        }
        qemu.args(["-device", "virtio-blk-pci,drive=disk"])
            .args(["-device", "virtio-net-pci,netdev=net,romfile="])
            .args(["-device", "i6300esb", "-action", "watchdog=reset"])
            .args(["-no-reboot", "-display", "none", "-monitor", "none"]);
        qemu
    }
}
