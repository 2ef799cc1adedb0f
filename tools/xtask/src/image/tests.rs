//! `image test`: the scenarios of `tests/image`, one after another, on a finished image.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use super::bundle::Signer;
use super::programs;
use super::{Arch, fast, folder};
use crate::needs::{self, Purpose};
use crate::step::{announce, counted, took};
use crate::workspace;

/// Every boot takes half a minute without KVM, and a watchdog that bites as long again.
const LIMIT: Duration = Duration::from_secs(60 * 60);

#[derive(Debug, Args)]
pub struct ImageTestArgs {
    /// Only scenarios whose names contain this
    name: Option<String>,
    /// Of which image
    #[arg(long, value_enum, default_value = "x86_64")]
    arch: Arch,
    /// Install what is missing without asking
    #[arg(long)]
    yes: bool,
}

/// `cargo xtask image test`
pub fn test(args: &ImageTestArgs) -> Result<ExitCode, String> {
    needs::ensure(&[Purpose::Build, Purpose::Qemu], args.yes)?;
    if args.arch == Arch::Aarch64 {
        needs::ensure(&[Purpose::QemuArm], args.yes)?;
    }
    let image = folder(args.arch)?.join("causeway.img");
    if !image.is_file() {
        return Err(format!(
            "{} is not there: cargo xtask image {} makes it",
            image.display(),
            args.arch.name()
        ));
    }
    let signer = Signer::ready()?;
    // What a configured box has on its disk is made by its own service.
    crate::run::build(programs::CRATES, false)?;
    let small = fast::make()?;
    announce("image tests");
    let since = Instant::now();
    let mut cargo = workspace::cargo()?;
    cargo
        .env("CAUSEWAY_IMAGE", &image)
        .env("CAUSEWAY_MACHINE", args.arch.name())
        .env("CAUSEWAY_FAST_KERNEL", &small.kernel)
        .env("CAUSEWAY_FAST_INITRD", &small.initrd)
        .env("CAUSEWAY_UPDATE", image.with_extension("raucb"))
        .env("CAUSEWAY_UPDATE_KEY", &signer.key)
        .env("CAUSEWAY_UPDATE_CERT", &signer.certificate)
        .args([
            "test",
            "--package",
            "causeway-image-tests",
            "--no-fail-fast",
            "--",
        ])
        // One machine at a time: a starved one fails for no fault of the image.
        .args(["--test-threads=1", "--nocapture"])
        .args(&args.name);
    let outcome = counted(&mut cargo, LIMIT)?;
    took("image tests", since);
    println!(
        "{} passed, {} failed",
        outcome.tally.passed, outcome.tally.failed
    );
    Ok(if outcome.good && outcome.tally.passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
