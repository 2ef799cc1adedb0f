//! Tells PID 1 how the box is: that it serves, that its planes move, that it stops.
//!
//! PID 1 holds the hardware's watchdog, so what is fed here is the first link of a chain that ends there: a box whose planes
//! do not move is started again by PID 1, and one whose PID 1 does not run is reset by the hardware.

use causeway_board::Watchdog;
use causeway_board_linux::Notifier;
use nix::sys::time::TimeValLike as _;
use nix::time::{ClockId, clock_gettime};
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// PID 1 as the watchdog. Where it does not supervise us nobody is told, and feeding does nothing.
#[derive(Debug)]
pub struct ServiceManager {
    manager: Option<Notifier>,
    ready: bool,
}

impl ServiceManager {
    pub const fn new(manager: Option<Notifier>) -> Self {
        Self {
            manager,
            ready: false,
        }
    }
}

impl Watchdog for ServiceManager {
    type Error = io::Error;

    /// The first time says that the box serves: every plane has moved by then.
    fn feed(&mut self) -> io::Result<()> {
        let Some(manager) = &mut self.manager else {
            return Ok(());
        };
        if !self.ready {
            manager.ready()?;
            self.ready = true;
        }
        manager.feed()
    }
}

impl Drop for ServiceManager {
    /// The supervisor ends when the box begins to stop: calls that stand may take their time from here on.
    fn drop(&mut self) {
        if let Some(manager) = &self.manager {
            let _ = manager.stopping();
        }
    }
}

/// Tells PID 1 of reloads: between the two words it waits (sd_notify(3), `Type=notify-reload` of systemd.service(5)).
#[derive(Debug, Default)]
pub struct ReloadNotes(Option<(UnixDatagram, SocketAddr)>);

impl ReloadNotes {
    /// Where `NOTIFY_SOCKET` names somebody.
    ///
    /// # Errors
    /// When what it names cannot be used.
    pub fn from_env() -> io::Result<Self> {
        match std::env::var_os("NOTIFY_SOCKET") {
            Some(socket) => Self::to(&socket),
            None => Ok(Self(None)),
        }
    }

    /// To a path, or `@` and an abstract name.
    fn to(socket: &OsStr) -> io::Result<Self> {
        let address = match socket.as_bytes().split_first() {
            Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
            Some(_) => SocketAddr::from_pathname(socket)?,
            None => return Err(io::ErrorKind::InvalidInput.into()),
        };
        let from = UnixDatagram::unbound()?;
        from.set_nonblocking(true)?;
        Ok(Self(Some((from, address))))
    }

    /// A reload begins. The time is by the clock that PID 1 dates its request with.
    ///
    /// # Errors
    /// When PID 1 does not read.
    pub fn begins(&self) -> io::Result<()> {
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC)?;
        let usec = now.num_microseconds();
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={usec}"))
    }

    /// It is over, with this to show for it.
    ///
    /// # Errors
    /// As [`ReloadNotes::begins`].
    pub fn over(&self, status: &str) -> io::Result<()> {
        let line = status.lines().next().unwrap_or_default();
        self.say(&format!("READY=1\nSTATUS={line}"))
    }

    fn say(&self, what: &str) -> io::Result<()> {
        match &self.0 {
            Some((from, to)) => from.send_to_addr(what.as_bytes(), to).map(drop),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_that_it_serves_that_it_moves_and_that_it_stops() {
        let name = format!("causeway-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let pid1 = UnixDatagram::bind_addr(&address).unwrap();
        let mut heard = [0; 64];
        let mut hear = || {
            let n = pid1.recv(&mut heard).unwrap();
            String::from_utf8_lossy(&heard[..n]).into_owned()
        };
        let notifier = Notifier::to(format!("@{name}").as_ref(), None).unwrap();
        let mut manager = ServiceManager::new(Some(notifier));
        manager.feed().unwrap();
        assert_eq!((hear(), hear()), ("READY=1".into(), "WATCHDOG=1".into()));
        manager.feed().unwrap();
        assert_eq!(hear(), "WATCHDOG=1");
        drop(manager);
        assert_eq!(hear(), "STOPPING=1");
    }

    #[test]
    fn a_reload_is_dated_and_ends() {
        let name = format!("causeway-reload-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let pid1 = UnixDatagram::bind_addr(&address).unwrap();
        let mut heard = [0; 128];
        let mut hear = || {
            let n = pid1.recv(&mut heard).unwrap();
            String::from_utf8_lossy(&heard[..n]).into_owned()
        };
        let before = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap();
        let notes = ReloadNotes::to(format!("@{name}").as_ref()).unwrap();
        notes.begins().unwrap();
        let begun = hear();
        let usec = begun.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        let usec: i64 = usec.parse().unwrap();
        assert!(usec >= before.num_microseconds(), "{begun}");
        notes.over("2 trunks\nand more").unwrap();
        assert_eq!(hear(), "READY=1\nSTATUS=2 trunks");
    }

    #[test]
    fn without_a_manager_nobody_is_told() {
        assert!(ServiceManager::new(None).feed().is_ok());
    }
}
