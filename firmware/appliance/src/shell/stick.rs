//! A stick labelled `CONFIG`: looked for, read, and told what came of it.
//!
//! Only `causeway.toml` and `causeway.toml.sig` at its top are read, bounded, and no links are followed. What happened is
//! written beside them, to `causeway-result.txt`, where the stick can be written.

use super::daemon::Daemon;
use super::run::quietly;
use crate::document::LARGEST;
use crate::service::Stick;
use nix::libc::{O_NOFOLLOW, O_NONBLOCK};
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

const DEVICE: &str = "dev/disk/by-label/CONFIG";
const FOLDER: &str = "run/causeway-usb";
/// A bad stick may take long.
const MOST: Duration = Duration::from_secs(30);

/// A stick that is, or was, in its socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    device: PathBuf,
    /// A stick that is taken out and put in again has another.
    made: (i64, i64),
}

impl Daemon {
    /// The stick that is there.
    pub(super) fn stick(&self) -> Option<Seen> {
        let device = fs::canonicalize(self.machine.path(DEVICE)).ok()?;
        let about = fs::metadata(&device).ok()?;
        Some(Seen {
            device,
            made: (about.ctime(), about.ctime_nsec()),
        })
    }

    /// Reads it, and does what may be done.
    pub(super) fn look_at(&self, stick: &Seen) {
        let mounted = match self.machine.rehearses() {
            // A folder stands for it.
            true => Ok(stick.device.clone()),
            false => self.mount(&stick.device),
        };
        let said = match mounted {
            Ok(folder) => {
                let said = self.take(&folder);
                if let Some(said) = &said {
                    let _ = write_result(&folder, said);
                }
                if !self.machine.rehearses() {
                    let _ = quietly("umount", &[&folder.to_string_lossy()], MOST);
                }
                said
            }
            Err(why) => Some(format!("The stick CONFIG cannot be read: {why}.")),
        };
        if let Some(said) = said {
            eprintln!("{said}");
            self.service().tell(said);
        }
    }

    fn mount(&self, device: &Path) -> Result<PathBuf, String> {
        let folder = self.machine.path(FOLDER);
        fs::create_dir_all(&folder).map_err(|fault| fault.to_string())?;
        let (device, at) = (device.to_string_lossy(), folder.to_string_lossy());
        let mount = |how: &str| quietly("mount", &["-o", how, &device, &at], MOST);
        mount("rw,sync,nosuid,nodev,noexec")
            .or_else(|_| mount("ro,nosuid,nodev,noexec"))
            .map(|_| folder.clone())
    }

    /// What happened; none: nothing that is new.
    fn take(&self, folder: &Path) -> Option<String> {
        let document = match read(&folder.join("causeway.toml")) {
            Ok(document) => document,
            Err(fault) => {
                return Some(format!(
                    "Nothing was taken from the stick CONFIG: causeway.toml: {fault}."
                ));
            }
        };
        let signature = read(&folder.join("causeway.toml.sig")).ok();
        let stick = Stick {
            document: &document,
            signature: signature.as_deref(),
        };
        let reply = self.with_moment(|service, moment| service.handle_stick(stick, moment))?;
        let mut said = match &reply.result {
            Ok(_) => format!(
                "The configuration was taken from the stick CONFIG.\n{}",
                reply.says
            ),
            Err(refusal) => format!("Nothing was taken from the stick CONFIG: {}.", refusal.why),
        };
        if reply.changed {
            self.follow(&mut |line| said.push_str(line));
        }
        Some(said.trim_end().to_owned())
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .custom_flags(O_NOFOLLOW | O_NONBLOCK)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut octets = Vec::new();
    file.take(LARGEST as u64 + 1).read_to_end(&mut octets)?;
    Ok(octets)
}

fn write_result(folder: &Path, said: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options
        .write(true)
        .create(true)
        .truncate(true)
        .custom_flags(O_NOFOLLOW | O_NONBLOCK);
    let mut file = options.open(folder.join("causeway-result.txt"))?;
    writeln!(file, "{said}")?;
    file.sync_all()
}
