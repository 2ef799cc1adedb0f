//! SRTP and SRTCP (RFC 3711) for a leg whose keys came in SDP, or from a DTLS handshake.
//!
//! The cryptography is that of the `rtc-srtp` crate; here is what a gateway needs around it:
//! bounded memory whatever arrives, a new SSRC without a new key, and a change of keys without
//! a gap.
//!
//! Packets are protected and unprotected into a buffer of the library's, so each costs one
//! allocation.

mod key;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;

pub use key::{MAX_KEYING, SrtpKey, SrtpPlan, SrtpSuite};
pub use receiver::SrtpReceiver;
pub use sender::SrtpSender;

use rtc_srtp::context::Context;
use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;
use thiserror::Error;

/// Packets behind the newest that are still taken (RFC 3711 section 3.3.2 wants at least 64).
const REPLAY_WINDOW: usize = 128;

/// Why a packet is not protected or unprotected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SrtpError {
    /// Too short, or no RTP or RTCP at all.
    #[error("not an SRTP packet")]
    Malformed,
    /// The tag does not fit: another key, a plain packet, or a forged one.
    #[error("the packet is not authentic")]
    Unauthentic,
    /// Seen before, or older than the window.
    #[error("the packet was seen before or is too old")]
    Replayed,
    /// The library has no such cipher, or refuses its key.
    #[error("the cipher cannot be set up")]
    Cipher,
}

/// A packet as it was protected, or as it was before.
#[derive(Debug)]
pub struct SrtpPacket(bytes::BytesMut);

impl std::ops::Deref for SrtpPacket {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<SrtpPacket> for bytes::BytesMut {
    fn from(packet: SrtpPacket) -> Self {
        packet.0
    }
}

impl SrtpSuite {
    const fn profile(self) -> ProtectionProfile {
        match self {
            Self::AesCm128HmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
            Self::AesCm128HmacSha1_32 => ProtectionProfile::Aes128CmHmacSha1_32,
            Self::AesCm256HmacSha1_80 => ProtectionProfile::Aes256CmHmacSha1_80,
            Self::AesCm256HmacSha1_32 => ProtectionProfile::Aes256CmHmacSha1_32,
            Self::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
            Self::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
        }
    }
}

/// A context of the library for one key; it serves one direction.
fn context(key: &SrtpKey) -> Result<Context, SrtpError> {
    let provider = rtc_srtp::crypto::default_provider().map_err(|_| SrtpError::Cipher)?;
    Context::new(
        key.master_key(),
        key.master_salt(),
        key.suite().profile(),
        Some(srtp_replay_protection(REPLAY_WINDOW)),
        Some(srtcp_replay_protection(REPLAY_WINDOW)),
        provider.crypto(),
    )
    .map_err(|_| SrtpError::Cipher)
}
