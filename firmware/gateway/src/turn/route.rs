//! How a candidate of the box is reached from the box itself, so that no datagram between relay and media port leaves it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The way to one candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// What a relay's socket is bound to.
    pub from: IpAddr,
    /// What it is connected to: the kernel lets in what comes from there and nothing else.
    pub to: SocketAddr,
    /// The address clients are told the socket has; behind a NAT it is not the one it is bound to.
    pub shown: IpAddr,
}

/// The candidates that can be reached, with their ways.
///
/// A media port that is bound to an address is at that address. One that is bound to all of them is at the candidate's
/// own where the kernel answers from it, otherwise (1:1 NAT, a second address of an interface) at loopback.
pub fn find(media: SocketAddr, candidates: &[SocketAddr]) -> Vec<(SocketAddr, Route)> {
    candidates
        .iter()
        .filter_map(|candidate| {
            let at = if !media.ip().is_unspecified() {
                media.ip()
            } else if is_ours(*candidate) {
                candidate.ip()
            } else if candidate.is_ipv4() {
                Ipv4Addr::LOCALHOST.into()
            } else {
                Ipv6Addr::LOCALHOST.into()
            };
            let route = Route {
                from: at,
                to: SocketAddr::new(at, media.port()),
                shown: candidate.ip(),
            };
            (at.is_ipv4() == candidate.is_ipv4()).then_some((*candidate, route))
        })
        .collect()
}

/// Whether an address is this machine's and what comes to it is answered from it.
fn is_ours(candidate: SocketAddr) -> bool {
    let any: IpAddr = if candidate.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    // Nothing is sent: connecting only chooses a route.
    UdpSocket::bind((any, 0))
        .and_then(|socket| socket.connect(candidate).and_then(|()| socket.local_addr()))
        .is_ok_and(|local| local.ip() == candidate.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn no_way_leaves_the_machine() {
        let (outside, here) = (at("203.0.113.10:8444"), at("127.0.0.1:8444"));
        // Bound to one address: there.
        let found = find(here, &[outside]);
        assert_eq!(found[0].0, outside);
        assert_eq!((found[0].1.to, found[0].1.shown), (here, outside.ip()));
        // Bound to all: at loopback when the candidate is the NAT's, or one the kernel answers from another address.
        let found = find(at("0.0.0.0:8444"), &[outside, at("127.0.0.2:8444")]);
        assert_eq!(found[0].1.to, here);
        assert_eq!(found[1].1.to, here);
        assert!(is_ours(here));
        // A family that the port does not have cannot be reached.
        assert_eq!(find(at("[::1]:8444"), &[outside]), []);
    }
}
