//! The trunk side's ports: an even one for RTP and the next for RTCP (RFC 3550 section 11).

use causeway_directory::PortRange;
use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, UdpSocket};

/// Hands out port pairs in turn, so that a port just freed rests before it is used again: late
/// packets of an old call must not be heard in a new one.
#[derive(Debug)]
pub struct PortPool {
    address: IpAddr,
    range: PortRange,
    next: u16,
    held: HashSet<u16>,
}

/// A bound pair.
#[derive(Debug)]
pub struct PortPair {
    /// The even one.
    pub port: u16,
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
}

impl PortPool {
    pub fn new(address: IpAddr, range: PortRange) -> Self {
        Self {
            address,
            range,
            next: range.first,
            held: HashSet::new(),
        }
    }

    /// Pairs in use.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Binds the next free pair.
    ///
    /// # Errors
    /// `AddrInUse` when every pair is held or taken by somebody else.
    pub fn take(&mut self) -> io::Result<PortPair> {
        for _ in 0..self.range.pairs() {
            let port = self.next;
            self.next = match port.checked_add(2) {
                Some(next) if next < self.range.last => next,
                _ => self.range.first,
            };
            if self.held.contains(&port) {
                continue;
            }
            let bound = UdpSocket::bind((self.address, port))
                .and_then(|rtp| Ok((rtp, UdpSocket::bind((self.address, port + 1))?)));
            if let Ok((rtp, rtcp)) = bound {
                self.held.insert(port);
                return Ok(PortPair { port, rtp, rtcp });
            }
        }
        Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "no free RTP port pair",
        ))
    }

    /// The pair of this even port is closed.
    pub fn release(&mut self, port: u16) {
        self.held.remove(&port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_run_out_and_rest_before_they_come_again() {
        let free = UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port()
            & !1;
        let range = PortRange {
            first: free,
            last: free + 5,
        };
        let mut pool = PortPool::new("127.0.0.1".parse().unwrap(), range);
        let first = pool.take().unwrap();
        let port = first.port;
        drop(first);
        pool.release(port);
        let second = pool.take().unwrap();
        assert_ne!(second.port, port);
        let mut all = vec![second];
        while let Ok(pair) = pool.take() {
            all.push(pair);
        }
        assert!(all.len() <= 3 && pool.held() == all.len());
    }
}
