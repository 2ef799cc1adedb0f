//! A disk with the image on it, changed from outside while no machine runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::hardware::From;
use crate::{Hardware, store};

const MIB: u64 = 1 << 20;

/// A copy of the image and of the firmware's variables; gone when it is dropped.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    from: From,
}

impl Disk {
    /// A fresh box, from the image named by `CAUSEWAY_IMAGE`.
    pub fn new(name: &str) -> Self {
        let image = std::env::var_os("CAUSEWAY_IMAGE").expect("CAUSEWAY_IMAGE names no image");
        let disk = Self::empty(name, From::Image);
        run(Command::new("cp")
            .arg("--sparse=always")
            .arg(image)
            .arg(disk.image()));
        fs::copy(Hardware::at_hand().variables(), disk.variables()).expect("firmware variables");
        disk
    }

    /// An empty data partition alone, for a box whose programs are in memory.
    pub fn of_fast(name: &str) -> Self {
        Self::of_fast_with(name, "")
    }

    /// The same, with a script on it that such a box runs beside its own work.
    pub fn of_fast_with(name: &str, script: &str) -> Self {
        let disk = Self::empty(name, From::Memory);
        let tree = disk.folder.join("tree");
        fs::create_dir_all(&tree).expect("a tree for the data partition");
        if !script.is_empty() {
            fs::write(tree.join("probe"), script).expect("the script");
        }
        fs::File::create(disk.image())
            .and_then(|f| f.set_len(64 * MIB))
            .expect("room for the data partition");
        run(Command::new("mkfs.ext4")
            .args(["-q", "-d"])
            .arg(&tree)
            .arg(disk.image()));
        disk
    }

    fn empty(name: &str, from: From) -> Self {
        let folder =
            std::env::temp_dir().join(format!("causeway-vm-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder for the disk");
        Self { folder, from }
    }

    pub(crate) fn from(&self) -> From {
        self.from
    }

    /// A box that has been set up with this document.
    pub fn configured(name: &str, document: &str) -> Self {
        Self::with_data(name, document, &[])
    }

    /// The same, with more folders on the data partition.
    pub fn with_data(name: &str, document: &str, more: &[(&str, &Path)]) -> Self {
        let disk = Self::new(name);
        let tree = disk.folder.join("tree");
        let root = disk.folder.join("root");
        fs::create_dir_all(&root).expect("a root for the box's service");
        store::set_up(&root, document);
        fs::create_dir_all(tree.join("lib")).expect("a tree for the data partition");
        fs::rename(
            root.join("var/lib/causeway-box"),
            tree.join("lib/causeway-box"),
        )
        .expect("what the service keeps");
        let _ = fs::remove_dir_all(&root);
        for (at, folder) in more {
            run(Command::new("cp").arg("-r").arg(folder).arg(tree.join(at)));
        }
        let part = disk.folder.join("data");
        let (start, length) = disk.partition("causeway-data");
        fs::File::create(&part)
            .and_then(|f| f.set_len(length))
            .expect("room for the data partition");
        run(Command::new("mkfs.ext4")
            .args(["-q", "-L", "causeway-data", "-d"])
            .arg(&tree)
            .arg(&part));
        disk.put(&part, start);
        let _ = fs::remove_dir_all(&tree);
        let _ = fs::remove_file(&part);
        disk
    }

    pub fn image(&self) -> PathBuf {
        self.folder.join("disk")
    }

    pub fn variables(&self) -> PathBuf {
        self.folder.join("variables")
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Start and length of a partition in octets, by its name.
    pub fn partition(&self, name: &str) -> (u64, u64) {
        let table = run(Command::new("sfdisk").arg("--json").arg(self.image()));
        let table: serde_json::Value = serde_json::from_str(&table).expect("sfdisk's JSON");
        let partition = table["partitiontable"]["partitions"]
            .as_array()
            .and_then(|all| all.iter().find(|p| p["name"] == name))
            .unwrap_or_else(|| panic!("no partition {name}"));
        let sectors = |field: &str| partition[field].as_u64().expect("a number of sectors") * 512;
        (sectors("start"), sectors("size"))
    }

    /// The image on a disk of this many MiB.
    pub fn enlarged(self, mib: u64) -> Self {
        fs::OpenOptions::new()
            .write(true)
            .open(self.image())
            .and_then(|f| f.set_len(mib * MIB))
            .expect("a larger disk");
        self
    }

    /// Writes octets where nobody's partition is: `offset` from the disk's beginning.
    pub fn damage_table(&self, offset: u64, octets: &[u8]) {
        use std::os::unix::fs::FileExt;
        fs::OpenOptions::new()
            .write(true)
            .open(self.image())
            .and_then(|f| f.write_all_at(octets, offset))
            .expect("the disk can be written");
    }

    /// Copies what slot A has to slot B, entry included.
    pub fn fill_slot_b(&self) {
        let (from, length) = self.partition("causeway-a");
        let (to, _) = self.partition("causeway-b");
        run(Command::new("dd")
            .arg(format!("if={}", self.image().display()))
            .arg(format!("of={}", self.image().display()))
            .arg(format!("skip={}", from / MIB))
            .arg(format!("seek={}", to / MIB))
            .arg(format!("count={}", length / MIB))
            .args(["bs=1M", "conv=notrunc,sparse", "status=none"]));
        let esp = self.esp();
        for file in ["vmlinuz", "initrd"] {
            esp.copy(&format!("a/{file}"), &format!("b/{file}"));
        }
        let entry = esp.read("loader/entries/causeway-a.conf");
        let entry = entry
            .replace("/a/", "/b/")
            .replace("causeway.slot=a", "causeway.slot=b");
        esp.write("loader/entries/causeway-b.conf", &entry);
    }

    /// Writes octets over what lies `offset` octets into a partition.
    pub fn damage(&self, partition: &str, offset: u64, octets: &[u8]) {
        use std::os::unix::fs::FileExt;
        let (start, _) = self.partition(partition);
        fs::OpenOptions::new()
            .write(true)
            .open(self.image())
            .and_then(|f| f.write_all_at(octets, start + offset))
            .expect("the disk can be written");
    }

    /// The partition the firmware boots from.
    pub fn esp(&self) -> Esp {
        let (start, _) = self.partition("causeway-esp");
        Esp {
            at: format!("{}@@{start}", self.image().display()),
            work: self.folder.join("esp-file"),
        }
    }

    fn put(&self, part: &Path, at: u64) {
        let length = fs::metadata(part).expect("the part").len();
        // What is zero in the part must not keep what lay there.
        run(Command::new("fallocate")
            .arg("--punch-hole")
            .args(["--offset", &at.to_string(), "--length", &length.to_string()])
            .arg(self.image()));
        run(Command::new("dd")
            .arg(format!("if={}", part.display()))
            .arg(format!("of={}", self.image().display()))
            .arg(format!("seek={}", at / MIB))
            .args(["bs=1M", "conv=notrunc,sparse", "status=none"]));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if std::env::var_os("CAUSEWAY_KEEP_DISKS").is_none() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Files of the ESP.
#[derive(Debug)]
pub struct Esp {
    at: String,
    work: PathBuf,
}

impl Esp {
    /// Names of the boot entries: the loader counts in them.
    pub fn entries(&self) -> Vec<String> {
        let listed = run(self.tool("mdir").args(["-b", "::/loader/entries"]));
        let mut names: Vec<String> = listed
            .lines()
            .filter_map(|line| line.rsplit('/').next())
            .filter(|name| name.ends_with(".conf"))
            .map(str::to_owned)
            .collect();
        names.sort();
        names
    }

    pub fn read(&self, file: &str) -> String {
        run(self.tool("mtype").arg(format!("::/{file}")))
    }

    pub fn write(&self, file: &str, text: &str) {
        fs::write(&self.work, text).expect("a file for the ESP");
        run(self
            .tool("mcopy")
            .arg("-o")
            .arg(&self.work)
            .arg(format!("::/{file}")));
    }

    pub fn remove(&self, file: &str) {
        run(self.tool("mdel").arg(format!("::/{file}")));
    }

    fn copy(&self, from: &str, to: &str) {
        run(self
            .tool("mcopy")
            .arg("-n")
            .arg("-o")
            .arg(format!("::/{from}"))
            .arg(&self.work));
        run(self
            .tool("mcopy")
            .arg("-o")
            .arg(&self.work)
            .arg(format!("::/{to}")));
    }

    fn tool(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("MTOOLS_SKIP_CHECK", "1")
            .arg("-i")
            .arg(&self.at);
        command
    }
}

fn run(command: &mut Command) -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    let out = command
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{command:?}: {said}");
    String::from_utf8_lossy(&out.stdout).into_owned()
}
