//! The snapshot that calls look things up in.

use crate::account::AccountId;
use crate::config::{Account, App, AppKey, Config, NumberTarget, SipTransport, Trunk, TrunkName};
use crate::dial::Destination;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// An immutable, checked configuration with its indexes. Cheap to share behind an `Arc`, and to copy with other
/// addresses behind the names of trunks.
#[derive(Clone, Debug)]
pub struct Directory {
    config: Arc<Config>,
    numbers: Arc<HashMap<String, NumberTarget>>,
    located: HashMap<TrunkName, Vec<Located>>,
    former: HashMap<TrunkName, Vec<Located>>,
    retired: Vec<Retired>,
}

/// A trunk as it was before the document changed it, or took it away: its calls stand there until they end.
#[derive(Clone, Debug)]
pub struct Retired {
    /// The snapshot it was part of.
    pub directory: Arc<Directory>,
    pub name: TrunkName,
}

impl Retired {
    pub fn trunk(&self) -> Option<&Trunk> {
        self.directory.trunk(&self.name)
    }
}

/// Where calls of a trunk can go: an address it names, or one that a name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located {
    pub address: SocketAddr,
    pub transport: SipTransport,
    /// Which of [`Trunk::places`] led here.
    pub place: usize,
}

impl Directory {
    /// Freezes a checked document. Names lead nowhere yet.
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
        let located = config
            .trunks
            .iter()
            .map(|t| (t.get_ref().name.get_ref().clone(), written(t.get_ref())))
            .collect();
        Self {
            config: Arc::new(config),
            numbers: Arc::new(numbers),
            located,
            former: HashMap::new(),
            retired: Vec::new(),
        }
    }

    /// A copy that also listens to what trunks were before. They get no new calls.
    #[must_use]
    pub fn with_retired(&self, retired: Vec<Retired>) -> Self {
        Self {
            retired,
            ..self.clone()
        }
    }

    pub fn retired(&self) -> &[Retired] {
        &self.retired
    }

    /// The trunks that `later` does not have as they are here.
    pub fn left_behind<'a>(&'a self, later: &'a Self) -> impl Iterator<Item = &'a Trunk> {
        self.trunks()
            .filter(|trunk| later.trunk(trunk.name.get_ref()) != Some(trunk))
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

    /// A copy in which the places of a trunk lead to these addresses, in order of preference. No new call goes to the
    /// `former` ones, but they still belong to it: calls that stand there go on.
    pub fn relocated(
        &self,
        trunk: &TrunkName,
        located: Vec<Located>,
        former: Vec<Located>,
    ) -> Self {
        let mut copy = self.clone();
        copy.located.insert(trunk.clone(), located);
        copy.former.insert(trunk.clone(), former);
        copy
    }

    /// Where the places of a trunk lead, in order of preference; empty while no name has been found.
    pub fn located(&self, trunk: &Trunk) -> &[Located] {
        self.located
            .get(trunk.name.get_ref())
            .map_or(&[], Vec::as_slice)
    }

    /// Where they lead, and where they led and calls still are.
    pub fn known(&self, trunk: &Trunk) -> impl Iterator<Item = Located> {
        let former = self.former.get(trunk.name.get_ref()).into_iter().flatten();
        self.located(trunk).iter().chain(former).copied()
    }

    /// One of those. One that is no longer there is spoken to as the trunk's first place.
    pub fn located_at(&self, trunk: &Trunk, address: SocketAddr) -> Located {
        self.known(trunk)
            .find(|l| l.address == address)
            .unwrap_or(Located {
                address,
                transport: trunk.transport(),
                place: 0,
            })
    }

    /// The trunk a SIP peer belongs to: by address and port first, then by address alone, then by
    /// the further addresses of a trunk.
    pub fn trunk_of(&self, peer: SocketAddr) -> Option<&Trunk> {
        let leads = |t: &&Trunk, to: fn(SocketAddr, SocketAddr) -> bool| {
            self.known(t).any(|l| to(l.address, peer))
        };
        self.trunks()
            .find(|t| leads(t, |target, peer| target == peer))
            .or_else(|| {
                self.trunks()
                    .find(|t| leads(t, |target, peer| target.ip() == peer.ip()))
            })
            .or_else(|| self.trunks().find(|t| t.accept_from.contains(&peer.ip())))
    }

    /// Whether a trunk is spoken to over TLS: because it says so, or because the DNS does.
    pub fn is_secure(&self, trunk: &Trunk) -> bool {
        let tls = |transport: SipTransport| transport == SipTransport::Tls;
        match trunk.transport {
            Some(transport) => tls(transport),
            None => self.known(trunk).any(|l| tls(l.transport)),
        }
    }

    /// Every address from which SIP of a trunk is taken, with whether it must come over TLS.
    pub fn peers_of(&self, trunk: &Trunk) -> Vec<(IpAddr, bool)> {
        let tls = |transport: SipTransport| transport == SipTransport::Tls;
        let further = self.is_secure(trunk);
        let own = self
            .known(trunk)
            .map(|l| (l.address.ip(), tls(l.transport)));
        let mut peers: Vec<(IpAddr, bool)> = trunk
            .accept_from
            .iter()
            .map(|ip| (*ip, further))
            .chain(own)
            .collect();
        peers.sort_unstable();
        peers.dedup();
        peers
    }

    /// Every address from which SIP is taken, with whether it must come over TLS.
    pub fn peers(&self) -> impl Iterator<Item = (IpAddr, bool)> {
        let retired = self.retired.iter();
        let retired = retired.filter_map(|r| Some((&*r.directory, r.trunk()?)));
        let now = self.trunks().map(move |trunk| (self, trunk));
        now.chain(retired)
            .flat_map(|(directory, trunk)| directory.peers_of(trunk))
    }

    /// Every address from which SIP is taken.
    pub fn sip_peers(&self) -> Vec<IpAddr> {
        let mut peers: Vec<IpAddr> = self.peers().map(|(ip, _)| ip).collect();
        peers.sort_unstable();
        peers.dedup();
        peers
    }

    /// The trunk that reaches a destination: the first whose `numbers` allow it.
    pub fn trunk_towards(&self, destination: &Destination) -> Option<&Trunk> {
        self.trunks_towards(destination).next()
    }

    /// Every trunk that reaches a destination, in the document's order.
    pub fn trunks_towards(
        &self,
        destination: &Destination,
    ) -> impl Iterator<Item = &Trunk> + use<'_> {
        let destination = destination.clone();
        self.trunks()
            .filter(move |t| t.numbers.iter().any(|p| p.allows(&destination)))
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

/// The places that need no DNS.
fn written(trunk: &Trunk) -> Vec<Located> {
    let transport = trunk.transport();
    trunk
        .places()
        .enumerate()
        .filter_map(|(place, of)| {
            Some(Located {
                address: of.socket(transport)?,
                transport,
                place,
            })
        })
        .collect()
}
