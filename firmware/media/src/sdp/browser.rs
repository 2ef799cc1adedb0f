//! A browser's offer, looked at before the WebRTC stack gets it, and the answer that leaves.

use super::SdpError;
use crate::plan::{AudioCodec, AudioFormat, Direction, DtmfFormat};

/// Octets of SDP a browser may send.
pub const MAX_BROWSER_SDP: usize = 64 * 1024;

/// Which codec the box wants on the web leg.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WebCodecPolicy {
    /// Opus, or G.711 where the browser has no Opus.
    #[default]
    Opus,
    /// G.711 (PCMU before PCMA), or Opus where the browser has none.
    G711,
    /// Whatever the browser lists first.
    Preferred,
}

/// An audio codec of the offer that the box speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfferedCodec {
    pub codec: AudioCodec,
    pub payload_type: u8,
}

/// What matters of a browser's offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserOffer {
    /// `a=mid` of the audio section.
    pub mid: Option<String>,
    /// Position of the audio section among the m-lines, from 0.
    pub section: usize,
    /// Those we speak, in the browser's order of preference.
    pub codecs: Vec<OfferedCodec>,
    /// All telephone-event entries in the browser's order.
    pub dtmf: Vec<DtmfFormat>,
    /// As the browser wrote it; [`Direction::reversed`] is the box's side.
    pub direction: Direction,
    pub bundle: bool,
    pub rtcp_mux: bool,
    pub ice_ufrag: Option<String>,
    pub has_fingerprint: bool,
    /// `a=setup` (actpass, active, passive).
    pub setup: Option<String>,
    /// Candidates in the audio section.
    pub candidates: usize,
    pub end_of_candidates: bool,
    pub video_sections: usize,
    /// All m-lines.
    pub sections: usize,
}

/// Looks at a browser's offer.
///
/// # Errors
/// [`SdpError`] names the line, or what WebRTC would miss.
pub fn inspect(sdp: &str) -> Result<BrowserOffer, SdpError> {
    let _ = sdp;
    Err(SdpError::NoAudio)
}

/// Chooses the web leg's audio format: the codec by policy, and the telephone-event whose clock
/// is the codec's (or the only one there is, with its own clock).
///
/// # Errors
/// [`SdpError::NoCommonCodec`].
pub fn choose(offer: &BrowserOffer, policy: WebCodecPolicy) -> Result<AudioFormat, SdpError> {
    let _ = (offer, policy);
    Err(SdpError::NoAudio)
}

/// Makes an answer say exactly the chosen codec and telephone-event in its audio section;
/// every other line stays as it is, octet for octet.
pub fn finish_answer(answer: &str, format: &AudioFormat) -> String {
    let _ = format;
    answer.to_owned()
}
