//! `a=crypto` (RFC 4568 section 9): keys of SRTP in a session description.
//!
//! ```text
//! a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:BASE64|2^20|1:4 WSH=128
//!          │ suite                          key    │    │   session parameters
//!          tag                            lifetime ┘    └ MKI and its length
//! ```
//!
//! | part | what becomes of it |
//! |---|---|
//! | suite | one of [`SrtpSuite`] in any case of letter, else refused |
//! | key | standard base64, padded or not, of the suite's length exactly |
//! | lifetime | must be one, then ignored: it binds the sender, and no call lasts 2^31 packets |
//! | MKI | refused: packets would carry one |
//! | several keys | refused: they need an MKI |
//! | `WSH`, `-name` | ignored as their sections 6.3.7 and 6.3.8 allow |
//! | `KDR`, `UNENCRYPTED_*`, `UNAUTHENTICATED_SRTP`, `FEC_*`, others | refused |
//!
//! No error here quotes what it read: it may be a key in the wrong place.

use crate::srtp::{SrtpKey, SrtpSuite};
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use thiserror::Error;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// RFC 4568 section 9.1: a tag has at most nine digits.
const TAG_DIGITS: usize = 9;
/// Characters of the longest `inline:` there can be: 46 octets.
const MAX_INLINE: usize = 64;

/// Why an `a=crypto` cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CryptoFault {
    #[error("not of the form `tag suite inline:key`")]
    Form,
    #[error("the tag is not a number of up to nine digits")]
    Tag,
    #[error("the crypto-suite is not known")]
    Suite,
    #[error("the key is not given inline")]
    Method,
    #[error("the key is not base64")]
    Base64,
    #[error("key and salt are {found} octets, the suite has {expected}")]
    KeyLength { expected: usize, found: usize },
    #[error("the lifetime is none")]
    Lifetime,
    #[error("keys with an MKI are not supported")]
    Mki,
    #[error("several keys in one attribute are not supported")]
    SeveralKeys,
    #[error("the session parameter {0} is not supported")]
    SessionParameter(&'static str),
    /// An answer chose what was not offered.
    #[error("tag and suite are of no line that was offered")]
    NotOffered,
}

/// One usable `a=crypto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CryptoLine {
    pub tag: u32,
    pub key: SrtpKey,
}

impl CryptoLine {
    /// Reads what stands behind `a=crypto:`.
    ///
    /// # Errors
    /// [`CryptoFault`]; see the module's table.
    pub fn read(value: &str) -> Result<Self, CryptoFault> {
        let mut fields = value.split_ascii_whitespace();
        let mut field = || fields.next().ok_or(CryptoFault::Form);
        let (tag, suite, keys) = (field()?, field()?, field()?);
        if tag.is_empty() || tag.len() > TAG_DIGITS || !tag.bytes().all(|b| b.is_ascii_digit()) {
            return Err(CryptoFault::Tag);
        }
        let tag = tag.parse().map_err(|_| CryptoFault::Tag)?;
        let suite = SrtpSuite::named(suite).ok_or(CryptoFault::Suite)?;
        let key = key(suite, keys)?;
        for parameter in fields {
            session_parameter(parameter)?;
        }
        Ok(Self { tag, key })
    }

    /// What stands behind `a=crypto:`.
    pub fn write(&self) -> String {
        let suite = self.key.suite().name();
        let key = BASE64.encode(self.key.keying());
        format!("{} {suite} inline:{key}", self.tag)
    }
}

/// `inline:key||salt[|lifetime][|MKI:length]`.
fn key(suite: SrtpSuite, keys: &str) -> Result<SrtpKey, CryptoFault> {
    if keys.contains(';') {
        return Err(CryptoFault::SeveralKeys);
    }
    let (method, info) = keys.split_once(':').ok_or(CryptoFault::Method)?;
    if !method.eq_ignore_ascii_case("inline") {
        return Err(CryptoFault::Method);
    }
    let mut parts = info.split('|');
    let text = parts.next().unwrap_or_default();
    if text.len() > 2 * MAX_INLINE {
        return Err(CryptoFault::Base64);
    }
    let keying = BASE64.decode(text).map_err(|_| CryptoFault::Base64)?;
    let key = SrtpKey::new(suite, &keying).ok_or(CryptoFault::KeyLength {
        expected: suite.keying_octets(),
        found: keying.len(),
    })?;
    for part in parts {
        if part.contains(':') {
            return Err(CryptoFault::Mki);
        }
        let number = part.strip_prefix("2^").unwrap_or(part);
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(CryptoFault::Lifetime);
        }
    }
    Ok(key)
}

fn session_parameter(parameter: &str) -> Result<(), CryptoFault> {
    const REFUSED: [&str; 6] = [
        "KDR",
        "UNENCRYPTED_SRTP",
        "UNENCRYPTED_SRTCP",
        "UNAUTHENTICATED_SRTP",
        "FEC_ORDER",
        "FEC_KEY",
    ];
    let name = parameter.split('=').next().unwrap_or(parameter);
    if name.starts_with('-') || name.eq_ignore_ascii_case("WSH") {
        return Ok(());
    }
    let known = REFUSED
        .into_iter()
        .find(|refused| refused.eq_ignore_ascii_case(name));
    Err(CryptoFault::SessionParameter(
        known.unwrap_or("of an unknown name"),
    ))
}
