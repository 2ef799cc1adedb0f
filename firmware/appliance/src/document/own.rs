//! The tables of the document that are the box's and not the gateway's, with every default beside its field.

use serde::Deserialize;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Names of the tables below.
pub const TABLES: [&str; 7] = ["network", "time", "test", "syslog", "ssh", "update", "usb"];

/// All of them.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Own {
    #[serde(default)]
    pub network: Network,
    #[serde(default)]
    pub time: Time,
    #[serde(default)]
    pub test: TestCall,
    pub syslog: Option<Syslog>,
    #[serde(default)]
    pub ssh: Ssh,
    #[serde(default)]
    pub update: Update,
    #[serde(default)]
    pub usb: Usb,
}

/// `[network]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The interface of PBX and browsers; default the first wired one that is not `management`'s.
    pub interface: Option<String>,
    #[serde(default)]
    pub ipv4: Ipv4,
    #[serde(default)]
    pub ipv6: Ipv6,
    /// Name servers, 3 at most; beside those of DHCP and of routers.
    #[serde(default)]
    pub dns: Vec<IpAddr>,
    /// Where the box is managed, when not where it works.
    pub management: Option<Management>,
}

/// `[network.ipv4]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ipv4 {
    /// `dhcp` (the default), `none`, `192.0.2.10/24`.
    #[serde(default)]
    pub address: Address<Ipv4Addr>,
    /// The router that leads out of the network of a fixed address.
    pub gateway: Option<Ipv4Addr>,
}

/// `[network.ipv6]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ipv6 {
    /// `auto` (the default: routers say it), `none`, `2001:db8::10/64`.
    #[serde(default)]
    pub address: Address<Ipv6Addr>,
    /// The router; default: those that announce themselves.
    pub gateway: Option<Ipv6Addr>,
}

/// `[network.management]`: an interface of its own for console by SSH, administration pages and API.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Management {
    pub interface: String,
    /// `dhcp` (the default), `none`, `192.0.2.10/24`.
    #[serde(default)]
    pub address: Address<Ipv4Addr>,
    /// The way to the administrators' networks; the way out is the other interface's.
    pub gateway: Option<Ipv4Addr>,
    /// Networks reached by `gateway`, 16 at most, as in `["10.0.0.0/8"]`.
    #[serde(default)]
    pub networks: Vec<String>,
}

/// Where an address comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Address<A> {
    /// DHCP of IPv4, router advertisements of IPv6.
    #[default]
    Given,
    None,
    Fixed {
        address: A,
        prefix: u8,
    },
}

/// What each family calls an address that is given, and how long its prefixes are.
pub trait Family: Copy + FromStr + fmt::Display {
    const GIVEN: &'static str;
    const EXAMPLE: &'static str;
    const LONGEST: u8;
}

impl Family for Ipv4Addr {
    const GIVEN: &'static str = "dhcp";
    const EXAMPLE: &'static str = "192.0.2.10/24";
    const LONGEST: u8 = 32;
}

impl Family for Ipv6Addr {
    const GIVEN: &'static str = "auto";
    const EXAMPLE: &'static str = "2001:db8::10/64";
    const LONGEST: u8 = 128;
}

impl<A: Family> FromStr for Address<A> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == A::GIVEN {
            return Ok(Self::Given);
        }
        if text == "none" {
            return Ok(Self::None);
        }
        let fixed = text.split_once('/').and_then(|(address, prefix)| {
            let prefix: u8 = prefix.parse().ok()?;
            let fits = (1..=A::LONGEST).contains(&prefix);
            Some((address.parse::<A>().ok()?, prefix)).filter(|_| fits)
        });
        match fixed {
            Some((address, prefix)) => Ok(Self::Fixed { address, prefix }),
            None => {
                let shown: String = text.chars().take(64).collect();
                Err(format!(
                    "`{shown}`: write \"{}\", \"none\" or an address with its prefix, as in \"{}\"",
                    A::GIVEN,
                    A::EXAMPLE
                ))
            }
        }
    }
}

impl<'de, A: Family> Deserialize<'de> for Address<A> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl<A: Copy> Address<A> {
    /// The address, where the document says it.
    pub const fn fixed(&self) -> Option<A> {
        match self {
            Self::Fixed { address, .. } => Some(*address),
            Self::Given | Self::None => None,
        }
    }
}

/// `[time]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Time {
    /// NTP servers, 4 at most; beside those of DHCP.
    #[serde(default)]
    pub server: Vec<String>,
    /// For people at the box; default `UTC`. Records are in UTC always.
    pub zone: Option<String>,
}

/// `[test]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestCall {
    /// Who is called when a trunk is tried.
    pub number: Option<String>,
}

/// `[syslog]`: the log also goes there (RFC 5424 over TLS, RFC 5425).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Syslog {
    /// `log.example:6514`; 6514 when no port is given.
    pub server: String,
    /// PEM of the authority that the server's certificate comes from; default: those the system trusts.
    pub ca: Option<String>,
}

/// `[ssh]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ssh {
    /// Default: as soon as there are keys.
    pub enabled: Option<bool>,
    /// Public keys of who may log in as `admin`, 32 at most, each a line of `authorized_keys` without options.
    #[serde(default)]
    pub keys: Vec<String>,
}

/// `[update]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// Where `update` takes bundles from when it is not said.
    pub source: Option<String>,
}

/// `[usb]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usb {
    /// Ed25519 keys, 8 at most, each 64 hexadecimal digits: a document on a stick that one of them has signed is taken by
    /// a box that is configured. A box that is not takes any.
    #[serde(default)]
    pub signers: Vec<String>,
}
