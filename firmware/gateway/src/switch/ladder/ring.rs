//! A bounded row of messages: the first ones stay, of the others the newest.

use causeway_api::ladder::SipMessage;
use std::collections::VecDeque;

/// What a kept message costs beside its text.
const OVERHEAD: usize = 160;

#[derive(Debug)]
pub struct Ring {
    first: Vec<SipMessage>,
    newest: VecDeque<SipMessage>,
    bytes: usize,
    omitted: u64,
    most_first: usize,
    most: usize,
    most_bytes: usize,
}

impl Ring {
    /// How a call began matters as much as how it ended.
    pub fn of_call() -> Self {
        Self::new(16, 64, 128 * 1024)
    }

    pub fn of_trunk() -> Self {
        Self::new(0, 256, 128 * 1024)
    }

    fn new(most_first: usize, most: usize, most_bytes: usize) -> Self {
        Self {
            first: Vec::new(),
            newest: VecDeque::new(),
            bytes: 0,
            omitted: 0,
            most_first,
            most,
            most_bytes,
        }
    }

    pub fn push(&mut self, message: SipMessage) {
        let cost = message.bytes.len() + OVERHEAD;
        self.bytes += cost;
        // The first ones may take half of the bytes.
        if self.first.len() < self.most_first
            && self.newest.is_empty()
            && self.bytes <= self.most_bytes / 2
        {
            self.first.push(message);
            return;
        }
        self.newest.push_back(message);
        while self.bytes > self.most_bytes || self.first.len() + self.newest.len() > self.most {
            let Some(oldest) = self.newest.pop_front() else {
                return;
            };
            self.bytes -= oldest.bytes.len() + OVERHEAD;
            self.omitted += 1;
        }
    }

    pub fn messages(&self) -> impl Iterator<Item = &SipMessage> {
        self.first.iter().chain(&self.newest)
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn omitted(&self) -> u64 {
        self.omitted
    }
}
