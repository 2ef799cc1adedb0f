//! Why a call ended, in words that stay the same for pages, records and operators.

/// Who ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// The browser's user.
    Web,
    /// The PBX, or the person behind it.
    Trunk,
    /// The box itself.
    Gateway,
}

/// The stable codes of PROTOCOL.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CauseCode {
    Hangup,
    Transferred,
    Cancelled,
    AnsweredElsewhere,
    Busy,
    Declined,
    NoAnswer,
    NotFound,
    NotAllowed,
    Unavailable,
    Unreachable,
    Incompatible,
    MediaLost,
    RemoteMediaLost,
    MediaFailed,
    SessionLost,
    Failed,
    BoxStopping,
}

impl CauseCode {
    /// The code as pages and records see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hangup => "hangup",
            Self::Transferred => "transferred",
            Self::Cancelled => "cancelled",
            Self::AnsweredElsewhere => "answered_elsewhere",
            Self::Busy => "busy",
            Self::Declined => "declined",
            Self::NoAnswer => "no_answer",
            Self::NotFound => "not_found",
            Self::NotAllowed => "not_allowed",
            Self::Unavailable => "unavailable",
            Self::Unreachable => "unreachable",
            Self::Incompatible => "incompatible",
            Self::MediaLost => "media_lost",
            Self::RemoteMediaLost => "remote_media_lost",
            Self::MediaFailed => "media_failed",
            Self::SessionLost => "session_lost",
            Self::Failed => "failed",
            Self::BoxStopping => "box_stopping",
        }
    }

    /// A sentence for the person who called.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Hangup => "The call has ended.",
            Self::Transferred => "The call was handed on.",
            Self::Cancelled => "The caller gave up before the call was answered.",
            Self::AnsweredElsewhere => "The call was answered on another device.",
            Self::Busy => "The called number is busy.",
            Self::Declined => "The call was declined.",
            Self::NoAnswer => "Nobody answered.",
            Self::NotFound => "The called number does not exist.",
            Self::NotAllowed => "The telephone system does not allow this call.",
            Self::Unavailable => "The called number cannot be reached at the moment.",
            Self::Unreachable => "The telephone system does not answer.",
            Self::Incompatible => "The two sides have no common audio format.",
            Self::MediaLost => "The connection for sound was lost.",
            Self::RemoteMediaLost => "No sound came from the telephone system any more.",
            Self::MediaFailed => "No connection for sound could be made.",
            Self::SessionLost => "The page lost its connection and did not come back.",
            Self::Failed => "The call failed.",
            Self::BoxStopping => "The gateway is being restarted.",
        }
    }
}

/// What the telephone system said of it: a status and a `Reason` header (RFC 3326).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FarCause {
    pub status: Option<u16>,
    pub reason: Option<String>,
    /// `Q.850` or `SIP`.
    pub protocol: Option<String>,
    pub value: Option<u16>,
    pub text: Option<String>,
    /// Nothing at all came back.
    pub silent: bool,
}

impl FarCause {
    /// The code for a call that was not answered.
    pub fn code(&self) -> CauseCode {
        if self.silent {
            return CauseCode::Unreachable;
        }
        let q850 = self
            .protocol
            .as_deref()
            .filter(|p| p.eq_ignore_ascii_case("Q.850"))
            .and(self.value);
        match (self.status, q850) {
            // RFC 3398 section 7.2.4.1 read backwards, where the status alone is ambiguous.
            (Some(480 | 500..=599) | None, Some(17)) => CauseCode::Busy,
            (Some(480 | 500..=599) | None, Some(18 | 19)) => CauseCode::NoAnswer,
            (Some(480 | 500..=599) | None, Some(21)) => CauseCode::Declined,
            (Some(480 | 500..=599) | None, Some(1 | 28)) => CauseCode::NotFound,
            (Some(486 | 600), _) => CauseCode::Busy,
            (Some(603 | 607 | 608), _) => CauseCode::Declined,
            (Some(404 | 410 | 416 | 484 | 604), _) => CauseCode::NotFound,
            (Some(401 | 403 | 407), _) => CauseCode::NotAllowed,
            (Some(408 | 487), _) => CauseCode::NoAnswer,
            (Some(480 | 500..=599), _) => CauseCode::Unavailable,
            (Some(415 | 488 | 606), _) => CauseCode::Incompatible,
            _ => CauseCode::Failed,
        }
    }
}

/// Why a call ended, by whom, and what the telephone system said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    pub code: CauseCode,
    pub by: By,
    pub far: Option<FarCause>,
    /// More than the code's own sentence, when there is more to say.
    pub detail: Option<String>,
}

impl Cause {
    pub fn new(code: CauseCode, by: By) -> Self {
        Self {
            code,
            by,
            far: None,
            detail: None,
        }
    }

    #[must_use]
    pub fn with_far(mut self, far: FarCause) -> Self {
        self.far = Some(far);
        self
    }

    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// What to tell a PBX whose call the box refuses or ends: status, Q.850 cause, text
    /// (RFC 3398 section 8.2.6.1, and RFC 4497).
    pub const fn towards_trunk(&self) -> (u16, u16, &'static str) {
        match self.code {
            CauseCode::Hangup
            | CauseCode::Transferred
            | CauseCode::AnsweredElsewhere
            | CauseCode::Cancelled => (480, 16, "Normal call clearing"),
            CauseCode::Busy => (486, 17, "User busy"),
            CauseCode::Declined => (603, 21, "Call rejected"),
            CauseCode::NoAnswer => (480, 19, "No answer from the user"),
            CauseCode::NotFound => (404, 1, "Unallocated number"),
            CauseCode::NotAllowed => (403, 57, "Bearer capability not authorized"),
            CauseCode::Unavailable | CauseCode::SessionLost => (480, 20, "Subscriber absent"),
            CauseCode::Incompatible => (488, 88, "Incompatible destination"),
            CauseCode::Unreachable => (408, 27, "Destination out of order"),
            CauseCode::MediaLost | CauseCode::MediaFailed => (480, 31, "Normal, unspecified"),
            // What SBCs say whose guard timer ran out.
            CauseCode::RemoteMediaLost => (480, 102, "Recovery on timer expiry"),
            CauseCode::Failed => (500, 41, "Temporary failure"),
            CauseCode::BoxStopping => (503, 41, "Temporary failure"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn far(status: u16, q850: Option<u16>) -> FarCause {
        FarCause {
            status: Some(status),
            protocol: q850.map(|_| "Q.850".into()),
            value: q850,
            ..FarCause::default()
        }
    }

    #[test]
    fn statuses_and_q850_causes_become_codes() {
        for (status, q850, code) in [
            (486, Some(17), CauseCode::Busy),
            (600, None, CauseCode::Busy),
            (503, None, CauseCode::Unavailable),
            (503, Some(17), CauseCode::Busy),
            (480, Some(19), CauseCode::NoAnswer),
            (480, None, CauseCode::Unavailable),
            (404, None, CauseCode::NotFound),
            (603, Some(16), CauseCode::Declined),
            (488, None, CauseCode::Incompatible),
            (407, None, CauseCode::NotAllowed),
            (408, None, CauseCode::NoAnswer),
            (302, None, CauseCode::Failed),
        ] {
            assert_eq!(far(status, q850).code(), code, "{status} {q850:?}");
        }
        let silent = FarCause {
            silent: true,
            ..FarCause::default()
        };
        assert_eq!(silent.code(), CauseCode::Unreachable);
    }
}
