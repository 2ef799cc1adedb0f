//! The end that gives a file.
//!
//! | state | input | next | sends |
//! |---|---|---|---|
//! | waiting | `C` | named | block 0: name and length |
//! | waiting | ^C | ended, stopped | CAN … |
//! | named | `C`, NAK | named | block 0 again |
//! | named | ACK | known | |
//! | known | `C` | giving, or at the end of an empty file | the next block, once [`Sender::supply`] has brought it |
//! | giving | ACK | giving, or at the end | the next block, or EOT |
//! | giving | NAK; `C` at the first block | giving | the same block |
//! | at the end | NAK; `C`, when the ACK before it was lost | at the end | EOT |
//! | at the end | ACK | closing | |
//! | closing | `C` | closing | block 0 without a name |
//! | closing | ACK | ended, good | |
//! | closing | 10 s of silence, 1 s behind that block | ended, good: the file is acknowledged | |
//! | any | the same block asked for more than ten times | ended, damaged | CAN … |
//! | any | CAN CAN | ended, cancelled | |
//! | any other | a minute of silence | ended, silent | CAN … |
//!
//! What answers a `C` is held back for 30 ms. What comes while there is something to send is an answer to something older, and is dropped.

use super::block::{self, WHOLE};
use super::{
    ACK, BLOCK, BLOCK_MS, CAN, CANCEL, CRC, EOT, ETX, FIRST_MS, Header, NAK, RETRIES, SILENT_MS,
    TransferError,
};
use core::fmt::Write as _;
use heapless::{String, Vec};

/// Who asks by `C` may throw away what has come until then, a moment after it has asked.
const HOLD_MS: u64 = 30;
/// Whether block 0 without a name was heard changes nothing any more.
const CLOSE_MS: u64 = 1_000;

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The other end has all of it.
    Whole,
    Failed(TransferError),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Named,
    Known,
    Giving,
    AtEnd,
    Closing,
    Ended,
}

/// See the module.
#[derive(Debug)]
pub struct Sender {
    state: State,
    header: Header,
    number: u8,
    /// Octets of the file that were acknowledged, and of the block that was not yet.
    given: u64,
    under_way: u64,
    wants: bool,
    block: Vec<u8, WHOLE>,
    /// The block is to be sent, and not before this.
    pending: bool,
    hold_until_ms: u64,
    answer: Option<&'static [u8]>,
    cans: u8,
    repeats: u32,
    at_ms: u64,
}

impl Sender {
    /// Waits to be asked.
    pub fn new(header: Header, now_ms: u64) -> Self {
        Self {
            state: State::Waiting,
            header,
            number: 0,
            given: 0,
            under_way: 0,
            wants: false,
            block: Vec::new(),
            pending: false,
            hold_until_ms: 0,
            answer: None,
            cans: 0,
            repeats: 0,
            at_ms: now_ms.saturating_add(FIRST_MS),
        }
    }

    /// Octets that the other end has acknowledged.
    pub const fn given(&self) -> u64 {
        self.given
    }

    /// From where, and how many octets of the file are wanted by [`Sender::supply`].
    pub fn wants(&self) -> Option<(u64, usize)> {
        let left = self.header.length.saturating_sub(self.given);
        let count = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
        self.wants.then_some((self.given, count))
    }

    /// The octets that [`Sender::wants`] named; without all of them it is cancelled.
    pub fn supply(&mut self, data: &[u8]) -> Option<Sent> {
        let (_, count) = self.wants()?;
        self.wants = false;
        if data.len() != count {
            return Some(self.fail(TransferError::Short));
        }
        self.number = self.number.wrapping_add(1);
        self.under_way = count as u64;
        block::write_data(&mut self.block, self.number, data);
        self.pending = true;
        None
    }

    /// What to send, after every event and every supply, until there is nothing.
    pub fn poll_transmit(&mut self, now_ms: u64) -> Option<&[u8]> {
        if let Some(answer) = self.answer.take() {
            return Some(answer);
        }
        if now_ms < self.hold_until_ms {
            return None;
        }
        core::mem::take(&mut self.pending).then_some(self.block.as_slice())
    }

    /// When [`Sender::handle_timeout`] or [`Sender::poll_transmit`] wants to be called, unless an octet comes before; none when
    /// it is over.
    pub const fn poll_timeout(&self) -> Option<u64> {
        match self.state {
            State::Ended => None,
            _ if self.pending && self.hold_until_ms < self.at_ms => Some(self.hold_until_ms),
            _ => Some(self.at_ms),
        }
    }

    /// Ends it and tells the other end; what there is to send is to be sent still.
    pub fn cancel(&mut self) {
        self.pending = false;
        self.wants = false;
        self.answer = Some(&CANCEL);
        self.state = State::Ended;
    }

    /// The next octet of the line.
    pub fn handle_octet(&mut self, octet: u8, now_ms: u64) -> Option<Sent> {
        if self.state == State::Ended {
            return None;
        }
        self.cans = if octet == CAN { self.cans + 1 } else { 0 };
        if self.cans >= 2 {
            self.pending = false;
            self.wants = false;
            self.answer = None;
            self.state = State::Ended;
            return Some(Sent::Failed(TransferError::Cancelled));
        }
        if self.pending || self.answer.is_some() || self.wants {
            return None;
        }
        if octet == CRC {
            self.hold_until_ms = now_ms.saturating_add(HOLD_MS);
        }
        match (self.state, octet) {
            (State::Waiting, CRC) => self.name(now_ms),
            (State::Waiting, ETX) => return Some(self.fail(TransferError::Stopped)),
            (State::Named, CRC | NAK) | (State::Giving, NAK) => return self.repeat(now_ms),
            (State::Giving, CRC) if self.given == 0 => return self.repeat(now_ms),
            (State::Named, ACK) => self.enter(State::Known, now_ms),
            (State::Known, CRC) => self.next(now_ms),
            (State::Giving, ACK) => {
                self.given = self.given.saturating_add(self.under_way);
                self.under_way = 0;
                self.next(now_ms);
            }
            (State::AtEnd, NAK | CRC) => {
                self.repeats += 1;
                if self.repeats > RETRIES {
                    return Some(self.fail(TransferError::Damaged));
                }
                self.answer = Some(&[EOT]);
                self.at_ms = now_ms.saturating_add(SILENT_MS);
            }
            (State::AtEnd, ACK) => {
                self.enter(State::Closing, now_ms);
                self.at_ms = now_ms.saturating_add(BLOCK_MS);
            }
            (State::Closing, CRC | NAK) => {
                block::write(&mut self.block, 0, &[], 0);
                self.pending = true;
                self.at_ms = now_ms.saturating_add(CLOSE_MS);
            }
            (State::Closing, ACK) => {
                self.state = State::Ended;
                return Some(Sent::Whole);
            }
            _ => {}
        }
        None
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now_ms: u64) -> Option<Sent> {
        if self.state == State::Ended || now_ms < self.at_ms {
            return None;
        }
        if self.state == State::Closing {
            self.state = State::Ended;
            return Some(Sent::Whole);
        }
        Some(self.fail(TransferError::Silent))
    }

    fn enter(&mut self, state: State, now_ms: u64) {
        self.state = state;
        self.repeats = 0;
        self.at_ms = now_ms.saturating_add(SILENT_MS);
    }

    fn fail(&mut self, why: TransferError) -> Sent {
        self.cancel();
        Sent::Failed(why)
    }

    fn name(&mut self, now_ms: u64) {
        // The name, NUL, 20 digits at most and the blank that some receivers look for.
        let mut data: String<{ super::NAME + 32 }> = String::new();
        let _ = write!(data, "{}\0{} ", self.header.name, self.header.length);
        block::write(&mut self.block, 0, data.as_bytes(), 0);
        self.pending = true;
        self.enter(State::Named, now_ms);
    }

    fn next(&mut self, now_ms: u64) {
        if self.given < self.header.length {
            self.wants = true;
            self.enter(State::Giving, now_ms);
        } else {
            self.answer = Some(&[EOT]);
            self.enter(State::AtEnd, now_ms);
        }
    }

    fn repeat(&mut self, now_ms: u64) -> Option<Sent> {
        self.repeats += 1;
        if self.repeats > RETRIES {
            return Some(self.fail(TransferError::Damaged));
        }
        self.pending = true;
        self.at_ms = now_ms.saturating_add(SILENT_MS);
        None
    }
}
