//! How many connections there may be: in all and of one address, and of those fewer that have proved nothing yet.

use causeway_api::limits::peer_key;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

/// In all, and of one address (IPv6: one /64): a whole office may be behind it.
const ALL: Bound = Bound {
    all: 2048,
    of_one: 512,
};
/// Of these, such as have not passed a check. Those of an honest browser are so for a round trip or two.
const UNPROVEN: Bound = Bound {
    all: 256,
    of_one: 64,
};

#[derive(Clone, Copy, Debug)]
struct Bound {
    all: usize,
    of_one: usize,
}

#[derive(Debug, Default)]
struct Count {
    all: usize,
    by_peer: HashMap<IpAddr, usize>,
}

impl Count {
    fn has_room(&self, peer: IpAddr, bound: Bound) -> bool {
        let of_one = self.by_peer.get(&peer).copied().unwrap_or(0);
        self.all < bound.all && of_one < bound.of_one
    }

    fn add(&mut self, peer: IpAddr) {
        self.all += 1;
        *self.by_peer.entry(peer).or_default() += 1;
    }

    fn subtract(&mut self, peer: IpAddr) {
        self.all = self.all.saturating_sub(1);
        if let Some(count) = self.by_peer.get_mut(&peer) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_peer.remove(&peer);
            }
        }
    }
}

#[derive(Debug, Default)]
struct Counts {
    every: Count,
    unproven: Count,
}

/// All places.
#[derive(Clone, Debug, Default)]
pub struct Places(Arc<Mutex<Counts>>);

impl Places {
    /// A place for a connection that has proved nothing; none when there is no room.
    pub fn take(&self, peer: SocketAddr) -> Option<Place> {
        let peer = peer_key(peer.ip());
        self.with(|counts| {
            let room = counts.every.has_room(peer, ALL) && counts.unproven.has_room(peer, UNPROVEN);
            room.then(|| {
                counts.every.add(peer);
                counts.unproven.add(peer);
                Place {
                    places: self.clone(),
                    peer,
                    proven: false,
                }
            })
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Counts) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One connection's place, given back when dropped.
#[derive(Debug)]
pub struct Place {
    places: Places,
    peer: IpAddr,
    proven: bool,
}

impl Place {
    /// A check has passed.
    pub fn prove(&mut self) {
        if !std::mem::replace(&mut self.proven, true) {
            self.places
                .with(|counts| counts.unproven.subtract(self.peer));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.with(|counts| {
            counts.every.subtract(self.peer);
            if !self.proven {
                counts.unproven.subtract(self.peer);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(host: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, host], 4000))
    }

    #[test]
    fn one_address_takes_no_more_than_its_share_and_gives_all_back() {
        let places = Places::default();
        let mut held: Vec<_> = (0..UNPROVEN.of_one)
            .map_while(|_| places.take(at(1)))
            .collect();
        assert_eq!(held.len(), UNPROVEN.of_one);
        assert!(places.take(at(1)).is_none() && places.take(at(2)).is_some());
        // Who has proved itself makes room for another.
        for place in &mut held {
            place.prove();
            place.prove();
        }
        while let Some(mut place) = places.take(at(1)) {
            place.prove();
            held.push(place);
        }
        assert_eq!(held.len(), ALL.of_one);
        drop(held);
        places.with(|counts| {
            assert_eq!((counts.every.all, counts.unproven.all), (0, 0));
            assert!(counts.every.by_peer.is_empty() && counts.unproven.by_peer.is_empty());
        });
    }

    #[test]
    fn strangers_of_many_addresses_leave_room_for_those_who_proved_themselves() {
        let places = Places::default();
        let strangers: Vec<_> = (0..=255).filter_map(|host| places.take(at(host))).collect();
        assert_eq!(strangers.len(), UNPROVEN.all);
        let other = "198.51.100.1:1".parse().unwrap();
        assert!(places.take(other).is_none());
        drop(strangers);
        assert!(places.take(other).is_some());
    }
}
