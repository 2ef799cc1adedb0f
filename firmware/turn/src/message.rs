//! STUN messages (RFC 8489): a reader that copies nothing, a writer, and what keeps them whole.
//!
//! Attributes after MESSAGE-INTEGRITY are not looked at but for MESSAGE-INTEGRITY-SHA256 and FINGERPRINT (section 14.5):
//! nobody vouches for them.

use crate::credential::Key;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::Sha256;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Octets of a message's head.
pub const HEADER: usize = 20;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
const FINGERPRINT_XOR: u32 = 0x5354_554e;

/// Methods (RFC 8489 section 18.2, RFC 8656 section 17).
pub mod method {
    pub const BINDING: u16 = 0x001;
    pub const ALLOCATE: u16 = 0x003;
    pub const REFRESH: u16 = 0x004;
    pub const SEND: u16 = 0x006;
    pub const DATA: u16 = 0x007;
    pub const CREATE_PERMISSION: u16 = 0x008;
    pub const CHANNEL_BIND: u16 = 0x009;
}

/// Attributes (RFC 8489 section 18.3, RFC 8656 section 18). Those below 0x8000 must be understood.
pub mod attribute {
    pub const USERNAME: u16 = 0x0006;
    pub const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub const ERROR_CODE: u16 = 0x0009;
    pub const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
    pub const CHANNEL_NUMBER: u16 = 0x000C;
    pub const LIFETIME: u16 = 0x000D;
    pub const XOR_PEER_ADDRESS: u16 = 0x0012;
    pub const DATA: u16 = 0x0013;
    pub const REALM: u16 = 0x0014;
    pub const NONCE: u16 = 0x0015;
    pub const XOR_RELAYED_ADDRESS: u16 = 0x0016;
    pub const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
    pub const EVEN_PORT: u16 = 0x0018;
    pub const REQUESTED_TRANSPORT: u16 = 0x0019;
    pub const DONT_FRAGMENT: u16 = 0x001A;
    pub const MESSAGE_INTEGRITY_SHA256: u16 = 0x001C;
    pub const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub const RESERVATION_TOKEN: u16 = 0x0022;
    pub const FINGERPRINT: u16 = 0x8028;
}

/// The class of a message (RFC 8489 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Request,
    Indication,
    Success,
    Error,
}

impl Class {
    const fn bits(self) -> u16 {
        match self {
            Self::Request => 0x000,
            Self::Indication => 0x010,
            Self::Success => 0x100,
            Self::Error => 0x110,
        }
    }
}

/// A transaction id.
pub type Transaction = [u8; 12];

/// Which hash protects a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integrity {
    Sha1,
    Sha256,
}

/// Why octets are no STUN message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("shorter than a head, or of another length than it says")]
    Length,
    #[error("no magic cookie")]
    Cookie,
    #[error("an attribute reaches beyond the end")]
    Attribute,
    #[error("the fingerprint is of another message")]
    Fingerprint,
}

/// A message whose attributes all lie within it and whose fingerprint, if any, is right.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    pub class: Class,
    pub method: u16,
    pub transaction: Transaction,
    bytes: &'a [u8],
    /// Attributes from here on are not protected.
    end: usize,
    sha1: Option<usize>,
    sha256: Option<usize>,
}

impl<'a> Message<'a> {
    /// # Errors
    /// [`Malformed`]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (head, body) = bytes
            .split_first_chunk::<HEADER>()
            .ok_or(Malformed::Length)?;
        let &[t0, t1, l0, l1, c0, c1, c2, c3, ref transaction @ ..] = head;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        if t0 & 0xC0 != 0 || length != body.len() || length % 4 != 0 {
            return Err(Malformed::Length);
        }
        if [c0, c1, c2, c3] != COOKIE {
            return Err(Malformed::Cookie);
        }
        let kind = u16::from_be_bytes([t0, t1]);
        let class = match kind & 0x110 {
            0x000 => Class::Request,
            0x010 => Class::Indication,
            0x100 => Class::Success,
            _ => Class::Error,
        };
        let mut message = Self {
            class,
            method: (kind & 0x000F) | (kind & 0x00E0) >> 1 | (kind & 0x3E00) >> 2,
            transaction: *transaction,
            bytes,
            end: bytes.len(),
            sha1: None,
            sha256: None,
        };
        message.walk()?;
        Ok(message)
    }

    /// Looks at every attribute once.
    fn walk(&mut self) -> Result<(), Malformed> {
        let mut at = HEADER;
        while at < self.bytes.len() {
            let (kind, value) = attribute_at(self.bytes, at).ok_or(Malformed::Attribute)?;
            match kind {
                attribute::FINGERPRINT => {
                    let after = at + 4 + value.len();
                    let right = self.bytes.get(..at).map(fingerprint);
                    if after != self.bytes.len() || right.as_ref().map(|f| &f[..]) != Some(value) {
                        return Err(Malformed::Fingerprint);
                    }
                    self.end = self.end.min(at);
                }
                attribute::MESSAGE_INTEGRITY_SHA256 if self.sha256.is_none() => {
                    self.sha256 = Some(at);
                    self.end = self.end.min(at);
                }
                attribute::MESSAGE_INTEGRITY if self.sha1.is_none() && self.sha256.is_none() => {
                    self.sha1 = Some(at);
                    self.end = self.end.min(at);
                }
                _ => {}
            }
            at += 4 + value.len().next_multiple_of(4);
        }
        Ok(())
    }

    /// Attributes that count, in order.
    pub fn attributes(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let bytes = self.bytes.get(..self.end).unwrap_or_default();
        let mut at = HEADER;
        std::iter::from_fn(move || {
            let (kind, value) = attribute_at(bytes, at)?;
            at += 4 + value.len().next_multiple_of(4);
            Some((kind, value))
        })
    }

    /// The first attribute of a kind.
    pub fn attribute(&self, wanted: u16) -> Option<&'a [u8]> {
        self.attributes()
            .find(|(kind, _)| *kind == wanted)
            .map(|(_, value)| value)
    }

    /// An attribute that is one number of four octets.
    pub fn number(&self, wanted: u16) -> Option<u32> {
        let value: [u8; 4] = self.attribute(wanted)?.try_into().ok()?;
        Some(u32::from_be_bytes(value))
    }

    /// How it says it is protected; SHA-256 where it says both.
    pub const fn integrity(&self) -> Option<Integrity> {
        match (self.sha256, self.sha1) {
            (Some(_), _) => Some(Integrity::Sha256),
            (None, Some(_)) => Some(Integrity::Sha1),
            (None, None) => None,
        }
    }

    /// Whether it was protected with `key` (RFC 8489 sections 14.5 and 14.6), compared in constant time.
    pub fn is_whole(&self, key: &Key) -> bool {
        let Some(at) = self.sha256.or(self.sha1) else {
            return false;
        };
        let Some((_, value)) = attribute_at(self.bytes, at) else {
            return false;
        };
        let Some(covered) = self.bytes.get(..at) else {
            return false;
        };
        let length = at + 4 + value.len() - HEADER;
        if self.sha256.is_some() {
            // It may be cut short, to no less than sixteen octets.
            matches!(value.len(), 16..=32)
                && value.len() % 4 == 0
                && mac::<Hmac<Sha256>>(key, covered, length)
                    .is_some_and(|mac| mac.verify_truncated_left(value).is_ok())
        } else {
            value.len() == 20
                && mac::<Hmac<Sha1>>(key, covered, length)
                    .is_some_and(|mac| mac.verify_slice(value).is_ok())
        }
    }
}

/// The attribute that begins at an offset.
fn attribute_at(bytes: &[u8], at: usize) -> Option<(u16, &[u8])> {
    let (&[t0, t1, l0, l1], rest) = bytes.get(at..)?.split_first_chunk::<4>()?;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    rest.get(..length.next_multiple_of(4))?;
    Some((u16::from_be_bytes([t0, t1]), rest.get(..length)?))
}

/// The code over `covered`, whose head is read as if the message ended `length` octets after it.
fn mac<M: Mac + hmac::digest::KeyInit>(key: &Key, covered: &[u8], length: usize) -> Option<M> {
    let mut mac = <M as Mac>::new_from_slice(key.octets()).ok()?;
    let (kind, rest) = covered.split_at_checked(2)?;
    mac.update(kind);
    mac.update(&u16::try_from(length).ok()?.to_be_bytes());
    mac.update(rest.get(2..)?);
    Some(mac)
}

fn fingerprint(covered: &[u8]) -> [u8; 4] {
    let mut crc = u32::MAX;
    for octet in covered {
        crc ^= u32::from(*octet);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    (!crc ^ FINGERPRINT_XOR).to_be_bytes()
}

/// An address as XOR-PEER-ADDRESS and its kin carry it (RFC 8489 section 14.2).
pub fn read_address(value: &[u8], transaction: &Transaction) -> Option<SocketAddr> {
    let (&[_, family, p0, p1], address) = value.split_first_chunk::<4>()?;
    let port = u16::from_be_bytes([p0, p1]) ^ 0x2112;
    let ip = match family {
        1 => IpAddr::from(Ipv4Addr::from(crossed(address.try_into().ok()?, &COOKIE))),
        2 => {
            let mask: Vec<u8> = COOKIE.iter().chain(transaction).copied().collect();
            IpAddr::from(Ipv6Addr::from(crossed::<16>(
                address.try_into().ok()?,
                &mask,
            )))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

fn crossed<const N: usize>(mut octets: [u8; N], mask: &[u8]) -> [u8; N] {
    octets.iter_mut().zip(mask).for_each(|(o, m)| *o ^= m);
    octets
}

/// Writes one message.
#[derive(Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    transaction: Transaction,
}

impl Writer {
    pub fn new(class: Class, method: u16, transaction: Transaction) -> Self {
        Self::on(Vec::with_capacity(128), class, method, transaction)
    }

    /// Writes into a buffer that is kept; what it holds is forgotten.
    pub fn on(mut bytes: Vec<u8>, class: Class, method: u16, transaction: Transaction) -> Self {
        let kind = (method & 0x00F) | (method & 0x070) << 1 | (method & 0xF80) << 2 | class.bits();
        bytes.clear();
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(COOKIE);
        bytes.extend(transaction);
        Self { bytes, transaction }
    }

    /// Adds an attribute; one longer than 65535 octets is left out.
    #[must_use]
    pub fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        if let Ok(length) = u16::try_from(value.len()) {
            self.bytes.extend(kind.to_be_bytes());
            self.bytes.extend(length.to_be_bytes());
            self.bytes.extend(value);
            self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        }
        self
    }

    #[must_use]
    pub fn address(self, kind: u16, address: SocketAddr) -> Self {
        let mut value = Vec::with_capacity(20);
        let mask: Vec<u8> = COOKIE.iter().chain(&self.transaction).copied().collect();
        value.push(0);
        value.push(if address.is_ipv4() { 1 } else { 2 });
        value.extend((address.port() ^ 0x2112).to_be_bytes());
        match address.ip() {
            IpAddr::V4(v4) => value.extend(crossed(v4.octets(), &mask)),
            IpAddr::V6(v6) => value.extend(crossed(v6.octets(), &mask)),
        }
        self.attribute(kind, &value)
    }

    /// The octets, protected with `key` where one is given.
    pub fn finish(mut self, key: Option<(&Key, Integrity)>) -> Vec<u8> {
        if let Some((key, integrity)) = key {
            let (kind, octets) = match integrity {
                Integrity::Sha1 => (attribute::MESSAGE_INTEGRITY, 20),
                Integrity::Sha256 => (attribute::MESSAGE_INTEGRITY_SHA256, 32),
            };
            let length = self.bytes.len() + 4 + octets - HEADER;
            let code: Option<Vec<u8>> = match integrity {
                Integrity::Sha1 => mac::<Hmac<Sha1>>(key, &self.bytes, length)
                    .map(|mac| mac.finalize().into_bytes().to_vec()),
                Integrity::Sha256 => mac::<Hmac<Sha256>>(key, &self.bytes, length)
                    .map(|mac| mac.finalize().into_bytes().to_vec()),
            };
            self = self.attribute(kind, &code.unwrap_or_default());
        }
        let length = u16::try_from(self.bytes.len().saturating_sub(HEADER)).unwrap_or(u16::MAX);
        if let Some(field) = self.bytes.get_mut(2..4) {
            field.copy_from_slice(&length.to_be_bytes());
        }
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::long_term_key;

    /// RFC 5769 section 2.4: a request with a long-term credential.
    const SAMPLE: &[u8] = b"\x00\x01\x00\x60\x21\x12\xa4\x42\x78\xad\x34\x33\xc6\xad\x72\xc0\x29\xda\x41\x2e\
\x00\x06\x00\x12\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9\x00\x00\
\x00\x15\x00\x1c\x66\x2f\x2f\x34\x39\x39\x6b\x39\x35\x34\x64\x36\x4f\x4c\x33\x34\x6f\x4c\x39\x46\x53\x54\x76\x79\x36\x34\x73\x41\
\x00\x14\x00\x0b\x65\x78\x61\x6d\x70\x6c\x65\x2e\x6f\x72\x67\x00\
\x00\x08\x00\x14\xf6\x70\x24\x65\x6d\xd6\x4a\x3e\x02\xb8\xe0\x71\x2e\x85\xc9\xa2\x8c\xa8\x96\x66";

    #[test]
    fn the_sample_of_rfc_5769_is_whole_and_only_with_its_password() {
        let message = Message::parse(SAMPLE).unwrap();
        assert_eq!(
            (message.class, message.method),
            (Class::Request, method::BINDING)
        );
        assert_eq!(
            message.attribute(attribute::REALM),
            Some(&b"example.org"[..])
        );
        let user = "マトリックス";
        assert!(message.is_whole(&long_term_key(user, "example.org", "TheMatrIX")));
        assert!(!message.is_whole(&long_term_key(user, "example.org", "TheMatrix")));
        let mut changed = SAMPLE.to_vec();
        changed[45] ^= 1;
        let changed = Message::parse(&changed).unwrap();
        assert!(!changed.is_whole(&long_term_key(user, "example.org", "TheMatrIX")));
    }

    #[test]
    fn fingerprints_are_checked() {
        // The check value of CRC-32.
        assert_eq!(
            fingerprint(b"123456789"),
            (0xCBF4_3926_u32 ^ FINGERPRINT_XOR).to_be_bytes()
        );
        let bare = Writer::new(Class::Request, method::BINDING, [7; 12]);
        let mut bytes = bare.attribute(attribute::FINGERPRINT, &[0; 4]).finish(None);
        assert_eq!(Message::parse(&bytes).unwrap_err(), Malformed::Fingerprint);
        let right = fingerprint(&bytes[..HEADER]);
        bytes[HEADER + 4..].copy_from_slice(&right);
        assert!(Message::parse(&bytes).is_ok());
    }

    #[test]
    fn what_is_written_is_read() {
        let key = long_term_key("user", "realm", "password");
        for integrity in [Integrity::Sha1, Integrity::Sha256] {
            for address in ["203.0.113.10:8444", "[2001:db8::1]:8444"] {
                let address: SocketAddr = address.parse().unwrap();
                let bytes = Writer::new(Class::Success, method::CHANNEL_BIND, [9; 12])
                    .attribute(attribute::USERNAME, b"abc")
                    .address(attribute::XOR_PEER_ADDRESS, address)
                    .finish(Some((&key, integrity)));
                let read = Message::parse(&bytes).unwrap();
                assert_eq!(
                    (read.class, read.method),
                    (Class::Success, method::CHANNEL_BIND)
                );
                assert_eq!(read.integrity(), Some(integrity));
                assert!(read.is_whole(&key));
                let peer = read.attribute(attribute::XOR_PEER_ADDRESS).unwrap();
                assert_eq!(read_address(peer, &read.transaction), Some(address));
            }
        }
    }

    #[test]
    fn what_follows_the_integrity_does_not_count() {
        let key = long_term_key("user", "realm", "password");
        let mut bytes = Writer::new(Class::Request, method::REFRESH, [9; 12])
            .finish(Some((&key, Integrity::Sha1)));
        bytes.extend([0, 0x0D, 0, 4, 0, 0, 0, 0]);
        bytes[3] += 8;
        let read = Message::parse(&bytes).unwrap();
        assert!(read.is_whole(&key));
        assert_eq!(read.number(attribute::LIFETIME), None);
    }

    #[test]
    fn no_cut_and_no_changed_octet_makes_it_panic() {
        for cut in 0..SAMPLE.len() {
            assert!(Message::parse(&SAMPLE[..cut]).is_err());
            for value in [0, 0x7F, 0xFF] {
                let mut changed = SAMPLE.to_vec();
                changed[cut] = value;
                if let Ok(read) = Message::parse(&changed) {
                    let _ = read.attributes().count();
                    let _ = read.is_whole(&long_term_key("", "", ""));
                }
            }
        }
    }
}
