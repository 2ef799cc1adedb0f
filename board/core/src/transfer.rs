//! A file over the line, by YMODEM with CRC-16 and blocks of 1 KiB: what terminal programs have, so that a person needs no
//! program of ours at the other end.
//!
//! [`Receiver`] and [`Sender`] are the two ends; each file's head has its table of states. Both only take octets and times and
//! give octets to send. One file goes at a time.
//!
//! | rule | value |
//! |---|---|
//! | who asks | the receiver: `C` every 3 s, for two minutes before anybody answers |
//! | within a block | 1 s of silence ends it; it is asked for again |
//! | a damaged block | the line has to be quiet for 300 ms, then it is asked for again |
//! | between blocks | after 10 s the receiver asks again, ten times in a row at most |
//! | the sender | repeats when it is asked to, and gives up after a minute in which it is not |
//! | cancelling | two CAN in a row, from either end; before the first block ^C, too |
//!
//! Only the receiver's clock makes anybody repeat: an acknowledgement has no number, and where both repeat by themselves one
//! of them too many would stand for the next block.
//!
//! CRC-16 misses one damaged block in 65 536. Whoever moves a file therefore compares SHA-256 afterwards.

mod block;
mod receive;
mod send;

use crate::console::is_printable;
use core::fmt;
use heapless::{Deque, String};

pub use receive::{Received, Receiver};
pub use send::{Sender, Sent};

/// Octets of a file's name at most.
pub const NAME: usize = 96;
/// Data octets of a long block, which is what we send.
pub const BLOCK: usize = 1024;

/// Between two `C`.
const ASK_MS: u64 = 3_000;
/// How often `C` is sent before somebody answers.
const ASKS: u32 = 40;
/// Within a block.
const OCTET_MS: u64 = 1_000;
/// After damage.
const QUIET_MS: u64 = 300;
/// Between blocks.
const BLOCK_MS: u64 = 10_000;
/// Times in a row that a block is asked for.
const RETRIES: u32 = 10;
/// Nobody is at the other end.
const SILENT_MS: u64 = 60_000;
/// The same where a person has to start something first.
const FIRST_MS: u64 = ASK_MS * ASKS as u64;

const SOH: u8 = 0x01;
const STX: u8 = 0x02;
const ETX: u8 = 0x03;
const EOT: u8 = 0x04;
const ACK: u8 = 0x06;
const BS: u8 = 0x08;
const NAK: u8 = 0x15;
const CAN: u8 = 0x18;
const CRC: u8 = b'C';
/// Fills the last block of a file.
const PAD: u8 = 0x1a;

/// As many as make any program of the field leave, and backspaces for a shell that is already back.
const CANCEL: [u8; 10] = [CAN, CAN, CAN, CAN, CAN, BS, BS, BS, BS, BS];

/// What is said of a file before it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Without folders, 1 to [`NAME`] octets.
    pub name: String<NAME>,
    /// Octets.
    pub length: u64,
}

impl Header {
    /// None when the name, without what stands before its last slash, is empty, too long or not printable.
    pub fn new(name: &str, length: u64) -> Option<Self> {
        let bare = name.rsplit(['/', '\\']).next().unwrap_or_default();
        let good =
            !bare.is_empty() && !matches!(bare, "." | "..") && bare.chars().all(is_printable);
        let name = String::try_from(bare).ok().filter(|_| good)?;
        Some(Self { name, length })
    }

    /// Block 0: the name, NUL, the length in decimal digits, a blank, and fields that are not needed here.
    fn read(data: &[u8]) -> Result<Option<Self>, TransferError> {
        let mut parts = data.splitn(2, |octet| *octet == 0);
        let name = parts.next().unwrap_or_default();
        if name.is_empty() {
            return Ok(None);
        }
        let name = core::str::from_utf8(name).map_err(|_| TransferError::Name)?;
        let rest = parts.next().unwrap_or_default();
        let digits = rest.iter().take_while(|octet| octet.is_ascii_digit());
        let mut length = None;
        for digit in digits {
            let before: u64 = length.unwrap_or(0);
            let more = before
                .checked_mul(10)
                .and_then(|n| n.checked_add(u64::from(digit - b'0')));
            length = Some(more.ok_or(TransferError::Length)?);
        }
        let length = length.ok_or(TransferError::Length)?;
        Self::new(name, length).map(Some).ok_or(TransferError::Name)
    }
}

/// Why a file did not come through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferError {
    /// The other end gave up, or somebody there did.
    Cancelled,
    /// This end was told to.
    Stopped,
    /// Nobody answers.
    Silent,
    /// The same block was bad too often in a row.
    Damaged,
    /// A block came that was not due.
    OutOfStep,
    /// The name cannot be used.
    Name,
    /// The sender does not say how long the file is.
    Length,
    /// It ended before it was as long as was said.
    Short,
    /// It went on after that.
    Long,
    /// A second file came.
    Another,
}

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cancelled => "the other end left",
            Self::Stopped => "left",
            Self::Silent => "the other end does not answer",
            Self::Damaged => "the line is too bad: one block came damaged ten times",
            Self::OutOfStep => "the two ends do not agree on which block is next",
            Self::Name => "the file's name is missing, too long or not printable",
            Self::Length => {
                "the sender does not say how long the file is; YMODEM is needed, not XMODEM"
            }
            Self::Short => "the file ended too early",
            Self::Long => "the file is longer than was said",
            Self::Another => "one file at a time",
        })
    }
}

impl core::error::Error for TransferError {}

/// Octets that wait to be sent: answers of one or two, or a cancellation.
type Answers = Deque<u8, 16>;
