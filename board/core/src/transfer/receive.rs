//! The end that takes a file.
//!
//! | state | input | next | sends |
//! |---|---|---|---|
//! | asking | 3 s of silence | asking | `C`; after forty of them: ended, silent |
//! | asking | block 0 with name and length | taking | ACK, `C` |
//! | asking | block 0 without a name | ended: the other end has nothing | ACK |
//! | asking | ^C | ended, stopped | CAN … |
//! | taking | block 0, before any data | taking | ACK, `C` |
//! | taking | the block that is due | taking | ACK |
//! | taking | the one before it | taking | ACK |
//! | taking | any other | ended, out of step | CAN … |
//! | taking | EOT | at the end | NAK: a damaged octet may look like it |
//! | at the end | EOT | closing | ACK, `C`; ended when the file is shorter than was said |
//! | at the end | anything else | as taking | |
//! | closing | block 0 without a name | ended, good | ACK |
//! | closing | EOT | closing | ACK, `C` |
//! | closing | block 0 with a name | ended, another | CAN … |
//! | closing | 3 s of silence, thrice | ended, good: the file is whole | |
//! | any of these | a damaged block, noise | as before, once the line is quiet | NAK, `C` where nothing came yet |
//! | taking, at the end | 10 s of silence | as before; after ten of them: ended, silent | NAK, `C` where nothing came yet |
//! | any | CAN CAN between blocks | ended, cancelled | |
//! | any | five CAN at the end of damage, then 6 s of silence, asked twice | ended, cancelled | |

use super::block::Incoming;
use super::{
    ACK, ASK_MS, ASKS, Answers, BLOCK_MS, BS, CAN, CANCEL, CRC, EOT, ETX, Header, NAK, OCTET_MS,
    QUIET_MS, RETRIES, SOH, STX, TransferError,
};

/// What a cancellation in the middle of a block has at least; two alone may be data.
const CANS: u8 = 5;
/// How often what may have been one is asked for.
const DOUBTS: u8 = 2;
/// How often `C` is sent behind a file that is whole.
const CLOSES: u32 = 3;

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// A file comes. Nothing is acknowledged before the next [`Receiver::poll_transmit`]: until then
    /// [`Receiver::cancel`] refuses it.
    Begin(&'a Header),
    /// The next octets of it, acknowledged in the same way.
    Data(&'a [u8]),
    /// All of it has come.
    Whole,
    /// The other end had no file.
    Nothing,
    /// It did not come through.
    Failed(TransferError),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Asking,
    Taking,
    AtEnd,
    Closing,
    Ended,
}

/// See the module.
#[derive(Debug)]
pub struct Receiver {
    state: State,
    header: Option<Header>,
    /// The block that came last.
    number: u8,
    /// Octets of the file that came.
    taken: u64,
    block: Incoming,
    /// Until the line is quiet.
    deaf: bool,
    cans: u8,
    /// What was damaged ended as a cancellation does, and so may a file: it is one when nothing more comes, however
    /// often it is asked for. So often still.
    suspect: u8,
    /// In a row.
    failures: u32,
    answers: Answers,
    at_ms: u64,
}

impl Receiver {
    /// Asks at once.
    pub fn new(now_ms: u64) -> Self {
        let mut receiver = Self {
            state: State::Asking,
            header: None,
            number: 0,
            taken: 0,
            block: Incoming::default(),
            deaf: false,
            cans: 0,
            suspect: 0,
            failures: 1,
            answers: Answers::new(),
            at_ms: now_ms.saturating_add(ASK_MS),
        };
        receiver.say(&[CRC]);
        receiver
    }

    /// Octets of the file so far.
    pub const fn taken(&self) -> u64 {
        self.taken
    }

    /// What to send; to be called after every event, and until there is nothing.
    pub fn poll_transmit(&mut self) -> Option<u8> {
        self.answers.pop_front()
    }

    /// When [`Receiver::handle_timeout`] wants to be called, unless an octet comes before; none when it is over.
    pub const fn poll_timeout(&self) -> Option<u64> {
        match self.state {
            State::Ended => None,
            _ => Some(self.at_ms),
        }
    }

    /// Ends it and tells the other end; what there is to send is to be sent still.
    pub fn cancel(&mut self) {
        self.answers.clear();
        self.say(&CANCEL);
        self.state = State::Ended;
    }

    /// The next octet of the line.
    pub fn handle_octet(&mut self, octet: u8, now_ms: u64) -> Option<Received<'_>> {
        if self.state == State::Ended {
            return None;
        }
        if self.deaf {
            self.at_ms = now_ms.saturating_add(QUIET_MS);
            self.cans = match octet {
                CAN => self.cans.saturating_add(1),
                BS if self.cans >= CANS => self.cans,
                _ => 0,
            };
            return None;
        }
        if self.block.is_under_way() {
            self.at_ms = now_ms.saturating_add(OCTET_MS);
            return if self.block.push(octet) {
                self.whole_block(now_ms)
            } else {
                None
            };
        }
        self.suspect = 0;
        self.cans = if octet == CAN { self.cans + 1 } else { 0 };
        if self.cans >= 2 {
            return Some(self.fail_quietly(TransferError::Cancelled));
        }
        match octet {
            SOH | STX => {
                self.block.push(octet);
                self.at_ms = now_ms.saturating_add(OCTET_MS);
            }
            EOT if self.state != State::Asking => return self.end_of_file(now_ms),
            ETX if self.state == State::Asking => return Some(self.fail(TransferError::Stopped)),
            // Before the first block it may be anything: a person's Enter, the other program's greeting.
            CAN => {}
            _ if self.state == State::Asking => {}
            _ => self.go_deaf(now_ms),
        }
        None
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now_ms: u64) -> Option<Received<'_>> {
        if self.poll_timeout().is_none_or(|at| now_ms < at) {
            return None;
        }
        if self.block.is_under_way() || self.deaf {
            return self.damaged(now_ms);
        }
        if self.suspect == 1 {
            return Some(self.fail_quietly(TransferError::Cancelled));
        }
        if self.suspect > 0 {
            self.suspect -= 1;
            self.ask_again();
            return self.wait(now_ms, ASK_MS);
        }
        match self.state {
            State::Asking if self.failures >= ASKS => Some(self.fail(TransferError::Silent)),
            State::Asking => {
                self.failures += 1;
                self.say(&[CRC]);
                self.wait(now_ms, ASK_MS)
            }
            State::Closing if self.failures >= CLOSES => {
                self.state = State::Ended;
                Some(Received::Whole)
            }
            State::Closing => {
                self.failures += 1;
                self.say(&[CRC]);
                self.wait(now_ms, ASK_MS)
            }
            State::Taking | State::AtEnd if self.failures >= RETRIES => {
                Some(self.fail(TransferError::Silent))
            }
            State::Taking | State::AtEnd => {
                self.failures += 1;
                self.ask_again();
                self.wait(now_ms, BLOCK_MS)
            }
            State::Ended => None,
        }
    }

    fn say(&mut self, octets: &[u8]) {
        for octet in octets {
            // A cancellation fits, and so does every answer behind one that was not fetched.
            let _ = self.answers.push_back(*octet);
        }
    }

    fn wait(&mut self, now_ms: u64, ms: u64) -> Option<Received<'_>> {
        self.at_ms = now_ms.saturating_add(ms);
        None
    }

    fn go_deaf(&mut self, now_ms: u64) {
        self.deaf = true;
        self.block.clear();
        self.at_ms = now_ms.saturating_add(QUIET_MS);
    }

    fn fail(&mut self, why: TransferError) -> Received<'static> {
        self.cancel();
        Received::Failed(why)
    }

    /// The other end knows already.
    fn fail_quietly(&mut self, why: TransferError) -> Received<'static> {
        self.answers.clear();
        self.state = State::Ended;
        Received::Failed(why)
    }

    /// Before the first data a sender may wait for the question still; that it counts as a refusal, too, every sender knows.
    fn ask_again(&mut self) {
        let began = self.state == State::AtEnd || (self.state == State::Taking && self.any_came());
        self.say(&[if began { NAK } else { CRC }]);
    }

    const fn any_came(&self) -> bool {
        self.taken > 0
    }

    /// The line is quiet after something that could not be read.
    fn damaged(&mut self, now_ms: u64) -> Option<Received<'_>> {
        self.suspect = if self.block.ends_in_cancel() || self.cans >= CANS {
            DOUBTS
        } else {
            0
        };
        self.block.clear();
        self.deaf = false;
        self.cans = 0;
        self.failures += 1;
        let most = match self.state {
            State::Asking => ASKS,
            _ => RETRIES,
        };
        if self.failures > most {
            return Some(self.fail(TransferError::Damaged));
        }
        self.ask_again();
        let ms = match self.state {
            _ if self.suspect > 0 => ASK_MS,
            State::Asking | State::Closing => ASK_MS,
            _ => BLOCK_MS,
        };
        self.wait(now_ms, ms)
    }

    fn whole_block(&mut self, now_ms: u64) -> Option<Received<'_>> {
        let Some(number) = self.block.read().map(|block| block.number) else {
            // It may have been longer than its first octet said.
            self.deaf = true;
            self.cans = 0;
            return self.wait(now_ms, QUIET_MS);
        };
        let next = self.number.wrapping_add(1);
        match self.state {
            State::Asking if number == 0 => self.begin(now_ms),
            State::Taking | State::AtEnd if number == 0 && !self.any_came() => {
                self.accept(&[ACK, CRC], now_ms)
            }
            State::Taking | State::AtEnd if number == next => self.data(number, now_ms),
            State::Taking | State::AtEnd if number == self.number && self.any_came() => {
                self.accept(&[ACK], now_ms)
            }
            State::Closing if number == 0 => self.close(),
            State::Asking | State::Taking | State::AtEnd | State::Closing => {
                Some(self.fail(TransferError::OutOfStep))
            }
            State::Ended => None,
        }
    }

    fn accept(&mut self, answer: &[u8], now_ms: u64) -> Option<Received<'_>> {
        self.failures = 0;
        self.say(answer);
        self.wait(now_ms, BLOCK_MS)
    }

    fn begin(&mut self, now_ms: u64) -> Option<Received<'_>> {
        let header = self.block.read().map(|block| Header::read(block.data));
        match header {
            Some(Ok(Some(header))) => {
                self.header = Some(header);
                self.state = State::Taking;
                self.accept(&[ACK, CRC], now_ms);
                self.header.as_ref().map(Received::Begin)
            }
            Some(Ok(None)) => {
                self.say(&[ACK]);
                self.state = State::Ended;
                Some(Received::Nothing)
            }
            Some(Err(why)) => Some(self.fail(why)),
            None => None,
        }
    }

    fn data(&mut self, number: u8, now_ms: u64) -> Option<Received<'_>> {
        let length = self.header.as_ref().map_or(0, |header| header.length);
        let left = length.saturating_sub(self.taken);
        if left == 0 {
            return Some(self.fail(TransferError::Long));
        }
        self.state = State::Taking;
        self.number = number;
        self.failures = 0;
        self.say(&[ACK]);
        self.at_ms = now_ms.saturating_add(BLOCK_MS);
        let data = self.block.read().map_or(&[][..], |block| block.data);
        let most = usize::try_from(left).unwrap_or(usize::MAX);
        let data = data.get(..most).unwrap_or(data);
        self.taken = self.taken.saturating_add(data.len() as u64);
        Some(Received::Data(data))
    }

    fn end_of_file(&mut self, now_ms: u64) -> Option<Received<'_>> {
        let length = self.header.as_ref().map_or(0, |header| header.length);
        match self.state {
            State::Taking => {
                self.state = State::AtEnd;
                self.say(&[NAK]);
                self.wait(now_ms, BLOCK_MS)
            }
            State::AtEnd if self.taken < length => Some(self.fail(TransferError::Short)),
            State::AtEnd | State::Closing => {
                self.state = State::Closing;
                self.failures = 0;
                self.say(&[ACK, CRC]);
                self.wait(now_ms, ASK_MS)
            }
            State::Asking | State::Ended => None,
        }
    }

    fn close(&mut self) -> Option<Received<'_>> {
        let header = self.block.read().map(|block| Header::read(block.data));
        match header {
            Some(Ok(None)) => {
                self.say(&[ACK]);
                self.state = State::Ended;
                Some(Received::Whole)
            }
            _ => Some(self.fail(TransferError::Another)),
        }
    }
}
