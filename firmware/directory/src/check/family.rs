//! What is said of addresses of the two IP families.
//!
//! A socket of the box has one family: `::` is every address of IPv6 and none of IPv4.

use super::Check;
use crate::config::{Config, IpFamily, Trunk};
use std::net::IpAddr;

/// Names of the keys of a section that has an address and one of IPv6 beside it.
struct Keys {
    section: &'static str,
    address: &'static str,
    address6: &'static str,
    /// What PBXes do with a public address.
    purpose: &'static str,
}

struct Addresses {
    address: IpAddr,
    public: Option<IpAddr>,
    address6: Option<IpAddr>,
    public6: Option<IpAddr>,
}

impl Check<'_> {
    pub(super) fn families(&mut self, config: &Config) {
        let sip = &config.sip;
        let keys = Keys {
            section: "sip",
            address: "udp",
            address6: "udp6",
            purpose: "use",
        };
        let addresses = Addresses {
            address: sip.udp.ip(),
            public: sip.public,
            address6: sip.udp6.map(|udp| udp.ip()),
            public6: sip.public6,
        };
        self.pair(&keys, &addresses);
        let udp = IpFamily::of(sip.udp.ip());
        for (key, address) in [("tcp", sip.tcp), ("tls", sip.tls)] {
            if let Some(address) = address
                && IpFamily::of(address.ip()) != udp
            {
                let at = self.key("sip", key);
                let family = IpFamily::of(address.ip());
                self.fault(
                    at,
                    format!(
                        "`{key}` is {family} and `udp` is {udp}: it goes with `udp`; what `udp6` listens on has TCP and TLS as well"
                    ),
                );
            }
        }
        let rtp = &config.rtp;
        let keys = Keys {
            section: "rtp",
            address: "address",
            address6: "address6",
            purpose: "send media to",
        };
        let addresses = Addresses {
            address: rtp.address,
            public: rtp.public,
            address6: rtp.address6,
            public6: rtp.public6,
        };
        self.pair(&keys, &addresses);
    }

    fn pair(&mut self, keys: &Keys, of: &Addresses) {
        let Keys {
            section,
            address: key,
            address6: key6,
            purpose,
        } = keys;
        let every = |key: &str, public: &str| {
            format!(
                "`{key}` is every address, so `{public}` must name the one PBXes shall {purpose}"
            )
        };
        let first = IpFamily::of(of.address);
        if of.public.unwrap_or(of.address).is_unspecified() {
            let at = self.key(section, key);
            self.fault(at, every(key, "public"));
        }
        if let Some(public) = of.public
            && IpFamily::of(public) != first
        {
            let at = self.key(section, "public");
            let family = IpFamily::of(public);
            self.fault(
                at,
                format!("`public` is {family} and `{key}` is {first}: it is what stands for `{key}`; an IPv6 address beside it goes into `{key6}`"),
            );
        }
        if let Some(address) = of.address6 {
            let at = self.key(section, key6);
            if IpFamily::of(address) != IpFamily::V6 {
                self.fault(at, format!("`{key6}` is an IPv6 address"));
            } else if first == IpFamily::V6 {
                self.fault(
                    at,
                    format!("`{key}` is IPv6 already: `{key6}` goes beside an IPv4 `{key}`"),
                );
            } else if of.public6.unwrap_or(address).is_unspecified() {
                self.fault(at, every(key6, "public6"));
            }
        }
        if let Some(public) = of.public6 {
            let at = self.key(section, "public6");
            if of.address6.is_none() {
                self.fault(at, format!("`public6` goes with `{key6}`"));
            } else if IpFamily::of(public) != IpFamily::V6 {
                self.fault(at, "`public6` is an IPv6 address");
            }
        }
    }

    /// A PBX of a family that SIP does not listen on could never be spoken to.
    pub(super) fn reachable(&mut self, config: &Config, trunk: &Trunk) {
        let first = [&trunk.address];
        for place in first.into_iter().chain(&trunk.targets) {
            let Some(ip) = place.get_ref().ip() else {
                continue;
            };
            let family = IpFamily::of(ip);
            if config.sip.speaks(family) {
                continue;
            }
            let key = match family {
                IpFamily::V4 => "an IPv4 `udp`, and your IPv6 address as `udp6`",
                IpFamily::V6 => "`udp6`",
            };
            self.fault(
                place.span(),
                format!(
                    "{} is {family}, which [sip] does not listen on: give it {key}",
                    place.get_ref()
                ),
            );
        }
    }
}
