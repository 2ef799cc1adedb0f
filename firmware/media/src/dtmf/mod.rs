//! Digits: telephone events (RFC 4733) with their payload, sender and receiver, and tones in the sound.

mod detector;
#[cfg(test)]
mod detector_tests;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;

pub use detector::{Heard, ToneDetector};
pub use receiver::{Digit, DtmfReceiver, Progress, Update};
pub(crate) use sender::Segments;
pub use sender::{DURATION_MS, DtmfPacket, DtmfSender, GAP_MS, MAX_QUEUED, PAUSE, Step};

use thiserror::Error;

/// Octets of one event payload.
pub const PAYLOAD_LEN: usize = 4;

/// Why digits cannot be sent or a payload cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DtmfError {
    #[error("an event payload of {0} octets is shorter than 4")]
    Truncated(usize),
    #[error("{0:?} is not a DTMF digit (0-9, A-D, *, #, or a comma for a pause)")]
    NotADigit(char),
    #[error("more than {limit} digits are waiting")]
    TooMany { limit: usize },
    #[error("{what} of {value_ms} ms is outside {min_ms}–{max_ms}")]
    OutOfRange {
        what: &'static str,
        value_ms: u32,
        min_ms: u32,
        max_ms: u32,
    },
}

/// One telephone-event payload (RFC 4733 section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// 0–15 are the DTMF digits.
    pub code: u8,
    pub end: bool,
    /// Power as −dBm0, 0–63.
    pub volume: u8,
    /// In timestamp units since the event (or its segment) began.
    pub duration: u16,
}

/// Reads the first event of a payload; what follows it is ignored.
///
/// # Errors
/// [`DtmfError::Truncated`] below four octets.
pub fn read(payload: &[u8]) -> Result<Event, DtmfError> {
    let &[code, flags, d0, d1] = payload
        .first_chunk::<PAYLOAD_LEN>()
        .ok_or(DtmfError::Truncated(payload.len()))?;
    Ok(Event {
        code,
        end: flags & 0x80 != 0,
        volume: flags & 0x3F,
        duration: u16::from_be_bytes([d0, d1]),
    })
}

impl Event {
    pub const fn to_bytes(self) -> [u8; PAYLOAD_LEN] {
        let [d0, d1] = self.duration.to_be_bytes();
        let flags = (self.volume & 0x3F) | if self.end { 0x80 } else { 0 };
        [self.code, flags, d0, d1]
    }
}

/// The event code of a DTMF digit, in either case of letter.
pub const fn code_of(digit: char) -> Option<u8> {
    Some(match digit {
        '0'..='9' => digit as u8 - b'0',
        '*' => 10,
        '#' => 11,
        'A'..='D' => digit as u8 - b'A' + 12,
        'a'..='d' => digit as u8 - b'a' + 12,
        _ => return None,
    })
}

/// The DTMF digit of an event code; flash (16) and all others have none.
pub const fn digit_of(code: u8) -> Option<char> {
    Some(match code {
        0..=9 => (b'0' + code) as char,
        10 => '*',
        11 => '#',
        12..=15 => (b'A' + code - 12) as char,
        _ => return None,
    })
}
