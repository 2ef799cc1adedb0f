//! The machine: its files below a root, its interfaces, its services.

use super::run::quietly;
use crate::apply::Action;
use crate::render::{ALL, Facts, File, Group, Interface};
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{AddressFamily, SockaddrLike as _};
use nix::unistd::{Gid, Uid, chown};
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The gateway's user and group.
pub const GATEWAY_ID: u32 = 900;
/// The administrator's, who comes by SSH.
pub const ADMIN_ID: u32 = 901;
/// What a service's program may take: PID 1 waits for what it starts.
const MOST: Duration = Duration::from_secs(20);
/// Names what has been begun and may not be finished.
const BEGUN: &str = "run/causeway/applying";

/// See the module.
#[derive(Clone, Debug)]
pub struct Machine {
    root: PathBuf,
    /// Nothing but files: actions are written down instead of carried out.
    rehearses: bool,
    /// Taken for the box's instead of what its interfaces have.
    addresses: Vec<IpAddr>,
}

impl Machine {
    /// The one whose files are below `root`.
    pub fn new(root: impl Into<PathBuf>, rehearses: bool, addresses: Vec<IpAddr>) -> Self {
        Self {
            root: root.into(),
            rehearses,
            addresses,
        }
    }

    /// A path of the box below the root.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether programs are not run.
    pub const fn rehearses(&self) -> bool {
        self.rehearses
    }

    /// What is known of it now.
    pub fn facts(&self) -> Facts {
        if !self.addresses.is_empty() || self.rehearses {
            return Facts {
                interfaces: vec![Interface {
                    name: "eth0".to_owned(),
                    addresses: self.addresses.clone(),
                }],
            };
        }
        let mut found: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
        for entry in fs::read_dir(self.path("sys/class/net"))
            .into_iter()
            .flatten()
            .flatten()
        {
            if let Ok(name) = entry.file_name().into_string()
                && is_wired(&entry.path())
            {
                found.insert(name, Vec::new());
            }
        }
        for interface in getifaddrs().into_iter().flatten() {
            let address = interface
                .address
                .and_then(|storage| match storage.family() {
                    Some(AddressFamily::Inet) => Some(IpAddr::V4(storage.as_sockaddr_in()?.ip())),
                    Some(AddressFamily::Inet6) => Some(IpAddr::V6(storage.as_sockaddr_in6()?.ip())),
                    _ => None,
                });
            if let Some(address) = address
                && let Some(addresses) = found.get_mut(&interface.interface_name)
            {
                addresses.push(address);
            }
        }
        let interface = |(name, mut addresses): (String, Vec<IpAddr>)| {
            addresses.sort_unstable();
            Interface { name, addresses }
        };
        Facts {
            interfaces: found.into_iter().map(interface).collect(),
        }
    }

    /// What lies where files may be rendered to; nothing while what was begun is not finished: all is done again then.
    pub fn lies_there(&self) -> BTreeMap<&'static str, String> {
        let mut there = BTreeMap::new();
        if self.path(BEGUN).exists() {
            return there;
        }
        for path in ALL {
            let at = self.path(path);
            let text = match fs::read_link(&at) {
                Ok(target) => Some(target.to_string_lossy().into_owned()),
                Err(_) => fs::read_to_string(&at).ok(),
            };
            if let Some(text) = text {
                there.insert(path, text);
            }
        }
        there
    }

    /// What follows has begun.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn begin(&self) -> io::Result<()> {
        let path = self.path(BEGUN);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, "")
    }

    /// It is finished.
    pub fn finish(&self) {
        let _ = fs::remove_file(self.path(BEGUN));
    }

    /// Puts a file in place, whole.
    ///
    /// # Errors
    /// As the file system says.
    pub fn put(&self, file: &File) -> io::Result<()> {
        let path = self.path(file.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
            // Those whom it is for are not root.
            let _ = fs::set_permissions(folder, Permissions::from_mode(0o755));
        }
        let new = path.with_extension("new");
        let _ = fs::remove_file(&new);
        if file.is_link {
            symlink(&file.text, &new)?;
        } else {
            let (mode, group) = match file.readers {
                Group::All => (0o644, None),
                Group::Gateway => (0o640, Some(GATEWAY_ID)),
                Group::Admin => (0o640, Some(ADMIN_ID)),
            };
            let mut options = OpenOptions::new();
            let mut written = options
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&new)?;
            written.write_all(file.text.as_bytes())?;
            if let Some(group) = group
                && Uid::effective().is_root()
            {
                chown(&new, None, Some(Gid::from_raw(group)))?;
            }
            written.set_permissions(Permissions::from_mode(mode))?;
        }
        fs::rename(&new, &path)
    }

    /// Takes a file away.
    ///
    /// # Errors
    /// As the file system says.
    pub fn remove(&self, path: &str) -> io::Result<()> {
        match fs::remove_file(self.path(path)) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => Err(fault),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Does one thing.
    ///
    /// # Errors
    /// A sentence for people.
    pub fn act(&self, action: &Action) -> Result<(), String> {
        if self.rehearses {
            let path = self.path("run/causeway/actions");
            let file = OpenOptions::new().create(true).append(true).open(path);
            return file
                .and_then(|mut file| writeln!(file, "{action:?}"))
                .map_err(|fault| fault.to_string());
        }
        let systemctl = |verb: &str, unit: &str| {
            quietly("systemctl", &["--no-block", verb, unit], MOST).map(drop)
        };
        match action {
            Action::StartGateway => systemctl("restart", "causeway.service"),
            Action::StopGateway => systemctl("stop", "causeway.service"),
            Action::RestartGateway => systemctl("restart", "causeway.service"),
            Action::ReloadGateway => systemctl("reload-or-restart", "causeway.service"),
            Action::StartSetUp => systemctl("restart", "causeway-set-up.service"),
            Action::StopSetUp => systemctl("stop", "causeway-set-up.service"),
            Action::SetHostName(name) => fs::write(self.path("proc/sys/kernel/hostname"), name)
                .map_err(|fault| format!("the host's name: {fault}")),
            Action::LoadFirewall => {
                let path = self.path("run/causeway/firewall.nft");
                quietly("nft", &["-f", &path.to_string_lossy()], MOST).map(drop)
            }
            Action::ReloadNetwork => quietly("networkctl", &["reload"], MOST).map(drop),
            Action::ReloadTime => quietly("chronyc", &["reload", "sources"], MOST).map(drop),
            Action::RestartSyslog => systemctl("restart", "causeway-syslog.service"),
            Action::StopSyslog => systemctl("stop", "causeway-syslog.service"),
            Action::StartSsh => systemctl("restart", "ssh.service"),
            Action::StopSsh => systemctl("stop", "ssh.service"),
        }
    }
}

/// Ethernet on a piece of hardware: no tunnel, bridge or radio.
fn is_wired(path: &Path) -> bool {
    let is_ether = fs::read_to_string(path.join("type")).is_ok_and(|kind| kind.trim() == "1");
    is_ether && path.join("device").exists() && !path.join("phy80211").exists()
}
