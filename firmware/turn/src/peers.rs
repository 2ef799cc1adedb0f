//! The only peers there are: the addresses the box gives browsers as its ICE candidates.
//!
//! What is not one of them, octet for octet, is forbidden (403): other ports of the box, loopback, private networks, and
//! the same addresses written as an IPv4-mapped, NAT64 or 6to4 one. Nobody can use the box to reach anything else.

use std::net::SocketAddr;

/// An IP family as REQUESTED-ADDRESS-FAMILY names it (RFC 8656 section 18.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    pub const fn of(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(_) => Self::V4,
            SocketAddr::V6(_) => Self::V6,
        }
    }
}

/// The box's candidates.
#[derive(Clone, Debug)]
pub struct Peers(Vec<SocketAddr>);

impl Peers {
    pub const fn new(candidates: Vec<SocketAddr>) -> Self {
        Self(candidates)
    }

    /// Which one it is; none when it may not be named.
    pub fn find(&self, address: SocketAddr) -> Option<usize> {
        self.0.iter().position(|peer| {
            // Scope and flow label of IPv6 say nothing of whose address it is.
            (peer.ip(), peer.port()) == (address.ip(), address.port())
        })
    }

    pub fn get(&self, index: usize) -> Option<SocketAddr> {
        self.0.get(index).copied()
    }

    /// The first of a family.
    pub fn first(&self, family: Family) -> Option<usize> {
        self.0.iter().position(|peer| Family::of(*peer) == family)
    }

    /// The family that is given to who asks for none: IPv4 where the box has it (RFC 8656 section 7.2).
    pub fn usual_family(&self) -> Option<Family> {
        let any = |family| self.first(family).map(|_| family);
        any(Family::V4).or_else(|| any(Family::V6))
    }

    pub const fn count(&self) -> usize {
        self.0.len()
    }
}
