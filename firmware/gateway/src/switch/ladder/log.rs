//! A row of messages in blocks: written at its end, forgotten from its beginning.
//!
//! A message is a record of fixed length and its octets behind it; both may go over the ends of blocks.

use super::blocks::{BLOCK, BlockId, Blocks};
use causeway_api::ladder::{Carrier, SipMessage};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Blocks of one log: 128 KiB and both ends.
const MOST: usize = 66;
/// Time 8, flags 1, cut 4, length 4, two addresses of 18.
const RECORD: usize = 53;

/// See the module. Holds blocks until [`Log::clear`].
#[derive(Debug)]
pub struct Log {
    blocks: [BlockId; MOST],
    held: usize,
    /// Of the oldest message, in the first block.
    start: usize,
    /// Behind the newest, from the first block's beginning.
    end: usize,
    messages: usize,
}

/// A message as it is about to be kept.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    pub at_us: i64,
    pub sent: bool,
    pub carrier: Carrier,
    pub local: SocketAddr,
    pub remote: SocketAddr,
    pub bytes: &'a [u8],
    pub cut: usize,
}

impl Entry<'_> {
    /// Octets it takes.
    pub const fn cost(&self) -> usize {
        RECORD + self.bytes.len()
    }
}

impl Log {
    pub fn new(blocks: &mut Blocks) -> Option<Self> {
        let first = blocks.take()?;
        Some(Self {
            blocks: [first; MOST],
            held: 1,
            start: 0,
            end: 0,
            messages: 0,
        })
    }

    pub const fn len(&self) -> usize {
        self.messages
    }

    /// Octets of the messages.
    pub const fn bytes(&self) -> usize {
        self.end - self.start
    }

    /// Octets of the blocks.
    pub const fn held(&self) -> usize {
        self.held * BLOCK
    }

    /// Keeps a message; false when there is no room for it, and then nothing of it is kept.
    pub fn push(&mut self, entry: &Entry<'_>, blocks: &mut Blocks) -> bool {
        let end = self.end + entry.cost();
        while self.held * BLOCK < end {
            let Some(slot) = self.blocks.get_mut(self.held) else {
                return false;
            };
            let Some(block) = blocks.take() else {
                return false;
            };
            *slot = block;
            self.held += 1;
        }
        let mut record = [0; RECORD];
        encode(entry, &mut record);
        self.write(&record, blocks);
        self.write(entry.bytes, blocks);
        self.messages += 1;
        true
    }

    fn write(&mut self, mut octets: &[u8], blocks: &mut Blocks) {
        while !octets.is_empty() {
            let Some(block) = self.blocks.get(self.end / BLOCK) else {
                return;
            };
            let room = blocks.get_mut(*block);
            let room = room.get_mut(self.end % BLOCK..).unwrap_or_default();
            let (now, later) = octets.split_at(octets.len().min(room.len()));
            if let Some(room) = room.get_mut(..now.len()) {
                room.copy_from_slice(now);
            }
            self.end += now.len();
            octets = later;
            if now.is_empty() {
                return;
            }
        }
    }

    fn read(&self, mut at: usize, octets: &mut [u8], blocks: &Blocks) {
        let mut done = 0;
        while let Some(rest) = octets.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let Some(block) = self.blocks.get(at / BLOCK) else {
                return;
            };
            let there = blocks.get(*block).get(at % BLOCK..).unwrap_or_default();
            let length = there.len().min(rest.len());
            let (Some(rest), Some(there)) = (rest.get_mut(..length), there.get(..length)) else {
                return;
            };
            rest.copy_from_slice(there);
            done += length;
            at += length;
            if length == 0 {
                return;
            }
        }
    }

    /// Forgets the oldest message; false when there is none.
    pub fn pop(&mut self, blocks: &mut Blocks) -> bool {
        if self.messages == 0 {
            return false;
        }
        let mut record = [0; RECORD];
        self.read(self.start, &mut record, blocks);
        let (_, length) = decode(&record);
        self.start += RECORD + length;
        self.messages -= 1;
        while self.start >= BLOCK && self.held > 1 {
            blocks.give_back(self.blocks[0]);
            self.blocks.copy_within(1.., 0);
            self.held -= 1;
            self.start -= BLOCK;
            self.end -= BLOCK;
        }
        true
    }

    /// The messages, oldest first.
    pub fn messages(&self, blocks: &Blocks) -> Vec<SipMessage> {
        let mut found = Vec::with_capacity(self.messages);
        let mut at = self.start;
        for _ in 0..self.messages {
            let mut record = [0; RECORD];
            self.read(at, &mut record, blocks);
            let (message, length) = decode(&record);
            let mut octets = vec![0; length];
            self.read(at + RECORD, &mut octets, blocks);
            found.push(SipMessage {
                bytes: octets.into(),
                ..message
            });
            at += RECORD + length;
        }
        found
    }

    /// Gives everything back.
    pub fn clear(&self, blocks: &mut Blocks) {
        for block in self.blocks.iter().take(self.held) {
            blocks.give_back(*block);
        }
    }
}

fn encode(entry: &Entry<'_>, record: &mut [u8; RECORD]) {
    let carrier = match entry.carrier {
        Carrier::Udp => 0,
        Carrier::Tcp => 1,
        Carrier::Tls => 2,
    };
    let flags = carrier << 1 | u8::from(entry.sent);
    let short = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let parts: [&[u8]; 6] = [
        &entry.at_us.to_be_bytes(),
        &[flags],
        &short(entry.cut),
        &short(entry.bytes.len()),
        &address(entry.local),
        &address(entry.remote),
    ];
    let octets = parts.into_iter().flatten();
    record
        .iter_mut()
        .zip(octets)
        .for_each(|(to, from)| *to = *from);
}

/// A message without its octets, and how many these are.
fn decode(record: &[u8; RECORD]) -> (SipMessage, usize) {
    let mut rest = record.as_slice();
    let at_us = i64::from_be_bytes(part(&mut rest));
    let [flags] = part(&mut rest);
    let cut = u32::from_be_bytes(part(&mut rest));
    let length = u32::from_be_bytes(part(&mut rest));
    let message = SipMessage {
        at_us,
        sent: flags & 1 != 0,
        carrier: match flags >> 1 {
            0 => Carrier::Udp,
            1 => Carrier::Tcp,
            _ => Carrier::Tls,
        },
        local: socket(part(&mut rest)),
        remote: socket(part(&mut rest)),
        bytes: [].into(),
        cut: cut as usize,
    };
    (message, length as usize)
}

fn part<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let (now, later) = rest.split_first_chunk().unwrap_or((&[0; N], &[]));
    *rest = later;
    *now
}

fn address(at: SocketAddr) -> [u8; 18] {
    let ip = match at.ip() {
        IpAddr::V4(four) => four.to_ipv6_mapped(),
        IpAddr::V6(six) => six,
    };
    let mut octets = [0; 18];
    let all = ip.octets().into_iter().chain(at.port().to_be_bytes());
    octets.iter_mut().zip(all).for_each(|(to, from)| *to = from);
    octets
}

fn socket(octets: [u8; 18]) -> SocketAddr {
    let mut rest = octets.as_slice();
    let ip = IpAddr::V6(Ipv6Addr::from(part::<16>(&mut rest))).to_canonical();
    SocketAddr::new(ip, u16::from_be_bytes(part(&mut rest)))
}
