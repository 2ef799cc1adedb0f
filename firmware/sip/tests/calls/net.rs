//! Two endpoints, a link between them, and a clock that only the test moves.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use causeway_sip::{
    CallId, Endpoint, EndpointConfig, Event, Identity, Invite, Reliable, Transport,
};

pub const OFFER: &[u8] = b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\n";
pub const ANSWER: &[u8] = b"v=0\r\no=- 2 1 IN IP4 10.0.0.2\r\ns=-\r\n";

/// An offer that differs from the call's first.
pub const CHANGED: &[u8] = b"v=0\r\no=- 1 2 IN IP4 10.0.0.1\r\ns=-\r\n";

const LATENCY: Duration = Duration::from_millis(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    A,
    B,
}

type Filter = Box<dyn FnMut(Side, &str) -> bool>;

/// The world of a scenario.
pub struct Net {
    pub now: Instant,
    a: Endpoint,
    b: Endpoint,
    pub transport: Transport,
    flying: BTreeMap<(Instant, u64), (Side, Vec<u8>)>,
    sequence: u64,
    /// Says of each message whether it is lost.
    loses: Filter,
    /// The state of the dice that delay and double messages; `None`: each takes the same time.
    unruly: Option<u64>,
    events: BTreeMap<Side, VecDeque<Event>>,
    /// `A INVITE`, `B 200 INVITE`: who sent what, lost ones marked with `(lost)`.
    pub exchange: Vec<String>,
    /// Everything that was sent, whole.
    pub wire: Vec<Vec<u8>>,
}

pub fn address(side: Side) -> SocketAddr {
    match side {
        Side::A => "10.0.0.1:5060".parse().unwrap(),
        Side::B => "10.0.0.2:5060".parse().unwrap(),
    }
}

pub fn config(side: Side) -> EndpointConfig {
    let seed = match side {
        Side::A => [0xa; 32],
        Side::B => [0xb; 32],
    };
    EndpointConfig::new(seed, address(side), address(side))
}

impl Net {
    pub fn new() -> Self {
        Self::with(config(Side::A), config(Side::B), Transport::Udp)
    }

    pub fn tcp() -> Self {
        Self::with(config(Side::A), config(Side::B), Transport::Tcp)
    }

    pub fn with(a: EndpointConfig, b: EndpointConfig, transport: Transport) -> Self {
        let now = Instant::now();
        Self {
            now,
            a: Endpoint::new(a, now),
            b: Endpoint::new(b, now),
            transport,
            flying: BTreeMap::new(),
            sequence: 0,
            loses: Box::new(|_, _| false),
            unruly: None,
            events: BTreeMap::new(),
            exchange: Vec::new(),
            wire: Vec::new(),
        }
    }

    /// Loses each message for which `filter` says so; it sees the sender and a line such as `200 INVITE`.
    pub fn losing(mut self, filter: impl FnMut(Side, &str) -> bool + 'static) -> Self {
        self.loses = Box::new(filter);
        self
    }

    /// Delays each message by up to 300 ms, so that they overtake each other, and doubles one of ten.
    pub fn unruly(mut self, seed: u64) -> Self {
        self.unruly = Some(seed);
        self
    }

    fn roll(&mut self, below: u64) -> u64 {
        match &mut self.unruly {
            Some(state) => roll(state, below),
            None => 0,
        }
    }

    pub fn endpoint(&mut self, side: Side) -> &mut Endpoint {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }

    /// An INVITE from one side to the other.
    pub fn invite(&self, to: Side) -> Invite {
        Invite {
            remote: address(to),
            transport: self.transport,
            request_uri: format!("sip:100@{}", address(to)),
            from: Identity {
                display: Some("Anna \"A\" Ünal".to_owned()),
                uri: "sip:+4930123@box.example".to_owned(),
            },
            to: format!("sip:100@{}", address(to)),
            headers: vec![("User-to-User".to_owned(), "00abcd;encoding=hex".to_owned())],
            sdp: Some(OFFER.to_vec()),
            credentials: None,
            reliable: Reliable::Supported,
            session_timer: causeway_sip::SessionTimer::default(),
        }
    }

    /// Does something at one side and lets what follows from it leave.
    pub fn at<T>(&mut self, side: Side, act: impl FnOnce(&mut Endpoint, Instant) -> T) -> T {
        let now = self.now;
        let result = act(self.endpoint(side), now);
        self.drain(side);
        result
    }

    fn drain(&mut self, side: Side) {
        while let Some(transmit) = self.endpoint(side).poll_transmit() {
            let label = label(&transmit.bytes);
            let other = match side {
                Side::A => Side::B,
                Side::B => Side::A,
            };
            assert_eq!(transmit.remote, address(other), "{label} goes astray");
            self.wire.push(transmit.bytes.clone());
            if (self.loses)(side, &label) {
                self.exchange.push(format!("{side:?} {label} (lost)"));
                continue;
            }
            self.exchange.push(format!("{side:?} {label}"));
            let copies = 1 + self.roll(10) / 9;
            for _ in 0..copies {
                self.sequence += 1;
                let delay = LATENCY + Duration::from_millis(self.roll(300));
                let key = (self.now + delay, self.sequence);
                self.flying.insert(key, (other, transmit.bytes.clone()));
            }
        }
        while let Some(event) = self.endpoint(side).poll_event() {
            self.events.entry(side).or_default().push_back(event);
        }
    }

    /// Moves the clock by `span`, delivering and firing what falls into it.
    pub fn run(&mut self, span: Duration) {
        let end = self.now + span;
        for _ in 0..100_000 {
            let packet = self.flying.keys().next().map(|(at, _)| *at);
            let timers = [self.a.poll_timeout(), self.b.poll_timeout()];
            let next = timers.into_iter().flatten().chain(packet).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            if packet.is_some_and(|at| at <= self.now) {
                let (_, (to, bytes)) = self.flying.pop_first().unwrap();
                let from = match to {
                    Side::A => Side::B,
                    Side::B => Side::A,
                };
                let (transport, now) = (self.transport, self.now);
                self.endpoint(to).handle_message(
                    transport,
                    address(to),
                    address(from),
                    &bytes,
                    now,
                );
                self.drain(to);
            } else {
                for side in [Side::A, Side::B] {
                    self.at(side, |endpoint, now| endpoint.handle_timeout(now));
                }
            }
        }
        panic!(
            "the exchange does not come to rest:\n{}",
            self.exchange.join("\n")
        );
    }

    /// Long enough for one round trip and a little more.
    pub fn settle(&mut self) {
        self.run(Duration::from_millis(100));
    }

    /// The next event at one side.
    pub fn event(&mut self, side: Side) -> Option<Event> {
        self.events.entry(side).or_default().pop_front()
    }

    /// The next event at one side, which must exist.
    #[track_caller]
    pub fn expect(&mut self, side: Side) -> Event {
        match self.event(side) {
            Some(event) => event,
            None => panic!("no event at {side:?} after:\n{}", self.exchange.join("\n")),
        }
    }

    #[track_caller]
    pub fn expect_none(&mut self, side: Side) {
        let event = self.event(side);
        assert_eq!(event, None, "{}", self.exchange.join("\n"));
    }

    /// The call that came in at one side.
    #[track_caller]
    pub fn incoming(&mut self, side: Side) -> CallId {
        match self.expect(side) {
            Event::Incoming { call, .. } => call,
            other => panic!("{other:?}"),
        }
    }

    /// A answered call from A to B: the handles at A and B.
    pub fn call(&mut self) -> (CallId, CallId) {
        let invite = self.invite(Side::B);
        let at_a = self.at(Side::A, |a, now| a.invite(invite, now).unwrap());
        self.settle();
        let at_b = self.incoming(Side::B);
        self.at(Side::B, |b, now| b.accept(at_b, ANSWER.to_vec(), now));
        self.settle();
        assert!(matches!(self.expect(Side::A), Event::Answered { .. }));
        assert!(matches!(self.expect(Side::B), Event::Confirmed { .. }));
        (at_a, at_b)
    }

    /// Takes the exchange since the last time.
    pub fn take_exchange(&mut self) -> Vec<String> {
        std::mem::take(&mut self.exchange)
    }

    /// Waits out every timer and checks that neither side keeps anything.
    #[track_caller]
    pub fn assert_nothing_left(&mut self) {
        self.run(Duration::from_secs(200));
        for side in [Side::A, Side::B] {
            let counts = self.endpoint(side).counts();
            assert_eq!(counts.dialogs, 0, "{side:?} keeps a call");
            assert_eq!(counts.client_transactions, 0, "{side:?} {counts:?}");
            assert_eq!(counts.server_transactions, 0, "{side:?} {counts:?}");
            assert_eq!(
                self.endpoint(side).poll_timeout(),
                None,
                "{side:?} keeps a timer"
            );
        }
    }
}

/// The next number of a simple generator, below `below`.
pub fn roll(state: &mut u64, below: u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % below.max(1)
}

/// `INVITE`, or `200 INVITE`.
pub fn label(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut words = text.split(' ');
    match words.next() {
        Some("SIP/2.0") => {
            let method = text
                .lines()
                .find_map(|line| line.strip_prefix("CSeq: "))
                .and_then(|cseq| cseq.split(' ').nth(1))
                .unwrap_or_default();
            format!("{} {method}", words.next().unwrap_or_default())
        }
        first => first.unwrap_or_default().to_owned(),
    }
}
