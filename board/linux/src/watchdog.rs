//! The hardware watchdog by its device. On a box PID 1 holds it and the program speaks to that ([`crate::notify`]); this is for
//! machines where nobody else does.

use causeway_board::Watchdog;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;

// _IOWR('W', 6, int) of <linux/watchdog.h>.
nix::ioctl_readwrite!(set_timeout, b'W', 6, nix::libc::c_int);

/// Armed from when it is opened. When it is dropped, or the program dies, it stays armed: that is what it is for.
#[derive(Debug)]
pub struct DevWatchdog {
    device: File,
}

impl DevWatchdog {
    /// Opens and thereby arms it.
    ///
    /// # Errors
    /// When it is not there, or somebody else has it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let device = OpenOptions::new().write(true).open(path)?;
        Ok(Self { device })
    }

    /// Asks that it resets after so many seconds without being fed; what the hardware made of it.
    ///
    /// # Errors
    /// When the hardware cannot be set, or this is no watchdog.
    pub fn set_timeout(&mut self, seconds: u16) -> io::Result<u32> {
        let mut seconds = nix::libc::c_int::from(seconds);
        // SAFETY: the descriptor is open for as long as `self`, and the kernel reads and writes one int there.
        unsafe { set_timeout(self.device.as_raw_fd(), &raw mut seconds) }?;
        u32::try_from(seconds).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
    }

    /// Disarms it, where the kernel allows that (not with `nowayout`).
    ///
    /// # Errors
    /// When it is not taken: it stays armed.
    pub fn disarm(mut self) -> io::Result<()> {
        self.device.write_all(b"V")
    }
}

impl Watchdog for DevWatchdog {
    type Error = io::Error;

    fn feed(&mut self) -> io::Result<()> {
        // Anything but `V` is food.
        self.device.write_all(b"\0")
    }
}
