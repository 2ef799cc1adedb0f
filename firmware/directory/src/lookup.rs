//! The snapshot that calls look things up in.

use crate::config::{Account, AccountId, App, AppKey, Config, NumberTarget, Trunk, TrunkName};
use crate::dial::Destination;
use std::collections::HashMap;
use std::net::IpAddr;

/// An immutable, checked configuration with its indexes. Cheap to share behind an `Arc`.
#[derive(Debug)]
pub struct Directory {
    config: Config,
    numbers: HashMap<String, NumberTarget>,
}

impl Directory {
    /// Freezes a checked document.
    pub fn new(config: Config) -> Self {
        let numbers = config
            .numbers
            .iter()
            .filter_map(|n| {
                let n = n.get_ref();
                match Destination::parse(n.number.get_ref()) {
                    Ok(Destination::Number(digits)) => Some((digits, n.target()?)),
                    Ok(Destination::Account(_)) | Err(_) => None,
                }
            })
            .collect();
        Self { config, numbers }
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn app(&self, key: &AppKey) -> Option<&App> {
        self.config
            .apps
            .iter()
            .map(|a| a.get_ref())
            .find(|a| a.key.get_ref() == key)
    }

    pub fn account(&self, id: &AccountId) -> Option<&Account> {
        self.config
            .accounts
            .iter()
            .map(|a| a.get_ref())
            .find(|a| a.id.get_ref() == id)
    }

    pub fn trunks(&self) -> impl Iterator<Item = &Trunk> {
        self.config.trunks.iter().map(|t| t.get_ref())
    }

    pub fn trunk(&self, name: &TrunkName) -> Option<&Trunk> {
        self.trunks().find(|t| t.name.get_ref() == name)
    }

    /// The trunk a SIP peer belongs to: by address and port first, then by address alone, then by
    /// the further addresses of a trunk.
    pub fn trunk_of(&self, peer: std::net::SocketAddr) -> Option<&Trunk> {
        self.trunks()
            .find(|t| t.addresses().any(|a| a == peer))
            .or_else(|| {
                self.trunks()
                    .find(|t| t.addresses().any(|a| a.ip() == peer.ip()))
            })
            .or_else(|| self.trunks().find(|t| t.accept_from.contains(&peer.ip())))
    }

    /// Every address from which SIP is taken.
    pub fn sip_peers(&self) -> Vec<IpAddr> {
        let mut peers: Vec<IpAddr> = self.trunks().flat_map(Trunk::peers).collect();
        peers.sort_unstable();
        peers.dedup();
        peers
    }

    /// The trunk that reaches a destination: the first whose `numbers` allow it.
    pub fn trunk_towards(&self, destination: &Destination) -> Option<&Trunk> {
        self.trunks()
            .find(|t| t.numbers.iter().any(|p| p.allows(destination)))
    }

    /// What a number called by the PBX leads to. `+4930…` and `4930…`/`004930…` are one number.
    pub fn number(&self, digits: &str) -> Option<&NumberTarget> {
        let bare = digits.trim_start_matches('+');
        self.numbers
            .get(digits)
            .or_else(|| {
                self.numbers
                    .get(&format!("+{}", bare.trim_start_matches("00")))
            })
            .or_else(|| self.numbers.get(bare))
    }
}

impl Trunk {
    /// Every address from which SIP of this trunk is taken.
    pub fn peers(&self) -> impl Iterator<Item = IpAddr> {
        let own = self.addresses().map(|address| address.ip());
        self.accept_from.iter().copied().chain(own)
    }
}
