//! The last step: packets under new headers, made smaller where the target wants it.

use super::numbers::Numbers;
use super::payload::{Fragment, Payload, fragment_head};
use super::{VideoCounters, VideoOutput, VideoTarget};
use crate::path::OutputIdentity;
use crate::rtcp::SenderInfo;
use crate::rtp::Header;
use std::time::Instant;

/// Octets of a NAL unit that still fit a UDP datagram with everything around them.
pub(super) const MAX_UNIT: usize = 65_000;
/// Smaller than this a target cannot mean.
const MIN_PAYLOAD: usize = 64;

#[derive(Debug)]
pub(super) struct Sender {
    pub(super) to: VideoTarget,
    pub(super) numbers: Numbers,
    pub(super) counters: VideoCounters,
}

/// Whose place in the output a packet takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Slot {
    /// That of the input's number.
    Same(u64),
    /// That of the input's number, which moves on.
    Before(u64),
    /// The next.
    InOrder,
}

/// What belongs to every packet that one of the input becomes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) header: Header,
    pub(super) slot: Slot,
    pub(super) now: Instant,
}

impl Sender {
    pub(super) fn new(to: VideoTarget, out: OutputIdentity) -> Self {
        Self {
            to,
            numbers: Numbers::new(out),
            counters: VideoCounters::default(),
        }
    }

    /// For a sender report; `None` before the first packet.
    pub(super) fn info(&self, now: Instant, ntp: u64) -> Option<SenderInfo> {
        Some(SenderInfo {
            ntp,
            rtp_timestamp: self.numbers.at(now)?,
            // Both wrap (RFC 3550 section 6.4.1).
            packets: self.counters.packets_out as u32,
            octets: self.counters.octets_out as u32,
        })
    }

    pub(super) fn max_payload(&self) -> usize {
        self.to.max_payload.clamp(MIN_PAYLOAD, MAX_UNIT)
    }

    /// One packet of `head` and `body`.
    pub(super) fn send(
        &mut self,
        origin: &Origin,
        marker: bool,
        (head, body): (&[u8], &[u8]),
        out: &mut VideoOutput,
    ) {
        let sequence = match origin.slot {
            Slot::Same(number) => self.numbers.of(number),
            Slot::Before(number) => {
                let sequence = self.numbers.of(number);
                self.numbers.shift(number, 1);
                sequence
            }
            Slot::InOrder => Some(self.numbers.in_order()),
        };
        let Some(sequence) = sequence else {
            self.counters.late += 1;
            return;
        };
        let header = self.numbers.header(
            sequence,
            self.to.payload_type,
            &origin.header,
            marker,
            origin.now,
        );
        out.push(header, head, body);
        self.counters.packets_out += 1;
        self.counters.octets_out += (head.len() + body.len()) as u64;
    }

    /// One packet as it came.
    pub(super) fn forward(
        &mut self,
        origin: &Origin,
        payload: &Payload<'_>,
        octets: &[u8],
        out: &mut VideoOutput,
    ) {
        let marker = origin.header.marker;
        match payload {
            // Start and end in one is forbidden (RFC 6184 section 5.8), yet easily put right.
            Payload::Fragment(Fragment {
                header,
                is_start: true,
                is_end: true,
                data,
            }) => self.send(origin, marker, (&[*header], data), out),
            _ => self.send(origin, marker, (&[], octets), out),
        }
    }

    /// A packet that is larger than the target's, as several; not for [`Slot::Same`].
    pub(super) fn split(&mut self, origin: &Origin, payload: &Payload<'_>, out: &mut VideoOutput) {
        self.counters.split += 1;
        match payload {
            Payload::Fragment(fragment) => {
                self.fragments(origin, origin.header.marker, fragment, out);
            }
            _ => self.units(origin, payload.whole(), out),
        }
    }

    /// NAL units one by one, in fragments where one is too large; the marker is the last one's. Not for
    /// [`Slot::Same`].
    pub(super) fn units<'a>(
        &mut self,
        origin: &Origin,
        units: impl Iterator<Item = &'a [u8]>,
        out: &mut VideoOutput,
    ) {
        let mut units = units.peekable();
        while let Some(unit) = units.next() {
            let marker = origin.header.marker && units.peek().is_none();
            match unit.split_first() {
                Some((&header, data)) if unit.len() > self.max_payload() => {
                    let whole = Fragment {
                        header,
                        is_start: true,
                        is_end: true,
                        data,
                    };
                    self.fragments(origin, marker, &whole, out);
                }
                _ => self.send(origin, marker, (&[], unit), out),
            }
        }
    }

    /// A fragment in fragments; begin and end stay where they were.
    fn fragments(
        &mut self,
        origin: &Origin,
        marker: bool,
        fragment: &Fragment<'_>,
        out: &mut VideoOutput,
    ) {
        let mut chunks = fragment.data.chunks(self.max_payload() - 2).peekable();
        let mut is_start = fragment.is_start;
        while let Some(chunk) = chunks.next() {
            let is_last = chunks.peek().is_none();
            let head = fragment_head(fragment.header, is_start, fragment.is_end && is_last);
            self.send(origin, marker && is_last, (&head, chunk), out);
            is_start = false;
        }
    }
}
