//! What passes on loopback over UDP, as the kernel saw it: neither side's own word.
//!
//! It takes root (CAP_NET_RAW), and keeps what comes from or goes to a range of ports only.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::sockopt::{RcvBufForce, ReceiveTimeout};
use nix::sys::socket::{
    AddressFamily, LinkAddr, SockFlag, SockProtocol, SockType, recvfrom, setsockopt, socket,
};
use nix::sys::time::TimeVal;

use crate::error::{Doing, HarnessError, Result};

/// What a busy machine may be behind with.
const ROOM: usize = 64 * 1024 * 1024;
/// What is kept at most, in octets.
const MOST: usize = 256 * 1024 * 1024;
const LOOK: Duration = Duration::from_millis(100);
/// As the kernel marks what leaves (PACKET_OUTGOING): on loopback it comes in as well, and is kept once.
const OUTGOING: u8 = 4;

/// One datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    pub from: u16,
    pub to: u16,
    pub payload: Vec<u8>,
}

/// What was kept, in order, each with when it passed.
pub type Kept = Vec<(Instant, Datagram)>;

/// A running capture.
#[derive(Debug)]
pub struct Capture {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<Kept>>>,
}

impl Capture {
    /// Keeps what has a port of `first..first + count` on either side from now on; none without the right to.
    ///
    /// # Errors
    /// When the socket cannot be opened for another reason.
    pub fn start(first: u16, count: u16) -> Result<Option<Self>> {
        let opened = socket(
            AddressFamily::Packet,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::EthAll,
        );
        let socket = match opened {
            Err(Errno::EPERM | Errno::EACCES) => return Ok(None),
            opened => opened.doing("a capture")?,
        };
        setsockopt(&socket, RcvBufForce, &ROOM).doing("a capture")?;
        let patience = TimeVal::new(0, i64::try_from(LOOK.as_micros()).unwrap_or(0));
        setsockopt(&socket, ReceiveTimeout, &patience).doing("a capture")?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("capture".to_owned())
            .spawn(move || keep(&socket, first..=first + (count - 1), &stopped))
            .doing("a capture")?;
        Ok(Some(Self {
            stop,
            thread: Some(thread),
        }))
    }

    /// Ends it: all that was kept, in order.
    ///
    /// # Errors
    /// When there was more than could be kept.
    pub fn stop(self) -> Result<Vec<Datagram>> {
        let kept = self.stop_timed()?;
        Ok(kept.into_iter().map(|(_, datagram)| datagram).collect())
    }

    /// The same, each with when it passed.
    ///
    /// # Errors
    /// When there was more than could be kept.
    pub fn stop_timed(mut self) -> Result<Kept> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().doing("a capture")?;
        thread
            .join()
            .map_err(|_| HarnessError::new("the capture panicked"))?
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn keep(socket: &OwnedFd, ports: std::ops::RangeInclusive<u16>, stop: &AtomicBool) -> Result<Kept> {
    let mut room = vec![0; 65_536];
    let mut kept = Vec::new();
    let mut octets = 0;
    while !stop.load(Ordering::Relaxed) {
        let (length, from) = match recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut room) {
            Ok(received) => received,
            Err(Errno::EAGAIN | Errno::EINTR) => continue,
            Err(error) => return Err(error).doing("a capture"),
        };
        if from.is_some_and(|from| from.pkttype() == OUTGOING) {
            continue;
        }
        let Some(datagram) = udp(&room[..length]) else {
            continue;
        };
        if ports.contains(&datagram.from) || ports.contains(&datagram.to) {
            octets += datagram.payload.len();
            kept.push((Instant::now(), datagram));
        }
        if octets > MOST {
            return Err(HarnessError::new("more passed than a capture keeps"));
        }
    }
    Ok(kept)
}

/// The UDP datagram in a whole packet of IPv4 (RFC 791, RFC 768).
fn udp(packet: &[u8]) -> Option<Datagram> {
    let first = *packet.first()?;
    let header = usize::from(first & 0x0F) * 4;
    if first >> 4 != 4 || *packet.get(9)? != 17 {
        return None;
    }
    let udp = packet.get(header..)?;
    let word = |at: usize| Some(u16::from_be_bytes([*udp.get(at)?, *udp.get(at + 1)?]));
    let length = usize::from(word(4)?);
    Some(Datagram {
        from: word(0)?,
        to: word(2)?,
        payload: udp.get(8..length)?.to_vec(),
    })
}

/// The longest time, in milliseconds, between two datagrams that one port sent another; none where fewer than two passed.
pub fn longest_gap_ms(kept: &[(Instant, Datagram)], from: u16, to: u16) -> Option<f64> {
    let passed = kept
        .iter()
        .filter(|(_, datagram)| datagram.from == from && datagram.to == to);
    let times: Vec<Instant> = passed.map(|(at, _)| *at).collect();
    let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
    gaps.max().map(|gap| gap.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn what_passes_is_kept_once_and_in_order() {
        let there = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = there.local_addr().unwrap().port();
        let Some(capture) = Capture::start(port, 1).unwrap() else {
            return;
        };
        let here = UdpSocket::bind("127.0.0.1:0").unwrap();
        for n in 0..3_u8 {
            here.send_to(&[n; 5], ("127.0.0.1", port)).unwrap();
        }
        std::thread::sleep(Duration::from_millis(300));
        let kept = capture.stop().unwrap();
        let from = here.local_addr().unwrap().port();
        let expected = (0..3).map(|n| Datagram {
            from,
            to: port,
            payload: vec![n; 5],
        });
        assert_eq!(kept, Vec::from_iter(expected));
    }
}
