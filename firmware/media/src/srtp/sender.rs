//! What leaves the box.

use super::{SrtpError, SrtpKey, SrtpPacket, context};
use rtc_srtp::context::Context;
use std::fmt;

/// Protects the RTP and RTCP of one key. A leg has one SSRC for its sound and one for its picture as long as it lives, so
/// one context does.
pub struct SrtpSender {
    key: SrtpKey,
    context: Context,
}

impl SrtpSender {
    /// # Errors
    /// [`SrtpError::Cipher`].
    pub fn new(key: SrtpKey) -> Result<Self, SrtpError> {
        let context = context(&key)?;
        Ok(Self { key, context })
    }

    pub const fn key(&self) -> &SrtpKey {
        &self.key
    }

    /// The SRTP packet of an RTP packet.
    ///
    /// # Errors
    /// [`SrtpError::Malformed`] when it is none, or when the key has served 2^48 packets.
    pub fn protect_rtp(&mut self, packet: &[u8]) -> Result<SrtpPacket, SrtpError> {
        self.context
            .encrypt_rtp(packet)
            .map(SrtpPacket)
            .map_err(|_| SrtpError::Malformed)
    }

    /// The SRTCP packet of an RTCP compound.
    ///
    /// # Errors
    /// [`SrtpError::Malformed`] when it is none.
    pub fn protect_rtcp(&mut self, compound: &[u8]) -> Result<SrtpPacket, SrtpError> {
        self.context
            .encrypt_rtcp(compound)
            .map(SrtpPacket)
            .map_err(|_| SrtpError::Malformed)
    }
}

impl fmt::Debug for SrtpSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SrtpSender")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
