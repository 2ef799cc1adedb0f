//! The lines between a caller and a box.
//!
//! ```text
//!              wifi ┌────────┐        ┌────────┐
//!   caller ─────────┤ access ├────────┤ border ├──────── box
//!          ─────────┤        │  net   │        │  lan
//!            mobile └────────┘        └────────┘
//! ```
//!
//! `access` is what stands between a caller and the internet: a home router, an office's firewall. `border` is what
//! stands before the box. Both only pass on until they are given rules.

use std::net::{IpAddr, SocketAddr};

use super::Namespace;
use crate::error::{Doing, Result};

/// What everybody's address is, in one family.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// Where pages find the box.
    pub public: IpAddr,
    /// Where the box itself is; the same unless a border translates.
    pub own: IpAddr,
    pub caller: IpAddr,
    /// The caller's, in its second network.
    pub mobile: IpAddr,
}

/// Caller, access, border and box, and the cables.
#[derive(Debug)]
pub struct Lines {
    pub caller: Namespace,
    pub access: Namespace,
    pub border: Namespace,
    pub causeway: Namespace,
    pub at: Addresses,
}

impl Lines {
    /// Lines of IPv4. The box has a public address, or with `translated` one that its border gives another.
    pub async fn ipv4(translated: bool) -> Result<Self> {
        let lan = if translated { "192.168.7" } else { "203.0.113" };
        let at = Addresses {
            public: parse("203.0.113.10")?,
            own: parse(&format!("{lan}.10"))?,
            caller: parse("10.1.0.2")?,
            mobile: parse("10.2.0.2")?,
        };
        let lines = Self::cables(at).await?;
        let Self {
            caller,
            access,
            border,
            causeway,
            ..
        } = &lines;
        for router in [access, border] {
            router.set("net/ipv4/ip_forward", "1").await?;
        }
        caller.ip("addr add 10.1.0.2/24 dev wifi").await?;
        caller.ip("route add default via 10.1.0.1 dev wifi").await?;
        access.ip("addr add 10.1.0.1/24 dev wifi").await?;
        access.ip("addr add 10.2.0.1/24 dev mobile").await?;
        access.ip("addr add 198.51.100.1/24 dev net").await?;
        access.ip("route add default via 198.51.100.2").await?;
        border.ip("addr add 198.51.100.2/24 dev net").await?;
        border.ip("route add default via 198.51.100.1").await?;
        border.ip(&format!("addr add {lan}.1/24 dev lan")).await?;
        causeway
            .ip(&format!("addr add {}/24 dev lan", at.own))
            .await?;
        causeway
            .ip(&format!("route add default via {lan}.1"))
            .await?;
        if translated {
            // 1:1: both ways, whatever the port.
            border
                .rules(&format!(
                    "table ip nat {{\n\
                     chain in {{ type nat hook prerouting priority dstnat; ip daddr {} dnat to {}; }}\n\
                     chain out {{ type nat hook postrouting priority srcnat; ip saddr {1} snat to {0}; }}\n}}",
                    at.public, at.own
                ))
                .await?;
        }
        Ok(lines)
    }

    /// Lines of IPv6 and nothing else.
    pub async fn ipv6() -> Result<Self> {
        let at = Addresses {
            public: parse("2001:db8:b::10")?,
            own: parse("2001:db8:b::10")?,
            caller: parse("2001:db8:1::2")?,
            mobile: parse("2001:db8:2::2")?,
        };
        let lines = Self::cables(at).await?;
        let Self {
            caller,
            access,
            border,
            causeway,
            ..
        } = &lines;
        for router in [access, border] {
            router.set("net/ipv6/conf/all/forwarding", "1").await?;
        }
        // Without `nodad` an address is of no use for its first second.
        caller
            .ip("addr add 2001:db8:1::2/64 dev wifi nodad")
            .await?;
        access
            .ip("addr add 2001:db8:1::1/64 dev wifi nodad")
            .await?;
        access
            .ip("addr add 2001:db8:2::1/64 dev mobile nodad")
            .await?;
        access.ip("addr add 2001:db8:a::1/64 dev net nodad").await?;
        border.ip("addr add 2001:db8:a::2/64 dev net nodad").await?;
        border.ip("addr add 2001:db8:b::1/64 dev lan nodad").await?;
        causeway
            .ip("addr add 2001:db8:b::10/64 dev lan nodad")
            .await?;
        caller.ip("route add default via 2001:db8:1::1").await?;
        access.ip("route add default via 2001:db8:a::2").await?;
        border.ip("route add default via 2001:db8:a::1").await?;
        causeway.ip("route add default via 2001:db8:b::1").await?;
        Ok(lines)
    }

    async fn cables(at: Addresses) -> Result<Self> {
        let lines = Self {
            caller: Namespace::new("caller").await?,
            access: Namespace::new("access").await?,
            border: Namespace::new("border").await?,
            causeway: Namespace::new("box").await?,
            at,
        };
        // An address that the kernel makes up and has to try first would look like a change of network a second later.
        let quiet = match at.public {
            IpAddr::V4(_) => ("disable_ipv6", "1"),
            IpAddr::V6(_) => ("accept_dad", "0"),
        };
        for end in [&lines.caller, &lines.access, &lines.border, &lines.causeway] {
            for which in ["all", "default"] {
                end.set(&format!("net/ipv6/conf/{which}/{}", quiet.0), quiet.1)
                    .await?;
            }
        }
        lines.caller.cable("wifi", &lines.access, "wifi").await?;
        lines
            .caller
            .cable("mobile", &lines.access, "mobile")
            .await?;
        lines.access.cable("net", &lines.border, "net").await?;
        lines.border.cable("lan", &lines.causeway, "lan").await?;
        Ok(lines)
    }

    /// The caller leaves its Wi-Fi for the mobile network: another interface, another address, another way. Its cable
    /// lies there from the beginning: the kernel lets nothing through a new one for up to a second.
    pub async fn leave_wifi(&self) -> Result<()> {
        self.caller.ip("link set wifi down").await?;
        self.caller.ip("addr add 10.2.0.2/24 dev mobile").await?;
        self.caller
            .ip("route add default via 10.2.0.1 dev mobile")
            .await
    }

    /// Where pages find the box over HTTPS.
    pub fn https(&self) -> SocketAddr {
        SocketAddr::new(self.at.public, 443)
    }
}

impl Namespace {
    /// Writes one of its kernel settings, below `/proc/sys`.
    async fn set(&self, key: &str, value: &str) -> Result<()> {
        let (path, value) = (format!("/proc/sys/{key}"), value.to_owned());
        self.within(move || std::fs::write(path, value)).await
    }
}

fn parse(text: &str) -> Result<IpAddr> {
    text.parse().doing(text)
}
