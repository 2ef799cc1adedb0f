//! The box's programs, compiled for the machine they will run on.
//!
//! For another kind of machine than this one: Debian's cross compilers, Rust's libraries of that kind from rustup, and libvpx
//! from a folder of Debian packages, unpacked and never run. They come from Debian 12, whose C library is older than the image's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Arch, tool};
use crate::interop::mirror;
use crate::needs::on_path;
use crate::run;
use crate::step::{announce, plain};
use crate::workspace;

/// What brings programs of the box, and which.
pub const CRATES: &[&str] = &[
    "causeway-gateway",
    "causeway-appliance",
    "causeway-maintenance",
];
pub const PROGRAMS: &[&str] = &[
    "causewayd",
    "causeway",
    "causeway-boxd",
    "causeway-console",
    "causeway-syslog",
];
/// The youngest release whose libvpx the codec's bindings fit.
const LIBRARIES: &str = "bookworm";

/// Programs of one kind of machine, on this one.
#[derive(Debug, Clone)]
pub struct Programs {
    pub folder: PathBuf,
    /// Takes what only a debugger reads out of them.
    strip: String,
}

impl Programs {
    /// Those that cargo built last.
    ///
    /// # Errors
    /// When cargo does not say where it builds.
    pub fn built(arch: Arch) -> Result<Self, String> {
        let here = workspace::programs(true)?;
        if arch.native() {
            return Ok(Self {
                folder: here,
                strip: "strip".to_owned(),
            });
        }
        let target = here.parent().ok_or("cargo's target folder has no parent")?;
        Ok(Self {
            folder: target.join(arch.triple()).join("release"),
            strip: format!("{}strip", arch.tools()),
        })
    }

    /// Those that cargo built last for tests, for this machine.
    ///
    /// # Errors
    /// When cargo does not say where it builds.
    pub fn of_tests() -> Result<Self, String> {
        Ok(Self {
            folder: workspace::programs(false)?,
            strip: "strip".to_owned(),
        })
    }

    /// Builds them first.
    ///
    /// # Errors
    /// What is missing, or that the compiler has said what is wrong.
    pub fn build(arch: Arch) -> Result<Self, String> {
        if arch.native() {
            run::build(CRATES, true)?;
        } else {
            cross(arch)?;
        }
        Self::built(arch)
    }

    /// Copies them to the folder `to`.
    ///
    /// # Errors
    /// When one is not there, or is for another machine.
    pub fn install(&self, to: &Path) -> Result<(), String> {
        for name in PROGRAMS {
            let from = self.folder.join(name);
            let to = to.join(name);
            fs::copy(&from, &to).map_err(|e| format!("{}: {e}", from.display()))?;
            tool::run(Command::new(&self.strip).arg("--strip-debug").arg(&to))?;
            tool::run(Command::new("chmod").arg("755").arg(&to))?;
        }
        Ok(())
    }
}

fn cross(arch: Arch) -> Result<(), String> {
    announce(&format!("build for {}", arch.name()));
    standard_library(arch)?;
    let libraries = libraries(arch)?;
    let tools = arch.tools();
    let linker = arch.triple().to_uppercase().replace('-', "_");
    let suffix = arch.triple().replace('-', "_");
    let mut cargo = workspace::cargo()?;
    cargo
        .env(
            format!("CARGO_TARGET_{linker}_LINKER"),
            format!("{tools}gcc"),
        )
        .env(format!("CC_{suffix}"), format!("{tools}gcc"))
        .env(format!("CXX_{suffix}"), format!("{tools}g++"))
        .env(format!("AR_{suffix}"), format!("{tools}ar"))
        .env(
            format!("CFLAGS_{suffix}"),
            format!("-I{}", libraries.join("usr/include").display()),
        )
        .env(
            "LIBVPX_DIR",
            libraries.join("usr/lib").join(tools.trim_end_matches('-')),
        )
        .args(["build", "--bins", "--release", "--target", arch.triple()]);
    for name in CRATES {
        cargo.args(["--package", name]);
    }
    if plain(&mut cargo)? {
        Ok(())
    } else {
        Err("the build failed; the compiler's message is above".to_owned())
    }
}

/// Rust's own libraries for another kind of machine belong to the compiler, and come from where it came from.
fn standard_library(arch: Arch) -> Result<(), String> {
    let sysroot = tool::run(Command::new("rustc").args(["--print", "sysroot"]))?;
    let there = Path::new(sysroot.trim())
        .join("lib/rustlib")
        .join(arch.triple());
    if there.is_dir() {
        return Ok(());
    }
    if !on_path("rustup") {
        return Err(format!(
            "this Rust has no libraries for {} and no rustup to fetch them",
            arch.triple()
        ));
    }
    tool::run(Command::new("rustup").args(["target", "add", arch.triple()])).map(|_| ())
}

/// C libraries and their headers for another kind of machine.
fn libraries(arch: Arch) -> Result<PathBuf, String> {
    let cache = workspace::cache()?.join("image");
    let folder = cache.join(format!("libraries-{LIBRARIES}-{}", arch.debian()));
    if folder.is_dir() {
        return Ok(folder);
    }
    fs::create_dir_all(&cache).map_err(|e| format!("{}: {e}", cache.display()))?;
    let making = folder.with_extension("making");
    let _ = fs::remove_dir_all(&making);
    let mirror = mirror().unwrap_or_else(|| "http://deb.debian.org/debian".to_owned());
    tool::run(
        Command::new("mmdebstrap")
            .args(["--mode=root", "--variant=extract", "--include=libvpx-dev"])
            .arg(format!("--architectures={}", arch.debian()))
            .arg("--aptopt=APT::Install-Recommends \"false\"")
            .arg(LIBRARIES)
            .arg(&making)
            .arg(format!("deb {mirror} {LIBRARIES} main")),
    )?;
    fs::rename(&making, &folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    Ok(folder)
}
