//! Offer/answer on one trunk leg (RFC 3264).

use super::SdpError;
use crate::plan::{AudioCodec, Direction, TrunkPlan};
use std::net::IpAddr;

/// What our side of a trunk leg can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkMediaConfig {
    /// Where the PBX sends RTP; RTCP goes to the next port.
    pub address: IpAddr,
    pub port: u16,
    /// Of the `o=` line, below 2^63; unpredictable, handed in.
    pub session_id: u64,
    /// In order of preference; only PCMU and PCMA are offered.
    pub codecs: Vec<AudioCodec>,
    /// 10, 20, 30, 40 or 60.
    pub ptime_ms: u8,
    /// Payload type of our telephone-event offer, 96–127, usually 101; `None` offers none.
    pub dtmf_payload_type: Option<u8>,
}

/// Offer/answer state of one trunk leg.
#[derive(Clone, Debug)]
pub struct TrunkSession {
    config: TrunkMediaConfig,
    plan: Option<TrunkPlan>,
}

impl TrunkSession {
    pub fn new(config: TrunkMediaConfig) -> Self {
        Self { config, plan: None }
    }

    /// Our offer. The version of its `o=` line grows only when something differs from what we
    /// sent last, so that a session refresh is recognised as one (RFC 4028 section 7.4).
    pub fn offer(&mut self, direction: Direction) -> String {
        let _ = (direction, &self.config);
        String::new()
    }

    /// The far side's answer to our last offer; may come again (183, then 200).
    ///
    /// # Errors
    /// [`SdpError`]; the plan then stays as it was.
    pub fn receive_answer(&mut self, sdp: &[u8]) -> Result<TrunkPlan, SdpError> {
        let _ = sdp;
        Err(SdpError::NoOffer)
    }

    /// The far side's offer and our answer to it, at most as open as `wanted`.
    ///
    /// # Errors
    /// [`SdpError`]; the plan then stays as it was.
    pub fn receive_offer(
        &mut self,
        sdp: &[u8],
        wanted: Direction,
    ) -> Result<(String, TrunkPlan), SdpError> {
        let _ = (sdp, wanted);
        Err(SdpError::NoAudio)
    }

    /// What was agreed last.
    pub fn plan(&self) -> Option<&TrunkPlan> {
        self.plan.as_ref()
    }
}
