//! What left a moment ago, for a far side that lost it and says so (generic NACK, RFC 4585 section 6.2.1).
//!
//! A packet is given again at most [`MOST`] times, and not within [`PAUSE`] of the last: a far side that asks for
//! everything all the time gets a bounded multiple of the stream.

use crate::path::OutPacket;
use std::time::{Duration, Instant};

/// Packets that are remembered: most of a second of a good picture.
const REMEMBERED: usize = 128;
/// Times a packet is given again.
const MOST: u8 = 4;
/// Between two times.
const PAUSE: Duration = Duration::from_millis(20);

/// See the module.
#[derive(Debug, Default)]
pub struct SentPackets {
    /// By the low bits of the sequence number.
    slots: Vec<Slot>,
}

#[derive(Debug, Default)]
struct Slot {
    sequence: u16,
    octets: Vec<u8>,
    again: u8,
    last: Option<Instant>,
}

impl SentPackets {
    /// Remembers a packet that leaves.
    pub fn keep(&mut self, packet: &OutPacket<'_>, now: Instant) {
        if self.slots.is_empty() {
            self.slots.resize_with(REMEMBERED, Slot::default);
        }
        let sequence = packet.header.sequence;
        if let Some(slot) = self.slots.get_mut(usize::from(sequence) % REMEMBERED) {
            slot.sequence = sequence;
            slot.octets.clear();
            slot.octets.extend_from_slice(packet.bytes);
            slot.again = 0;
            slot.last = Some(now);
        }
    }

    /// The packet of this number, when it is there and may leave again now.
    pub fn again(&mut self, sequence: u16, now: Instant) -> Option<OutPacket<'_>> {
        let slot = self.slots.get_mut(usize::from(sequence) % REMEMBERED)?;
        let rested = slot.last.is_some_and(|last| now >= last + PAUSE);
        if slot.sequence != sequence || slot.again >= MOST || !rested {
            return None;
        }
        slot.again += 1;
        slot.last = Some(now);
        let header = crate::rtp::read(&slot.octets).ok()?.header;
        Some(OutPacket {
            header,
            bytes: &slot.octets,
        })
    }
}
