//! SIP messages as the box kept them: what a ladder is drawn from and a capture is written from.
//!
//! Whoever keeps them has struck out the secrets already; nothing here adds or removes any.

use std::net::SocketAddr;
use std::sync::Arc;

/// What a message went by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    Udp,
    Tcp,
    /// Kept as it was before encryption or after decryption.
    Tls,
}

impl Carrier {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

/// One message. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SipMessage {
    /// Microseconds since 1970.
    pub at_us: i64,
    /// By the box; otherwise the box received it.
    pub sent: bool,
    pub carrier: Carrier,
    pub local: SocketAddr,
    pub remote: SocketAddr,
    /// Secrets replaced by as many `x`.
    pub bytes: Arc<[u8]>,
    /// Bytes of the message's end that were not kept.
    pub cut: usize,
}

/// The messages of one call or trunk, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ladder {
    pub messages: Vec<SipMessage>,
    /// Messages that were dropped because a bound was reached.
    pub omitted: u64,
}

impl SipMessage {
    /// The request or status line.
    pub fn first_line(&self) -> String {
        let end = self.bytes.iter().position(|b| matches!(b, b'\r' | b'\n'));
        String::from_utf8_lossy(&self.bytes[..end.unwrap_or(self.bytes.len())]).into_owned()
    }

    /// The value of the first header called `name`, or by its compact form; not of the body.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers(name).into_iter().next()
    }

    /// Every value of a header, in order. Folded lines are joined.
    pub fn headers(&self, name: &str) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.bytes);
        let compact = compact_of(name);
        let mut found: Vec<String> = Vec::new();
        let mut within = false;
        for line in text.split('\n').skip(1) {
            let line = line.trim_end_matches('\r');
            if line.is_empty() {
                break;
            }
            if line.starts_with([' ', '\t']) {
                if let Some(last) = found.last_mut().filter(|_| within) {
                    last.push(' ');
                    last.push_str(line.trim());
                }
                continue;
            }
            let (key, value) = line.split_once(':').unwrap_or((line, ""));
            let key = key.trim_end();
            within = key.eq_ignore_ascii_case(name)
                || compact.is_some_and(|short| key.eq_ignore_ascii_case(short));
            if within {
                found.push(value.trim().to_owned());
            }
        }
        found
    }

    /// The whole message; bytes that are no UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// What follows the headers.
    pub fn body(&self) -> String {
        let text = self.text();
        let at = text
            .find("\r\n\r\n")
            .map(|at| at + 4)
            .or_else(|| text.find("\n\n").map(|at| at + 2));
        at.and_then(|at| text.get(at..)).unwrap_or("").to_owned()
    }
}

/// RFC 3261 section 7.3.3 and the registry of compact forms, as far as ladders need them.
fn compact_of(name: &str) -> Option<&'static str> {
    const FORMS: [(&str, &str); 9] = [
        ("call-id", "i"),
        ("contact", "m"),
        ("content-length", "l"),
        ("content-type", "c"),
        ("from", "f"),
        ("session-expires", "x"),
        ("supported", "k"),
        ("to", "t"),
        ("via", "v"),
    ];
    FORMS
        .iter()
        .find(|(long, _)| name.eq_ignore_ascii_case(long))
        .map(|(_, short)| *short)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> SipMessage {
        SipMessage {
            at_us: 0,
            sent: true,
            carrier: Carrier::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: "192.0.2.2:5060".parse().unwrap(),
            bytes: text.as_bytes().into(),
            cut: 0,
        }
    }

    #[test]
    fn headers_long_compact_and_folded() {
        let m = message(
            "SIP/2.0 200 OK\r\ni: 1@x\r\nSupported: timer\r\nk: 100rel,\r\n replaces\r\nCSeq : 1 INVITE\r\n\r\nSupported: no\r\n",
        );
        assert_eq!(m.first_line(), "SIP/2.0 200 OK");
        assert_eq!(m.header("Call-ID").as_deref(), Some("1@x"));
        assert_eq!(m.headers("Supported"), ["timer", "100rel, replaces"]);
        assert_eq!(m.header("cseq").as_deref(), Some("1 INVITE"));
        assert_eq!(m.header("Allow"), None);
        assert_eq!(m.body(), "Supported: no\r\n");
    }
}
