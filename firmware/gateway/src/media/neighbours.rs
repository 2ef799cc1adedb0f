//! What media threads hand each other.
//!
//! Every thread takes datagrams from the browsers' port, and the kernel chooses which by the browser's address, long
//! before anybody knows whose leg it is. A datagram of another thread's leg is handed on, all those of a turn in one
//! [`Parcel`]; no packet waits for a lock. What a thread has learnt of its legs' addresses travels the same way and
//! before anything is sent to those addresses, so whatever a browser sends next finds its leg.

use super::counters::Counters;
use super::demux::{Change, Demux};
use nix::sys::eventfd::EventFd;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

/// Octets on their way to one thread; beyond it datagrams are dropped, as the kernel would.
const UNDER_WAY: usize = 4 * 1024 * 1024;
/// Things taken from the others in one turn.
const A_TURN: usize = 256;

/// Datagrams of one thread's legs, in the order in which they came.
#[derive(Debug, Default)]
pub struct Parcel {
    octets: Vec<u8>,
    each: Vec<(SocketAddr, usize)>,
}

impl Parcel {
    fn push(&mut self, source: SocketAddr, datagram: &[u8]) {
        self.octets.extend_from_slice(datagram);
        self.each.push((source, datagram.len()));
    }

    pub fn len(&self) -> usize {
        self.each.len()
    }

    /// The datagrams and where they came from.
    pub fn datagrams(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        let mut rest = self.octets.as_slice();
        self.each.iter().map_while(move |(source, length)| {
            let (datagram, behind) = rest.split_at_checked(*length)?;
            rest = behind;
            Some((*source, datagram))
        })
    }
}

#[derive(Debug)]
enum Between {
    Learnt(Vec<Change>),
    Datagrams(Parcel),
}

/// The way to one thread.
#[derive(Clone, Debug)]
struct Way {
    to: Sender<Between>,
    wake: Arc<EventFd>,
    under_way: Arc<AtomicUsize>,
}

/// One thread's ways to the others, and from them.
#[derive(Debug)]
pub struct Neighbours {
    /// By the thread's number; its own stays unused.
    ways: Vec<Way>,
    own: usize,
    from: Receiver<Between>,
    under_way: Arc<AtomicUsize>,
    /// For each thread what this turn has for it.
    parcels: Vec<Parcel>,
    /// Taken from the others while something else was sought.
    taken: VecDeque<Parcel>,
    /// The others may have more than was taken at once.
    is_behind: bool,
}

/// Ways between as many threads as `wakes` wakes, each with every other.
pub fn neighbours(wakes: &[Arc<EventFd>]) -> Vec<Neighbours> {
    let (ways, receivers): (Vec<Way>, Vec<Receiver<Between>>) = wakes
        .iter()
        .map(|wake| {
            let (to, from) = channel();
            let way = Way {
                to,
                wake: Arc::clone(wake),
                under_way: Arc::default(),
            };
            (way, from)
        })
        .unzip();
    let each = receivers.into_iter().zip(&ways).enumerate();
    each.map(|(own, (from, way))| Neighbours {
        ways: ways.clone(),
        own,
        from,
        under_way: Arc::clone(&way.under_way),
        parcels: wakes.iter().map(|_| Parcel::default()).collect(),
        taken: VecDeque::new(),
        is_behind: false,
    })
    .collect()
}

impl Neighbours {
    /// Whether there are none.
    pub fn is_alone(&self) -> bool {
        self.ways.len() <= 1
    }

    /// Which of the threads this one is.
    pub fn own(&self) -> usize {
        self.own
    }

    pub fn count(&self) -> usize {
        self.ways.len()
    }

    /// Puts a datagram into the parcel for a thread; [`Self::dispatch`] sends it off.
    pub fn hand_on(&mut self, thread: usize, source: SocketAddr, datagram: &[u8]) {
        if let Some(parcel) = self.parcels.get_mut(thread) {
            parcel.push(source, datagram);
        }
    }

    /// Sends the turn's parcels off.
    pub fn dispatch(&mut self, counters: &Counters) {
        for (parcel, way) in self.parcels.iter_mut().zip(&self.ways) {
            if parcel.each.is_empty() {
                continue;
            }
            let parcel = std::mem::take(parcel);
            let (count, octets) = (parcel.len(), parcel.octets.len());
            if way.under_way.fetch_add(octets, Ordering::Relaxed) + octets > UNDER_WAY {
                way.under_way.fetch_sub(octets, Ordering::Relaxed);
                Counters::add(&counters.dropped_crowded, count);
                continue;
            }
            Counters::add(&counters.web_datagrams_handed_on, count);
            way.send(Between::Datagrams(parcel));
        }
    }

    /// Tells all others what this thread has learnt.
    pub fn tell(&self, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        for (_, way) in self.others() {
            way.send(Between::Learnt(changes.to_vec()));
        }
    }

    /// Learns what the others have told; their parcels are kept for [`Self::parcel`]. Says whether anything was learnt.
    pub fn learn(&mut self, demux: &mut Demux) -> bool {
        let mut learnt = false;
        let mut count = 0;
        for between in self.from.try_iter().take(A_TURN) {
            count += 1;
            match between {
                Between::Learnt(changes) => {
                    learnt = true;
                    changes.into_iter().for_each(|change| demux.apply(change));
                }
                Between::Datagrams(parcel) => self.taken.push_back(parcel),
            }
        }
        self.is_behind = count == A_TURN;
        learnt
    }

    /// Whether the thread is to come back without waiting: its wake-ups are spent, and more may be there.
    pub const fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// The next parcel from another thread.
    pub fn parcel(&mut self) -> Option<Parcel> {
        let parcel = self.taken.pop_front()?;
        self.under_way
            .fetch_sub(parcel.octets.len(), Ordering::Relaxed);
        Some(parcel)
    }

    fn others(&self) -> impl Iterator<Item = (usize, &Way)> {
        let ways = self.ways.iter().enumerate();
        ways.filter(|(thread, _)| *thread != self.own)
    }
}

impl Way {
    fn send(&self, between: Between) {
        if self.to.send(between).is_ok() {
            // Full means that it is already awake.
            let _ = self.wake.write(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::LegKey;
    use super::super::demux::Class;
    use super::*;

    fn threads(count: usize) -> Vec<Neighbours> {
        let wakes: Vec<_> = (0..count)
            .map(|_| Arc::new(EventFd::new().unwrap()))
            .collect();
        neighbours(&wakes)
    }

    #[test]
    fn what_is_handed_on_comes_in_order_and_after_what_was_learnt() {
        let counters = Counters::default();
        let mut threads = threads(3);
        let source = SocketAddr::from(([192, 0, 2, 1], 4000));
        let leg = LegKey(7);
        threads[0].tell(&[
            Change::Listen(leg, b"x".to_vec()),
            Change::Admit(leg, source),
        ]);
        threads[0].hand_on(2, source, &[128, 0, 1]);
        threads[0].hand_on(2, source, &[128, 0, 2, 2]);
        threads[0].dispatch(&counters);

        let mut demux = Demux::shared();
        assert!(threads[2].learn(&mut demux));
        assert_eq!(demux.route(source, &[128, 0]), (Class::Rtp, Some(leg)));
        let parcel = threads[2].parcel().unwrap();
        let got: Vec<_> = parcel.datagrams().collect();
        assert_eq!(got, [(source, &[128, 0, 1][..]), (source, &[128, 0, 2, 2])]);
        assert!(threads[2].parcel().is_none());
        assert!(threads[1].learn(&mut demux) && threads[1].parcel().is_none());
        assert!(!threads[0].learn(&mut demux));
        assert_eq!(counters.values().web_datagrams_handed_on, 2);
    }

    #[test]
    fn a_thread_that_takes_nothing_costs_no_more_than_its_share_of_memory() {
        let counters = Counters::default();
        let mut threads = threads(2);
        let source = SocketAddr::from(([192, 0, 2, 1], 4000));
        let flood = |threads: &mut Vec<Neighbours>| {
            for _ in 0..2 * UNDER_WAY / 1000 {
                threads[0].hand_on(1, source, &[128; 1000]);
                threads[0].dispatch(&counters);
            }
        };
        flood(&mut threads);
        let lost = counters.values().dropped_crowded;
        assert!(lost > 0);
        let mut demux = Demux::shared();
        let mut taken = 0;
        loop {
            threads[1].learn(&mut demux);
            while threads[1].parcel().is_some() {
                taken += 1;
            }
            if !threads[1].is_behind() {
                break;
            }
        }
        assert_eq!(taken + lost, 2 * UNDER_WAY as u64 / 1000);
        threads[0].hand_on(1, source, &[128]);
        threads[0].dispatch(&counters);
        assert_eq!(counters.values().dropped_crowded, lost);
    }
}
