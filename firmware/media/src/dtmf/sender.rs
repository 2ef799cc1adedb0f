//! Digits into event packets at the pace of the sound (RFC 4733 section 2.5).
//!
//! | state | packet time comes | effect |
//! |---|---|---|
//! | Idle | – | a queued digit begins as soon as the gap behind the last one is over |
//! | Tone | before its end | [`Step::Event`], longer by a packet time; the first has the marker |
//! | Tone | at its end | three packets with the end bit; Gap, or Idle when nothing waits |
//! | Gap | | [`Step::Quiet`]; at its end the next digit, or Idle |

use super::{DtmfError, Event, code_of};
use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// Digits that may wait.
pub const MAX_QUEUED: usize = 256;
/// Milliseconds a digit may last, and the pause behind it.
pub const DURATION_MS: RangeInclusive<u32> = 40..=2_000;
pub const GAP_MS: RangeInclusive<u32> = 30..=2_000;
/// What a comma waits.
pub const PAUSE: Duration = Duration::from_secs(2);
/// How often the end of an event is said (RFC 4733 section 2.5.1.4).
const END_PACKETS: u8 = 3;
/// −10 dBm0, what telephones send.
const VOLUME: u8 = 10;
/// A timer that comes later than this many packet times does not catch up.
const MAX_CATCH_UP: u32 = 10;

/// One event packet to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DtmfPacket {
    pub event: Event,
    /// First packet of the event: choose its timestamp now. Also the marker bit.
    pub first: bool,
    /// Where the packet's segment begins, in event clock units after the event's timestamp.
    pub segment: u32,
    /// Units of the whole event so far.
    pub total: u32,
}

/// What is due at one packet time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Event(DtmfPacket),
    /// Nothing is pressed, but the sequence of digits is not over.
    Quiet,
    /// The last queued digit is through.
    Done,
}

/// Sends queued digits.
#[derive(Clone, Debug)]
pub struct DtmfSender {
    clock_rate: u32,
    packet_time: Duration,
    queue: VecDeque<Queued>,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum Queued {
    Digit {
        code: u8,
        duration: Duration,
        gap: Duration,
    },
    Pause,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Idle {
        /// The gap behind the last digit.
        not_before: Option<Instant>,
    },
    Tone {
        code: u8,
        duration: Duration,
        gap: Duration,
        begun: Instant,
        /// Packet times sent.
        sent: u32,
        segments: Segments,
    },
    Gap {
        next: Instant,
        until: Instant,
    },
}

/// Cuts a long event into segments of at most 0xFFFF units (RFC 4733 section 2.5.1.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Segments {
    begin: u32,
}

impl Segments {
    /// Calls `emit(segment, duration, last)` for each packet that brings the event to `total`.
    pub(crate) fn advance(&mut self, total: u32, mut emit: impl FnMut(u32, u16, bool)) {
        while total.saturating_sub(self.begin) > u32::from(u16::MAX) {
            emit(self.begin, u16::MAX, false);
            self.begin = self.begin.saturating_add(u32::from(u16::MAX));
        }
        emit(self.begin, total.saturating_sub(self.begin) as u16, true);
    }
}

impl DtmfSender {
    /// `clock_rate` in Hz counts the durations; `packet_time` is the pace.
    pub fn new(clock_rate: u32, packet_time: Duration) -> Self {
        Self {
            clock_rate,
            packet_time,
            queue: VecDeque::new(),
            state: State::Idle { not_before: None },
        }
    }

    /// Changes clock and pace; digits under way go on in the new ones.
    pub fn set_format(&mut self, clock_rate: u32, packet_time: Duration) {
        self.clock_rate = clock_rate;
        self.packet_time = packet_time;
    }

    /// Queues digits, each lasting `duration` with `gap` behind it.
    ///
    /// # Errors
    /// [`DtmfError`]; nothing is queued then.
    pub fn queue(
        &mut self,
        digits: &str,
        duration: Duration,
        gap: Duration,
    ) -> Result<(), DtmfError> {
        check("duration", duration, &DURATION_MS)?;
        check("gap", gap, &GAP_MS)?;
        if self.queue.len() + digits.chars().count() > MAX_QUEUED {
            return Err(DtmfError::TooMany { limit: MAX_QUEUED });
        }
        if let Some(wrong) = digits.chars().find(|c| *c != ',' && code_of(*c).is_none()) {
            return Err(DtmfError::NotADigit(wrong));
        }
        self.queue.extend(digits.chars().map(|digit| {
            code_of(digit).map_or(Queued::Pause, |code| Queued::Digit {
                code,
                duration,
                gap,
            })
        }));
        Ok(())
    }

    /// Forgets what waits; a digit under way ends at the next packet time.
    pub fn cancel(&mut self) {
        self.queue.clear();
        match &mut self.state {
            State::Tone { duration, .. } => *duration = Duration::ZERO,
            State::Gap { until, next } => *until = *next,
            State::Idle { .. } => {}
        }
    }

    /// Whether digits wait or are under way.
    pub fn is_active(&self) -> bool {
        !self.queue.is_empty() || !matches!(self.state, State::Idle { .. })
    }

    /// Whether sound has to make room: a digit or the pause behind it is under way, or begins
    /// at the next chance. The gap behind the last digit belongs to the sound again.
    pub fn is_sounding(&self) -> bool {
        match self.state {
            State::Idle { not_before } => !self.queue.is_empty() && not_before.is_none(),
            State::Tone { .. } | State::Gap { .. } => true,
        }
    }

    /// When [`Self::handle_timeout`] wants to be called. Digits that may begin at once give
    /// `idle`, any moment that is past.
    pub fn poll_timeout(&self, idle: Option<Instant>) -> Option<Instant> {
        match self.state {
            State::Idle { .. } if self.queue.is_empty() => None,
            State::Idle { not_before } => not_before.or(idle),
            State::Tone { begun, sent, .. } => Some(begun + self.packet_time * sent),
            State::Gap { next, .. } => Some(next),
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant, mut emit: impl FnMut(Step)) {
        // Every turn moves on by a packet time or ends a state; the bound is for a caller that
        // was away for long.
        for _ in 0..MAX_CATCH_UP {
            match self.state {
                State::Idle { not_before } => {
                    if self.queue.is_empty() || not_before.is_some_and(|at| at > now) {
                        return;
                    }
                    self.begin(now);
                }
                State::Tone { begun, sent, .. } => {
                    if begun + self.packet_time * sent > now {
                        return;
                    }
                    self.tone(now, &mut emit);
                }
                State::Gap { next, until } => {
                    if next.min(until) > now {
                        return;
                    }
                    if until <= now {
                        if self.queue.is_empty() {
                            self.state = State::Idle { not_before: None };
                            emit(Step::Done);
                        } else {
                            self.begin(until.max(now));
                        }
                    } else {
                        emit(Step::Quiet);
                        self.state = State::Gap {
                            next: (next + self.packet_time).min(until),
                            until,
                        };
                    }
                }
            }
        }
    }

    fn begin(&mut self, now: Instant) {
        self.state = match self.queue.pop_front() {
            None => State::Idle { not_before: None },
            Some(Queued::Pause) => State::Gap {
                next: now,
                until: now + PAUSE,
            },
            Some(Queued::Digit {
                code,
                duration,
                gap,
            }) => State::Tone {
                code,
                duration,
                gap,
                begun: now,
                sent: 0,
                segments: Segments::default(),
            },
        };
    }

    /// One packet time of the digit under way.
    fn tone(&mut self, now: Instant, emit: &mut impl FnMut(Step)) {
        let State::Tone {
            code,
            duration,
            gap,
            begun,
            sent,
            mut segments,
        } = self.state
        else {
            return;
        };
        let reached = self.packet_time * (sent + 1);
        let end = reached >= duration;
        // A cancelled digit has no duration left; it lasted what was sent of it.
        let lasted = if end {
            duration.max(self.packet_time * sent).max(self.packet_time)
        } else {
            reached
        };
        let total = self.units(lasted);
        segments.advance(total, |segment, units, last| {
            let packet = DtmfPacket {
                event: Event {
                    code,
                    end: end && last,
                    volume: VOLUME,
                    duration: units,
                },
                first: sent == 0 && segment == 0,
                segment,
                total,
            };
            emit(Step::Event(packet));
            if packet.event.end {
                for _ in 1..END_PACKETS {
                    emit(Step::Event(DtmfPacket {
                        first: false,
                        ..packet
                    }));
                }
            }
        });
        if !end {
            self.state = State::Tone {
                code,
                duration,
                gap,
                begun,
                sent: sent + 1,
                segments,
            };
            return;
        }
        let over = begun + lasted;
        if self.queue.is_empty() {
            self.state = State::Idle {
                not_before: Some(over.max(now) + gap),
            };
            emit(Step::Done);
        } else {
            self.state = State::Gap {
                next: over,
                until: over + gap,
            };
        }
    }

    fn units(&self, time: Duration) -> u32 {
        let units = time.as_micros() * u128::from(self.clock_rate) / 1_000_000;
        u32::try_from(units).unwrap_or(u32::MAX)
    }
}

fn check(
    what: &'static str,
    value: Duration,
    range: &RangeInclusive<u32>,
) -> Result<(), DtmfError> {
    let value_ms = u32::try_from(value.as_millis()).unwrap_or(u32::MAX);
    if range.contains(&value_ms) {
        return Ok(());
    }
    Err(DtmfError::OutOfRange {
        what,
        value_ms,
        min_ms: *range.start(),
        max_ms: *range.end(),
    })
}
