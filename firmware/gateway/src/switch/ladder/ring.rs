//! A bounded row of messages: the first ones stay, of the others the newest.

use super::blocks::Blocks;
use super::log::{Entry, Log};
use causeway_api::ladder::SipMessage;

#[derive(Debug)]
pub struct Ring {
    first: Option<Log>,
    newest: Option<Log>,
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
            first: None,
            newest: None,
            omitted: 0,
            most_first,
            most,
            most_bytes,
        }
    }

    pub fn push(&mut self, entry: &Entry<'_>, blocks: &mut Blocks) {
        let bytes = self.used() + entry.cost();
        // The first ones may take half of the bytes.
        let is_first =
            self.newest.is_none() && self.len() < self.most_first && bytes <= self.most_bytes / 2;
        // Room is made before: a log holds little more than a ring may.
        while self.used() + entry.cost() > self.most_bytes || self.len() >= self.most {
            let newest = self.newest.as_mut();
            if !newest.is_some_and(|newest| newest.pop(blocks)) {
                break;
            }
            self.omitted += 1;
        }
        let log = if is_first {
            &mut self.first
        } else {
            &mut self.newest
        };
        if log.is_none() {
            *log = Log::new(blocks);
        }
        let kept = log.as_mut().is_some_and(|log| log.push(entry, blocks));
        self.omitted += u64::from(!kept);
    }

    fn logs(&self) -> impl Iterator<Item = &Log> {
        self.first.iter().chain(&self.newest)
    }

    fn len(&self) -> usize {
        self.logs().map(Log::len).sum()
    }

    fn used(&self) -> usize {
        self.logs().map(Log::bytes).sum()
    }

    pub fn messages(&self, blocks: &Blocks) -> Vec<SipMessage> {
        self.logs().flat_map(|log| log.messages(blocks)).collect()
    }

    /// Memory it holds.
    pub fn bytes(&self) -> usize {
        self.logs().map(Log::held).sum()
    }

    pub fn omitted(&self) -> u64 {
        self.omitted
    }

    /// Gives its memory back.
    pub fn clear(&self, blocks: &mut Blocks) {
        self.logs().for_each(|log| log.clear(blocks));
    }
}
