//! Places to be: free loopback ports, temporary folders, the folder of our own programs.

use std::net::{IpAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Doing, HarnessError, Result};

/// A port on 127.0.0.1 that nobody has, for UDP and TCP alike.
///
/// The kernel hands them out in turn from a large range, so that two callers do not get the same one in practice.
pub fn free_port() -> Result<u16> {
    for _ in 0..100 {
        let udp = UdpSocket::bind("127.0.0.1:0").doing("a free port")?;
        let port = udp.local_addr().doing("a free port")?.port();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err(HarnessError::new("no port is free for both UDP and TCP"))
}

/// `wanted` when it is free for UDP and TCP, another one otherwise.
pub fn port_near(wanted: u16) -> Result<u16> {
    let free = UdpSocket::bind(("127.0.0.1", wanted)).is_ok()
        && TcpListener::bind(("127.0.0.1", wanted)).is_ok();
    if free { Ok(wanted) } else { free_port() }
}

/// The first port, even, of `count` UDP ports in a row that nobody has.
pub fn free_range(count: u16) -> Result<u16> {
    static TURN: AtomicU32 = AtomicU32::new(0);
    for _ in 0..200 {
        // Below the kernel's own range of ephemeral ports; each process begins elsewhere, each call further on.
        let turn = TURN.fetch_add(1, Ordering::Relaxed);
        let slots = (32_000 - 12_000) / u32::from(count).max(1);
        let slot = (std::process::id().wrapping_mul(7).wrapping_add(turn)) % slots.max(1);
        let first = 12_000 + u16::try_from(slot).unwrap_or(0) * count;
        let first = first + first % 2;
        if (first..first + count).all(|port| UdpSocket::bind(("127.0.0.1", port)).is_ok()) {
            return Ok(first);
        }
    }
    Err(HarnessError::new(format!(
        "no {count} UDP ports in a row are free"
    )))
}

/// The address of this machine on its default route, for a program that does without loopback. What is sent to it does
/// not leave the machine.
pub fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Nothing is sent: connecting only makes the kernel choose a route, here to a network reserved for documentation.
    socket.connect("198.51.100.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

/// A folder of its own that is gone when this is dropped.
#[derive(Debug)]
pub struct TempFolder(PathBuf);

impl TempFolder {
    /// Makes a folder whose name says what it is for.
    pub fn new(what: &str) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("causeway-{what}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).doing(&format!("{}", path.display()))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The path of one of the project's own programs, built beside the one that runs.
///
/// # Errors
/// The command that builds it, when it is not there.
pub fn program(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().doing("where this program is")?;
    // Test programs and examples lie one folder below the programs.
    let found = own
        .ancestors()
        .skip(1)
        .take(2)
        .map(|dir| dir.join(name))
        .find(|path| path.is_file());
    found.doing(&format!(
        "{name} is not built; run: cargo build -p causeway-gateway -p causeway-phone -p causeway-harness"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_and_differ() {
        let a = free_port().unwrap();
        let _held = UdpSocket::bind(("127.0.0.1", a)).unwrap();
        assert_ne!(port_near(a).unwrap(), a);
        let first = free_range(20).unwrap();
        assert_eq!(first % 2, 0);
        assert_ne!(free_range(20).unwrap(), first);
    }

    #[test]
    fn a_temporary_folder_goes_away() {
        let folder = TempFolder::new("place-test").unwrap();
        let path = folder.path().to_owned();
        assert!(path.is_dir());
        drop(folder);
        assert!(!path.exists());
    }
}
