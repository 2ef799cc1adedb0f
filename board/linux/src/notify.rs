//! What a service tells the service manager: datagrams of `NAME=value` lines on the socket that `NOTIFY_SOCKET` names
//! (sd_notify(3)). As a [`Watchdog`] it keeps the manager from killing the service, and by it the hardware fed.

use causeway_board::Watchdog;
use nix::sys::time::TimeValLike as _;
use nix::time::{ClockId, clock_gettime};
use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::time::Duration;

/// See the module.
#[derive(Debug)]
pub struct Notifier {
    socket: UnixDatagram,
    /// How long the manager waits for food; none: it does not.
    watchdog: Option<Duration>,
}

impl Notifier {
    /// As this process' environment says; none when nobody listens.
    ///
    /// # Errors
    /// When what it names cannot be used.
    pub fn from_env() -> io::Result<Option<Self>> {
        let Some(socket) = env::var_os("NOTIFY_SOCKET") else {
            return Ok(None);
        };
        let number = |name| {
            env::var(name)
                .ok()
                .and_then(|text| text.parse::<u64>().ok())
        };
        // Whoever is started by the service inherits its environment.
        let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|usec| ours && *usec > 0);
        Self::to(&socket, watchdog.map(Duration::from_micros)).map(Some)
    }

    /// To a socket: a path, or `@` and an abstract name.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn to(socket: &OsStr, watchdog: Option<Duration>) -> io::Result<Self> {
        let address = match socket.as_bytes().split_first() {
            Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
            Some(_) => SocketAddr::from_pathname(socket)?,
            None => return Err(io::ErrorKind::InvalidInput.into()),
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        // A manager that does not read must not stop the box.
        socket.set_nonblocking(true)?;
        Ok(Self { socket, watchdog })
    }

    /// How long the manager waits for food before it kills the service; feed it at half of that.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Everything listens that should.
    ///
    /// # Errors
    /// When the manager is gone or does not read.
    pub fn ready(&self) -> io::Result<()> {
        self.say("READY=1")
    }

    /// The end was asked for and has begun.
    ///
    /// # Errors
    /// As [`Notifier::ready`].
    pub fn stopping(&self) -> io::Result<()> {
        self.say("STOPPING=1")
    }

    /// What was set up is read anew, and the manager waits until [`Notifier::reloaded`] (`Type=notify-reload` of
    /// systemd.service(5)). The time is by the clock that it dates its request with.
    ///
    /// # Errors
    /// As [`Notifier::ready`].
    pub fn reloading(&self) -> io::Result<()> {
        let usec = clock_gettime(ClockId::CLOCK_MONOTONIC)?.num_microseconds();
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={usec}"))
    }

    /// It is over, with this line to show for it.
    ///
    /// # Errors
    /// As [`Notifier::ready`].
    pub fn reloaded(&self, status: &str) -> io::Result<()> {
        let line = status.lines().next().unwrap_or_default();
        self.say(&format!("READY=1\nSTATUS={line}"))
    }

    /// One line for people; what is past a line break is left out.
    ///
    /// # Errors
    /// As [`Notifier::ready`].
    pub fn status(&self, text: &str) -> io::Result<()> {
        let line = text.lines().next().unwrap_or_default();
        self.say(&format!("STATUS={line}"))
    }

    fn say(&self, what: &str) -> io::Result<()> {
        self.socket.send(what.as_bytes()).map(drop)
    }
}

impl Watchdog for Notifier {
    type Error = io::Error;

    fn feed(&mut self) -> io::Result<()> {
        self.say("WATCHDOG=1")
    }
}
