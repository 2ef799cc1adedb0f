//! A play-out buffer for a network that jitters: packets come as they like, frames leave at an even pace.
//!
//! | state | packet comes | a slot is due |
//! |---|---|---|
//! | off | it is passed on at once; on, when delays are worth a buffer | – |
//! | on | waits for its slot; one whose slot has passed is late | see below |
//! | resting (on, nothing to play) | slots begin anew, so that it has the delay wanted | – |
//!
//! | at a slot | what | delay |
//! |---|---|---|
//! | the next packet is there | [`Turn::Play`] | stays |
//! | … and too much waits, in silence or far too much | [`Turn::Fuse`]: it and the one behind it become one frame | shrinks |
//! | … and too little waits, in silence | [`Turn::Stretch`] | grows |
//! | a later one is there, packets overtake each other, and too little waits | [`Turn::Stretch`]: it may yet come | grows |
//! | a later one is there otherwise | [`Turn::Lost`], or [`Turn::Covered`] where a frame of `Dry` stands for it already | stays |
//! | nothing is there, and too little was waiting | [`Turn::Stretch`] | grows |
//! | nothing is there | [`Turn::Dry`]; after [`MAX_DRY`] of them resting | grows, unless what comes shows a loss |
//!
//! The buffer is off again when the network was calm long enough and nothing waits any more. It is on for losses
//! alone as well, with the little delay that lets the next packet come, which has the lost one's redundancy in it.

use super::delays::{Delays, MAX_DELAY};
use crate::rtp::Header;
use std::time::{Duration, Instant};

/// Packets that wait at most.
pub const PLACES: usize = 32;
/// Frames made up while nothing is there.
pub const MAX_DRY: u16 = 5;
/// So much more than wanted is shed in silence, and so much in any case.
const SPARE: Duration = Duration::from_millis(30);
const TOO_MUCH: Duration = Duration::from_millis(80);
/// What is held back where packets are lost: until the next one came.
const FOR_LOSSES: Duration = Duration::from_millis(45);
/// Where packets are lost and late as well: a frame more, so that the next one comes in time.
const ONE_MORE: Duration = Duration::from_millis(20);
/// Share of losses from which on that is done; two in a row are enough as well.
const LOSSY: f32 = 0.025;
/// Packets in a row without a loss that end it: half a minute. A delay that comes and goes is worse than one that stays.
const LOSSLESS: u32 = 1_500;
/// Packets over which it is reckoned, about.
const LOSS_MEMORY: f32 = 250.0;
/// After so many holes that nothing filled later, packets are not expected to overtake each other.
const HOLES: u32 = 3;
/// Numbers that can still belong to the sequence that is played.
const NEAR: u16 = 100;

/// What a slot is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The packet at this place; give it back by [`Playout::done`].
    Play(usize),
    /// The same, but its frame is to be merged with that of the next, which is due at once.
    Fuse(usize),
    /// A frame was lost; the place of the packet right behind it, if that has come.
    Lost(Option<usize>),
    /// A frame was lost for which something was made up already. Takes no slot.
    Covered,
    /// Nothing is there: make something up. Nothing is lost yet.
    Dry,
    /// Make something up to have more time.
    Stretch,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Waits,
    /// The same, after nothing was played for a while: what is missing before it is forgotten.
    Resumes,
    /// It came after its slot, or twice.
    Late,
    /// It does not belong to what is played.
    Foreign,
}

#[derive(Debug, Default)]
struct Place {
    taken: bool,
    /// Holds a number; its packet was dealt with when it came.
    hollow: bool,
    header: Header,
    came: Option<Instant>,
    payload: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    /// The number to be played next.
    next: u16,
    /// `None` while resting.
    slot: Option<Instant>,
    frame: Duration,
    /// Frames made up since the last packet.
    dry: u16,
    /// Timestamp that the next packet would have if nothing is missing.
    timestamp: u32,
    /// The frame before is to be merged with the next.
    fused: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Playout {
    delays: Delays,
    running: Option<Running>,
    places: Vec<Place>,
    waited: Duration,
    /// The newest number.
    newest: Option<u16>,
    loss: f32,
    is_lossy: bool,
    /// Packets since the last loss.
    lossless: u32,
    /// Holes since packets last overtook each other.
    holes: u32,
    /// Packets have overtaken each other, and what is missing mostly comes.
    is_overtaking: bool,
}

impl Playout {
    /// `clock_rate` of the timestamps in Hz.
    pub fn new(clock_rate: u32) -> Self {
        Self {
            delays: Delays::new(clock_rate),
            running: None,
            places: Vec::new(),
            waited: Duration::ZERO,
            newest: None,
            loss: 0.0,
            is_lossy: false,
            lossless: 0,
            holes: 0,
            is_overtaking: false,
        }
    }

    pub const fn is_on(&self) -> bool {
        self.running.is_some()
    }

    /// All the time that packets waited here.
    pub const fn waited(&self) -> Duration {
        self.waited
    }

    /// What is wanted to be held back at present.
    pub fn target(&self) -> Duration {
        let target = self.delays.target();
        match (self.is_lossy, target.is_zero()) {
            (false, _) => target,
            (true, true) => FOR_LOSSES,
            (true, false) => (target + ONE_MORE).min(MAX_DELAY),
        }
    }

    /// Whether packets may overtake each other, so that early ones are worth waiting for.
    pub const fn is_wary(&self) -> bool {
        self.holes < HOLES
    }

    /// Notes when a packet of sound came, whether the buffer is on or not.
    pub fn note_sound(&mut self, header: &Header, now: Instant) {
        self.delays.note(header.timestamp, now);
    }

    /// Notes the number of any packet of the source.
    pub fn note(&mut self, header: &Header) {
        let newest = *self.newest.get_or_insert(header.sequence.wrapping_sub(1));
        let ahead = header.sequence.wrapping_sub(newest);
        if ahead > NEAR {
            let behind = newest.wrapping_sub(header.sequence);
            if (1..=NEAR).contains(&behind) {
                self.holes = 0;
                self.is_overtaking = true;
                self.loss = (self.loss - 1.0 / LOSS_MEMORY).max(0.0);
            } else if behind > 0 {
                self.newest = Some(header.sequence);
            }
            return;
        }
        self.newest = Some(header.sequence);
        self.holes = self.holes.saturating_add(u32::from(ahead > 1));
        self.is_overtaking &= self.is_wary();
        for missing in (0..ahead).rev() {
            let lost = if missing > 0 { 1.0 } else { 0.0 };
            self.loss += (lost - self.loss) / LOSS_MEMORY;
        }
        self.lossless = if ahead > 1 {
            0
        } else {
            self.lossless.saturating_add(1)
        };
        if self.lossless >= LOSSLESS {
            self.is_lossy = false;
        } else if self.loss > LOSSY || ahead > 2 {
            self.is_lossy = true;
        }
    }

    /// The source says that nothing comes for a while: slots begin anew with what comes then.
    pub fn rest(&mut self) {
        if !self.has_any()
            && let Some(running) = &mut self.running
        {
            running.slot = None;
            running.dry = 0;
        }
    }

    /// Another source begins: nothing known of the old one holds.
    pub fn reset(&mut self) {
        self.stop();
        self.delays.reset();
        self.is_overtaking = false;
        self.newest = None;
    }

    /// Off; what still waits is forgotten.
    pub fn stop(&mut self) {
        self.running = None;
        for place in &mut self.places {
            place.taken = false;
        }
    }

    /// On, when that is worth it: `played` was passed on at `now` as the last one, of `frame`.
    /// Says whether it is on just now.
    pub fn start(&mut self, played: &Header, frame: Duration, now: Instant) -> bool {
        if self.running.is_some() || self.target().is_zero() || frame.is_zero() {
            return false;
        }
        if self.places.is_empty() {
            self.places.resize_with(PLACES, Place::default);
        }
        self.running = Some(Running {
            next: played.sequence.wrapping_add(1),
            slot: Some(now + frame),
            frame,
            dry: 0,
            timestamp: self.delays.behind(played.timestamp, frame),
            fused: false,
        });
        true
    }

    /// Whether a packet came after one behind it.
    pub fn is_overtaken(&self, header: &Header) -> bool {
        self.newest
            .is_some_and(|newest| (1..=NEAR).contains(&newest.wrapping_sub(header.sequence)))
    }

    /// Whether a packet has not come yet and would still have its slot.
    pub fn lacks(&self, header: &Header) -> bool {
        self.running.is_some_and(|running| {
            header.sequence.wrapping_sub(running.next) <= NEAR
                && !self
                    .places
                    .iter()
                    .any(|place| place.taken && place.header.sequence == header.sequence)
        })
    }

    /// Takes a packet while on. A `hollow` one only holds its number.
    pub fn insert(&mut self, header: Header, payload: &[u8], hollow: bool, now: Instant) -> Fate {
        let target = self.target();
        let Some(running) = &mut self.running else {
            return Fate::Foreign;
        };
        let ahead = header.sequence.wrapping_sub(running.next);
        if ahead > NEAR {
            let behind = running.next.wrapping_sub(header.sequence);
            return if behind <= NEAR {
                Fate::Late
            } else {
                Fate::Foreign
            };
        }
        let twice = |p: &Place| p.taken && p.header.sequence == header.sequence;
        if self.places.iter().any(twice) {
            return Fate::Late;
        }
        let Some(place) = self.places.iter_mut().find(|place| !place.taken) else {
            return Fate::Foreign;
        };
        place.taken = true;
        place.hollow = hollow;
        place.header = header;
        place.came = Some(now);
        place.payload.clear();
        place.payload.extend_from_slice(payload);
        if running.slot.is_none() && !hollow {
            let late = self.delays.late(header.timestamp, now);
            running.slot = Some(now + target.saturating_sub(late));
            running.next = header.sequence;
            return Fate::Resumes;
        }
        Fate::Waits
    }

    /// When [`Self::turn`] has something.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.running.and_then(|running| running.slot)
    }

    /// Fills the slot that is due. `silent` says that nothing would be heard of a change of pace now.
    pub fn turn(&mut self, silent: bool, now: Instant) -> Option<Turn> {
        let mut running = self.running?;
        let slot = running.slot.filter(|slot| *slot <= now)?;
        self.skip_hollow(&mut running);
        let turn = match self.at(running.next) {
            Some((place, timestamp)) => {
                let delay = self.delays.late(timestamp, slot);
                let target = self.target();
                let sheds = if silent { SPARE } else { TOO_MUCH };
                let too_long = delay > (target + sheds).min(MAX_DELAY + SPARE);
                if silent && !running.fused && delay + running.frame / 2 <= target {
                    Turn::Stretch
                } else {
                    running.next = running.next.wrapping_add(1);
                    running.timestamp = self.delays.behind(timestamp, running.frame);
                    running.dry = 0;
                    running.fused = too_long && !running.fused && self.at(running.next).is_some();
                    if running.fused {
                        Turn::Fuse(place)
                    } else {
                        Turn::Play(place)
                    }
                }
            }
            // Given up now, each packet that is overtaken would be lost until a pause lets the delay grow.
            None if self.has_any()
                && self.is_overtaking
                && running.dry == 0
                && self.delays.late(running.timestamp, slot) < self.delays.target() =>
            {
                Turn::Stretch
            }
            None if self.has_any() => {
                let behind = self.at(running.next.wrapping_add(1));
                running.next = running.next.wrapping_add(1);
                running.timestamp = self.delays.behind(running.timestamp, running.frame);
                if running.dry > 0 {
                    // What was made up when nothing was there stands for it.
                    running.dry -= 1;
                    self.running = Some(running);
                    return Some(Turn::Covered);
                }
                Turn::Lost(behind.map(|(place, _)| place))
            }
            None if running.dry >= MAX_DRY => {
                running.slot = None;
                running.dry = 0;
                self.running = Some(running);
                return None;
            }
            // For losses alone more delay is got where it is not heard.
            None if self.delays.late(running.timestamp, slot) < self.delays.target() => {
                Turn::Stretch
            }
            None => {
                running.dry += 1;
                Turn::Dry
            }
        };
        if !matches!(turn, Turn::Fuse(_)) {
            running.slot = Some(slot + running.frame);
        }
        self.running = Some(running);
        Some(turn)
    }

    /// The packet at a place, and that a hollow one is not to be played.
    pub fn packet(&self, place: usize) -> Option<(Header, &[u8])> {
        let place = self.places.get(place).filter(|place| place.taken)?;
        Some((place.header, &place.payload))
    }

    /// The packet was played, and lasted `frame`.
    pub fn done(&mut self, place: usize, frame: Duration, now: Instant) {
        if let Some(place) = self.places.get_mut(place) {
            place.taken = false;
            if let Some(came) = place.came.take() {
                self.waited += now.saturating_duration_since(came);
            }
        }
        if let Some(running) = &mut self.running
            && !frame.is_zero()
            && frame != running.frame
        {
            // The slot behind this packet was reckoned with the frame before.
            running.slot = running
                .slot
                .map(|slot| slot + frame - running.frame.min(frame));
            running.frame = frame;
        }
    }

    /// Whether it can be done without: the network is calm, and no more than one frame waits.
    pub fn is_over(&self) -> bool {
        let waiting = self.places.iter().filter(|p| p.taken && !p.hollow).count();
        self.running.is_some() && self.target().is_zero() && waiting <= 1
    }

    /// The place of the earliest packet that waits, hollow ones left out.
    pub fn earliest(&mut self) -> Option<usize> {
        let mut running = self.running?;
        self.skip_hollow(&mut running);
        self.running = Some(running);
        let next = running.next;
        let waiting = self.places.iter().enumerate();
        waiting
            .filter(|(_, place)| place.taken && !place.hollow)
            .min_by_key(|(_, place)| place.header.sequence.wrapping_sub(next))
            .map(|(at, _)| at)
    }

    fn has_any(&self) -> bool {
        self.places.iter().any(|place| place.taken)
    }

    fn at(&self, sequence: u16) -> Option<(usize, u32)> {
        let mut places = self.places.iter().enumerate();
        places
            .find(|(_, place)| place.taken && !place.hollow && place.header.sequence == sequence)
            .map(|(at, place)| (at, place.header.timestamp))
    }

    /// Numbers whose packets were dealt with take no slot.
    fn skip_hollow(&mut self, running: &mut Running) {
        while let Some(place) = self
            .places
            .iter_mut()
            .find(|p| p.taken && p.hollow && p.header.sequence == running.next)
        {
            place.taken = false;
            running.next = running.next.wrapping_add(1);
        }
    }
}
