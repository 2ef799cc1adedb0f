//! Suites and keys of SRTP as SDES agrees on them (RFC 4568, RFC 6188, RFC 7714).

use std::fmt;

/// Octets of the longest key and salt together: AES-256 in counter mode.
pub const MAX_KEYING: usize = 46;

/// A crypto-suite. All protect RTP and RTCP, encrypted and authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SrtpSuite {
    /// RFC 4568 section 6.2: what everybody has.
    AesCm128HmacSha1_80,
    /// As above with a tag of four octets on RTP; RTCP keeps ten.
    AesCm128HmacSha1_32,
    /// RFC 6188.
    AesCm256HmacSha1_80,
    /// RFC 6188.
    AesCm256HmacSha1_32,
    /// RFC 7714.
    AeadAes128Gcm,
    /// RFC 7714.
    AeadAes256Gcm,
}

impl SrtpSuite {
    pub const ALL: [Self; 6] = [
        Self::AeadAes256Gcm,
        Self::AeadAes128Gcm,
        Self::AesCm256HmacSha1_80,
        Self::AesCm128HmacSha1_80,
        Self::AesCm256HmacSha1_32,
        Self::AesCm128HmacSha1_32,
    ];

    /// The name in SDP.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
            Self::AesCm256HmacSha1_80 => "AES_256_CM_HMAC_SHA1_80",
            Self::AesCm256HmacSha1_32 => "AES_256_CM_HMAC_SHA1_32",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
        }
    }

    /// The suite of a name, in any case of letter (RFC 4568 section 9.1).
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|suite| suite.name().eq_ignore_ascii_case(name))
    }

    /// Octets of the master key.
    pub const fn key_octets(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 | Self::AeadAes128Gcm => 16,
            Self::AesCm256HmacSha1_80 | Self::AesCm256HmacSha1_32 | Self::AeadAes256Gcm => 32,
        }
    }

    /// Octets of the master salt.
    pub const fn salt_octets(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80
            | Self::AesCm128HmacSha1_32
            | Self::AesCm256HmacSha1_80
            | Self::AesCm256HmacSha1_32 => 14,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
        }
    }

    /// Octets of key and salt, as `inline:` carries them.
    pub const fn keying_octets(self) -> usize {
        self.key_octets() + self.salt_octets()
    }
}

/// Master key and salt of one direction. Never prints.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SrtpKey {
    suite: SrtpSuite,
    octets: [u8; MAX_KEYING],
}

impl SrtpKey {
    /// Key and salt one behind the other; `None` when they are not as long as the suite wants.
    pub fn new(suite: SrtpSuite, keying: &[u8]) -> Option<Self> {
        if keying.len() != suite.keying_octets() {
            return None;
        }
        let mut octets = [0; MAX_KEYING];
        octets.get_mut(..keying.len())?.copy_from_slice(keying);
        Some(Self { suite, octets })
    }

    pub const fn suite(&self) -> SrtpSuite {
        self.suite
    }

    /// Key and salt one behind the other.
    pub fn keying(&self) -> &[u8] {
        self.octets
            .get(..self.suite.keying_octets())
            .unwrap_or_default()
    }

    pub fn master_key(&self) -> &[u8] {
        self.keying()
            .get(..self.suite.key_octets())
            .unwrap_or_default()
    }

    pub fn master_salt(&self) -> &[u8] {
        self.keying()
            .get(self.suite.key_octets()..)
            .unwrap_or_default()
    }
}

impl fmt::Debug for SrtpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SrtpKey({}, …)", self.suite.name())
    }
}

/// The keys of a leg: each direction has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SrtpPlan {
    /// Ours, for what the box sends.
    pub send: SrtpKey,
    /// Theirs, for what the far side sends.
    pub receive: SrtpKey,
}
