//! A call with everything of the box that belongs to it.

use super::unix_ms;
use crate::legs::info_digits::InfoDigits;
use crate::legs::trunk::TrunkLeg;
use crate::legs::web::WebLeg;
use crate::media::LegFigures;
use causeway_api::request::SessionId;
use causeway_api::wire::RequestNumber;
use causeway_call::context::ContextToken;
use causeway_call::record::{CallRecord, LegPackets, WayPicture};
use causeway_call::{Call, Cause, Phase};
use causeway_directory::{AccountId, AppKey, Directory};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One running call inside the switch; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallKey(pub u64);

/// How long a finished call waits for the last figures of its media.
const LINGER: Duration = Duration::from_secs(2);

/// An SDP offer of the browser that the media plane is looking at.
#[derive(Clone, Copy, Debug)]
pub enum WebOffer {
    Place(SessionId, RequestNumber),
    Accept,
    Restart(SessionId, RequestNumber),
    /// The page was loaded anew.
    Rejoin(SessionId, RequestNumber),
}

/// One call.
#[derive(Debug)]
pub struct ActiveCall {
    pub id: String,
    pub call: Call,
    /// Who holds this may speak for the browser leg again after its socket dropped.
    pub resume: String,
    pub app: Option<AppKey>,
    pub account: Option<AccountId>,
    pub web: WebLeg,
    pub trunk: TrunkLeg,
    /// The page hands the call on.
    pub referring: Option<super::referring::Referring>,
    /// An INVITE that wants to take the trunk leg's place, until the call has decided.
    pub replacement: Option<super::replacing::Replacement>,
    /// The PBX hands the call on.
    pub transfer: Option<super::transfer::Transfer>,
    pub record: CallRecord,
    /// How loud it is now.
    pub levels: super::quality::CallLevels,
    pub begun: Instant,
    /// Offers under way in the media plane, in order.
    pub offers: VecDeque<WebOffer>,
    /// The offer of `call.accept`, until the call asks for it.
    pub accept_sdp: Option<String>,
    pub caller_name: Option<String>,
    /// The caller does not want to be shown.
    pub caller_hidden: bool,
    /// Whom the PBX's caller had called first.
    pub diverted_from: Option<String>,
    /// What User-to-User carries: of a page's call its own, of a PBX's the one it came with.
    pub context: Option<ContextToken>,
    pub finished: Option<Finished>,
    /// What it began with, when the document has changed its trunk or its app since.
    pub kept: Option<Arc<Directory>>,
}

/// What a finished call still waits for.
#[derive(Debug)]
pub struct Finished {
    pub until: Instant,
    pub web_open: bool,
    pub trunk_open: bool,
    pub cause: Cause,
}

impl ActiveCall {
    /// What the call looks up its trunk and its app in: they stay as they were for as long as it lasts.
    pub fn directory(&self, now: &Arc<Directory>) -> Arc<Directory> {
        self.kept.as_ref().unwrap_or(now).clone()
    }

    /// The app that it is a call of, where there is one.
    pub fn of_app(&self) -> Option<AppKey> {
        let recorded = || self.record.app.clone().map(AppKey);
        self.app.clone().or_else(recorded)
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.finished {
            Some(finished) => Some(finished.until),
            None => {
                let judged = self.trunk.attempt.poll_timeout();
                let digits = self.trunk.info.as_ref().and_then(InfoDigits::poll_timeout);
                let waits = self.call.poll_timeout().into_iter();
                waits.chain(judged).chain(digits).min()
            }
        }
    }

    /// Whether a picture is agreed on with the PBX.
    pub fn has_picture(&self) -> bool {
        let agreed = self.trunk.plan.is_some_and(|plan| plan.video.is_some());
        agreed && self.trunk.session.has_video()
    }

    /// Whether a picture that the page brings is taken: one that is agreed on, or will be asked for.
    pub fn takes_picture(&self) -> bool {
        match self.call.phase() {
            Phase::Answered => self.has_picture(),
            _ => self.web.video,
        }
    }

    /// Fills in what the call knows of its own times.
    pub fn mark_times(&mut self) {
        let marks = *self.call.marks();
        let placed = self.record.placed_at;
        let at = |mark: Option<Instant>| {
            mark.map(|at| {
                let after = at.saturating_duration_since(self.begun);
                placed + i64::try_from(after.as_millis()).unwrap_or(0)
            })
        };
        self.record.ringing_at = at(marks.ringing);
        self.record.answered_at = at(marks.answered);
        self.record.ended_at = at(marks.ended);
        self.record.setup_ms = marks
            .answered
            .and_then(|a| u32::try_from(a.saturating_duration_since(self.begun).as_millis()).ok());
        let spoken: Vec<_> = self.web.spoken.iter().map(|c| c.name()).collect();
        self.record.web_codec = (!spoken.is_empty()).then(|| spoken.join(", "));
        self.record.trunk_codec = self.trunk.plan.map(|p| p.format.codec.name().to_owned());
        let srtp = self.trunk.plan.and_then(|p| p.srtp);
        self.record.trunk_srtp = srtp.map(|srtp| srtp.send.suite().name().to_owned());
    }

    /// Begins the end: figures come until `LINGER` is over.
    pub fn finish(&mut self, cause: Cause, web_open: bool, trunk_open: bool, now: Instant) {
        self.mark_times();
        self.record.ended_at.get_or_insert_with(unix_ms);
        self.record.cause_code = Some(cause.code.as_str().to_owned());
        self.record.cause_by = Some(crate::legs::web::by(cause.by).to_owned());
        if let Some(far) = &cause.far {
            self.record.sip_status = far.status;
            self.record.reason = far.text.clone().or_else(|| far.reason.clone());
        }
        if let Some(detail) = &cause.detail {
            self.record.reason.get_or_insert_with(|| detail.clone());
        }
        self.finished = Some(Finished {
            until: now + LINGER,
            web_open,
            trunk_open,
            cause,
        });
    }
}

/// A leg's final figures as the record keeps them.
pub fn packets(figures: &LegFigures) -> LegPackets {
    LegPackets {
        packets_in: figures.packets_received,
        packets_out: figures.packets_sent,
        lost: figures.packets_lost,
        jitter_ms: f64::from(figures.jitter_ms),
    }
}

/// Notes what was done for the picture towards one side, where there was one.
pub fn note_picture(record: &mut CallRecord, figures: &LegFigures, is_trunk: bool) {
    let Some(done) = figures.picture.filter(|done| done.packets_in > 0) else {
        return;
    };
    let picture = record.picture.get_or_insert_default();
    let way = match is_trunk {
        true => &mut picture.to_pbx,
        false => &mut picture.to_browser,
    };
    *way = Some(WayPicture {
        frames: done.frames,
        key_frames: done.key_frames,
        lost: done.lost,
        dropped: done.frames_dropped,
        transcode_ms: done.transcode_us / 1_000,
    });
}
