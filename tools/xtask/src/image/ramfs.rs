//! A file system that the kernel unpacks into memory: programs of a root with the libraries they are linked with, and kernel
//! modules after those they depend on.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{slot, tool};

/// One in the making; what it takes comes out of the root that it is for.
#[derive(Debug)]
pub struct Ramfs<'a> {
    root: &'a Path,
    scratch: tool::Scratch,
    libraries: BTreeSet<PathBuf>,
}

impl<'a> Ramfs<'a> {
    /// # Errors
    /// When there is no room for it.
    pub fn new(root: &'a Path) -> Result<Self, String> {
        let scratch = tool::Scratch::new("ramfs")?;
        let tree = scratch.path();
        for folder in ["bin", "dev", "proc", "sys", "run", "modules", "usr/lib"] {
            create(&tree.join(folder))?;
        }
        link("bin", &tree.join("sbin"))?;
        link("usr/lib", &tree.join("lib"))?;
        link("usr/lib", &tree.join("lib64"))?;
        Ok(Self {
            root,
            scratch,
            libraries: BTreeSet::new(),
        })
    }

    /// The folder that becomes `/`.
    pub fn tree(&self) -> &Path {
        self.scratch.path()
    }

    /// # Errors
    /// When it cannot be made.
    pub fn folder(&self, name: &str) -> Result<(), String> {
        create(&self.tree().join(name))
    }

    /// The shell and these of its tools.
    ///
    /// # Errors
    /// When the root has none.
    pub fn busybox(&self, applets: &[&str]) -> Result<(), String> {
        let bin = self.tree().join("bin");
        copy(&self.root.join("usr/bin/busybox"), &bin.join("busybox"))?;
        for applet in applets {
            link("busybox", &bin.join(applet))?;
        }
        Ok(())
    }

    /// A program, and the libraries it is linked with.
    ///
    /// # Errors
    /// When it or a library is not there.
    pub fn program(&mut self, from: &Path) -> Result<(), String> {
        let name = from.file_name().ok_or("a program without a name")?;
        copy(from, &self.tree().join("bin").join(name))?;
        self.libraries_of(from)
    }

    /// The libraries that a program is linked with.
    ///
    /// # Errors
    /// When one is not there.
    pub fn libraries_of(&mut self, program: &Path) -> Result<(), String> {
        needed(self.root, program, &mut self.libraries)
    }

    /// A script of this tree.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn script(&self, from: &Path, to: &str) -> Result<(), String> {
        let to = self.tree().join(to);
        copy(from, &to)?;
        tool::run(Command::new("chmod").arg("755").arg(&to)).map(|_| ())
    }

    /// The kernel modules of a list, in `/modules`, and the order to load them in, in `/modules/order`.
    ///
    /// # Errors
    /// When the kernel lacks one.
    pub fn modules(&self, list: &Path) -> Result<(), String> {
        modules(self.root, list, &self.tree().join("modules"))
    }

    /// Packs it, `hard` as zstd counts: the same for the same content.
    ///
    /// # Errors
    /// cpio's or zstd's words.
    pub fn pack(self, epoch: u64, hard: u8, to: &Path) -> Result<(), String> {
        for library in &self.libraries {
            let name = library.file_name().ok_or("a library without a name")?;
            copy(library, &self.tree().join("usr/lib").join(name))?;
        }
        tool::shell(
            "chmod 755 \"$1\"/bin/*
            find \"$1\" -exec touch -h -d \"@$2\" {} +
            cd \"$1\"
            find . | sort | cpio --quiet -o -H newc --reproducible -R 0:0 | zstd -q \"-$4\" -T1 -f -o \"$3\"",
            &[
                self.tree().as_os_str(),
                epoch.to_string().as_ref(),
                to.as_os_str(),
                hard.to_string().as_ref(),
            ],
        )
        .map(|_| ())
    }
}

/// Adds the libraries that `file` is linked with, and theirs.
fn needed(root: &Path, file: &Path, found: &mut BTreeSet<PathBuf>) -> Result<(), String> {
    let said = tool::run(Command::new("readelf").args(["-dl"]).arg(file))?;
    for name in names(&said) {
        let library = library(root, name)
            .ok_or_else(|| format!("{} needs {name}, which is not in the base", file.display()))?;
        if found.insert(library.clone()) {
            needed(root, &library, found)?;
        }
    }
    Ok(())
}

/// The libraries and the dynamic linker in what readelf says.
fn names(said: &str) -> impl Iterator<Item = &str> {
    said.lines().filter_map(|line| {
        let line = line.trim();
        if line.contains("(NEEDED)") {
            line.rsplit_once('[')?.1.strip_suffix(']')
        } else {
            let path = line
                .strip_prefix("[Requesting program interpreter: ")?
                .strip_suffix(']')?;
            path.rsplit('/').next()
        }
    })
}

fn library(root: &Path, name: &str) -> Option<PathBuf> {
    let lib = root.join("usr/lib");
    let below = fs::read_dir(&lib).ok()?.flatten().map(|e| e.path());
    [lib.clone(), root.join("usr/lib64")]
        .into_iter()
        .chain(below.filter(|p| p.to_string_lossy().ends_with("-linux-gnu")))
        .map(|folder| folder.join(name))
        .find(|path| path.exists())
}

/// Unpacks the listed modules after those they depend on, and writes the order to load them in.
fn modules(root: &Path, list: &Path, to: &Path) -> Result<(), String> {
    let text = fs::read_to_string(list).map_err(|e| format!("{}: {e}", list.display()))?;
    let all = root.join("usr/lib/modules");
    let folder = slot::only(&all, "")?;
    let dependencies = fs::read_to_string(folder.join("modules.dep"))
        .map_err(|e| format!("{}: {e}", folder.display()))?;
    // One kernel has built in what another loads.
    let built_in = fs::read_to_string(folder.join("modules.builtin"))
        .map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut order: Vec<String> = Vec::new();
    for wanted in tool::list(&text) {
        if built_in.lines().any(|path| is(path, wanted)) {
            continue;
        }
        let Some(files) = with_dependencies(&dependencies, wanted) else {
            return Err(format!("{}: the kernel has no {wanted}", list.display()));
        };
        for file in files {
            let name = file
                .rsplit('/')
                .next()
                .unwrap_or(file)
                .trim_end_matches(".xz")
                .to_owned();
            if order.contains(&name) {
                continue;
            }
            tool::shell(
                "case $1 in *.xz) xz -dc \"$1\" >\"$2\" ;; *) cp \"$1\" \"$2\" ;; esac",
                &[folder.join(file), to.join(&name)],
            )?;
            order.push(name);
        }
    }
    order.push(String::new());
    fs::write(to.join("order"), order.join("\n")).map_err(|e| format!("{}: {e}", to.display()))
}

/// Whether the file `path` is the module `wanted`: files have hyphens where modules have underscores.
fn is(path: &str, wanted: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let name = name.split(".ko").next().unwrap_or(name);
    name.replace('-', "_") == wanted.replace('-', "_")
}

/// A module's file and those it needs, in the order of loading, out of modules.dep.
fn with_dependencies<'a>(dependencies: &'a str, wanted: &str) -> Option<Vec<&'a str>> {
    let (own, others) = dependencies
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(path, _)| is(path, wanted))?;
    let mut files: Vec<&str> = others.split_whitespace().rev().collect();
    files.push(own);
    Some(files)
}

fn create(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to)
        .map(|_| ())
        .map_err(|e| format!("{}: {e}", from.display()))
}

fn link(to: &str, at: &Path) -> Result<(), String> {
    symlink(to, at).map_err(|e| format!("{}: {e}", at.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_program_is_linked_with() {
        let said = "      [Requesting program interpreter: /lib64/ld-linux-x86-64.so.2]\n \
                    0x0000000000000001 (NEEDED)  Shared library: [libc.so.6]\n \
                    0x000000000000000e (SONAME)  Library soname: [libx.so.1]\n";
        assert_eq!(
            names(said).collect::<Vec<_>>(),
            ["ld-linux-x86-64.so.2", "libc.so.6"]
        );
    }

    #[test]
    fn a_module_comes_after_what_it_needs() {
        let dep = "kernel/fs/ext4/ext4.ko.xz: kernel/fs/jbd2/jbd2.ko.xz kernel/lib/crc16.ko.xz\nkernel/drivers/md/dm-verity.ko.xz:\n";
        assert_eq!(
            with_dependencies(dep, "ext4").unwrap(),
            [
                "kernel/lib/crc16.ko.xz",
                "kernel/fs/jbd2/jbd2.ko.xz",
                "kernel/fs/ext4/ext4.ko.xz"
            ]
        );
        assert_eq!(
            with_dependencies(dep, "dm_verity").unwrap(),
            ["kernel/drivers/md/dm-verity.ko.xz"]
        );
        assert_eq!(with_dependencies(dep, "xfs"), None);
    }
}
