//! Where a PBX is: an address, or a name that leads to some.

use crate::config::SipTransport;
use serde::Deserialize;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// `"192.0.2.1"`, `"192.0.2.1:5060"`, `"[2001:db8::1]:5060"`, `"pbx.example"` or `"pbx.example:5060"`.
///
/// A name without a port is looked up as a SIP domain (NAPTR, SRV, then its address); with a port it is a host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SipAddress {
    pub host: SipHost,
    /// Default: what the DNS says, else 5060, or 5061 over TLS.
    pub port: Option<u16>,
}

/// See [`SipAddress`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SipHost {
    Ip(IpAddr),
    /// Lower case, without a dot at its end.
    Name(String),
}

impl SipAddress {
    /// Reads one; the error is a sentence for its writer.
    ///
    /// # Errors
    /// What is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fault = |why: &str| {
            let shown: String = text.chars().take(64).collect();
            Err(format!(
                "`{shown}` {why}: write 192.0.2.1:5060, [2001:db8::1]:5060, pbx.example or pbx.example:5060"
            ))
        };
        if let Ok(ip) = text.parse::<Ipv6Addr>() {
            return Ok(Self {
                host: SipHost::Ip(ip.into()),
                port: None,
            });
        }
        let (host, port) = match text.strip_prefix('[').and_then(|t| t.split_once(']')) {
            Some((ip, rest)) => match (ip.parse::<Ipv6Addr>(), rest.strip_prefix(':')) {
                (Ok(ip), None) if rest.is_empty() => (SipHost::Ip(ip.into()), None),
                (Ok(ip), Some(port)) => (SipHost::Ip(ip.into()), Some(port)),
                (Ok(_), None) | (Err(_), _) => return fault("is no IPv6 address"),
            },
            None => {
                let (host, port) = match text.split_once(':') {
                    Some((host, port)) => (host, Some(port)),
                    None => (text, None),
                };
                let bare = host.strip_suffix('.').unwrap_or(host);
                match host.parse::<IpAddr>() {
                    Ok(ip) => (SipHost::Ip(ip), port),
                    Err(_) if is_host_name(bare) => {
                        (SipHost::Name(bare.to_ascii_lowercase()), port)
                    }
                    Err(_) => return fault("is neither an address nor a host name"),
                }
            }
        };
        let port = match port.map(str::parse::<u16>) {
            None => None,
            Some(Ok(port)) if port != 0 => Some(port),
            Some(Ok(_) | Err(_)) => return fault("has no port of 1 to 65535 behind its colon"),
        };
        if let SipHost::Ip(ip) = host
            && (ip.is_unspecified() || ip.is_multicast())
        {
            return fault("is no PBX's own address");
        }
        Ok(Self { host, port })
    }

    /// The address, when it is one.
    pub const fn ip(&self) -> Option<IpAddr> {
        match self.host {
            SipHost::Ip(ip) => Some(ip),
            SipHost::Name(_) => None,
        }
    }

    /// The name, when it is one.
    pub fn name(&self) -> Option<&str> {
        match &self.host {
            SipHost::Ip(_) => None,
            SipHost::Name(name) => Some(name),
        }
    }

    /// The address and port, when no DNS is needed.
    pub fn socket(&self, transport: SipTransport) -> Option<SocketAddr> {
        let port = self.port.unwrap_or(transport.default_port());
        self.ip().map(|ip| SocketAddr::new(ip, port))
    }
}

impl fmt::Display for SipAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            SipHost::Ip(IpAddr::V4(ip)) => write!(f, "{ip}")?,
            SipHost::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]")?,
            SipHost::Name(name) => f.write_str(name)?,
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl<'de> Deserialize<'de> for SipAddress {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Letters, digits and hyphens (RFC 1123 section 2.1). Underscores are met in host names of inner networks. A name
/// does not end in digits alone: that is a misspelt IPv4 address.
pub fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253
        && name.split('.').all(label)
        && !name
            .rsplit('.')
            .next()
            .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_written() {
        for (text, shown, socket) in [
            ("192.0.2.1", "192.0.2.1", Some("192.0.2.1:5060")),
            ("192.0.2.1:5080", "192.0.2.1:5080", Some("192.0.2.1:5080")),
            (
                "[2001:db8::1]:5080",
                "[2001:db8::1]:5080",
                Some("[2001:db8::1]:5080"),
            ),
            ("[2001:db8::1]", "[2001:db8::1]", Some("[2001:db8::1]:5060")),
            ("2001:db8::1", "[2001:db8::1]", Some("[2001:db8::1]:5060")),
            ("PBX.example", "pbx.example", None),
            ("pbx.example.", "pbx.example", None),
            (
                "pbx-1.inner_net.example:5080",
                "pbx-1.inner_net.example:5080",
                None,
            ),
            ("pbx", "pbx", None),
            ("3com.example", "3com.example", None),
        ] {
            let address = SipAddress::parse(text).unwrap();
            assert_eq!(address.to_string(), shown);
            let expected = socket.map(|s| s.parse::<SocketAddr>().unwrap());
            assert_eq!(address.socket(SipTransport::Udp), expected, "{text}");
        }
        let tls = SipAddress::parse("192.0.2.1").unwrap();
        assert_eq!(tls.socket(SipTransport::Tls).unwrap().port(), 5061);
    }

    #[test]
    fn what_cannot() {
        for (text, fault) in [
            ("", "neither an address nor a host name"),
            ("192.0.2.300", "neither"),
            ("192.0.2", "neither"),
            ("pbx example", "neither"),
            ("-pbx.example", "neither"),
            ("sip:pbx.example", "no port of 1 to 65535"),
            ("pbx.example:", "no port"),
            ("pbx.example:0", "no port"),
            ("pbx.example:70000", "no port"),
            ("[2001:db8::1", "neither"),
            ("[2001:db8::1]5060", "no IPv6 address"),
            ("[pbx.example]:5060", "no IPv6 address"),
            ("0.0.0.0:5060", "no PBX's own address"),
            ("[::]:5060", "no PBX's own address"),
            ("224.0.0.1", "no PBX's own address"),
            ("pbx..example", "neither"),
            ("pbx.example:5060\r\n", "no port"),
        ] {
            let told = SipAddress::parse(text).unwrap_err();
            assert!(told.contains(fault), "{text:?}: {told}");
        }
        assert!(SipAddress::parse(&"a".repeat(64)).is_err());
        assert!(SipAddress::parse(&"a.".repeat(128)).is_err());
    }
}
