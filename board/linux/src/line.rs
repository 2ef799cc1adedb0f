//! Lines with a person at their other end.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{self, SetArg, Termios};
use serialport::{DataBits, FlowControl, Parity, SerialPort as _, StopBits, TTYPort};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::time::Duration;

/// Whoever does not take output for so long is gone: a terminal server that holds its line, a pty that nobody reads.
const STALLED: Duration = Duration::from_secs(5);

nix::ioctl_read_bad!(window_size, nix::libc::TIOCGWINSZ, nix::libc::winsize);

/// Bytes both ways.
pub trait Line: embedded_io::Write<Error = io::Error> {
    /// Waits up to `wait` for bytes; 0: there were none.
    ///
    /// # Errors
    /// When the line is gone.
    fn receive(&mut self, into: &mut [u8], wait: Duration) -> io::Result<usize>;
}

/// A serial port: 115200 baud, 8 data bits, no parity, 1 stop bit, no flow control. A break reads as NUL.
#[derive(Debug)]
pub struct SerialLine {
    port: TTYPort,
}

impl SerialLine {
    /// Opens it for this process alone.
    ///
    /// # Errors
    /// When it is not there, is no serial port, or somebody else has it.
    pub fn open(path: &str) -> io::Result<Self> {
        let settings = serialport::new(path, 115_200)
            .data_bits(DataBits::Eight)
            .parity(Parity::None)
            .stop_bits(StopBits::One)
            .flow_control(FlowControl::None)
            .timeout(STALLED);
        Ok(Self {
            port: TTYPort::open(&settings)?,
        })
    }
}

impl Line for SerialLine {
    fn receive(&mut self, into: &mut [u8], wait: Duration) -> io::Result<usize> {
        self.port.set_timeout(wait)?;
        let read = self.port.read(into);
        self.port.set_timeout(STALLED)?;
        match read {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(fault) if is_no_news(&fault) => Ok(0),
            read => read,
        }
    }
}

impl embedded_io::ErrorType for SerialLine {
    type Error = io::Error;
}

impl embedded_io::Write for SerialLine {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.port.write(octets)
    }

    /// The kernel has it; waiting until the wire has it, too, would hold up whoever types.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A terminal that this process was started on (a login, SSH), key by key until it is dropped.
#[derive(Debug)]
pub struct TerminalLine {
    terminal: File,
    before: Termios,
}

impl TerminalLine {
    /// Takes it over.
    ///
    /// # Errors
    /// When it is no terminal.
    pub fn new(terminal: OwnedFd) -> io::Result<Self> {
        let before = termios::tcgetattr(&terminal)?;
        let mut raw = before.clone();
        termios::cfmakeraw(&mut raw);
        termios::tcsetattr(&terminal, SetArg::TCSANOW, &raw)?;
        Ok(Self {
            terminal: terminal.into(),
            before,
        })
    }

    /// How wide it is, where it says so.
    pub fn columns(&self) -> Option<usize> {
        let mut size = nix::libc::winsize {
            ws_row: 0,
            ws_col: 0,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        // SAFETY: the descriptor is open for as long as `self`, and the kernel writes one `winsize` there.
        unsafe { window_size(self.terminal.as_raw_fd(), &raw mut size) }.ok()?;
        (size.ws_col > 0).then(|| usize::from(size.ws_col))
    }
}

impl Drop for TerminalLine {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(&self.terminal, SetArg::TCSADRAIN, &self.before);
    }
}

impl Line for TerminalLine {
    fn receive(&mut self, into: &mut [u8], wait: Duration) -> io::Result<usize> {
        if !ready(&self.terminal, PollFlags::POLLIN, wait)? {
            return Ok(0);
        }
        match self.terminal.read(into) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(fault) if is_no_news(&fault) => Ok(0),
            read => read,
        }
    }
}

impl embedded_io::ErrorType for TerminalLine {
    type Error = io::Error;
}

impl embedded_io::Write for TerminalLine {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if !ready(&self.terminal, PollFlags::POLLOUT, STALLED)? {
            return Err(io::ErrorKind::TimedOut.into());
        }
        // A terminal that is ready takes this much without blocking.
        let some = octets.get(..octets.len().min(256)).unwrap_or(octets);
        self.terminal.write(some)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn ready(terminal: &impl AsFd, what: PollFlags, wait: Duration) -> io::Result<bool> {
    let wait = PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX);
    match poll(&mut [PollFd::new(terminal.as_fd(), what)], wait) {
        Ok(count) => Ok(count > 0),
        Err(nix::errno::Errno::EINTR) => Ok(false),
        Err(fault) => Err(fault.into()),
    }
}

fn is_no_news(fault: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(fault.kind(), TimedOut | Interrupted | WouldBlock)
}
