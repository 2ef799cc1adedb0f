//! Telephone events (RFC 4733) at 8 kHz, both ways.

use std::collections::VecDeque;

const DIGITS: &[u8; 16] = b"0123456789*#ABCD";
const VOLUME: u8 = 10;

/// The event code of a digit.
pub fn code(digit: char) -> Option<u8> {
    let digit = digit.to_ascii_uppercase();
    DIGITS
        .iter()
        .position(|d| char::from(*d) == digit)
        .map(|index| index as u8)
}

/// A digit that was pressed at the far end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pressed {
    /// `0-9 * # A-D`.
    pub digit: char,
    /// How long, milliseconds.
    pub duration_ms: u32,
}

/// Collects telephone-event packets into digits.
#[derive(Debug, Default)]
pub struct Receiver {
    open: Option<(u32, u8, u16)>,
    closed: Option<u32>,
}

impl Receiver {
    /// Takes one telephone-event payload with its RTP timestamp. A digit comes out once, at its first end
    /// packet, or when the next event shows that all end packets were lost.
    pub fn packet(&mut self, timestamp: u32, payload: &[u8]) -> Option<Pressed> {
        let [event, flags, high, low, ..] = *payload else {
            return None;
        };
        if self.closed == Some(timestamp) || usize::from(event) >= DIGITS.len() {
            return None;
        }
        let duration = u16::from_be_bytes([high, low]);
        let unfinished = match self.open {
            Some((started, ..)) if started != timestamp => self.finish(),
            _ => None,
        };
        self.open = Some((timestamp, event, duration));
        if flags & 0x80 != 0 {
            self.finish()
        } else {
            unfinished
        }
    }

    /// Closes an event whose end packets never came.
    pub fn finish(&mut self) -> Option<Pressed> {
        let (timestamp, event, duration) = self.open.take()?;
        self.closed = Some(timestamp);
        Some(Pressed {
            digit: char::from(*DIGITS.get(usize::from(event))?),
            duration_ms: u32::from(duration) / 8,
        })
    }
}

/// Plays queued digits as telephone-event payloads, one a 20 ms tick.
#[derive(Debug, Default)]
pub struct Sender {
    queue: VecDeque<(u8, u32, u32)>,
    elapsed_ms: u32,
    ends: u8,
    gap_ms: u32,
    started: Option<u32>,
}

/// One packet to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPacket {
    /// The timestamp of the event's beginning.
    pub timestamp: u32,
    /// Set on the first packet of an event.
    pub marker: bool,
    /// The four bytes of RFC 4733 section 2.3.
    pub payload: [u8; 4],
}

/// What the sender wants of this tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// No digit is waiting: play the ordinary sound.
    Idle,
    /// Between digits: nothing is sent.
    Pause,
    /// This packet takes the place of the sound.
    Event(EventPacket),
}

impl Sender {
    /// Queues digits; characters that are no digit are skipped.
    pub fn press(&mut self, digits: &str, duration_ms: u32, gap_ms: u32) {
        self.queue.extend(
            digits
                .chars()
                .filter_map(code)
                .map(|code| (code, duration_ms, gap_ms)),
        );
    }

    /// One 20 ms tick at RTP `timestamp`.
    pub fn tick(&mut self, timestamp: u32) -> Turn {
        if self.gap_ms > 0 {
            self.gap_ms = self.gap_ms.saturating_sub(20);
            return Turn::Pause;
        }
        let Some((code, duration_ms, gap_ms)) = self.queue.front().copied() else {
            return Turn::Idle;
        };
        let marker = self.started.is_none();
        let started = *self.started.get_or_insert(timestamp);
        if self.ends == 0 {
            self.elapsed_ms += 20;
        }
        let end = self.elapsed_ms >= duration_ms;
        let units = (self.elapsed_ms.min(duration_ms.max(20)) * 8).min(0xFFFF) as u16;
        let [high, low] = units.to_be_bytes();
        if end {
            self.ends += 1;
            if self.ends == 3 {
                self.queue.pop_front();
                self.ends = 0;
                self.elapsed_ms = 0;
                self.started = None;
                self.gap_ms = gap_ms;
            }
        }
        Turn::Event(EventPacket {
            timestamp: started,
            marker,
            payload: [code, u8::from(end) << 7 | VOLUME, high, low],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pressed_is_received_once_each() {
        let mut sender = Sender::default();
        sender.press("15x#d", 100, 60);
        let mut receiver = Receiver::default();
        let mut heard = String::new();
        for tick in 0..100 {
            if let Turn::Event(packet) = sender.tick(tick * 160)
                && let Some(pressed) = receiver.packet(packet.timestamp, &packet.payload)
            {
                heard.push(pressed.digit);
                assert_eq!(pressed.duration_ms, 100);
            }
        }
        assert_eq!(heard, "15#D");
        assert_eq!(sender.tick(0), Turn::Idle);
    }

    #[test]
    fn a_digit_without_its_end_is_closed_by_the_next() {
        let mut receiver = Receiver::default();
        assert_eq!(receiver.packet(0, &[1, 10, 1, 64]), None);
        let pressed = receiver.packet(4000, &[2, 10, 0, 160]);
        assert_eq!(
            pressed,
            Some(Pressed {
                digit: '1',
                duration_ms: 40
            })
        );
        assert_eq!(
            receiver.packet(4000, &[2, 0x8A, 3, 32]),
            Some(Pressed {
                digit: '2',
                duration_ms: 100
            })
        );
        assert_eq!(receiver.packet(4000, &[2, 0x8A, 3, 32]), None);
        assert_eq!(receiver.packet(8000, &[2, 0x8A]), None);
    }
}
