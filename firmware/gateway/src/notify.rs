//! Tells PID 1 how the box is: that it serves, that its planes move, that it stops.
//!
//! The protocol is a datagram of `NAME=value` lines to the socket named by `NOTIFY_SOCKET` (sd_notify(3)). PID 1 holds the
//! hardware's watchdog, so what is fed here is the first link of a chain that ends there: a box whose planes do not move is
//! started again by PID 1, and one whose PID 1 does not run is reset by the hardware.

use causeway_board::Watchdog;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// PID 1 as the watchdog. Where it does not supervise us nobody is told, and feeding does nothing.
#[derive(Debug)]
pub struct ServiceManager {
    to: Option<(UnixDatagram, SocketAddr)>,
    ready: bool,
}

impl ServiceManager {
    /// `address`: the value of `NOTIFY_SOCKET`, if it is set; one that begins with `@` is an abstract name.
    ///
    /// # Errors
    /// When the address is none of a socket.
    pub fn new(address: Option<&OsStr>) -> io::Result<Self> {
        let to = match address.map(OsStrExt::as_bytes) {
            None | Some([]) => None,
            Some([b'@', name @ ..]) => Some(SocketAddr::from_abstract_name(name)?),
            Some(path) => Some(SocketAddr::from_pathname(OsStr::from_bytes(path))?),
        };
        let to = match to {
            None => None,
            Some(address) => {
                let socket = UnixDatagram::unbound()?;
                // A PID 1 that does not read must not make the planes wait.
                socket.set_nonblocking(true)?;
                Some((socket, address))
            }
        };
        Ok(Self { to, ready: false })
    }

    fn say(&self, what: &str) -> io::Result<()> {
        let Some((socket, address)) = &self.to else {
            return Ok(());
        };
        socket.send_to_addr(what.as_bytes(), address).map(|_| ())
    }
}

impl Watchdog for ServiceManager {
    type Error = io::Error;

    /// The first time says that the box serves: every plane has moved by then.
    fn feed(&mut self) -> io::Result<()> {
        if self.ready {
            return self.say("WATCHDOG=1");
        }
        self.say("READY=1\nWATCHDOG=1")?;
        self.ready = true;
        Ok(())
    }
}

impl Drop for ServiceManager {
    /// The supervisor ends when the box begins to stop: calls that stand may take their time from here on.
    fn drop(&mut self) {
        let _ = self.say("STOPPING=1");
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
        let mut manager = ServiceManager::new(Some(format!("@{name}").as_ref())).unwrap();
        manager.feed().unwrap();
        assert_eq!(hear(), "READY=1\nWATCHDOG=1");
        manager.feed().unwrap();
        assert_eq!(hear(), "WATCHDOG=1");
        drop(manager);
        assert_eq!(hear(), "STOPPING=1");
    }

    #[test]
    fn without_a_socket_nobody_is_told() {
        assert!(ServiceManager::new(None).unwrap().feed().is_ok());
        assert!(
            ServiceManager::new(Some("".as_ref()))
                .unwrap()
                .feed()
                .is_ok()
        );
    }
}
