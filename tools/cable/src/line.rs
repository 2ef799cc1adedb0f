//! The cable.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serialport::{DataBits, FlowControl, Parity, SerialPort as _, StopBits, TTYPort};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A box that takes nothing for so long is not there.
const STALLED: Duration = Duration::from_secs(10);

/// Octets both ways.
pub trait Line: Send {
    /// Waits up to `wait` for octets; 0: there were none.
    ///
    /// # Errors
    /// When the line is gone.
    fn receive(&mut self, into: &mut [u8], wait: Duration) -> io::Result<usize>;

    /// Sends all of it.
    ///
    /// # Errors
    /// When the line is gone, or takes nothing for ten seconds.
    fn send(&mut self, octets: &[u8]) -> io::Result<()>;
}

impl<L: Line + ?Sized> Line for Box<L> {
    fn receive(&mut self, into: &mut [u8], wait: Duration) -> io::Result<usize> {
        (**self).receive(into, wait)
    }

    fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        (**self).send(octets)
    }
}

/// A serial port at 115200 baud, 8 data bits, no parity, 1 stop bit, no flow control.
#[derive(Debug)]
pub struct PortLine(TTYPort);

impl PortLine {
    /// Opens `/dev/ttyUSB0` for this process alone.
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
        Ok(Self(TTYPort::open(&settings)?))
    }
}

impl Line for PortLine {
    fn receive(&mut self, into: &mut [u8], wait: Duration) -> io::Result<usize> {
        self.0.set_timeout(wait)?;
        let read = self.0.read(into);
        self.0.set_timeout(STALLED)?;
        news(read)
    }

    fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        self.0.write_all(octets)
    }
}

/// A Unix socket, as QEMU's `-serial unix:PATH` makes one.
#[derive(Debug)]
pub struct SocketLine(UnixStream);

impl SocketLine {
    /// Connects to it.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn connect(path: &Path) -> io::Result<Self> {
        Ok(Self::from(UnixStream::connect(path)?))
    }
}

impl From<UnixStream> for SocketLine {
    fn from(stream: UnixStream) -> Self {
        Self(stream)
    }
}

impl Line for SocketLine {
    fn receive(&mut self, into: &mut [u8], wait: Duration) -> io::Result<usize> {
        receive(&mut self.0, into, wait)
    }

    fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        self.0.set_write_timeout(Some(STALLED))?;
        self.0.write_all(octets)
    }
}

/// A terminal device that is open already, such as the master of a pty.
#[derive(Debug)]
pub struct DeviceLine(pub File);

impl Line for DeviceLine {
    fn receive(&mut self, into: &mut [u8], wait: Duration) -> io::Result<usize> {
        receive(&mut self.0, into, wait)
    }

    fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        for some in octets.chunks(256) {
            if !ready(&self.0, PollFlags::POLLOUT, STALLED)? {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.0.write_all(some)?;
        }
        Ok(())
    }
}

fn receive(from: &mut (impl Read + AsFd), into: &mut [u8], wait: Duration) -> io::Result<usize> {
    if !ready(from, PollFlags::POLLIN, wait)? {
        return Ok(0);
    }
    news(from.read(into))
}

fn news(read: io::Result<usize>) -> io::Result<usize> {
    use io::ErrorKind::{Interrupted, TimedOut, UnexpectedEof, WouldBlock};
    match read {
        Ok(0) => Err(UnexpectedEof.into()),
        Err(fault) if matches!(fault.kind(), TimedOut | Interrupted | WouldBlock) => Ok(0),
        read => read,
    }
}

fn ready(device: &impl AsFd, what: PollFlags, wait: Duration) -> io::Result<bool> {
    let wait = PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX);
    match poll(&mut [PollFd::new(device.as_fd(), what)], wait) {
        Ok(count) => Ok(count > 0),
        Err(nix::errno::Errno::EINTR) => Ok(false),
        Err(fault) => Err(fault.into()),
    }
}
