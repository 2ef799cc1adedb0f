//! What is known of the machine while its files are made.

use crate::document::{Address, Own};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One wired interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    pub name: String,
    /// Those it has now.
    pub addresses: Vec<IpAddr>,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Wired ones, in the order of their names.
    pub interfaces: Vec<Interface>,
}

impl Facts {
    /// Addresses for a check, which must not depend on what a network gave: RFC 5737, RFC 3849.
    pub fn stand_in(own: &Own) -> Self {
        let mut addresses = Vec::new();
        let network = &own.network;
        if network.ipv4.address != Address::None || network.ipv6.address == Address::None {
            addresses.push(Ipv4Addr::new(192, 0, 2, 1).into());
        }
        if network.ipv6.address != Address::None {
            addresses.push(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into());
        }
        let name = network.interface.clone();
        let mut interfaces = vec![Interface {
            name: name.unwrap_or_else(|| "stand-in".to_owned()),
            addresses,
        }];
        interfaces.extend(network.management.as_ref().map(|management| Interface {
            name: management.interface.clone(),
            addresses: vec![Ipv4Addr::new(198, 51, 100, 1).into()],
        }));
        Self { interfaces }
    }

    /// The interface of PBX and browsers.
    pub fn working(&self, own: &Own) -> Option<&Interface> {
        let management = own.network.management.as_ref();
        let mut others = self
            .interfaces
            .iter()
            .filter(|found| management.is_none_or(|m| m.interface != found.name));
        match &own.network.interface {
            Some(name) => others.find(|found| found.name == *name),
            None => others.next(),
        }
    }

    /// The interface of management, where it has one.
    pub fn management(&self, own: &Own) -> Option<&Interface> {
        let name = &own.network.management.as_ref()?.interface;
        self.interfaces.iter().find(|found| found.name == *name)
    }

    /// The box's IPv4 address: the document's, else what the interface has, best one that others can reach.
    pub fn ipv4(&self, own: &Own) -> Option<Ipv4Addr> {
        let found = || self.working(own).and_then(Interface::ipv4);
        own.network.ipv4.address.fixed().or_else(found)
    }

    /// The box's IPv6 address; one of the cable alone is none that a PBX could be told.
    pub fn ipv6(&self, own: &Own) -> Option<Ipv6Addr> {
        let found = || self.working(own).and_then(Interface::ipv6);
        own.network.ipv6.address.fixed().or_else(found)
    }

    /// Where the box is managed, when it has an interface for that.
    pub fn management_address(&self, own: &Own) -> Option<Ipv4Addr> {
        let management = own.network.management.as_ref()?;
        let found = || self.management(own).and_then(Interface::ipv4);
        management.address.fixed().or_else(found)
    }

    /// What is known now, and of what is gone what was known before: a cable that is pulled takes an address away for a
    /// while, and nothing is gained by a gateway that is restarted without it.
    #[must_use]
    pub fn or_before(mut self, before: &Self) -> Self {
        for old in &before.interfaces {
            match self.interfaces.iter_mut().find(|new| new.name == old.name) {
                Some(new) => {
                    let has = |new: &Interface, v4| new.addresses.iter().any(|a| a.is_ipv4() == v4);
                    for v4 in [true, false] {
                        if !has(new, v4) {
                            let gone = old.addresses.iter().filter(|a| a.is_ipv4() == v4);
                            new.addresses.extend(gone);
                        }
                    }
                }
                None => self.interfaces.push(old.clone()),
            }
        }
        self.interfaces.sort_by(|a, b| a.name.cmp(&b.name));
        self
    }
}

impl Interface {
    fn ipv4(&self) -> Option<Ipv4Addr> {
        let all = self.addresses.iter().filter_map(|address| match address {
            IpAddr::V4(address) => Some(*address),
            IpAddr::V6(_) => None,
        });
        all.min_by_key(|address| (address.is_link_local(), *address))
    }

    fn ipv6(&self) -> Option<Ipv6Addr> {
        let all = self.addresses.iter().filter_map(|address| match address {
            IpAddr::V6(address) => Some(*address),
            IpAddr::V4(_) => None,
        });
        all.filter(|address| !address.is_unicast_link_local())
            .min_by_key(|address| (address.is_unique_local(), *address))
    }
}
