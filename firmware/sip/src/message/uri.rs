//! URIs: sip and sips taken apart, tel by its number, every other scheme opaque (RFC 3261 §19.1, RFC 3966).
//!
//! The text is kept as it came, so that a URI sent back is the same to the byte. Only where it becomes the
//! target of a request of ours is what no Request-URI may hold escaped or left out: [`Uri::as_target`].

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::params::Params;
use super::syntax;

/// A host: an address or a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// An IP literal.
    Ip(IpAddr),
    /// A name, in the case it came in.
    Name(String),
}

impl Host {
    /// Reads a host with or without brackets. Bare IPv6 is taken too: `received` often has it so (RFC 5118 §4.5).
    pub fn read(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        if let Some(inner) = text.strip_prefix('[') {
            return Self::ipv6(inner.strip_suffix(']')?);
        }
        if text.contains(':') {
            return Self::ipv6(text);
        }
        if let Ok(v4) = text.parse::<Ipv4Addr>() {
            return Some(Self::Ip(v4.into()));
        }
        let named = !text.is_empty()
            && text.len() <= 255
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
        named.then(|| Self::Name(text.to_owned()))
    }

    fn ipv6(text: &str) -> Option<Self> {
        // A scope has no meaning beyond its host; three colons are what the grammar of RFC 3261 wrongly allowed.
        let text = text.split('%').next()?;
        let address = text
            .parse::<Ipv6Addr>()
            .or_else(|_| text.replacen(":::", "::", 1).parse::<Ipv6Addr>());
        address.ok().map(|v6| Self::Ip(v6.into()))
    }

    /// The address when it is a literal; IPv4 mapped into IPv6 as IPv4.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(ip.to_canonical()),
            Self::Name(_) => None,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V6(v6)) => write!(f, "[{v6}]"),
            Self::Ip(IpAddr::V4(v4)) => write!(f, "{v4}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Reads `host`, `host:port`, `[v6]`, `[v6]:port`.
pub(crate) fn read_host_port(text: &[u8]) -> Option<(Host, Option<u16>)> {
    let text = text.trim_ascii();
    let (host, port) = if text.starts_with(b"[") {
        let (inner, after) = syntax::split_once(text, b']')?;
        let host = text.get(..=inner.len())?;
        match after.trim_ascii() {
            [] => (host, None),
            after => (host, Some(after.strip_prefix(b":")?)),
        }
    } else {
        match syntax::split_once(text, b':') {
            Some((host, port)) => (host.trim_ascii(), Some(port)),
            None => (text, None),
        }
    };
    // Outside brackets a colon always begins the port.
    if !host.starts_with(b"[") && host.contains(&b':') {
        return None;
    }
    let port = match port {
        None => None,
        Some(digits) => Some(u16::try_from(syntax::number(digits.trim_ascii())?).ok()?),
    };
    Some((Host::read(host)?, port))
}

/// A sip: or sips: URI taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipUri {
    /// sips.
    pub secure: bool,
    /// The user part, escapes untouched, password left out.
    pub user: Option<Vec<u8>>,
    /// The host.
    pub host: Host,
    /// The port when written.
    pub port: Option<u16>,
    /// URI parameters.
    pub params: Params,
    /// What is behind `?`.
    pub headers: Option<Vec<u8>>,
}

/// What a URI is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UriKind {
    /// sip or sips.
    Sip(SipUri),
    /// tel, with the number as written.
    Tel {
        /// Digits and visual separators.
        number: String,
    },
    /// Any other scheme.
    Other {
        /// In lower case.
        scheme: String,
    },
}

/// A URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    text: Vec<u8>,
    kind: UriKind,
}

/// The text is no URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a URI")]
pub struct BadUri;

impl Uri {
    /// Reads a whole URI, without brackets around it.
    ///
    /// # Errors
    /// No scheme, white space or control characters, or a sip: URI with an impossible host, port or parameter.
    pub fn read(text: &[u8]) -> Result<Self, BadUri> {
        let odd = |b: &u8| *b <= b' ' || *b == 0x7f || matches!(b, b'<' | b'>' | b'"');
        if text.iter().any(odd) {
            return Err(BadUri);
        }
        let (scheme, rest) = syntax::split_once(text, b':').ok_or(BadUri)?;
        let known = scheme.first().is_some_and(u8::is_ascii_alphabetic)
            && scheme
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
        if !known || rest.is_empty() {
            return Err(BadUri);
        }
        let scheme = syntax::lossy(scheme).to_ascii_lowercase();
        let kind = match scheme.as_str() {
            "sip" | "sips" => UriKind::Sip(read_sip(scheme == "sips", rest)?),
            "tel" => UriKind::Tel {
                number: syntax::lossy(rest.split(|b| *b == b';').next().unwrap_or_default()),
            },
            _ => UriKind::Other { scheme },
        };
        Ok(Self {
            text: text.to_vec(),
            kind,
        })
    }

    /// The URI to the byte as it came.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    /// Without URI headers (`?name=value`), which have no place in a Request-URI (RFC 3261 §19.1.1 table 1).
    pub(crate) fn without_headers(self) -> Self {
        // A `?` before the `@` is part of the user.
        let host = self.text.iter().rposition(|b| *b == b'@').unwrap_or(0);
        let mark = self.text.iter().skip(host).position(|b| *b == b'?');
        let bare = mark
            .and_then(|at| self.text.get(..host + at))
            .and_then(|bare| Self::read(bare).ok());
        bare.unwrap_or(self)
    }

    /// As it may stand in a request line of ours: without URI headers (§19.1.1 table 1), and with every octet that
    /// the grammar has no place for escaped (§25.1). A peer that wrote such an octet reads its own back; others would
    /// refuse the request before they look at it.
    pub fn as_target(self) -> Self {
        let bare = self.without_headers();
        if is_written_well(&bare.text) {
            return bare;
        }
        let mut text = Vec::with_capacity(bare.text.len() + 16);
        let mut rest = bare.text.as_slice();
        while let Some((byte, tail)) = rest.split_first() {
            let whole = *byte == b'%' && is_escape(rest);
            if whole || is_uri_byte(*byte) {
                text.push(*byte);
            } else {
                text.extend_from_slice(format!("%{byte:02X}").as_bytes());
            }
            rest = tail;
        }
        // Escapes neither end a part nor begin one, so what could be read still can.
        Self::read(&text).unwrap_or(bare)
    }

    /// What it is.
    pub fn kind(&self) -> &UriKind {
        &self.kind
    }

    /// Whether it is sips.
    pub fn is_secure(&self) -> bool {
        self.sip().is_some_and(|sip| sip.secure)
    }

    /// Its parts when it is sip or sips.
    pub fn sip(&self) -> Option<&SipUri> {
        match &self.kind {
            UriKind::Sip(sip) => Some(sip),
            UriKind::Tel { .. } | UriKind::Other { .. } => None,
        }
    }

    /// The user part with escapes decoded, or the number of a tel: URI; empty when there is none.
    pub fn user(&self) -> String {
        match &self.kind {
            UriKind::Sip(sip) => sip
                .user
                .as_deref()
                .map(|user| syntax::lossy(&syntax::percent_decode(user)))
                .unwrap_or_default(),
            UriKind::Tel { number } => number.clone(),
            UriKind::Other { .. } => String::new(),
        }
    }

    /// Whether it has `;lr`: the next hop routes loosely (RFC 3261 §16.12).
    pub fn is_loose_router(&self) -> bool {
        self.sip().is_some_and(|sip| sip.params.has("lr"))
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.text))
    }
}

/// `reserved` and `unreserved` of RFC 3261 §25.1, and the brackets of an IPv6 reference.
fn is_uri_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.!~*'();/?:@&=+$,[]".contains(&byte)
}

/// Whether it begins with `%` and two hexadecimal digits.
fn is_escape(text: &[u8]) -> bool {
    matches!(text, [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

fn is_written_well(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some((byte, tail)) = rest.split_first() {
        if !is_uri_byte(*byte) && !is_escape(rest) {
            return false;
        }
        rest = tail;
    }
    true
}

fn read_sip(secure: bool, rest: &[u8]) -> Result<SipUri, BadUri> {
    // The user part may hold `;` and `?`, so the `@` is looked for first.
    let (userinfo, rest) = match syntax::rsplit_once(rest, b'@') {
        Some((userinfo, rest)) => (Some(userinfo), rest),
        None => (None, rest),
    };
    let user = userinfo.map(|userinfo| match syntax::split_once(userinfo, b':') {
        Some((user, _password)) => user.to_vec(),
        None => userinfo.to_vec(),
    });
    let (rest, headers) = match syntax::split_once(rest, b'?') {
        Some((rest, headers)) => (rest, Some(headers.to_vec())),
        None => (rest, None),
    };
    let (host_port, params) = match syntax::split_once(rest, b';') {
        Some((host_port, params)) => (host_port, Params::read(params).ok_or(BadUri)?),
        None => (rest, Params::default()),
    };
    let (host, port) = read_host_port(host_port).ok_or(BadUri)?;
    Ok(SipUri {
        secure,
        user,
        host,
        port,
        params,
        headers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sip(text: &str) -> SipUri {
        Uri::read(text.as_bytes()).unwrap().sip().unwrap().clone()
    }

    #[test]
    fn parts_are_found() {
        let uri = sip("sip:anna:secret@[2001:db8::1]:5070;transport=tcp;lr?a=b");
        assert_eq!(uri.user.as_deref(), Some(&b"anna"[..]));
        assert_eq!(uri.host.to_string(), "[2001:db8::1]");
        assert_eq!(uri.port, Some(5070));
        assert_eq!(uri.params.text("transport").as_deref(), Some("tcp"));
        assert!(uri.params.has("LR"));
        assert_eq!(uri.headers.as_deref(), Some(&b"a=b"[..]));
    }

    #[test]
    fn a_semicolon_may_be_in_the_user_part() {
        let uri = sip("sip:user;par=u%40example.net@example.com");
        assert_eq!(uri.user.as_deref(), Some(&b"user;par=u%40example.net"[..]));
        assert!(uri.params.is_empty());
    }

    #[test]
    fn other_schemes_are_kept() {
        let tel = Uri::read(b"tel:+49-30-123;phone-context=x").unwrap();
        assert_eq!(tel.user(), "+49-30-123");
        let other = Uri::read(b"soap.beep://192.0.2.103:3002").unwrap();
        assert!(matches!(other.kind(), UriKind::Other { scheme } if scheme == "soap.beep"));
        assert_eq!(other.as_bytes(), b"soap.beep://192.0.2.103:3002");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for bad in [
            "sip:",
            "sip:2001:db8::10",
            "sip:a@b:99999",
            "sip:a@b c",
            "sip:a@[::1",
            "sip:a@",
            "nothing",
            "<sip:a@b>",
            "9p:x",
        ] {
            assert!(Uri::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_target_holds_nothing_that_a_request_line_may_not() {
        let target = |text: &[u8]| Uri::read(text).unwrap().as_target().to_string();
        for (text, written) in [
            (&b"sip:pbx@10.0.0.9:5070;ob"[..], "sip:pbx@10.0.0.9:5070;ob"),
            // Headers would be headers of our request (RFC 4475 section 3.1.2.11).
            (b"sip:a@1?.0.0.2", "sip:a@1"),
            (b"sip:a@h;lr?Route=x&Subject=y", "sip:a@h;lr"),
            (b"sip:a?b@h", "sip:a?b@h"),
            (b"sip:caf\xe9@h", "sip:caf%E9@h"),
            (b"sip:a%41{b}%zz@h;x=|", "sip:a%41%7Bb%7D%25zz@h;x=%7C"),
            (b"sip:[2001:db8::1]:5060", "sip:[2001:db8::1]:5060"),
            (b"tel:+49-30;x=\xff", "tel:+49-30;x=%FF"),
        ] {
            assert_eq!(target(text), written);
        }
    }

    #[test]
    fn three_colons_are_repaired() {
        assert!(
            sip("sip:user@[2001:db8:::192.0.2.1]").host
                == Host::Ip("2001:db8::192.0.2.1".parse().unwrap())
        );
    }
}
