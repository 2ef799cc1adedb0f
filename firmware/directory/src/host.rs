//! A host as a page or an administrator names it: `box.example`, `box.example:8443`, `[2001:db8::1]:8443`.

use serde::Deserialize;
use std::net::Ipv6Addr;

/// Characters of the longest name.
const LONGEST: usize = 255;

/// A host, and a port where one was said. Nothing in it needs escaping in a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebHost {
    /// As in a URL: an IPv6 address in brackets.
    pub name: String,
    pub port: Option<u16>,
}

impl WebHost {
    /// Reads `host` or `host:port`; none when it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => (name, Some(port.parse().ok()?)),
            _ => (text, None),
        };
        let good = match name.strip_prefix('[') {
            Some(rest) => rest
                .strip_suffix(']')
                .is_some_and(|ip| ip.parse::<Ipv6Addr>().is_ok()),
            None => {
                !name.is_empty()
                    && name
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
            }
        };
        (good && name.len() <= LONGEST && port != Some(0)).then(|| Self {
            name: name.to_owned(),
            port,
        })
    }
}

impl<'de> Deserialize<'de> for WebHost {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{text}` is no host: write it like box.example or box.example:8443"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_read_with_and_without_a_port() {
        let host = |name: &str, port| {
            Some(WebHost {
                name: name.to_owned(),
                port,
            })
        };
        assert_eq!(WebHost::parse("box.example"), host("box.example", None));
        assert_eq!(
            WebHost::parse("192.0.2.1:8443"),
            host("192.0.2.1", Some(8443))
        );
        assert_eq!(WebHost::parse("[::1]:443"), host("[::1]", Some(443)));
        assert_eq!(WebHost::parse("[::1]"), host("[::1]", None));
    }

    #[test]
    fn nothing_else_is_a_host() {
        for bad in [
            "",
            ":1",
            "a:",
            "a:0",
            "a:99999",
            "a b",
            "a/b",
            "a?b",
            "a\"b",
            "[::1",
            "::1",
            "[x]",
            "[::1]x",
            "ü.example",
        ] {
            assert_eq!(WebHost::parse(bad), None, "{bad}");
        }
    }
}
