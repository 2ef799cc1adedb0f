//! Web origins an app may call from (RFC 6454): exact, or any sub-domain of a host.

use serde::Deserialize;

/// `https://shop.example`, `https://shop.example:8443` or `https://*.shop.example`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginPattern {
    scheme: String,
    /// Lower case, without the `*.`.
    host: String,
    port: Option<u16>,
    sub_domains: bool,
}

impl OriginPattern {
    /// Reads a pattern; the error is a sentence for the admin.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or_else(|| {
            format!("`{text}` is no origin: write it like https://shop.example or https://*.shop.example")
        })?;
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "https" && scheme != "http" {
            return Err(format!(
                "`{text}`: an origin begins with https:// or http://"
            ));
        }
        let (sub_domains, rest) = match rest.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let (host, port) = split_port(rest)
            .ok_or_else(|| format!("`{text}`: the port is not a number from 1 to 65535"))?;
        if host.is_empty() || host.contains(['/', '*', '?', '#', '@', ' ']) {
            return Err(format!(
                "`{text}`: an origin is scheme, host and port only, and `*.` stands only before the host"
            ));
        }
        Ok(Self {
            scheme,
            host: host.to_ascii_lowercase(),
            port,
            sub_domains,
        })
    }

    /// Whether a browser's `Origin` header fits. The default port may be written or not.
    pub fn matches(&self, origin: &str) -> bool {
        let Some((scheme, rest)) = origin.split_once("://") else {
            return false;
        };
        let Some((host, port)) = split_port(rest) else {
            return false;
        };
        let host = host.to_ascii_lowercase();
        let host_fits = if self.sub_domains {
            host.strip_suffix(&self.host)
                .is_some_and(|left| left.len() > 1 && left.ends_with('.'))
        } else {
            host == self.host
        };
        let default = if self.scheme == "https" { 443 } else { 80 };
        scheme.eq_ignore_ascii_case(&self.scheme)
            && host_fits
            && port.unwrap_or(default) == self.port.unwrap_or(default)
    }
}

/// Splits `host[:port]`, with IPv6 hosts in brackets. `None` when the port is not one.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let after_host = text.rfind(']').map_or(0, |at| at + 1);
    match text.get(after_host..)?.rfind(':') {
        None => Some((text, None)),
        Some(at) => {
            let at = after_host + at;
            let port: u16 = text.get(at + 1..)?.parse().ok().filter(|p| *p != 0)?;
            Some((text.get(..at)?, Some(port)))
        }
    }
}

impl<'de> Deserialize<'de> for OriginPattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, origin: &str) -> bool {
        OriginPattern::parse(pattern).unwrap().matches(origin)
    }

    #[test]
    fn exact_origins() {
        assert!(fits("https://shop.example", "https://shop.example"));
        assert!(fits("https://shop.example", "https://SHOP.example:443"));
        assert!(!fits("https://shop.example", "http://shop.example"));
        assert!(!fits("https://shop.example", "https://shop.example:8443"));
        assert!(!fits("https://shop.example", "https://evil-shop.example"));
        assert!(!fits("https://shop.example", "null"));
        assert!(fits("https://[::1]:8443", "https://[::1]:8443"));
    }

    #[test]
    fn sub_domains_but_not_the_domain_itself_nor_a_look_alike() {
        assert!(fits("https://*.shop.example", "https://www.shop.example"));
        assert!(fits("https://*.shop.example", "https://a.b.shop.example"));
        assert!(!fits("https://*.shop.example", "https://shop.example"));
        assert!(!fits("https://*.shop.example", "https://evilshop.example"));
        assert!(!fits("https://*.shop.example", "https://.shop.example"));
    }

    #[test]
    fn nonsense_is_told_apart() {
        for bad in [
            "shop.example",
            "ftp://x",
            "https://",
            "https://a/b",
            "https://a.*.b",
            "https://a:0",
            "https://a:x",
        ] {
            assert!(OriginPattern::parse(bad).is_err(), "{bad}");
        }
    }
}
