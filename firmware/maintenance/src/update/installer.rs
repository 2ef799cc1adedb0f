//! All steps of an installation, in their order.

use super::bundle::{self, FileError, Manifest};
use super::journal::{self, Entry};
use super::source::{self, Source};
use super::{Installed, Progress, Request, UpdateError, Version, slots};
use crate::program::{self, ProgramError};
use nix::fcntl::{Flock, FlockArg};
use std::cmp::Ordering;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long RAUC may take to look at a bundle, be it on a slow server.
const LOOK: Duration = Duration::from_secs(90);
/// How long it may take to write one.
const WRITE: Duration = Duration::from_secs(3600);
/// Percent of all that looking at a bundle counts for.
const LOOKED: u16 = 20;

/// Who installs updates.
#[derive(Debug)]
pub struct Installer {
    root: PathBuf,
    rauc: Vec<OsString>,
}

/// What the box says of itself.
struct Own {
    board: String,
    running: String,
    /// Nothing older is taken unless forced.
    least: Option<Version>,
}

impl Installer {
    /// For the box below `root`, by the system's `rauc`.
    pub fn new(root: &Path) -> Self {
        Self::with(root, vec!["rauc".into()])
    }

    /// By another `rauc`: the program, and arguments that come first.
    pub fn with(root: &Path, rauc: Vec<OsString>) -> Self {
        Self {
            root: root.to_owned(),
            rauc,
        }
    }

    /// As [`install`].
    ///
    /// # Errors
    /// Why it was not installed.
    pub fn install(
        &self,
        request: Request<'_>,
        progress: &mut dyn FnMut(Progress<'_>),
        stop: &AtomicBool,
    ) -> Result<Installed, UpdateError> {
        let source = Source::parse(request.source)?;
        if let Some(reason) = request.force {
            let length = reason.trim().chars().count();
            if !(1..=200).contains(&length) || reason.chars().any(char::is_control) {
                return Err(UpdateError::Reason);
            }
        }
        let _alone = self.alone()?;
        let own = self.own()?;
        progress(Progress {
            percent: 0,
            what: "looking for the update",
        });
        let stick;
        let (path, what) = match &source {
            Source::File(path) => (Some(path.as_path()), path.as_os_str()),
            Source::Usb => {
                stick = source::usb(&self.root)?;
                (Some(stick.path.as_path()), stick.path.as_os_str())
            }
            Source::Https(address) => (None, address.as_ref()),
        };
        let mut file = path.map(open).transpose()?;
        if let Some(file) = &mut file {
            bundle::signature_at(file).map_err(of_file)?;
        }
        progress(Progress {
            percent: 1,
            what: "checking the signature",
        });
        let manifest = self.look(what, &own)?;
        let forced = self.judge(&manifest, &own, request.force.is_some())?;
        if let (Some(file), Some(tree)) = (&mut file, &manifest.tree) {
            let mut pulse = |done: u16| {
                progress(Progress {
                    percent: percent(1 + u32::from(done) * u32::from(LOOKED - 1) / 1000),
                    what: "checking every block",
                });
                !stop.load(Relaxed)
            };
            bundle::check(file, tree, &mut pulse).map_err(of_file)?;
        }
        if stop.load(Relaxed) {
            return Err(UpdateError::Stopped);
        }
        let mut entry = Entry {
            at: now(),
            by: plain(request.by, 64),
            source: plain(request.source.split('?').next().unwrap_or_default(), 200),
            version: manifest.version.clone(),
            running: own.running.clone(),
            forced: request.force.filter(|_| forced).map(|why| plain(why, 200)),
            outcome: "begun".to_owned(),
        };
        if let Err(fault) = journal::note(&self.root, entry.clone())
            && forced
        {
            let why = format!("the reason cannot be written down: {fault}");
            return Err(UpdateError::Box(why));
        }
        if path.is_none() {
            // RAUC streams through a block device of the network, which it takes for granted.
            let mut command = Command::new("modprobe");
            let _ = program::run(command.args(["--quiet", "nbd"]), LOOK, 4096);
        }
        let written = self
            .write(what, forced, &own, progress)
            .and_then(|()| self.entered(&manifest, forced));
        entry.outcome = match &written {
            Ok(_) => "installed".to_owned(),
            Err(fault) => plain(&fault.to_string(), 300),
        };
        // It is in the slot or it is not; that the log lacks how it ended changes nothing.
        let _ = journal::note(&self.root, entry);
        written
    }

    /// One at a time, whoever asks.
    fn alone(&self) -> Result<Flock<File>, UpdateError> {
        let folder = self.root.join("run/causeway");
        let broken = |fault: io::Error| UpdateError::Box(format!("{}: {fault}", folder.display()));
        fs::create_dir_all(&folder).map_err(broken)?;
        let file = File::create(folder.join("update.lock")).map_err(broken)?;
        Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| UpdateError::Busy)
    }

    fn own(&self) -> Result<Own, UpdateError> {
        let read = |name: &str| {
            fs::read_to_string(self.root.join(name))
                .map_err(|fault| UpdateError::Box(format!("/{name}: {fault}")))
        };
        let system = read("etc/rauc/system.conf")?;
        let board = setting(&system, "compatible")
            .ok_or_else(|| UpdateError::Box("it does not know which board it is".to_owned()))?;
        let running = setting(&read("etc/os-release")?, "IMAGE_VERSION").unwrap_or_default();
        let least = setting(&system, "min-bundle-version");
        let versions = [Some(running.as_str()), least.as_deref()];
        let versions = versions.into_iter().flatten().filter_map(Version::parse);
        Ok(Own {
            board,
            least: versions.max_by(Version::order),
            running,
        })
    }

    fn rauc(&self) -> Command {
        let mut words = self.rauc.iter();
        let mut command = Command::new(
            words
                .next()
                .map_or("rauc".as_ref(), |word| word.as_os_str()),
        );
        command.args(words).env("LC_ALL", "C.UTF-8");
        command
    }

    fn look(&self, what: &std::ffi::OsStr, own: &Own) -> Result<Manifest, UpdateError> {
        let mut command = self.rauc();
        command.args(["info", "--output-format=json-2"]).arg(what);
        let said = program::run(&mut command, LOOK, 256 * 1024).map_err(of_program)?;
        if !said.status.success() {
            return Err(UpdateError::from_rauc(&said.errors, &own.board));
        }
        Manifest::parse(&said.out)
            .map_err(|fault| UpdateError::Box(format!("what rauc says of the update: {fault}")))
    }

    /// Whether it is an older one that was forced; an error when it must not be installed.
    fn judge(&self, manifest: &Manifest, own: &Own, force: bool) -> Result<bool, UpdateError> {
        if manifest.compatible != own.board {
            return Err(UpdateError::WrongBoard {
                is: plain(&manifest.compatible, 64),
                board: own.board.clone(),
            });
        }
        let Some(version) = Version::parse(&manifest.version) else {
            let why = format!("\"{}\" is no version", plain(&manifest.version, 64));
            return Err(UpdateError::NotAnUpdate(why));
        };
        let least = own.least.as_ref();
        let older = least.filter(|least| version.order(least) == Ordering::Less);
        if let (Some(than), false) = (older, force) {
            return Err(UpdateError::Older {
                is: version.to_string(),
                than: than.to_string(),
            });
        }
        let room = self.room();
        if let Some(room) = room.filter(|room| *room < manifest.image) {
            let why = format!("it takes {} octets, the slot has {room}", manifest.image);
            return Err(UpdateError::NoRoom(why));
        }
        Ok(older.is_some())
    }

    /// The slot that does not run.
    fn target(&self) -> Option<char> {
        match slots::running(&self.root)? {
            'a' => Some('b'),
            _ => Some('a'),
        }
    }

    /// Octets of the slot that does not run, as far as the kernel says.
    fn room(&self) -> Option<u64> {
        let name = format!("PARTNAME=causeway-{}", self.target()?);
        let devices = fs::read_dir(self.root.join("sys/class/block")).ok()?;
        let device = devices.flatten().map(|entry| entry.path()).find(|path| {
            fs::read_to_string(path.join("uevent")).is_ok_and(|t| t.lines().any(|l| l == name))
        })?;
        let sectors: u64 = fs::read_to_string(device.join("size"))
            .ok()?
            .trim()
            .parse()
            .ok()?;
        sectors.checked_mul(512)
    }

    fn write(
        &self,
        what: &std::ffi::OsStr,
        forced: bool,
        own: &Own,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(), UpdateError> {
        let mut command = self.rauc();
        command.arg("install");
        if forced {
            command.arg("--ignore-version-limit");
        }
        command.arg(what);
        let mut lines = Lines::default();
        let mut last = u32::from(LOOKED);
        let (status, errors) = program::follow(&mut command, WRITE, &mut |octets| {
            lines.add(octets, &mut |line| {
                if let Some((done, what)) = step(line) {
                    last = last.max(u32::from(LOOKED) + done * u32::from(100 - LOOKED) / 100);
                    progress(Progress {
                        percent: percent(last),
                        what,
                    });
                }
            });
        })
        .map_err(of_program)?;
        if status.success() {
            return Ok(());
        }
        // Why it failed is among its output, that it could not be reached among its errors.
        let words = format!("{errors}\n{}", lines.last);
        Err(UpdateError::from_rauc(&words, &own.board))
    }

    /// Looks whether the loader will take it: an update that is written but does not boot is none.
    fn entered(&self, manifest: &Manifest, forced: bool) -> Result<Installed, UpdateError> {
        let slot = slots::slots(&self.root).into_iter().find(|slot| {
            slot.next && !slot.running && slot.version.as_deref() == Some(&manifest.version)
        });
        let slot = slot.ok_or_else(|| {
            UpdateError::Failed("the loader would not take it at the next start".to_owned())
        })?;
        Ok(Installed {
            version: manifest.version.clone(),
            slot: slot.name,
            forced,
        })
    }
}

/// Lines out of pieces; the last ones are kept.
#[derive(Default)]
struct Lines {
    rest: Vec<u8>,
    last: String,
}

impl Lines {
    fn add(&mut self, octets: &[u8], each: &mut dyn FnMut(&str)) {
        for octet in octets {
            match octet {
                b'\n' => {
                    let line = String::from_utf8_lossy(&self.rest).into_owned();
                    self.rest.clear();
                    each(&line);
                    if self.last.len() > 8192 {
                        self.last.clear();
                    }
                    // The steps are no reasons.
                    if step(&line).is_none() {
                        self.last.push_str(&line);
                        self.last.push('\n');
                    }
                }
                octet if self.rest.len() < 4096 => self.rest.push(*octet),
                _ => {}
            }
        }
    }
}

/// A step as RAUC tells it: ` 46% Copying image to root.1`.
fn step(line: &str) -> Option<(u32, &str)> {
    let (done, what) = line.trim_start().split_once("% ")?;
    let done: u32 = done.parse().ok()?;
    (done <= 100).then(|| (done, what.trim_end_matches('.')))
}

/// A setting of a file of lines `key=value`.
fn setting(text: &str, key: &str) -> Option<String> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='))?;
    let value = value.trim().trim_matches('"');
    (!value.is_empty()).then(|| plain(value, 64))
}

fn open(path: &Path) -> Result<File, UpdateError> {
    let not = |fault: io::Error| match fault.kind() {
        io::ErrorKind::NotFound => UpdateError::NotThere(path.display().to_string()),
        _ => UpdateError::Corrupt(format!("{} cannot be read: {fault}", path.display())),
    };
    let file = File::open(path).map_err(not)?;
    if !file.metadata().map_err(not)?.is_file() {
        let what = format!("{} is no file", path.display());
        return Err(UpdateError::NotAnUpdate(what));
    }
    Ok(file)
}

fn of_file(fault: FileError) -> UpdateError {
    match fault {
        FileError::Unsigned => UpdateError::Unsigned,
        FileError::Stopped => UpdateError::Stopped,
        FileError::NotABundle | FileError::TooLarge(_) => {
            UpdateError::NotAnUpdate(fault.to_string())
        }
        FileError::Changed(_) | FileError::Read(_) => UpdateError::Corrupt(fault.to_string()),
    }
}

fn of_program(fault: ProgramError) -> UpdateError {
    UpdateError::Box(fault.to_string())
}

fn plain(text: &str, most: usize) -> String {
    let shown = text.trim().chars().filter(|c| !c.is_control());
    shown.take(most).collect()
}

fn percent(of: u32) -> u8 {
    u8::try_from(of.min(100)).unwrap_or(100)
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
