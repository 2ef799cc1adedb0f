//! A support bundle as somebody far away unpacks it.

use causeway_maintenance::support::{self, Part};
use flate2::read::GzDecoder;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const PANIC: &str =
    "Panic#1 Part1\n<0>[   93.1] Kernel panic - not syncing: sysrq triggered crash\n";

fn a_box() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    let files = [
        ("etc/os-release", "IMAGE_VERSION=0.1.0\n"),
        ("var/lib/systemd/pstore/17/dmesg-efi-1", PANIC),
        (
            "efi/loader/entries/causeway-a.conf",
            "title Causeway 0.1.0\nversion 1\n",
        ),
        ("proc/cmdline", "causeway.slot=a console=ttyS0\n"),
        (
            "run/causeway/alarms.json",
            "{\"token\": \"hunter2-hunter2\"}\n",
        ),
    ];
    for (name, text) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("written");
    }
    root
}

fn unpacked(octets: &[u8]) -> BTreeMap<String, String> {
    let mut archive = tar::Archive::new(GzDecoder::new(octets));
    let entries = archive.entries().expect("an archive").map(|entry| {
        let mut entry = entry.expect("an entry");
        let path = entry.path().expect("a name").display().to_string();
        let name = path.strip_prefix("causeway-support/").expect("one folder");
        let name = name.to_owned();
        let mut text = Vec::new();
        entry.read_to_end(&mut text).expect("its octets");
        (name, String::from_utf8(text).expect("text"))
    });
    entries.collect()
}

#[test]
fn it_has_what_was_asked_for_no_secrets_and_an_index_that_is_true() {
    let root = a_box();
    let parts = [
        Part {
            name: "status.txt",
            text: Ok("2 calls\n"),
        },
        Part {
            name: "configuration.toml",
            text: Ok("password = \"hunter2-hunter2\"\nname = \"tulip-bed\"\n"),
        },
        Part {
            name: "metrics.txt",
            text: Err("causewayd does not answer"),
        },
        Part {
            name: "../../etc/shadow",
            text: Ok("x\n"),
        },
    ];
    let mut octets = Vec::new();
    let summary =
        support::bundle(root.path(), &parts, &["tulip-bed"], &mut octets).expect("a bundle");
    let files = unpacked(&octets);
    assert_eq!(files.len(), summary.files + 1);
    assert_eq!(files["panic/17/dmesg-efi-1"], PANIC);
    assert_eq!(files["status.txt"], "2 calls\n");
    assert_eq!(
        files["configuration.toml"],
        "password = ***\nname = \"***\"\n"
    );
    assert_eq!(files["alarms.json"], "{\"token\": ***}\n");
    assert_eq!(files["etcshadow"], "x\n");
    assert!(files["slots.txt"].contains("0.1.0             good, running"));
    assert!(
        files
            .values()
            .all(|text| !text.contains("hunter2") && !text.contains("tulip-bed"))
    );
    let index = &files["INDEX"];
    for (name, text) in files.iter().filter(|(name, _)| *name != "INDEX") {
        let sum = Sha256::digest(text.as_bytes());
        let sum: String = sum.iter().map(|octet| format!("{octet:02x}")).collect();
        let line = format!("{sum}  {:>8}  {name}", text.len());
        assert!(index.contains(&line), "{line}\n{index}");
    }
    let missing = index.lines().filter(|line| line.starts_with("missing"));
    assert_eq!(missing.count(), summary.missing);
    assert!(
        index.contains("metrics.txt  (causewayd does not answer)"),
        "{index}"
    );
    assert!(index.contains("fsck  (No such file"), "{index}");
}

#[test]
fn it_is_below_16_mb_whatever_there_is() {
    let root = a_box();
    let mut state = 1_u32;
    let noise: String = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Words that are short, so that none is taken for a key.
        match (state >> 24) as u8 % 96 {
            0..8 => ' ',
            other => char::from(b' ' + other % 95),
        }
    })
    .take(1_200_000)
    .collect();
    let names: Vec<String> = (0..30).map(|at| format!("part-{at}")).collect();
    let parts: Vec<Part<'_>> = names
        .iter()
        .map(|name| Part {
            name,
            text: Ok(&noise),
        })
        .collect();
    let mut octets = Vec::new();
    support::bundle(root.path(), &parts, &[], &mut octets).expect("a bundle");
    assert!(octets.len() < 16_000_000, "{}", octets.len());
    let index = &unpacked(&octets)["INDEX"];
    assert!(
        index.contains("part-0  (its beginning is left out)"),
        "{index}"
    );
    assert!(index.contains("part-29  (no room is left in the bundle)"));
}

struct Full(usize);

impl Write for Full {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0 = self
            .0
            .checked_sub(octets.len())
            .ok_or(io::ErrorKind::StorageFull)?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_no_reason_to_have_none() {
    let root = a_box();
    let fault = support::bundle(root.path(), &[], &[], Full(2_000)).expect_err("it is full");
    assert_eq!(fault.kind(), io::ErrorKind::StorageFull);

    let at = |path: &Path| path.strip_prefix(root.path()).expect("below").to_owned();
    let (path, _) = support::write(root.path(), &[], &[]).expect("a bundle");
    assert!(at(&path).starts_with("var"));
    let mode = fs::metadata(&path)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    // Nothing can be written there any more, whoever tries.
    let state = root.path().join("var/lib/causeway-maintenance");
    fs::remove_dir_all(&state).expect("removed");
    fs::write(&state, "").expect("written");
    let (path, _) = support::write(root.path(), &[], &[]).expect("a bundle");
    assert!(at(&path).starts_with("run"), "{}", path.display());
    assert!(unpacked(&fs::read(&path).expect("it is there")).contains_key("INDEX"));
}
