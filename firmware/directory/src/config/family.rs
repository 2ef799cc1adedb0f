//! The two IP families: where each is listened on, and what PBXes of each are shown.

use super::{RtpSettings, SipSettings};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// An IP family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpFamily {
    V4,
    V6,
}

impl IpFamily {
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

impl fmt::Display for IpFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// Where SIP listens in one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SipListen {
    pub udp: SocketAddr,
    pub tcp: SocketAddr,
    pub tls: Option<SocketAddr>,
    /// The address shown to PBXes of this family.
    pub public: IpAddr,
}

/// Where trunks' media is in one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpListen {
    pub address: IpAddr,
    /// The address in SDP.
    pub public: IpAddr,
}

impl SipSettings {
    /// Where it listens: one entry a family, that of `udp` first.
    pub fn listens(&self) -> impl Iterator<Item = SipListen> {
        let first = SipListen {
            udp: self.udp,
            tcp: self.tcp(),
            tls: self.tls,
            public: self.public(),
        };
        let further = self.udp6.map(|udp| {
            let at = |port| SocketAddr::new(udp.ip(), port);
            SipListen {
                udp,
                tcp: at(self.tcp.map_or(udp.port(), |tcp| tcp.port())),
                tls: self.tls.map(|tls| at(tls.port())),
                public: self.public6.unwrap_or(udp.ip()),
            }
        });
        std::iter::once(first).chain(further)
    }

    /// Whether it listens on addresses of a family.
    pub fn speaks(&self, family: IpFamily) -> bool {
        self.listens().any(|l| IpFamily::of(l.udp.ip()) == family)
    }

    /// The address shown to a PBX: of its own family where there is one.
    pub fn shown_to(&self, peer: IpAddr) -> IpAddr {
        let family = IpFamily::of(peer);
        self.listens()
            .map(|l| l.public)
            .find(|public| IpFamily::of(*public) == family)
            .unwrap_or(self.public())
    }
}

impl RtpSettings {
    /// Where media is: one entry a family, that of `address` first.
    pub fn listens(&self) -> impl Iterator<Item = RtpListen> {
        let first = RtpListen {
            address: self.address,
            public: self.public(),
        };
        let further = self.address6.map(|address| RtpListen {
            address,
            public: self.public6.unwrap_or(address),
        });
        std::iter::once(first).chain(further)
    }

    /// Where media of a family is; without any the other family's: a PBX of both may take it.
    pub fn of(&self, family: IpFamily) -> RtpListen {
        let first = RtpListen {
            address: self.address,
            public: self.public(),
        };
        self.listens()
            .find(|l| IpFamily::of(l.address) == family)
            .unwrap_or(first)
    }
}
