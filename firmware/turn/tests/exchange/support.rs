//! A client and its session, without a socket between them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use causeway_turn::credential::{Key, LIFETIME_S, long_term_key};
use causeway_turn::message::{Class, Integrity, Message, Writer, attribute, method, read_address};
use causeway_turn::{Desk, Issued, Now, Peers, Refusal, Secret, Session, Step};

pub const MEDIA: &str = "203.0.113.10:8444";
pub const MEDIA6: &str = "[2001:db8::10]:8444";
pub const RELAYED: &str = "203.0.113.10:50000";
pub const BEGIN: u64 = 1_800_000_000;

pub fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A desk of a box with one candidate of each family.
pub fn desk() -> Desk {
    Desk {
        secret: Secret::new([7; 32]),
        peers: Peers::new(vec![at(MEDIA), at(MEDIA6)]),
    }
}

pub struct Client {
    pub desk: Desk,
    pub address: SocketAddr,
    pub session: Session,
    pub issued: Issued,
    pub nonce: String,
    pub integrity: Integrity,
    start: Instant,
    passed: u64,
    transactions: u8,
}

/// What came of a request.
#[derive(Debug)]
pub struct Answer {
    pub bytes: Vec<u8>,
    pub refused: Option<Refusal>,
    pub known: bool,
}

impl Answer {
    pub fn message(&self) -> Message<'_> {
        Message::parse(&self.bytes).unwrap()
    }

    pub fn is_success(&self) -> bool {
        self.message().class == Class::Success
    }

    pub fn address(&self, kind: u16) -> SocketAddr {
        let message = self.message();
        read_address(message.attribute(kind).unwrap(), &message.transaction).unwrap()
    }

    /// The code of an error response, as a client reads it.
    pub fn code(&self) -> u16 {
        match self.message().attribute(attribute::ERROR_CODE) {
            Some(value) => u16::from(value[2]) * 100 + u16::from(value[3]),
            None => 0,
        }
    }
}

impl Client {
    /// A client with a credential of now, that knows no nonce yet.
    pub fn new() -> Self {
        Self::on(desk(), "192.0.2.1:4000")
    }

    pub fn on(desk: Desk, address: &str) -> Self {
        let issued = desk.secret.issue("0011aabb", BEGIN);
        Self {
            desk,
            address: at(address),
            session: Session::new(at(address)),
            issued,
            nonce: String::new(),
            integrity: Integrity::Sha1,
            start: Instant::now(),
            passed: 0,
            transactions: 0,
        }
    }

    /// One that has its allocation.
    pub fn allocated() -> Self {
        let mut client = Self::new();
        client.learn_nonce();
        assert!(client.allocate().is_success());
        client
    }

    pub fn now(&self) -> Now {
        Now {
            clock: self.start + Duration::from_secs(self.passed),
            unix: BEGIN + self.passed,
        }
    }

    pub fn pass(&mut self, seconds: u64) {
        self.passed += seconds;
    }

    pub fn key(&self) -> Key {
        long_term_key(&self.issued.username, "causeway", &self.issued.password)
    }

    pub fn writer(&mut self, class: Class, method: u16) -> Writer {
        self.transactions += 1;
        Writer::new(class, method, [self.transactions; 12])
    }

    pub fn request(&mut self, method: u16) -> Writer {
        self.writer(Class::Request, method)
    }

    /// What a client protects a request with.
    pub fn signed(&self, writer: Writer) -> Vec<u8> {
        writer
            .attribute(attribute::USERNAME, self.issued.username.as_bytes())
            .attribute(attribute::REALM, b"causeway")
            .attribute(attribute::NONCE, self.nonce.as_bytes())
            .finish(Some((&self.key(), self.integrity)))
    }

    pub fn ask(&mut self, request: &[u8]) -> Answer {
        let now = self.now();
        let (bytes, refused, known) = match self.session.handle(request, &self.desk, now) {
            Step::Reply {
                message,
                refused,
                known,
            } => (message, refused, known),
            Step::Freed(message) => (message, None, true),
            Step::Open(opening) => {
                assert_eq!(opening.username, self.issued.username);
                let relayed = match opening.peer {
                    0 => at(RELAYED),
                    _ => at("[2001:db8::10]:50000"),
                };
                let message = self.session.opened(relayed, &self.desk, now.clock);
                (message, None, true)
            }
            other => panic!("{other:?}"),
        };
        let answer = Answer {
            bytes,
            refused,
            known,
        };
        if let Some(refusal) = answer.refused {
            assert_eq!(answer.code(), refusal.code());
        }
        if answer.known {
            assert!(
                answer.message().is_whole(&self.key()),
                "answers are protected"
            );
            assert_eq!(answer.message().integrity(), Some(self.integrity));
        }
        answer
    }

    /// Signs and asks.
    pub fn put(&mut self, writer: Writer) -> Answer {
        let request = self.signed(writer);
        self.ask(&request)
    }

    /// The first request of every client, and what it learns by the refusal.
    pub fn learn_nonce(&mut self) {
        let bare = self
            .request(method::ALLOCATE)
            .attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
            .finish(None);
        let refusal = self.ask(&bare);
        assert_eq!(refusal.code(), 401);
        self.take_nonce(&refusal);
    }

    pub fn take_nonce(&mut self, refusal: &Answer) {
        let message = refusal.message();
        assert_eq!(message.attribute(attribute::REALM), Some(&b"causeway"[..]));
        let nonce = message.attribute(attribute::NONCE).unwrap();
        self.nonce = String::from_utf8(nonce.to_vec()).unwrap();
    }

    pub fn allocation(&mut self) -> Writer {
        self.request(method::ALLOCATE)
            .attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
    }

    pub fn allocate(&mut self) -> Answer {
        let writer = self.allocation();
        self.put(writer)
    }

    pub fn refresh(&mut self, seconds: u32) -> Answer {
        let writer = self
            .request(method::REFRESH)
            .attribute(attribute::LIFETIME, &seconds.to_be_bytes());
        self.put(writer)
    }

    pub fn permit(&mut self, peer: SocketAddr) -> Answer {
        let writer = self
            .request(method::CREATE_PERMISSION)
            .address(attribute::XOR_PEER_ADDRESS, peer);
        self.put(writer)
    }

    pub fn bind(&mut self, number: u16, peer: SocketAddr) -> Answer {
        let [a, b] = number.to_be_bytes();
        let writer = self
            .request(method::CHANNEL_BIND)
            .attribute(attribute::CHANNEL_NUMBER, &[a, b, 0, 0])
            .address(attribute::XOR_PEER_ADDRESS, peer);
        self.put(writer)
    }

    /// A Send indication.
    pub fn indication(&mut self, peer: SocketAddr, data: &[u8]) -> Vec<u8> {
        self.writer(Class::Indication, method::SEND)
            .address(attribute::XOR_PEER_ADDRESS, peer)
            .attribute(attribute::DATA, data)
            .finish(None)
    }

    /// What comes of octets that are no request.
    pub fn hand<'a>(&mut self, octets: &'a [u8]) -> Step<'a> {
        let now = self.now();
        self.session.handle(octets, &self.desk, now)
    }

    /// The media port says something, and the client gets it.
    pub fn hear(&mut self) {
        let answer = self.permit(at(MEDIA));
        if answer.code() == 438 {
            self.take_nonce(&answer);
            assert!(self.permit(at(MEDIA)).is_success());
        }
        assert!(self.gets(0, b"hello").is_some());
    }

    /// What the client gets of a peer's datagram.
    pub fn gets(&mut self, peer: usize, datagram: &[u8]) -> Option<Vec<u8>> {
        let mut out = vec![9; 99];
        let now = self.now().clock;
        self.session
            .relayed(peer, datagram, &self.desk, now, &mut out)
            .then_some(out)
    }
}

/// Past the end of every credential.
pub const LONG: u64 = LIFETIME_S + 1;
