//! Whose messages are looked at: known before a single octet of them is read.
//!
//! An address proves nothing over UDP and little over TCP, so a peer that is to come over TLS is not taken in
//! clear: whoever can forge its address would otherwise pass for it.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use super::command::Transport;

/// The far sides of an endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AcceptFrom {
    /// Anybody: for tests and tools. A box names its trunks.
    #[default]
    Anyone,
    /// These alone. Empty sets accept nobody.
    Only(Peers),
}

/// Known far sides. Addresses are compared in canonical form, so that `::ffff:192.0.2.1` is `192.0.2.1`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peers {
    clear: BTreeSet<IpAddr>,
    tls: BTreeSet<IpAddr>,
    connections: BTreeSet<SocketAddr>,
}

impl Peers {
    /// Takes messages from `address` over UDP and TCP.
    pub fn allow_clear(&mut self, address: IpAddr) {
        self.clear.insert(address.to_canonical());
    }

    /// Takes messages from `address` over TLS.
    pub fn allow_tls(&mut self, address: IpAddr) {
        self.tls.insert(address.to_canonical());
    }

    /// Takes messages from the TLS connection whose far end is `remote`: it has shown a certificate that is known.
    pub fn allow_connection(&mut self, remote: SocketAddr) {
        self.connections.insert(remote);
    }

    /// That connection has ended.
    pub fn forget_connection(&mut self, remote: SocketAddr) {
        self.connections.remove(&remote);
    }

    /// Takes the addresses of `other` in place of its own; the connections stay.
    pub fn replace_addresses(&mut self, other: Self) {
        self.clear = other.clear;
        self.tls = other.tls;
    }

    /// Whether a message from there is looked at.
    pub fn accepts(&self, transport: Transport, remote: SocketAddr) -> bool {
        let address = remote.ip().to_canonical();
        match transport {
            Transport::Udp | Transport::Tcp => self.clear.contains(&address),
            Transport::Tls => self.tls.contains(&address) || self.connections.contains(&remote),
        }
    }

    /// Whether a connection over `transport` may come from `address`, before anything else is known of it.
    pub fn knows(&self, transport: Transport, address: IpAddr) -> bool {
        let address = address.to_canonical();
        match transport {
            Transport::Udp | Transport::Tcp => self.clear.contains(&address),
            Transport::Tls => self.tls.contains(&address),
        }
    }
}

impl AcceptFrom {
    /// Whether a message from there is looked at.
    pub fn accepts(&self, transport: Transport, remote: SocketAddr) -> bool {
        match self {
            Self::Anyone => true,
            Self::Only(peers) => peers.accepts(transport, remote),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_of_tls_is_not_taken_in_clear() {
        let mut peers = Peers::default();
        peers.allow_clear("192.0.2.1".parse().unwrap());
        peers.allow_tls("192.0.2.2".parse().unwrap());
        let stranger: SocketAddr = "192.0.2.3:40000".parse().unwrap();
        peers.allow_connection(stranger);
        let accept = AcceptFrom::Only(peers);
        for (transport, remote, expected) in [
            (Transport::Udp, "192.0.2.1:5060", true),
            (Transport::Tcp, "[::ffff:192.0.2.1]:9", true),
            (Transport::Tls, "192.0.2.1:5061", false),
            (Transport::Udp, "192.0.2.2:5060", false),
            (Transport::Tls, "192.0.2.2:5061", true),
            (Transport::Tls, "192.0.2.3:40000", true),
            (Transport::Tls, "192.0.2.3:40001", false),
            (Transport::Tcp, "192.0.2.3:40000", false),
        ] {
            let remote = remote.parse().unwrap();
            assert_eq!(
                accept.accepts(transport, remote),
                expected,
                "{transport} {remote}"
            );
        }
        assert!(!AcceptFrom::Only(Peers::default()).accepts(Transport::Udp, stranger));
    }
}
