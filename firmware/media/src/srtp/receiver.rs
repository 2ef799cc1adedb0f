//! What comes to the box.
//!
//! The library makes a state for an SSRC before it has authenticated anything, and never forgets
//! one. So an SSRC that is not known is tried on a context of its own, the trial:
//!
//! | packet's SSRC | authentic | then |
//! |---|---|---|
//! | known | yes | its context has it |
//! | unknown | yes | the trial becomes that SSRC's context; beyond [`KNOWN`] the oldest goes |
//! | unknown | no | the trial holds one rubbish state more; after [`RUBBISH`] it is made anew |
//!
//! After a rekeying in mid-call the old key is taken beside the new one until the first packet of
//! the new key, so that what was under way is heard.

use super::{SrtpError, SrtpKey, SrtpPacket, context};
use rtc_shared::error::Error;
use rtc_srtp::context::Context;
use std::collections::VecDeque;
use std::fmt;

/// SSRCs remembered with their windows: each transfer or hold music of a PBX may bring one.
const KNOWN: usize = 16;
/// Unauthentic packets that a trial context stands.
const RUBBISH: usize = 64;

/// Octets of the longest packet there can be.
const MAX_PACKET: usize = 65_535;

/// Unprotects the RTP and RTCP of one far side.
pub struct SrtpReceiver {
    keyed: Keyed,
    before: Option<Keyed>,
}

impl SrtpReceiver {
    /// # Errors
    /// [`SrtpError::Cipher`].
    pub fn new(key: SrtpKey) -> Result<Self, SrtpError> {
        Ok(Self {
            keyed: Keyed::new(key)?,
            before: None,
        })
    }

    pub const fn key(&self) -> &SrtpKey {
        &self.keyed.key
    }

    /// Takes another key; the same one changes nothing.
    ///
    /// # Errors
    /// [`SrtpError::Cipher`]; the old key then stays.
    pub fn rekey(&mut self, key: SrtpKey) -> Result<(), SrtpError> {
        if key != self.keyed.key {
            let keyed = Keyed::new(key)?;
            self.before = Some(std::mem::replace(&mut self.keyed, keyed));
        }
        Ok(())
    }

    /// The RTP packet of an SRTP packet.
    ///
    /// # Errors
    /// [`SrtpError`] but [`SrtpError::Cipher`].
    pub fn unprotect_rtp(&mut self, packet: &[u8]) -> Result<SrtpPacket, SrtpError> {
        // The SSRC is at the same place whatever follows (RFC 3550 section 5.1).
        let ssrc = word(packet, 8).ok_or(SrtpError::Malformed)?;
        self.unprotect(|keyed| {
            keyed
                .rtp
                .unprotect(&keyed.key, ssrc, |c| c.decrypt_rtp(packet))
        })
        .map(SrtpPacket)
    }

    /// The RTCP compound of an SRTCP packet.
    ///
    /// # Errors
    /// [`SrtpError`] but [`SrtpError::Cipher`].
    pub fn unprotect_rtcp(&mut self, packet: &[u8]) -> Result<SrtpPacket, SrtpError> {
        let ssrc = word(packet, 4).ok_or(SrtpError::Malformed)?;
        self.unprotect(|keyed| {
            // Nobody agreed on RTCP in clear (UNENCRYPTED_SRTCP), and the library hands it
            // out without looking at its tag.
            let tag = match keyed.key.suite() {
                super::SrtpSuite::AeadAes128Gcm | super::SrtpSuite::AeadAes256Gcm => 0,
                super::SrtpSuite::AesCm128HmacSha1_80
                | super::SrtpSuite::AesCm128HmacSha1_32
                | super::SrtpSuite::AesCm256HmacSha1_80
                | super::SrtpSuite::AesCm256HmacSha1_32 => 10,
            };
            let index = packet
                .len()
                .checked_sub(tag + 4)
                .and_then(|at| word(packet, at))
                .ok_or(SrtpError::Malformed)?;
            if index >> 31 == 0 {
                return Err(SrtpError::Unauthentic);
            }
            keyed
                .rtcp
                .unprotect(&keyed.key, ssrc, |c| c.decrypt_rtcp(packet))
        })
        .map(SrtpPacket)
    }

    fn unprotect<T>(
        &mut self,
        mut with: impl FnMut(&mut Keyed) -> Result<T, SrtpError>,
    ) -> Result<T, SrtpError> {
        match with(&mut self.keyed) {
            Ok(packet) => {
                self.before = None;
                Ok(packet)
            }
            Err(SrtpError::Unauthentic) => match &mut self.before {
                Some(before) => with(before),
                None => Err(SrtpError::Unauthentic),
            },
            Err(error) => Err(error),
        }
    }
}

impl fmt::Debug for SrtpReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SrtpReceiver")
            .field("key", &self.keyed.key)
            .finish_non_exhaustive()
    }
}

/// Contexts of one key, RTP and RTCP apart: each has SSRCs of its own to learn.
struct Keyed {
    key: SrtpKey,
    rtp: Sources,
    rtcp: Sources,
}

impl Keyed {
    fn new(key: SrtpKey) -> Result<Self, SrtpError> {
        Ok(Self {
            key,
            rtp: Sources::new(&key)?,
            rtcp: Sources::new(&key)?,
        })
    }
}

/// See the module's table.
struct Sources {
    /// The newest in front.
    known: VecDeque<(u32, Context)>,
    trial: Context,
    rubbish: usize,
}

impl Sources {
    fn new(key: &SrtpKey) -> Result<Self, SrtpError> {
        Ok(Self {
            known: VecDeque::new(),
            trial: context(key)?,
            rubbish: 0,
        })
    }

    fn unprotect<T>(
        &mut self,
        key: &SrtpKey,
        ssrc: u32,
        mut decrypt: impl FnMut(&mut Context) -> Result<T, Error>,
    ) -> Result<T, SrtpError> {
        if let Some((_, context)) = self.known.iter_mut().find(|(known, _)| *known == ssrc) {
            return decrypt(context).map_err(meaning);
        }
        if self.rubbish >= RUBBISH {
            self.trial = context(key)?;
            self.rubbish = 0;
        }
        let mut outcome = decrypt(&mut self.trial).map_err(meaning);
        if matches!(outcome, Err(SrtpError::Replayed)) {
            // Nothing of this SSRC was ever taken: a forged packet has set its window.
            self.trial = context(key)?;
            self.rubbish = 0;
            outcome = decrypt(&mut self.trial).map_err(meaning);
        }
        match outcome {
            Ok(packet) => {
                let learnt = std::mem::replace(&mut self.trial, context(key)?);
                self.rubbish = 0;
                self.known.truncate(KNOWN - 1);
                self.known.push_front((ssrc, learnt));
                Ok(packet)
            }
            Err(error) => {
                self.rubbish += 1;
                Err(error)
            }
        }
    }
}

/// What the library means.
fn meaning(error: Error) -> SrtpError {
    match error {
        Error::SrtpSsrcDuplicated(..) | Error::SrtcpSsrcDuplicated(..) => SrtpError::Replayed,
        Error::ErrTooShortRtp
        | Error::ErrTooShortRtcp
        | Error::ErrHeaderSizeInsufficient
        | Error::ErrHeaderSizeInsufficientForExtension
        | Error::SrtpTooSmall(..)
        | Error::SrtcpTooSmall(..) => SrtpError::Malformed,
        _ => SrtpError::Unauthentic,
    }
}

/// Four octets in network order; none of a packet that no datagram can hold.
fn word(packet: &[u8], at: usize) -> Option<u32> {
    if packet.len() > MAX_PACKET {
        return None;
    }
    let octets = packet.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(octets.try_into().ok()?))
}
