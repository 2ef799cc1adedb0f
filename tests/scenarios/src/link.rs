//! The network between two sides: what is sent arrives later, perhaps not, perhaps twice, perhaps out of order.
//!
//! Over TCP nothing is lost or overtaken, but what arrives are octets: half a message, or two and a half. And the
//! connection may break: what is under way is lost then, half messages included.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use causeway_sip::Transport;
use causeway_sip::message::stream::{Frame, StreamReader};

use crate::dice::Dice;

/// One of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    A,
    B,
}

impl End {
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// How bad the network is.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    pub loss_percent: u64,
    pub double_percent: u64,
    /// The longest a message takes, in milliseconds; the shortest is 1.
    pub delay_ms: u64,
}

impl Weather {
    /// Nothing lost and nothing slow.
    pub const FAIR: Self = Self {
        loss_percent: 0,
        double_percent: 0,
        delay_ms: 20,
    };
}

/// What is under way, in the order of arrival.
#[derive(Debug)]
pub struct Link {
    pub transport: Transport,
    pub weather: Weather,
    under_way: BTreeMap<(Instant, u64), (End, Vec<u8>)>,
    /// What has arrived over TCP at either end and is no whole message yet.
    readers: [StreamReader; 2],
    last_arrival: [Option<Instant>; 2],
    next: u64,
}

impl Link {
    pub fn new(transport: Transport, weather: Weather) -> Self {
        Self {
            transport,
            weather,
            under_way: BTreeMap::new(),
            readers: [StreamReader::new(), StreamReader::new()],
            last_arrival: [None; 2],
            next: 0,
        }
    }

    /// `from` sends; the number of copies that will arrive.
    pub fn send(&mut self, from: End, bytes: &[u8], now: Instant, dice: &mut Dice) -> u32 {
        let delay = Duration::from_millis(1 + dice.below(self.weather.delay_ms));
        if self.transport == Transport::Tcp {
            for piece in pieces(bytes, dice) {
                let delay = Duration::from_millis(dice.below(self.weather.delay_ms) / 4);
                let last = &mut self.last_arrival[from as usize];
                let at = (now + delay).max(last.unwrap_or(now));
                *last = Some(at);
                self.put(at, from, &piece);
            }
            return 1;
        }
        if dice.percent(self.weather.loss_percent) {
            return 0;
        }
        self.put(now + delay, from, bytes);
        if !dice.percent(self.weather.double_percent) {
            return 1;
        }
        let later = Duration::from_millis(1 + dice.below(self.weather.delay_ms * 2));
        self.put(now + later, from, bytes);
        2
    }

    fn put(&mut self, at: Instant, from: End, bytes: &[u8]) {
        self.next += 1;
        self.under_way
            .insert((at, self.next), (from.other(), bytes.to_vec()));
    }

    /// When the next message arrives.
    pub fn next_arrival(&self) -> Option<Instant> {
        self.under_way.keys().next().map(|(at, _)| *at)
    }

    /// The messages that have arrived by `now`: where, and what. `None` when nothing was due.
    ///
    /// # Panics
    /// When what was sent over TCP does not frame itself.
    pub fn arrivals(&mut self, now: Instant) -> Option<(End, Vec<Vec<u8>>)> {
        self.next_arrival().filter(|at| *at <= now)?;
        let (_, (to, bytes)) = self.under_way.pop_first()?;
        if self.transport != Transport::Tcp {
            return Some((to, vec![bytes]));
        }
        let reader = &mut self.readers[to as usize];
        reader.push(&bytes);
        let mut messages = Vec::new();
        while let Some(frame) = reader.next_frame().expect("we frame what we send") {
            if let Frame::Message(message) = frame {
                messages.push(message);
            }
        }
        Some((to, messages))
    }

    /// The connection breaks.
    pub fn break_off(&mut self) {
        self.under_way.clear();
        self.readers = [StreamReader::new(), StreamReader::new()];
        self.last_arrival = [None; 2];
    }
}

/// A message as a stream may bring it: whole, or in up to three pieces.
pub fn pieces(bytes: &[u8], dice: &mut Dice) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    for _ in 0..dice.pick(&[0, 0, 1, 2]) {
        let at = usize::try_from(dice.below(rest.len() as u64)).unwrap_or(0);
        let (piece, behind) = rest.split_at(at);
        pieces.push(piece.to_vec());
        rest = behind;
    }
    pieces.push(rest.to_vec());
    pieces
}
