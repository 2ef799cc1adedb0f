//! The networks of the table.

use serde_json::Value;

use super::{FIRST_SOUND_S, Site, TOLD_S, WithoutUdp};
use crate::error::Result;
use crate::network::{Lines, Middlebox, Passing};

/// One network.
#[derive(Debug)]
pub struct Row {
    /// Short, for the command line.
    pub key: &'static str,
    pub name: &'static str,
    network: Network,
    /// Firefox takes no certificate that nobody vouches for inside `turns:`.
    pub firefox: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    Open,
    BoxTranslated,
    BoxAsks,
    Symmetric,
    NoUdp,
    Only443,
    Only443Relay,
    Only443IceTcp,
    OnlyTls,
    Six,
    HttpOnly,
    NoRelay,
}

/// Every row, in order.
pub const ALL: &[Row] = &[
    row("open", "open", Network::Open, true),
    row(
        "nat-box",
        "1:1 NAT of the box",
        Network::BoxTranslated,
        true,
    ),
    row(
        "nat-found",
        "1:1 NAT, address asked of STUN",
        Network::BoxAsks,
        true,
    ),
    row(
        "symmetric",
        "symmetric NAT of the caller",
        Network::Symmetric,
        true,
    ),
    row("no-udp", "UDP blocked", Network::NoUdp, true),
    row("tcp-443", "only TCP 443 open", Network::Only443, true),
    row(
        "tcp-443-relay",
        "only TCP 443 open, relay alone",
        Network::Only443Relay,
        true,
    ),
    row(
        "ice-tcp",
        "only TCP 443 open, relay off",
        Network::Only443IceTcp,
        true,
    ),
    row("tls-443", "only TLS on 443 passes", Network::OnlyTls, false),
    row("ipv6", "IPv6 only", Network::Six, true),
    row(
        "http-443",
        "only HTTP inside TLS on 443: no path",
        Network::HttpOnly,
        true,
    ),
    row(
        "no-relay",
        "UDP blocked, nothing over TCP: no path",
        Network::NoRelay,
        true,
    ),
];

const fn row(key: &'static str, name: &'static str, network: Network, firefox: bool) -> Row {
    Row {
        key,
        name,
        network,
        firefox,
    }
}

/// Nothing of UDP is passed on, and nobody is told.
const NO_UDP: &str = "table inet walls { chain pass { type filter hook forward priority 0; meta l4proto udp drop; }\n}";
/// Nothing but TCP to port 443.
const ONLY_443: &str = "table inet walls { chain pass { type filter hook forward priority 0; policy drop; \
    tcp dport 443 accept; tcp sport 443 accept; }\n}";
/// Every flow gets a port of its own, drawn at random, and only its far end may answer.
const SYMMETRIC: &str = "table ip nat { chain out { type nat hook postrouting priority srcnat; \
    oifname \"net\" masquerade fully-random; }\n}\n\
    table ip walls { chain pass { type filter hook forward priority 0; policy drop; \
    iifname \"wifi\" accept; ct state established accept; }\n}";
/// Nothing passes but what the middlebox passes.
const LOOKED_INTO: &str = "table inet walls { chain pass { type filter hook forward priority 0; policy drop; }\n}\n\
    table ip nat { chain in { type nat hook prerouting priority dstnat; \
    iifname \"wifi\" tcp dport 443 redirect to :8443; }\n}";

impl Row {
    /// Its network, with a box at the end.
    pub(super) async fn build(&self) -> Result<Site> {
        let lines = match self.network {
            Network::Six => Lines::ipv6().await?,
            network => {
                let translated = matches!(network, Network::BoxTranslated | Network::BoxAsks);
                Lines::ipv4(translated).await?
            }
        };
        if self.network == Network::BoxAsks {
            return Site::start_asking(lines).await;
        }
        let (rules, passing) = match self.network {
            Network::Open | Network::BoxTranslated | Network::BoxAsks | Network::Six => ("", None),
            Network::Symmetric => (SYMMETRIC, None),
            Network::NoUdp | Network::NoRelay => (NO_UDP, None),
            Network::Only443 | Network::Only443Relay | Network::Only443IceTcp => (ONLY_443, None),
            Network::OnlyTls => (LOOKED_INTO, Some(Passing::Tls)),
            Network::HttpOnly => (LOOKED_INTO, Some(Passing::Http)),
        };
        lines.access.rules(rules).await?;
        let without_udp = match self.network {
            Network::NoRelay => WithoutUdp::Nothing,
            Network::Only443Relay => WithoutUdp::Relay,
            Network::Only443IceTcp => WithoutUdp::IceTcp,
            _ => WithoutUdp::All,
        };
        let mut site = Site::start(lines, without_udp).await?;
        if let Some(passing) = passing {
            let (access, target) = (&site.lines.access, site.lines.https());
            site.middlebox = Some(Middlebox::start(access, target, passing).await?);
        }
        Ok(site)
    }

    /// Whether the caller was heard by the way this network leaves, in time; or told in time that there is none.
    pub(super) fn holds(
        &self,
        pair: &Value,
        first_sound_s: Option<f64>,
        told: Option<&(String, String, f64)>,
    ) -> bool {
        let soon = first_sound_s.is_some_and(|s| s <= FIRST_SOUND_S);
        let relay = pair["relay"].as_str();
        match self.network {
            Network::Open | Network::BoxTranslated | Network::BoxAsks => {
                soon && relay.is_none() && pair["protocol"] == "udp"
            }
            // An address that only the box's answers to checks could tell.
            Network::Symmetric => soon && relay.is_none() && pair["local"] == "prflx",
            Network::NoUdp | Network::Only443 => {
                soon && (relay.is_some_and(|over| over != "udp") || pair["protocol"] == "tcp")
            }
            Network::Only443Relay => soon && relay.is_some_and(|over| over != "udp"),
            Network::Only443IceTcp => soon && relay.is_none() && pair["protocol"] == "tcp",
            Network::OnlyTls => soon && relay == Some("tls"),
            Network::Six => soon && relay.is_none() && pair["six"] == true,
            Network::HttpOnly | Network::NoRelay => told.is_some_and(|(code, message, after)| {
                code == "no_path" && message.len() > 20 && *after <= TOLD_S
            }),
        }
    }
}
