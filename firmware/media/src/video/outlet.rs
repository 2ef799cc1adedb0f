//! Everything behind the order of the input: what may leave, and as what.
//!
//! | | |
//! |---|---|
//! | no key frame yet | withheld: a decoder could make nothing of it |
//! | a key frame without parameter sets | the last ones known go before it |
//! | a fragment, where the target takes none | put together; without all its parts it never leaves |

use super::payload::{PPS, Payload, SPS, kind};
use super::request::KeyFrameRequest;
use super::sender::{MAX_UNIT, Origin, Sender, Slot};
use super::sets::ParameterSets;
use super::{VideoOutput, VideoTarget};
use crate::rtp::Header;
use crate::sdp::video::PacketizationMode;
use std::time::Instant;

#[derive(Debug)]
pub(super) struct Outlet {
    pub(super) sender: Sender,
    pub(super) sets: ParameterSets,
    pub(super) request: KeyFrameRequest,
    pub(super) is_open: bool,
    /// No key frame has come since something began.
    is_waiting: bool,
    unit: AccessUnit,
    assembly: Assembly,
}

/// What of the newest access unit left.
#[derive(Clone, Copy, Debug, Default)]
struct AccessUnit {
    /// Of the input.
    timestamp: Option<u32>,
    sps: bool,
    pps: bool,
    idr: bool,
    /// The far side may know nothing of this source yet.
    is_first: bool,
}

/// A NAL unit of which some fragments have come, all in order.
#[derive(Debug, Default)]
struct Assembly {
    timestamp: Option<u32>,
    unit: Vec<u8>,
}

/// A packet in its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) number: u64,
    pub(super) is_newest: bool,
    /// Nothing is missing right before it.
    pub(super) follows: bool,
}

/// What [`Outlet::pass`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passed {
    Done,
    /// Nothing: it does not leave as it came, so it and all after it must come in order.
    NeedsOrder,
}

impl Outlet {
    pub(super) fn new(sender: Sender) -> Self {
        Self {
            sender,
            sets: ParameterSets::default(),
            request: KeyFrameRequest::default(),
            is_open: true,
            is_waiting: true,
            unit: AccessUnit::default(),
            assembly: Assembly::default(),
        }
    }

    /// Nothing leaves before a key frame.
    pub(super) fn wait(&mut self) {
        self.is_waiting = true;
        self.unit = AccessUnit::default();
        self.assembly.timestamp = None;
        self.sender.numbers.wait();
    }

    pub(super) fn replan(&mut self, to: VideoTarget) {
        self.sender.to = to;
        if self.assembly.timestamp.take().is_some() {
            self.sender.numbers.leave_hole();
        }
    }

    /// A packet that takes the place it had, whether or not others are missing.
    pub(super) fn pass(
        &mut self,
        turn: Turn,
        header: &Header,
        octets: &[u8],
        now: Instant,
        out: &mut VideoOutput,
    ) -> Passed {
        let payload = self.read(octets);
        if let Some(payload) = payload.filter(|_| turn.is_newest) {
            self.learn(&payload);
        }
        if !self.is_open {
            return Passed::Done;
        }
        let Some(payload) = payload else {
            if turn.is_newest {
                self.sender.numbers.shift(turn.number + 1, -1);
            }
            return Passed::Done;
        };
        let begins = self.is_waiting && turn.is_newest && payload.begins_idr();
        if self.is_waiting && !begins {
            self.withhold(&payload);
            return Passed::Done;
        }
        if !self.fits(&payload, octets) {
            return Passed::NeedsOrder;
        }
        let origin = Origin {
            header: *header,
            slot: Slot::Same(turn.number),
            now,
        };
        if begins {
            self.begin(turn.number, header, now);
        }
        self.enter(&payload, turn, &origin, out);
        self.forward(&origin, &payload, octets, out);
        Passed::Done
    }

    /// A packet in order.
    pub(super) fn pass_in_order(
        &mut self,
        turn: Turn,
        header: &Header,
        octets: &[u8],
        now: Instant,
        out: &mut VideoOutput,
    ) {
        if !turn.follows {
            self.sender.numbers.leave_hole();
        }
        let Some(payload) = self.read(octets) else {
            return;
        };
        self.learn(&payload);
        let origin = Origin {
            header: *header,
            slot: Slot::InOrder,
            now,
        };
        let is_whole = !matches!(&payload, Payload::Fragment(f) if !(f.is_start && f.is_end));
        if self.sender.to.mode == PacketizationMode::SingleNal && !is_whole {
            self.assemble(&payload, turn, &origin, out);
            return;
        }
        self.break_off();
        if self.is_waiting {
            if !payload.begins_idr() {
                self.withhold(&payload);
                return;
            }
            self.begin(turn.number, header, now);
        }
        if self.fits(&payload, octets) {
            self.enter(&payload, turn, &origin, out);
            self.forward(&origin, &payload, octets, out);
        } else if self.sender.to.mode == PacketizationMode::NonInterleaved {
            self.enter(&payload, turn, &origin, out);
            self.sender.split(&origin, &payload, out);
        } else {
            self.sender.counters.split += 1;
            let mut units = payload.whole().peekable();
            while let Some(unit) = units.next() {
                let marker = header.marker && units.peek().is_none();
                self.send_unit(unit, marker, turn, &origin, out);
            }
        }
    }

    fn read<'a>(&mut self, octets: &'a [u8]) -> Option<Payload<'a>> {
        let payload = Payload::read(octets).filter(|_| octets.len() <= MAX_UNIT);
        self.sender.counters.discarded += u64::from(payload.is_none());
        payload
    }

    fn learn(&mut self, payload: &Payload<'_>) {
        for unit in payload.whole() {
            self.sets.learn(unit);
        }
    }

    fn withhold(&mut self, payload: &Payload<'_>) {
        self.sender.counters.withheld += 1;
        // Parameter sets alone: the key frame they announce is on its way.
        if payload.has_picture() {
            self.request.miss();
        }
    }

    fn begin(&mut self, number: u64, header: &Header, now: Instant) {
        self.is_waiting = false;
        self.unit = AccessUnit {
            is_first: true,
            ..AccessUnit::default()
        };
        self.sender.numbers.begin(number, header, now);
    }

    /// Whether it may leave as one packet.
    fn fits(&self, payload: &Payload<'_>, octets: &[u8]) -> bool {
        match self.sender.to.mode {
            PacketizationMode::NonInterleaved => octets.len() <= self.sender.max_payload(),
            PacketizationMode::SingleNal => match payload {
                Payload::Single(_) => true,
                Payload::Aggregate(_) => false,
                Payload::Fragment(fragment) => fragment.is_start && fragment.is_end,
            },
        }
    }

    fn forward(
        &mut self,
        origin: &Origin,
        payload: &Payload<'_>,
        octets: &[u8],
        out: &mut VideoOutput,
    ) {
        let is_large = octets.len() > self.sender.max_payload();
        self.sender.counters.oversized += u64::from(is_large);
        self.sender.forward(origin, payload, octets, out);
    }

    /// One whole NAL unit as one packet.
    fn send_unit(
        &mut self,
        unit: &[u8],
        marker: bool,
        turn: Turn,
        origin: &Origin,
        out: &mut VideoOutput,
    ) {
        self.enter(&Payload::Single(unit), turn, origin, out);
        let is_large = unit.len() > self.sender.max_payload();
        self.sender.counters.oversized += u64::from(is_large);
        self.sender.send(origin, marker, (&[], unit), out);
    }

    /// Notes what is about to leave, and sends the parameter sets it lacks.
    fn enter(&mut self, payload: &Payload<'_>, turn: Turn, origin: &Origin, out: &mut VideoOutput) {
        let timestamp = Some(origin.header.timestamp);
        if self.unit.timestamp != timestamp {
            if !turn.is_newest {
                return;
            }
            self.unit = AccessUnit {
                timestamp,
                is_first: self.unit.is_first && self.unit.timestamp.is_none(),
                ..AccessUnit::default()
            };
            self.sender.counters.frames += 1;
        }
        for unit in payload.whole() {
            self.unit.sps |= kind(unit) == SPS;
            self.unit.pps |= kind(unit) == PPS;
        }
        if self.unit.idr || !payload.has_idr() {
            return;
        }
        self.unit.idr = true;
        self.sender.counters.key_frames += 1;
        self.request.came();
        // Behind a hole the sets may be in it, and newer than those known here.
        if turn.is_newest && (turn.follows || self.unit.is_first) {
            self.send_sets(origin, out);
        }
    }

    fn send_sets(&mut self, origin: &Origin, out: &mut VideoOutput) {
        let mut origin = *origin;
        origin.header.marker = false;
        if let Slot::Same(number) = origin.slot {
            origin.slot = Slot::Before(number);
        }
        // PPS name the SPS they build on, so these go first.
        let kinds = [(SPS, self.unit.sps), (PPS, self.unit.sps && self.unit.pps)];
        for (kind, is_there) in kinds {
            for unit in self.sets.of(kind).filter(|_| !is_there) {
                match self.sender.to.mode {
                    PacketizationMode::SingleNal => {
                        self.sender.send(&origin, false, (&[], unit), out);
                    }
                    PacketizationMode::NonInterleaved => {
                        self.sender.units(&origin, std::iter::once(unit), out);
                    }
                }
            }
        }
    }

    /// A fragment of a NAL unit that must leave whole.
    fn assemble(
        &mut self,
        payload: &Payload<'_>,
        turn: Turn,
        origin: &Origin,
        out: &mut VideoOutput,
    ) {
        let Payload::Fragment(fragment) = payload else {
            return;
        };
        let is_next = self.assembly.timestamp == Some(origin.header.timestamp)
            && self.assembly.unit.first() == Some(&fragment.header)
            && turn.follows
            && !fragment.is_start;
        if !is_next {
            self.break_off();
            if self.is_waiting && !payload.begins_idr() {
                self.withhold(payload);
                return;
            }
            if !fragment.is_start {
                self.sender.counters.discarded += 1;
                self.sender.numbers.leave_hole();
                return;
            }
            self.assembly.timestamp = Some(origin.header.timestamp);
            self.assembly.unit.clear();
            self.assembly.unit.push(fragment.header);
        }
        if self.assembly.unit.len() + fragment.data.len() > MAX_UNIT {
            self.break_off();
            return;
        }
        self.assembly.unit.extend_from_slice(fragment.data);
        if fragment.is_end {
            self.assembly.timestamp = None;
            let unit = std::mem::take(&mut self.assembly.unit);
            if self.is_waiting {
                self.begin(turn.number, &origin.header, origin.now);
            }
            self.sets.learn(&unit);
            self.send_unit(&unit, origin.header.marker, turn, origin, out);
            self.assembly.unit = unit;
        }
    }

    /// What was being put together never becomes whole.
    fn break_off(&mut self) {
        if self.assembly.timestamp.take().is_some() {
            self.sender.counters.discarded += 1;
            self.sender.numbers.leave_hole();
        }
    }
}
