//! What a path produced: packets ready to leave, and events.

use crate::rtp::{HEADER_LEN, Header};
use std::ops::Range;

/// Something the owner of a path wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathEvent {
    /// The input's far side pressed a digit; reported once, when it is over.
    Digit { digit: char, duration_ms: u32 },
    /// Everything given to `send_dtmf` has left (or was cancelled).
    DigitsSent,
    /// The input is now another source.
    SourceChanged { ssrc: u32 },
}

/// One packet ready to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutPacket<'a> {
    pub header: Header,
    /// The whole packet as it goes onto the wire, header first.
    pub bytes: &'a [u8],
}

impl<'a> OutPacket<'a> {
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(HEADER_LEN..).unwrap_or_default()
    }
}

/// Packets and events of one or more calls into a [`super::Path`]. Its buffers are kept by
/// [`Self::clear`], so one `Output` a thread serves all calls without allocating.
#[derive(Debug, Default)]
pub struct Output {
    bytes: Vec<u8>,
    packets: Vec<(Header, Range<usize>)>,
    events: Vec<PathEvent>,
}

impl Output {
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets packets and events, keeps the buffers.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.packets.clear();
        self.events.clear();
    }

    pub fn is_empty(&self) -> bool {
        self.packets.is_empty() && self.events.is_empty()
    }

    /// In the order in which they must leave.
    pub fn packets(&self) -> impl ExactSizeIterator<Item = OutPacket<'_>> {
        self.packets.iter().map(|(header, range)| OutPacket {
            header: *header,
            bytes: self.bytes.get(range.clone()).unwrap_or_default(),
        })
    }

    pub fn events(&self) -> &[PathEvent] {
        &self.events
    }

    pub(crate) fn push_event(&mut self, event: PathEvent) {
        self.events.push(event);
    }

    /// Appends one packet whose payload `fill` writes into a buffer of `room` octets,
    /// returning how many it used; `None` drops the packet again.
    pub(crate) fn push_packet(
        &mut self,
        header: Header,
        room: usize,
        fill: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Option<usize> {
        let start = self.bytes.len();
        let body = start + HEADER_LEN;
        self.bytes.extend_from_slice(&header.to_bytes());
        self.bytes.resize(body + room, 0);
        let used = self
            .bytes
            .get_mut(body..)
            .and_then(fill)
            .filter(|used| *used <= room);
        match used {
            Some(used) => {
                self.bytes.truncate(body + used);
                self.packets.push((header, start..body + used));
            }
            None => self.bytes.truncate(start),
        }
        used
    }
}
