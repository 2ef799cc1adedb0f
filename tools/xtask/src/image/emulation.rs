//! Programs of another kind of machine run here, too: the kernel hands them to QEMU. Debian's packages are configured by their
//! own programs.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Arch, tool};

const REGISTRY: &str = "/proc/sys/fs/binfmt_misc";

/// Programs of another architecture run while this is held; unless they did before, they do not afterwards.
#[derive(Debug)]
pub struct Emulation {
    registered: Option<String>,
    mounted: bool,
}

impl Emulation {
    /// # Errors
    /// When the kernel does not take QEMU, or QEMU is not installed.
    pub fn of(arch: Arch) -> Result<Self, String> {
        let mut held = Self {
            registered: None,
            mounted: false,
        };
        if arch.native() {
            return Ok(held);
        }
        let registry = Path::new(REGISTRY);
        if !registry.join("register").exists() {
            tool::run(Command::new("mount").args(["-t", "binfmt_misc", "binfmt_misc", REGISTRY]))?;
            held.mounted = true;
        }
        let name = format!("qemu-{}", arch.name());
        if registry.join(&name).exists() {
            return Ok(held);
        }
        // How such a program begins, and who runs it, as Debian's package says.
        let file = format!("/usr/lib/binfmt.d/{name}.conf");
        let entry = fs::read_to_string(&file).map_err(|e| format!("{file}: {e}"))?;
        let entry = entry
            .lines()
            .find(|line| line.starts_with(':'))
            .ok_or_else(|| format!("{file} says nothing"))?;
        fs::write(registry.join("register"), entry)
            .map_err(|e| format!("the kernel runs no programs of {}: {e}", arch.name()))?;
        held.registered = Some(name);
        Ok(held)
    }
}

impl Drop for Emulation {
    fn drop(&mut self) {
        if let Some(name) = &self.registered {
            let _ = fs::write(Path::new(REGISTRY).join(name), "-1");
        }
        if self.mounted {
            let _ = tool::run(Command::new("umount").arg(REGISTRY));
        }
    }
}
