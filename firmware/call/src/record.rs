//! The call record (CDR): what is kept of a call after it ended.
//!
//! A plain value with one home: the switch fills it, the store keeps it, the API shows it.
//! Every time is in milliseconds since 1970-01-01 UTC, given by the shell.

use crate::quality::CallQuality;
use serde::{Deserialize, Serialize};

/// Who began the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CallDirection {
    /// A page called a number or an account.
    FromBrowser,
    /// The PBX called an account's browser.
    ToBrowser,
    /// The PBX called a test number, and the box answered it.
    Echo,
}

impl CallDirection {
    /// As stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FromBrowser => "from_browser",
            Self::ToBrowser => "to_browser",
            Self::Echo => "echo",
        }
    }

    /// The reverse of [`Self::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "from_browser" => Some(Self::FromBrowser),
            "to_browser" => Some(Self::ToBrowser),
            "echo" => Some(Self::Echo),
            _ => None,
        }
    }
}

/// Packets of one leg, from its opening to its close.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LegPackets {
    /// Received by the box.
    pub packets_in: u64,
    /// Sent by the box.
    pub packets_out: u64,
    /// Lost on the way to the box.
    pub lost: u64,
    /// Interarrival jitter at the end (RFC 3550 A.8), in milliseconds.
    pub jitter_ms: f64,
}

/// One way of a call's picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WayPicture {
    /// Frames that left the box.
    pub frames: u64,
    /// Of these, key frames.
    pub key_frames: u64,
    /// Packets lost on the way to the box.
    pub lost: u64,
    /// Frames that came and left nothing, where the picture was transcoded.
    pub dropped: u64,
    /// Milliseconds that transcoding took; 0 where it was passed on.
    pub transcode_ms: u64,
}

/// Both ways of a call's picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CallPicture {
    /// What the browser was shown; `null` when it had no picture.
    pub to_browser: Option<WayPicture>,
    /// What the PBX was shown.
    pub to_pbx: Option<WayPicture>,
}

/// One call. A field that was never known is `None`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CallRecord {
    /// The call's id, as in the web protocol; unique for ever.
    pub id: String,
    pub direction: CallDirection,
    /// Key of the app whose token was used, or of the one the called account was signed in with.
    pub app: Option<String>,
    pub account: Option<String>,
    /// The page the call was placed from, as the token or the SDK named it.
    pub page: Option<String>,
    /// The checked `Origin` of that page.
    pub origin: Option<String>,
    /// Caller's number, as the called side saw it.
    pub from_number: Option<String>,
    /// Called number or account, normalised.
    pub to_number: String,
    /// Name of the trunk used.
    pub trunk: Option<String>,
    /// `Call-ID` on the trunk, to find the call in the PBX's log.
    pub sip_call_id: Option<String>,
    pub placed_at: i64,
    pub ringing_at: Option<i64>,
    pub answered_at: Option<i64>,
    /// `None` while the call runs.
    pub ended_at: Option<i64>,
    /// What was spoken with the browser: `opus`, `PCMU`, `PCMA`; of several (`PCMU, opus`) in their order.
    pub web_codec: Option<String>,
    /// Codec towards the PBX.
    pub trunk_codec: Option<String>,
    /// SRTP suite towards the PBX, e.g. `AES_CM_128_HMAC_SHA1_80`; `None` when it was plain RTP.
    #[serde(default)]
    pub trunk_srtp: Option<String>,
    /// A cause code of PROTOCOL.md, e.g. `hangup`, `busy`.
    pub cause_code: Option<String>,
    /// `local` (the browser), `remote` (the PBX) or `box`.
    pub cause_by: Option<String>,
    /// Last final SIP status on the trunk, 200…699.
    pub sip_status: Option<u16>,
    /// Reason phrase or `Reason` header (RFC 3326) of the far side, or a sentence of the box.
    pub reason: Option<String>,
    /// The browser's leg.
    pub web: LegPackets,
    /// The PBX's leg.
    pub trunk_leg: LegPackets,
    /// How it sounded; `null` when it was too short to be judged.
    #[serde(default)]
    pub quality: Option<CallQuality>,
    /// What became of its picture; `null` when it had none.
    #[serde(default)]
    pub picture: Option<CallPicture>,
    /// From `call.place` to the answer reaching the browser, in milliseconds.
    pub setup_ms: Option<u32>,
    /// The browser's own last figures (`call.report`).
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub browser_stats: Option<serde_json::Value>,
}

impl CallRecord {
    /// A record of a call just begun; everything else is unknown yet.
    pub fn begun(
        id: impl Into<String>,
        direction: CallDirection,
        to_number: impl Into<String>,
        placed_at: i64,
    ) -> Self {
        Self {
            id: id.into(),
            direction,
            app: None,
            account: None,
            page: None,
            origin: None,
            from_number: None,
            to_number: to_number.into(),
            trunk: None,
            sip_call_id: None,
            placed_at,
            ringing_at: None,
            answered_at: None,
            ended_at: None,
            web_codec: None,
            trunk_codec: None,
            trunk_srtp: None,
            cause_code: None,
            cause_by: None,
            sip_status: None,
            reason: None,
            web: LegPackets::default(),
            trunk_leg: LegPackets::default(),
            quality: None,
            picture: None,
            setup_ms: None,
            browser_stats: None,
        }
    }
}
