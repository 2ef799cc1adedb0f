//! The browser leg: what of a call a page sees, in the words of the web protocol.

use crate::media::{LegKey, WebCodecPolicy};
use causeway_api::wire::{
    CallStateMessage, EndCause, ErrorCode, ReasonCause, ServerMessage, SipCause,
};
use causeway_call::{By, Cause, FarCause, HeldBy, Refusal, RefusalCode, Told};
use causeway_directory::{App, Trunk, WebCodec};
use causeway_media::plan::AudioCodec;

/// One browser leg as the switch holds it.
#[derive(Debug, Default)]
pub struct WebLeg {
    pub media: Option<LegKey>,
    /// The box's last SDP answer, for a page that comes back before it has it.
    pub answer: Option<String>,
    /// What the box speaks with it now.
    pub codec: Option<AudioCodec>,
    /// All that it has spoken, in the order in which it began to.
    pub spoken: Vec<AudioCodec>,
    /// It has a picture.
    pub video: bool,
    /// Its last offer had one, whether it was taken or not.
    pub offers_video: bool,
    /// What its page was told last: whether a picture is agreed on with the PBX.
    pub video_told: Option<bool>,
}

impl WebLeg {
    /// This codec is spoken from now on.
    pub fn speaks(&mut self, codec: AudioCodec) {
        self.codec = Some(codec);
        if !self.spoken.contains(&codec) {
            self.spoken.push(codec);
        }
    }
}

/// What is asked of a browser of this app in a call over this trunk: the codec, and whether silence may be left out.
pub fn sound(app: Option<&App>, trunk: Option<&Trunk>) -> (WebCodecPolicy, bool) {
    let codec = trunk.and_then(|trunk| trunk.web_codec);
    let codec = codec.or(app.map(|app| app.codec)).unwrap_or_default();
    (policy(codec, trunk), app.is_some_and(|app| app.dtx))
}

fn policy(codec: WebCodec, trunk: Option<&Trunk>) -> WebCodecPolicy {
    match codec {
        WebCodec::Preferred => WebCodecPolicy::Preferred,
        WebCodec::Opus => WebCodecPolicy::Opus,
        WebCodec::G711 => WebCodecPolicy::G711,
        WebCodec::Auto => {
            let first = trunk.and_then(|trunk| trunk.codecs.first());
            match first.map(|codec| codec.get_ref().as_str()) {
                // What the trunk has more than G.711 would be lost.
                Some("G722") => WebCodecPolicy::Opus,
                Some("PCMA") => WebCodecPolicy::Either(AudioCodec::Pcma),
                _ => WebCodecPolicy::Either(AudioCodec::Pcmu),
            }
        }
    }
}

/// `call.state` for what a call tells.
pub fn state(call: &str, told: &Told, seq: u32, codec: Option<AudioCodec>) -> CallStateMessage {
    CallStateMessage {
        call: call.to_owned(),
        state: told.as_str().to_owned(),
        seq,
        held_by: match told {
            Told::Held(by) => Some(HeldBy::as_str(*by).to_owned()),
            Told::Trying | Told::Ringing | Told::EarlyMedia | Told::Answered | Told::Ended(_) => {
                None
            }
        },
        codec: codec.map(|c| c.name().to_owned()),
        cause: match told {
            Told::Ended(cause) => Some(end_cause(cause)),
            Told::Trying | Told::Ringing | Told::EarlyMedia | Told::Answered | Told::Held(_) => {
                None
            }
        },
    }
}

/// Who ended a call, seen from the page.
pub const fn by(by: By) -> &'static str {
    match by {
        By::Web => "local",
        By::Trunk => "remote",
        By::Gateway => "box",
    }
}

fn end_cause(cause: &Cause) -> EndCause {
    let message = match &cause.detail {
        Some(detail) => format!("{} ({detail})", cause.code.sentence()),
        None => cause.code.sentence().to_owned(),
    };
    EndCause {
        code: cause.code.as_str().to_owned(),
        message,
        by: by(cause.by).to_owned(),
        sip: cause.far.as_ref().and_then(sip_cause),
    }
}

/// The SIP part of a cause; absent when the far side said nothing.
pub fn sip_cause(far: &FarCause) -> Option<SipCause> {
    if far.status.is_none() && far.protocol.is_none() {
        return None;
    }
    Some(SipCause {
        status: far.status,
        reason: far.reason.clone(),
        cause: far.protocol.as_ref().map(|protocol| ReasonCause {
            protocol: protocol.clone(),
            value: far.value,
            text: far.text.clone(),
        }),
    })
}

/// `error` for a request that a call refused.
pub fn refusal(id: u64, call: &str, refusal: &Refusal) -> ServerMessage {
    ServerMessage::Error {
        id: Some(id),
        call: Some(call.to_owned()),
        code: match refusal.code {
            RefusalCode::WrongState => ErrorCode::WrongState,
            RefusalCode::Refused => ErrorCode::Refused,
            RefusalCode::TimedOut => ErrorCode::TimedOut,
            RefusalCode::NotFound => ErrorCode::CallNotFound,
        },
        message: refusal.message.clone(),
        sip: refusal.far.as_ref().and_then(sip_cause),
    }
}

/// `error` for a request about a call that never reached it.
pub fn error_of_call(
    id: u64,
    call: &str,
    code: ErrorCode,
    message: impl Into<String>,
) -> ServerMessage {
    ServerMessage::Error {
        id: Some(id),
        call: Some(call.to_owned()),
        code,
        message: message.into(),
        sip: None,
    }
}

/// `error` that is not about a call that exists.
pub fn error(id: u64, code: ErrorCode, message: impl Into<String>) -> ServerMessage {
    ServerMessage::Error {
        id: Some(id),
        call: None,
        code,
        message: message.into(),
        sip: None,
    }
}
