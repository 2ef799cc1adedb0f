//! Tells PID 1 how the box is: that it serves, that its planes move, that it stops.
//!
//! PID 1 holds the hardware's watchdog, so what is fed here is the first link of a chain that ends there: a box whose planes
//! do not move is started again by PID 1, and one whose PID 1 does not run is reset by the hardware.

use causeway_board::Watchdog;
use causeway_board_linux::Notifier;
use std::io;

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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

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
    fn without_a_manager_nobody_is_told() {
        assert!(ServiceManager::new(None).feed().is_ok());
    }
}
