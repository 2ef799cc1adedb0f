//! Two endpoints that do anything at any time over a network that loses, delays, doubles and reorders.
//!
//! Whatever happens: a call closes once at each side, says nothing afterwards, and leaves nothing behind.

use std::collections::BTreeMap;
use std::time::Duration;

use causeway_sip::{AnswerOffer, CallId, Event, Reliable};

use crate::net::{ANSWER, Net, OFFER, Side, Side::*, roll};

/// What the world knows of one call at one side.
#[derive(Default)]
struct Seen {
    closed: bool,
    incoming: bool,
    offered: bool,
}

struct World {
    net: Net,
    dice: u64,
    seen: BTreeMap<(Side, CallId), Seen>,
    placed: u32,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut loss = seed ^ 0x5555;
        let percent = [0, 5, 20, 40][usize::try_from(seed % 4).unwrap()];
        let net = Net::new()
            .losing(move |_, _| roll(&mut loss, 100) < percent)
            .unruly(seed.wrapping_mul(77));
        Self {
            net,
            dice: seed,
            seen: BTreeMap::new(),
            placed: 0,
        }
    }

    fn act(&mut self) {
        let side = if roll(&mut self.dice, 2) == 0 { A } else { B };
        if self.placed < 4 && roll(&mut self.dice, 4) == 0 {
            self.place(side);
        }
        let open: Vec<CallId> = self
            .seen
            .iter()
            .filter(|((at, _), seen)| *at == side && !seen.closed)
            .map(|((_, call), _)| *call)
            .collect();
        if open.is_empty() {
            return;
        }
        let at = usize::try_from(roll(&mut self.dice, open.len() as u64)).unwrap();
        let call = open[at];
        let choice = roll(&mut self.dice, 14);
        self.net.at(side, |endpoint, now| match choice {
            0 => endpoint.cancel(call, None, now),
            1 => endpoint.bye(call, None, now),
            2 => endpoint.reject(call, 486, None, now),
            3..6 => endpoint.progress(call, 183, Some(ANSWER.to_vec()), now),
            6..9 => endpoint.accept(call, ANSWER.to_vec(), now),
            9..12 => {
                let _ = endpoint.offer(call, OFFER.to_vec(), now);
            }
            12 => {
                let reject = AnswerOffer::Reject {
                    status: 488,
                    warning: None,
                };
                endpoint.answer_offer(call, reject, now);
            }
            _ => {
                let accept = AnswerOffer::Accept {
                    sdp: ANSWER.to_vec(),
                };
                endpoint.answer_offer(call, accept, now);
            }
        });
    }

    fn place(&mut self, side: Side) {
        let mut invite = self.net.invite(if side == A { B } else { A });
        invite.reliable = match roll(&mut self.dice, 3) {
            0 => Reliable::Off,
            1 => Reliable::Supported,
            _ => Reliable::Required,
        };
        if roll(&mut self.dice, 4) == 0 {
            invite.sdp = None;
        }
        let call = self
            .net
            .at(side, |endpoint, now| endpoint.invite(invite, now).unwrap());
        self.seen.insert((side, call), Seen::default());
        self.placed += 1;
    }

    fn observe(&mut self, seed: u64) {
        for side in [A, B] {
            while let Some(event) = self.net.event(side) {
                let (call, closes) = match &event {
                    Event::Incoming { call, .. } => {
                        let seen = Seen {
                            incoming: true,
                            ..Seen::default()
                        };
                        let before = self.seen.insert((side, *call), seen);
                        assert!(before.is_none(), "seed {seed}: {call} came in twice");
                        continue;
                    }
                    Event::Failed { call, .. }
                    | Event::Cancelled { call, .. }
                    | Event::Ended { call, .. } => (*call, true),
                    Event::Progress { call, .. }
                    | Event::Answered { call, .. }
                    | Event::Confirmed { call, .. }
                    | Event::Offer { call, .. }
                    | Event::OfferAnswered { call, .. }
                    | Event::OfferDue { call }
                    | Event::OfferRejected { call, .. }
                    | Event::PictureFastUpdate { call }
                    | Event::Referred { call, .. }
                    | Event::ReferAccepted { call, .. }
                    | Event::ReferProgress { call, .. }
                    | Event::Dtmf { call, .. } => (*call, false),
                    Event::Refused { .. } => continue,
                    Event::RequestAnswered { .. }
                    | Event::RegisterAnswered { .. }
                    | Event::RequestFailed { .. } => {
                        panic!("seed {seed}: {event:?}")
                    }
                };
                let seen = self.seen.get_mut(&(side, call)).expect("a known call");
                assert!(!seen.closed, "seed {seed}: {event:?} after the end");
                seen.closed = closes;
                seen.offered |= matches!(event, Event::Offer { .. });
                if matches!(event, Event::Cancelled { .. }) {
                    assert!(
                        seen.incoming,
                        "seed {seed}: our own call was cancelled by the far side"
                    );
                }
            }
        }
    }
}

#[test]
fn every_call_closes_once_and_leaves_nothing() {
    let seeds = std::env::var("CAUSEWAY_SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok())
        .unwrap_or(400u64);
    let (mut answered_offers, mut calls) = (0, 0);
    for seed in 0..seeds {
        let mut world = World::new(seed);
        for _ in 0..60 {
            world.act();
            let pause = Duration::from_millis(roll(&mut world.dice, 900));
            world.net.run(pause);
            world.observe(seed);
        }
        // Everyone has had enough.
        let open: Vec<(Side, CallId)> = world.seen.keys().copied().collect();
        for (side, call) in open {
            world
                .net
                .at(side, |endpoint, now| endpoint.bye(call, None, now));
        }
        world.net.run(Duration::from_secs(300));
        world.observe(seed);
        // What came in during the last seconds.
        let open: Vec<(Side, CallId)> = world.seen.keys().copied().collect();
        for (side, call) in open {
            world
                .net
                .at(side, |endpoint, now| endpoint.bye(call, None, now));
        }
        world.net.assert_nothing_left();
        world.observe(seed);
        for ((side, call), seen) in &world.seen {
            assert!(seen.closed, "seed {seed}: {call} at {side:?} never closed");
            answered_offers += u32::from(seen.offered);
            calls += 1;
        }
    }
    eprintln!("{seeds} seeds: {calls} ends of calls, {answered_offers} with offers");
    // The dice do reach the states this is about.
    assert!(
        calls > seeds && answered_offers > 0,
        "{calls} calls, {answered_offers} with offers"
    );
}
