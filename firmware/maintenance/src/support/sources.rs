//! What of the system goes into the bundle, the most telling first: when there is no room for all, the last are cut.

use crate::program;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const KIB: usize = 1024;
const LOG: usize = 2 * 1024 * KIB;
const SMALL: usize = 128 * KIB;
const LIMIT: Duration = Duration::from_secs(20);
/// Dumps of panics, and octets of each.
const DUMPS: usize = 16;
const DUMP: u64 = 64 * 1024;

pub(super) enum Kind {
    /// A file below the root.
    File { path: &'static str },
    /// What a program says.
    Program { words: &'static [&'static str] },
    /// All dumps of the kernel.
    Panics,
}

pub(super) struct Source {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    most: usize,
}

const fn file(name: &'static str, path: &'static str) -> Source {
    Source {
        name,
        kind: Kind::File { path },
        most: SMALL,
    }
}

const fn program(name: &'static str, words: &'static [&'static str], most: usize) -> Source {
    Source {
        name,
        kind: Kind::Program { words },
        most,
    }
}

macro_rules! journal {
    ($unit:literal) => {
        program(
            concat!("journal/", $unit, ".txt"),
            &[
                "journalctl",
                "--no-pager",
                "--quiet",
                "--output=short-precise",
                "--lines=40000",
                "--unit",
                $unit,
            ],
            LOG,
        )
    };
}

pub(super) static SOURCES: &[Source] = &[
    file("os-release", "etc/os-release"),
    file("cmdline", "proc/cmdline"),
    file("alarms.json", "run/causeway/alarms.json"),
    Source {
        name: "panic/",
        kind: Kind::Panics,
        most: 0,
    },
    program(
        "failed-units.txt",
        &["systemctl", "--no-pager", "--failed", "--full"],
        SMALL,
    ),
    program(
        "units.txt",
        &["systemctl", "--no-pager", "--full", "list-units", "--all"],
        SMALL,
    ),
    program("addresses.txt", &["ip", "-details", "address"], SMALL),
    program(
        "routes.txt",
        &["ip", "route", "show", "table", "all"],
        SMALL,
    ),
    program("neighbours.txt", &["ip", "neighbour"], SMALL),
    program("links.txt", &["ip", "-statistics", "link"], SMALL),
    program("sockets.txt", &["ss", "-tuanp"], SMALL),
    program("names.txt", &["resolvectl", "--no-pager", "status"], SMALL),
    program("firewall.txt", &["nft", "list", "ruleset"], SMALL),
    program("clock.txt", &["chronyc", "-n", "tracking"], SMALL),
    program("clock-sources.txt", &["chronyc", "-n", "sources"], SMALL),
    program("disk.txt", &["df", "-P"], SMALL),
    program("inodes.txt", &["df", "-iP"], SMALL),
    program("partitions.txt", &["lsblk", "--bytes"], SMALL),
    file("mounts", "proc/mounts"),
    file("meminfo", "proc/meminfo"),
    file("loadavg", "proc/loadavg"),
    file("uptime", "proc/uptime"),
    file("interrupts", "proc/interrupts"),
    file("net-snmp", "proc/net/snmp"),
    file("net-netstat", "proc/net/netstat"),
    file("pressure-cpu", "proc/pressure/cpu"),
    file("pressure-io", "proc/pressure/io"),
    file("pressure-memory", "proc/pressure/memory"),
    file("fsck", "run/causeway-fsck"),
    program(
        "processes.txt",
        &["ps", "-eo", "pid,user,stat,etime,time,rss,nlwp,comm"],
        SMALL,
    ),
    program(
        "boots.txt",
        &["journalctl", "--no-pager", "--list-boots"],
        SMALL,
    ),
    journal!("causeway.service"),
    journal!("causeway-boxd.service"),
    program("kernel.txt", &["dmesg", "--time-format", "iso"], 512 * KIB),
    program(
        "journal/warnings.txt",
        &[
            "journalctl",
            "--no-pager",
            "--quiet",
            "--output=short-precise",
            "--lines=20000",
            "--priority=warning",
        ],
        LOG,
    ),
    journal!("causeway-health.service"),
    journal!("causeway-console.service"),
    journal!("causeway-syslog.service"),
    journal!("rauc.service"),
    journal!("systemd-networkd.service"),
    journal!("chrony.service"),
    journal!("ssh.service"),
];

impl Source {
    /// The source's octets, the last of them where they are too many, and what is to be noted about them.
    pub(super) fn read(&self, root: &Path) -> Result<(Vec<u8>, String), String> {
        match &self.kind {
            Kind::File { path } => tail(&root.join(path), self.most as u64)
                .map(|octets| (octets, String::new()))
                .map_err(|fault| fault.to_string()),
            Kind::Program { words } => self.run(words),
            Kind::Panics => Ok((Vec::new(), String::new())),
        }
    }

    fn run(&self, words: &[&str]) -> Result<(Vec<u8>, String), String> {
        let (name, rest) = words.split_first().ok_or("no program")?;
        let mut command = Command::new(name);
        command
            .args(rest)
            .env("LC_ALL", "C.UTF-8")
            .env("SYSTEMD_COLORS", "0");
        let said = program::run(&mut command, LIMIT, self.most).map_err(|e| e.to_string())?;
        let errors = said.errors.trim();
        if said.out.is_empty() && !said.status.success() {
            let last = errors.lines().last().unwrap_or("it says nothing");
            return Err(format!("{}: {last}", said.status));
        }
        let mut notes = Vec::new();
        if said.cut {
            notes.push("its beginning is left out".to_owned());
        }
        if !said.status.success() {
            notes.push(said.status.to_string());
        }
        Ok((said.out, notes.join(", ")))
    }
}

/// The last octets of a file. Files of `/proc` tell no length: of them the first.
fn tail(path: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    if length > most {
        file.seek(SeekFrom::Start(length - most))?;
    }
    let mut octets = Vec::new();
    file.take(most).read_to_end(&mut octets)?;
    Ok(octets)
}

/// The dumps of the kernel, the latest first: what the firmware keeps, and what was moved to the disk. A name that would lead
/// elsewhere is none.
pub(super) fn panics(root: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders: Vec<(String, _)> = ["sys/fs/pstore", "var/lib/systemd/pstore"]
        .map(|folder| (String::new(), root.join(folder)))
        .into();
    while let Some((prefix, folder)) = folders.pop() {
        for entry in fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .take(1024)
        {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && prefix.matches('/').count() < 2 => {
                    folders.push((format!("{name}/"), entry.path()));
                }
                Ok(kind) if kind.is_file() => {
                    let at = entry.metadata().and_then(|of| of.modified()).ok();
                    found.push((at, name, entry.path()));
                }
                Ok(_) | Err(_) => {}
            }
        }
    }
    found.sort();
    let latest = found.into_iter().rev().take(DUMPS);
    latest
        .filter_map(|(_, name, path)| Some((name, tail(&path, DUMP).ok()?)))
        .collect()
}
