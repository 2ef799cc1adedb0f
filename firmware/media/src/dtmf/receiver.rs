//! Digits out of event packets. State × packet:
//!
//! | state | same timestamp | next segment (RFC 4733 section 2.5.1.3) | newer timestamp | older |
//! |---|---|---|---|---|
//! | Idle | – | – | begins | ignored when it is the last event's |
//! | Pressed | longer; its end reports the digit → Released | longer | reports the digit, begins | ignored |
//! | Released | repeated end, nothing reported | – | begins | ignored |
//!
//! Sound after an event, or 200 ms of nothing, ends one whose end packets were all lost.

use super::{Event, digit_of};
use std::time::{Duration, Instant};

/// An event without packets for so long is over.
const SILENCE_ENDS: Duration = Duration::from_millis(200);

/// One digit the far side pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digit {
    pub digit: char,
    pub duration_ms: u32,
}

/// How an event stands after one of its packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub code: u8,
    pub volume: u8,
    /// The event begins with this packet.
    pub first: bool,
    /// Of all its segments, in timestamp units.
    pub duration: u32,
    pub end: bool,
}

/// What one packet told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// The event before this one, when nothing but this packet shows that it is over.
    pub previous: Option<Digit>,
    /// `None` for a packet of an event long past.
    pub progress: Option<Progress>,
    /// The digit, when this packet is the first to say that it is over.
    pub digit: Option<Digit>,
}

/// Finds digits in a stream of event packets; each is told once.
#[derive(Clone, Debug)]
pub struct DtmfReceiver {
    clock_rate: u32,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Idle,
    Pressed { event: Heard, last_packet: Instant },
    Released(Heard),
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    code: u8,
    /// Of its present segment.
    timestamp: u32,
    /// Units in segments before the present one.
    before: u32,
    /// Units of the whole event.
    duration: u32,
}

impl DtmfReceiver {
    /// `clock_rate` in Hz counts the durations.
    pub const fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate,
            state: State::Idle,
        }
    }

    /// The durations count in another clock from now on.
    pub fn set_clock_rate(&mut self, clock_rate: u32) {
        self.clock_rate = clock_rate;
    }

    /// Takes one event packet; `timestamp` and `marker` are of its RTP header.
    pub fn on_event(&mut self, timestamp: u32, marker: bool, event: Event, now: Instant) -> Update {
        let mut update = Update::default();
        let (mut heard, first, reported) = match self.state {
            State::Pressed { event: heard, .. } if heard.timestamp == timestamp => {
                (heard, false, false)
            }
            State::Pressed { event: heard, .. } if heard.continues(timestamp, marker, event) => {
                (heard.next_segment(timestamp), false, false)
            }
            State::Released(heard) if heard.timestamp == timestamp => (heard, false, true),
            State::Pressed { event: heard, .. } | State::Released(heard)
                if !is_newer(timestamp, heard.timestamp) =>
            {
                return update;
            }
            State::Pressed { .. } => {
                update.previous = self.finish();
                (Heard::begin(timestamp, event.code), true, false)
            }
            State::Idle | State::Released(_) => (Heard::begin(timestamp, event.code), true, false),
        };
        if heard.code != event.code {
            // Two events at one moment break RFC 4733 section 2.4; the first one stands.
            return update;
        }
        let duration = heard.before.saturating_add(u32::from(event.duration));
        heard.duration = heard.duration.max(duration);
        update.progress = Some(Progress {
            code: heard.code,
            volume: event.volume,
            first,
            duration: heard.duration,
            end: event.end || reported,
        });
        if reported {
            return update;
        }
        if event.end {
            update.digit = self.digit(&heard);
            self.state = State::Released(heard);
        } else {
            self.state = State::Pressed {
                event: heard,
                last_packet: now,
            };
        }
        update
    }

    /// Ends the event under way, because sound follows it or its source is gone. Its packets
    /// may still come and are then known as past.
    pub fn finish(&mut self) -> Option<Digit> {
        let State::Pressed { event, .. } = self.state else {
            return None;
        };
        self.state = State::Released(event);
        self.digit(&event)
    }

    /// Forgets everything: another source counts its own time. Call [`Self::finish`] first.
    pub fn reset(&mut self) {
        self.state = State::Idle;
    }

    /// Whether an event is under way.
    pub const fn is_pressed(&self) -> bool {
        matches!(self.state, State::Pressed { .. })
    }

    /// When [`Self::handle_timeout`] ends the event under way.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Pressed { last_packet, .. } => Some(last_packet + SILENCE_ENDS),
            State::Idle | State::Released(_) => None,
        }
    }

    /// Ends an event that has not been heard of for 200 ms.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Digit> {
        if self.poll_timeout()? <= now {
            self.finish()
        } else {
            None
        }
    }

    fn digit(&self, heard: &Heard) -> Option<Digit> {
        let milliseconds = u64::from(heard.duration) * 1_000 / u64::from(self.clock_rate.max(1));
        Some(Digit {
            digit: digit_of(heard.code)?,
            duration_ms: u32::try_from(milliseconds).unwrap_or(u32::MAX),
        })
    }
}

impl Heard {
    const fn begin(timestamp: u32, code: u8) -> Self {
        Self {
            code,
            timestamp,
            before: 0,
            duration: 0,
        }
    }

    /// Whether a packet with another timestamp goes on with this event: same code, no marker,
    /// and it starts where a full segment ended.
    fn continues(&self, timestamp: u32, marker: bool, event: Event) -> bool {
        !marker
            && event.code == self.code
            && timestamp.wrapping_sub(self.timestamp) == u32::from(u16::MAX)
    }

    const fn next_segment(mut self, timestamp: u32) -> Self {
        self.before = self.before.saturating_add(u16::MAX as u32);
        self.timestamp = timestamp;
        self
    }
}

const fn is_newer(timestamp: u32, than: u32) -> bool {
    timestamp.wrapping_sub(than) < 1 << 31
}
