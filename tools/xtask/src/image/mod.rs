//! `image`: the box's disk image, and its tests.
//!
//! ```text
//! base   Debian's packages as a tar, kept in the cache           mmdebstrap
//! slot   base + `image/box` + causewayd: a read-only root, the tree of hashes behind it, its kernel and initrd
//! disk   ESP with the loader, slots A and B, data: a sparse file
//! ```
//!
//! Nothing but the first step asks the network, and nothing after it depends on the clock: the same tree and the same base give
//! the same root hash, which is checked by doing it twice.

mod base;
mod bundle;
mod disk;
mod emulation;
pub mod fast;
mod initrd;
mod programs;
mod ramfs;
mod slot;
mod tests;
mod tool;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand, ValueEnum};

use crate::needs::{self, Purpose};
use crate::step::{announce, duration};
use crate::workspace;

use programs::Programs;

use fast::FastArgs;
pub use tests::ImageTestArgs;

/// Which image, or what to do with it.
#[derive(Debug, Subcommand)]
pub enum ImageCommand {
    /// For PCs: any x86-64 machine with UEFI
    #[command(name = "x86_64")]
    X86_64(BuildArgs),
    /// For ARM machines of 64 bits with UEFI
    #[command(name = "aarch64")]
    Aarch64(BuildArgs),
    /// The programs over a kernel and busybox, for tests of every change
    Fast(FastArgs),
    /// Boot an image in QEMU, break it, and see what it does
    #[command(after_help = "\
Examples:
  cargo xtask image test
  cargo xtask image test slot_b          one scenario
  cargo xtask image test --arch aarch64  on the other machine")]
    Test(ImageTestArgs),
}

#[derive(Debug, Args)]
pub struct BuildArgs {
    /// Fetch Debian's packages anew
    #[arg(long)]
    fresh: bool,
    /// Take the programs as they were built last
    #[arg(long)]
    built: bool,
    /// Build once instead of comparing two builds
    #[arg(long)]
    once: bool,
    /// Install what is missing without asking
    #[arg(long)]
    yes: bool,
}

/// A kind of machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Arch {
    #[value(name = "x86_64")]
    X86_64,
    #[value(name = "aarch64")]
    Aarch64,
}

impl Arch {
    /// As the image is called, and as Linux says.
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// As Debian says.
    pub fn debian(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
        }
    }

    /// As Rust says.
    pub fn triple(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Aarch64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// What the names of Debian's compilers for it begin with.
    pub fn tools(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-linux-gnu-",
            Self::Aarch64 => "aarch64-linux-gnu-",
        }
    }

    /// Whether it is this machine's.
    pub fn native(self) -> bool {
        self.name() == std::env::consts::ARCH
    }

    /// The loader's file in the image, and where firmware looks for it.
    pub fn loader(self) -> (&'static str, &'static str) {
        match self {
            Self::X86_64 => ("systemd-bootx64.efi", "BOOTX64.EFI"),
            Self::Aarch64 => ("systemd-bootaa64.efi", "BOOTAA64.EFI"),
        }
    }

    /// The kernel's console.
    pub fn console(self) -> &'static str {
        match self {
            Self::X86_64 => "ttyS0,115200",
            Self::Aarch64 => "ttyAMA0,115200",
        }
    }
}

/// `cargo xtask image`
pub fn image(command: &ImageCommand) -> Result<ExitCode, String> {
    match command {
        ImageCommand::X86_64(args) => make(Arch::X86_64, args),
        ImageCommand::Aarch64(args) => make(Arch::Aarch64, args),
        ImageCommand::Fast(args) => fast::fast(args),
        ImageCommand::Test(args) => tests::test(args),
    }
}

/// Where a kind's image and its parts are.
pub fn folder(arch: Arch) -> Result<PathBuf, String> {
    let programs = workspace::programs(true)?;
    let target = programs
        .parent()
        .ok_or("cargo's target folder has no parent")?;
    Ok(target.join("image").join(arch.name()))
}

fn make(arch: Arch, args: &BuildArgs) -> Result<ExitCode, String> {
    let began = Instant::now();
    if !nix::unistd::geteuid().is_root() {
        return Err(
            "only root can give a file system's files their owners; run it with sudo".to_owned(),
        );
    }
    needs::ensure(&[Purpose::Build, Purpose::Image], args.yes)?;
    match arch {
        Arch::Aarch64 if !arch.native() => needs::ensure(&[Purpose::Arm], args.yes)?,
        Arch::X86_64 if !arch.native() => {
            return Err("this image is made on x86-64 only".to_owned());
        }
        _ => {}
    }
    let mut rows = Table::default();
    let folder = folder(arch)?;
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;

    let since = Instant::now();
    let programs = if args.built {
        Programs::built(arch)?
    } else {
        Programs::build(arch)?
    };
    rows.add("programs", since.elapsed(), None);
    let since = Instant::now();
    let base = base::ready(arch, args.fresh)?;
    rows.add("base", since.elapsed(), Some(size(&base)?));

    let signer = bundle::Signer::ready()?;
    // Asked once: a commit meanwhile must not make the second build another one.
    let epoch = tool::epoch(&workspace::root()?)?;

    announce("slot");
    let since = Instant::now();
    let slot = slot::make(arch, &base, &programs, &signer, epoch, &folder.join("slot"))?;
    rows.add("slot", since.elapsed(), Some(size(&slot.root)?));
    rows.add("  kernel", Duration::ZERO, Some(size(&slot.kernel)?));
    rows.add("  initrd", Duration::ZERO, Some(size(&slot.initrd)?));
    announce("disk");
    let since = Instant::now();
    let image = folder.join("causeway.img");
    disk::make(arch, &slot, epoch, &image)?;
    rows.add("disk", since.elapsed(), Some(size(&image)?));
    let packed = folder.join("causeway.img.zst");
    let since = Instant::now();
    tool::run(
        Command::new("zstd")
            .args(["-q", "-f", "-T1", "-9", "-o"])
            .arg(&packed)
            .arg(&image),
    )?;
    rows.add("  packed", since.elapsed(), Some(size(&packed)?));

    let since = Instant::now();
    let update = folder.join("causeway.raucb");
    let board = format!("causeway-{}", arch.name());
    bundle::make(arch, &slot, &slot.version, &board, &signer, &update)?;
    rows.add("bundle", since.elapsed(), Some(size(&update)?));

    if !args.once {
        announce("the same again");
        let since = Instant::now();
        let second = folder.join("again");
        let again = slot::make(arch, &base, &programs, &signer, epoch, &second.join("slot"))?;
        disk::make(arch, &again, epoch, &second.join("causeway.img"))?;
        let same = tool::digest(&image)? == tool::digest(&second.join("causeway.img"))?;
        rows.add("second build", since.elapsed(), None);
        fs::remove_dir_all(&second).map_err(|e| format!("{}: {e}", second.display()))?;
        if again.hash != slot.hash || !same {
            return Err(format!(
                "two builds differ: root {} and {}, disks {}",
                slot.hash,
                again.hash,
                if same { "equal" } else { "different" }
            ));
        }
    }
    rows.print();
    println!(
        "root hash {}{}",
        slot.hash,
        if args.once {
            ""
        } else {
            ", twice, and the disks are the same octet for octet"
        }
    );
    println!("{} in {}", image.display(), duration(began.elapsed()));
    Ok(ExitCode::SUCCESS)
}

/// What a file takes on the disk, in octets: images are sparse.
fn size(file: &std::path::Path) -> Result<u64, String> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(file)
        .map(|m| m.blocks() * 512)
        .map_err(|e| format!("{}: {e}", file.display()))
}

/// Minutes and sizes.
#[derive(Debug, Default)]
struct Table(Vec<(&'static str, Duration, Option<u64>)>);

impl Table {
    fn add(&mut self, what: &'static str, took: Duration, octets: Option<u64>) {
        self.0.push((what, took, octets));
    }

    fn print(&self) {
        println!("\n{:<14} {:>14} {:>10}", "", "time", "MB on disk");
        for (what, took, octets) in &self.0 {
            let took = match took.is_zero() {
                true => String::new(),
                false => duration(*took),
            };
            let octets = octets.map_or(String::new(), |o| {
                format!("{}.{}", o / 1_000_000, o % 1_000_000 / 100_000)
            });
            println!("{what:<14} {took:>14} {octets:>10}");
        }
    }
}
