//! `flash`: writes an image to a stick, and reads it back from the stick itself.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, IsTerminal as _, Read, Write as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Instant;

use clap::Args;

/// Octets at a time.
const PIECE: usize = 4 << 20;
/// What reading past the kernel's memory asks of addresses.
const ALIGNED: usize = 4096;
/// Columns of the bar.
const BAR: usize = 40;

#[derive(Debug, Args)]
pub struct FlashArgs {
    /// causeway.img, or causeway.img.zst
    image: PathBuf,
    /// The whole stick, /dev/sdX
    device: PathBuf,
    /// Also what is not removable, once its name has been typed
    #[arg(long)]
    force: bool,
}

/// `cargo xtask flash`
pub fn flash(args: &FlashArgs) -> Result<ExitCode, String> {
    let device = args.device.canonicalize();
    let device = device.map_err(|e| format!("{}: {e}", args.device.display()))?;
    let name = device.file_name().and_then(|name| name.to_str());
    let name = name.ok_or("the device has no name")?.to_owned();
    let target = Target::look(&device, &name)?;
    let length = packed_length(&args.image)?;
    eprintln!(
        "{} ({} MiB) to {}: {}",
        args.image.display(),
        length >> 20,
        device.display(),
        target.words
    );
    if let Some(size) = target.size
        && size < length
    {
        return Err(format!("{name} has {size} octets, and the image {length}"));
    }
    if let Some(place) = target.in_use {
        return Err(format!("{name} is in use ({place}); unmount it first"));
    }
    if !target.removable {
        if !args.force {
            return Err(format!(
                "{name} is not removable: --force takes it in spite of that"
            ));
        }
        sure(&name)?;
    }
    let since = Instant::now();
    write(&args.image, &device, length)?;
    compare(&args.image, &device, length)?;
    eprintln!("written and read back in {} s", since.elapsed().as_secs());
    Ok(ExitCode::SUCCESS)
}

/// What stands behind the device's name.
struct Target {
    /// For people.
    words: String,
    /// Octets; none: a file, which grows.
    size: Option<u64>,
    removable: bool,
    in_use: Option<String>,
}

impl Target {
    fn look(device: &Path, name: &str) -> Result<Self, String> {
        let kind = fs::metadata(device).map_err(|e| format!("{}: {e}", device.display()))?;
        if kind.is_file() {
            return Ok(Self {
                words: "a file".to_owned(),
                size: None,
                removable: false,
                in_use: None,
            });
        }
        if !kind.file_type().is_block_device() {
            return Err(format!("{} is no disk", device.display()));
        }
        let folder = Path::new("/sys/class/block").join(name);
        if folder.join("partition").exists() {
            return Err(format!(
                "{name} is a part of a disk; the whole one is needed"
            ));
        }
        let read = |file: &str| {
            let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
            text.trim().to_owned()
        };
        let size = read("size").parse::<u64>().map_or(0, |blocks| blocks * 512);
        let words = [read("device/vendor"), read("device/model")].join(" ");
        let parts = fs::read_dir(&folder).into_iter().flatten().flatten();
        let mut names = vec![name.to_owned()];
        names.extend(
            parts
                .filter(|part| part.path().join("partition").exists())
                .map(|part| part.file_name().to_string_lossy().into_owned()),
        );
        Ok(Self {
            words: format!("{} {} MiB", words.trim(), size >> 20),
            size: Some(size),
            removable: read("removable") == "1",
            in_use: in_use(&names),
        })
    }
}

/// Where one of these devices is mounted, or who else holds it.
fn in_use(names: &[String]) -> Option<String> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
    let is_one = |path: &str| {
        let path = Path::new(path).canonicalize().ok();
        let name = path.as_deref().and_then(Path::file_name);
        name.is_some_and(|name| names.iter().any(|one| name == one.as_str()))
    };
    let mounted = mounts.lines().find_map(|line| {
        let (source, rest) = line.split_once(' ')?;
        let at = rest.split(' ').next()?;
        (source.starts_with("/dev/") && is_one(source)).then(|| format!("mounted at {at}"))
    });
    let swapped = || {
        let first = |line: &str| line.split_whitespace().next().map(str::to_owned);
        let mut sources = swaps.lines().skip(1).filter_map(first);
        sources
            .any(|source| is_one(&source))
            .then(|| "swap".to_owned())
    };
    let held = || {
        names.iter().find_map(|name| {
            let holders = Path::new("/sys/class/block").join(name).join("holders");
            let mut holders = fs::read_dir(holders).ok()?.flatten();
            let holder = holders.next()?.file_name();
            Some(format!("a part of {}", holder.to_string_lossy()))
        })
    };
    mounted.or_else(swapped).or_else(held)
}

fn sure(name: &str) -> Result<(), String> {
    if io::stdin().is_terminal() {
        eprint!("Everything on it will be gone. Type {name} to go on: ");
    }
    let mut typed = String::new();
    let read = io::stdin().lock().read_line(&mut typed);
    read.map_err(|e| format!("cannot read the answer: {e}"))?;
    if typed.trim() == name {
        Ok(())
    } else {
        Err("nothing was written".to_owned())
    }
}

/// The image's octets, unpacked.
enum Image {
    Plain(File),
    Packed(Child),
}

impl Image {
    fn open(path: &Path) -> Result<Self, String> {
        let told = |e: io::Error| format!("{}: {e}", path.display());
        if path.extension().is_none_or(|kind| kind != "zst") {
            return File::open(path).map(Self::Plain).map_err(told);
        }
        File::open(path).map_err(told)?;
        let child = Command::new("zstd")
            .args(["-dcq", "--"])
            .arg(path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn();
        child
            .map(Self::Packed)
            .map_err(|e| format!("cannot start zstd: {e}"))
    }

    /// Fills `into` as far as there is something.
    fn read(&mut self, into: &mut [u8]) -> Result<usize, String> {
        let count = match self {
            Self::Plain(file) => fill(file, into),
            Self::Packed(child) => match child.stdout.as_mut() {
                Some(out) => fill(out, into),
                None => Ok(0),
            },
        };
        count.map_err(|e| format!("the image: {e}"))
    }

    fn end(self) -> Result<(), String> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Packed(mut child) => match child.wait() {
                Ok(status) if status.success() => Ok(()),
                Ok(_) => Err("the packed image is damaged".to_owned()),
                Err(e) => Err(format!("zstd: {e}")),
            },
        }
    }
}

fn fill(from: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while count < into.len() {
        match from.read(&mut into[count..]) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(count)
}

/// Octets of the image unpacked, and whether it is whole.
fn packed_length(path: &Path) -> Result<u64, String> {
    let mut image = Image::open(path)?;
    let mut length = 0;
    match &mut image {
        Image::Plain(file) => {
            length = file.metadata().map_err(|e| e.to_string())?.len();
        }
        Image::Packed(_) => {
            let mut piece = vec![0; PIECE];
            loop {
                match image.read(&mut piece)? {
                    0 => break,
                    count => length += count as u64,
                }
            }
        }
    }
    image.end()?;
    if length == 0 {
        return Err(format!("{} is empty", path.display()));
    }
    Ok(length)
}

fn write(image: &Path, device: &Path, length: u64) -> Result<(), String> {
    let told = |e: io::Error| format!("{}: {e}", device.display());
    let mut image = Image::open(image)?;
    // Of a disk the kernel then lets nobody else have it, nor mount it.
    let mut file = OpenOptions::new()
        .write(true)
        .custom_flags(nix::libc::O_EXCL)
        .open(device)
        .map_err(told)?;
    let mut piece = vec![0; PIECE];
    let mut bar = Bar::new("writing", length);
    loop {
        let count = image.read(&mut piece)?;
        if count == 0 {
            break;
        }
        file.write_all(&piece[..count]).map_err(told)?;
        // So that the bar tells the stick's progress and not the kernel's.
        file.sync_data().map_err(told)?;
        bar.advance(count);
    }
    image.end()?;
    file.sync_all().map_err(told)
}

fn compare(image: &Path, device: &Path, length: u64) -> Result<(), String> {
    let told = |e: io::Error| format!("{}: {e}", device.display());
    let mut image = Image::open(image)?;
    let mut file = past_memory(device).map_err(told)?;
    let (mut wanted, mut room) = (vec![0; PIECE], vec![0; PIECE + ALIGNED]);
    let skip = room.as_ptr().align_offset(ALIGNED).min(ALIGNED);
    let found = &mut room[skip..skip + PIECE];
    let mut bar = Bar::new("reading", length);
    let mut place = 0;
    loop {
        let count = image.read(&mut wanted)?;
        if count == 0 {
            break;
        }
        let there = fill(&mut file, found).map_err(told)?;
        let same = there >= count && found[..count] == wanted[..count];
        if !same {
            let at = (0..count).find(|at| found.get(*at) != wanted.get(*at));
            let at = place + at.unwrap_or(there) as u64;
            return Err(format!("the stick is bad: octet {at} came back wrong"));
        }
        place += count as u64;
        bar.advance(count);
    }
    image.end()
}

/// A device whose octets come from itself and not from the kernel's memory of what was written.
fn past_memory(device: &Path) -> io::Result<File> {
    let direct = OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_DIRECT)
        .open(device);
    match direct {
        Ok(file) => Ok(file),
        // Some file systems do not know this; then the memory is dropped.
        Err(e) if e.raw_os_error() == Some(nix::libc::EINVAL) => {
            let file = File::open(device)?;
            nix::fcntl::posix_fadvise(
                &file,
                0,
                0,
                nix::fcntl::PosixFadviseAdvice::POSIX_FADV_DONTNEED,
            )?;
            Ok(file)
        }
        Err(e) => Err(e),
    }
}

/// Where somebody watches.
struct Bar {
    what: &'static str,
    done: u64,
    all: u64,
}

impl Bar {
    fn new(what: &'static str, all: u64) -> Self {
        Self { what, done: 0, all }
    }

    fn advance(&mut self, octets: usize) {
        self.done += octets as u64;
        if !io::stderr().is_terminal() {
            return;
        }
        let part = |of: u64| self.done.saturating_mul(of) / self.all.max(1);
        let full = "#".repeat(part(BAR as u64).min(BAR as u64) as usize);
        let end = if self.done >= self.all { "\n" } else { "" };
        eprint!("\r{} [{full:<BAR$}] {:>3} %{end}", self.what, part(100));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("causeway-flash-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn an_image_is_written_and_compared_and_a_bad_stick_is_found() {
        let folder = folder("image");
        let (image, stick) = (folder.join("causeway.img"), folder.join("stick"));
        let octets: Vec<u8> = (0..9_000_000_u32).map(|at| (at >> 7) as u8).collect();
        fs::write(&image, &octets).unwrap();
        fs::write(&stick, vec![0xff; 10_000_000]).unwrap();
        let length = packed_length(&image).unwrap();
        write(&image, &stick, length).unwrap();
        compare(&image, &stick, length).unwrap();
        let mut there = fs::read(&stick).unwrap();
        assert!(there.len() == 10_000_000 && there[..9_000_000] == octets);
        there[8_765_432] ^= 1;
        fs::write(&stick, there).unwrap();
        let fault = compare(&image, &stick, length).unwrap_err();
        assert_eq!(fault, "the stick is bad: octet 8765432 came back wrong");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_no_stick_is_refused() {
        let folder = folder("refused");
        let image = folder.join("causeway.img");
        fs::write(&image, [1; 4096]).unwrap();
        let refused = |device: &str, why: &str| {
            let args = FlashArgs {
                image: image.clone(),
                device: device.into(),
                force: false,
            };
            let fault = flash(&args).unwrap_err();
            assert!(fault.contains(why), "{fault}");
        };
        fs::write(folder.join("file"), "precious").unwrap();
        refused(folder.join("file").to_str().unwrap(), "is not removable");
        refused("/dev/null", "is no disk");
        refused("/nowhere", "No such file");
        assert_eq!(fs::read(folder.join("file")).unwrap(), b"precious");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_disk_that_is_mounted_is_in_use() {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let disk = mounts.lines().find_map(|line| {
            let source = line.split(' ').next()?;
            let path = Path::new(source).canonicalize().ok()?;
            let is_disk = source.starts_with("/dev/")
                && path
                    .metadata()
                    .is_ok_and(|m| m.file_type().is_block_device());
            is_disk.then(|| path.file_name().unwrap().to_string_lossy().into_owned())
        });
        if let Some(disk) = disk {
            assert!(
                in_use(std::slice::from_ref(&disk))
                    .unwrap()
                    .starts_with("mounted at /")
            );
        }
        assert_eq!(in_use(&["no-such-disk".to_owned()]), None);
    }
}
