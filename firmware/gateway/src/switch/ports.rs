//! The trunk side's ports: an even one for RTP and the next for RTCP (RFC 3550 section 11).

use crate::io::bind;
use crate::legs::trunk::LegPorts;
use causeway_directory::{IpFamily, RtpListen, RtpSettings};
use std::collections::HashSet;
use std::io;
use std::net::{SocketAddr, UdpSocket};

/// Hands out port pairs in turn, so that a port just freed rests before it is used again: late
/// packets of an old call must not be heard in a new one. A number is held in one IP family at a time.
#[derive(Debug)]
pub struct PortPool {
    rtp: RtpSettings,
    next: u16,
    held: HashSet<u16>,
}

/// A bound pair.
#[derive(Debug)]
pub struct PortPair {
    /// The even one.
    pub port: u16,
    /// Where its family's media is.
    pub listen: RtpListen,
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
}

impl PortPair {
    /// The address and port that session descriptions name.
    pub const fn public(&self) -> SocketAddr {
        SocketAddr::new(self.listen.public, self.port)
    }
}

impl PortPool {
    pub fn new(rtp: &RtpSettings) -> Self {
        Self {
            rtp: rtp.clone(),
            next: rtp.ports.first,
            held: HashSet::new(),
        }
    }

    /// Other addresses in session descriptions. The ports stay those of the start: sockets of calls have them.
    pub fn follow(&mut self, rtp: &RtpSettings) {
        let ports = self.rtp.ports;
        self.rtp = RtpSettings {
            ports,
            ..rtp.clone()
        };
    }

    /// Pairs in use.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Binds the next free pair, of this family where the box has media of it.
    ///
    /// # Errors
    /// `AddrInUse` when every pair is held or taken by somebody else.
    pub fn take(&mut self, family: IpFamily) -> io::Result<PortPair> {
        let (listen, range) = (self.rtp.of(family), self.rtp.ports);
        for _ in 0..range.pairs() {
            let port = self.next;
            self.next = match port.checked_add(2) {
                Some(next) if next < range.last => next,
                _ => range.first,
            };
            if self.held.contains(&port) {
                continue;
            }
            let at = |port| bind::udp(SocketAddr::new(listen.address, port));
            let bound = at(port).and_then(|rtp| Ok((rtp, at(port + 1)?)));
            if let Ok((rtp, rtcp)) = bound {
                self.held.insert(port);
                return Ok(PortPair {
                    port,
                    listen,
                    rtp,
                    rtcp,
                });
            }
        }
        Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "no free RTP port pair",
        ))
    }

    /// All pairs of a leg are closed.
    pub fn release_leg(&mut self, ports: LegPorts) {
        self.release(ports.audio);
        if let Some(video) = ports.video {
            self.release(video);
        }
    }

    /// The pair of this even port is closed.
    pub fn release(&mut self, port: u16) {
        self.held.remove(&port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use causeway_directory::PortRange;

    fn settings(first: u16) -> RtpSettings {
        let last = first + 5;
        RtpSettings {
            address: "127.0.0.1".parse().unwrap(),
            public: None,
            address6: None,
            public6: None,
            ports: PortRange { first, last },
        }
    }

    #[test]
    fn a_leg_has_the_family_it_asks_for_where_there_is_one() {
        let free = UdpSocket::bind("[::1]:0").unwrap();
        let free = free.local_addr().unwrap().port() & !1;
        let with = |six: Option<&str>| {
            let mut settings = settings(free);
            settings.address6 = six.map(|six| six.parse().unwrap());
            settings.public6 = six.map(|_| "2001:db8::1".parse().unwrap());
            PortPool::new(&settings)
        };
        let mut both = with(Some("::1"));
        for (family, public) in [(IpFamily::V4, "127.0.0.1"), (IpFamily::V6, "2001:db8::1")] {
            let pair = both.take(family).unwrap();
            let local = pair.rtcp.local_addr().unwrap();
            assert_eq!(IpFamily::of(local.ip()), family);
            assert_eq!(local.port(), pair.port + 1);
            assert_eq!(pair.public().ip().to_string(), public);
        }
        assert_eq!(both.held(), 2);
        let pair = with(None).take(IpFamily::V6).unwrap();
        assert_eq!(IpFamily::of(pair.public().ip()), IpFamily::V4);
    }

    #[test]
    fn pairs_run_out_and_rest_before_they_come_again() {
        let free = UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port()
            & !1;
        let mut pool = PortPool::new(&settings(free));
        let v4 = IpFamily::V4;
        let first = pool.take(v4).unwrap();
        let port = first.port;
        drop(first);
        pool.release(port);
        let second = pool.take(v4).unwrap();
        assert_ne!(second.port, port);
        let mut all = vec![second];
        while let Ok(pair) = pool.take(v4) {
            all.push(pair);
        }
        assert!(all.len() <= 3 && pool.held() == all.len());
    }
}
