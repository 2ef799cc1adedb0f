//! Which leg a datagram on the browsers' shared port belongs to.
//!
//! A browser first shows itself by an ICE check that names a leg's user fragment. Only when that
//! check has passed (its integrity held, and the leg answered it) is the address it came from
//! *admitted*, and only admitted addresses get DTLS or SRTP through to a leg: the WebRTC stack
//! itself does not look at the source of such packets once a pair is selected.
//!
//! | first octet (RFC 7983) | class | goes to |
//! |---|---|---|
//! | 0–3 | STUN | the leg whose user fragment a request names; otherwise the leg of the address |
//! | 20–63 | DTLS | the leg of the address |
//! | 128–191 | RTP, RTCP | the leg of the address |
//! | anything else | – | nobody |
//!
//! A browser may nominate with its very first check (Firefox does). The stack then checks the
//! pair itself before it answers, so an answer to a check of ours is let through to the leg that
//! asked, from the address that was asked, and nothing else with it.
//!
//! All threads take datagrams from that one port, whichever the kernel gives them, so each knows the addresses and
//! fragments of the others' legs as well: what a thread learns it tells as a [`Change`], and the others
//! [`apply`](Demux::apply) it.
//!
//! [`classify`] and the `stun_*` readers are pure, and total over any input.

use super::{LegKey, Table};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Addresses remembered for one leg. A browser has a handful of interfaces, each perhaps behind a
/// NAT that maps it anew; the oldest makes room.
const SOURCES_PER_LEG: usize = 16;
/// The current user fragment, and the one before an ICE restart.
const FRAGMENTS_PER_LEG: usize = 2;

/// Checks of our own for one leg that wait for their answer.
const CHECKS_PER_LEG: usize = 16;

const STUN_HEADER: usize = 20;
const STUN_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
const STUN_USERNAME: u16 = 0x0006;
const STUN_USE_CANDIDATE: u16 = 0x0025;

/// What a datagram says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
    Other,
}

/// The class of a STUN message (RFC 8489 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StunClass {
    Request,
    Indication,
    Success,
    Error,
}

/// A STUN transaction id.
pub type Transaction = [u8; 12];

/// Sorts a datagram by its first octets (RFC 7983, RFC 5761 section 4); STUN must also carry its
/// cookie and a length that fits.
pub fn classify(datagram: &[u8]) -> Class {
    match datagram {
        [0..=3, ..] if stun_attributes(datagram).is_some() => Class::Stun,
        [20..=63, ..] => Class::Dtls,
        [128..=191, 192..=223, ..] => Class::Rtcp,
        [128..=191, _, ..] => Class::Rtp,
        _ => Class::Other,
    }
}

/// The class of a STUN message; `None` when it is none, or its method is not Binding.
pub fn stun_class(datagram: &[u8]) -> Option<StunClass> {
    stun_attributes(datagram)?;
    match datagram {
        [0x00, 0x01, ..] => Some(StunClass::Request),
        [0x00, 0x11, ..] => Some(StunClass::Indication),
        [0x01, 0x01, ..] => Some(StunClass::Success),
        [0x01, 0x11, ..] => Some(StunClass::Error),
        _ => None,
    }
}

/// The transaction id of a STUN message.
pub fn stun_transaction(datagram: &[u8]) -> Option<Transaction> {
    datagram.get(8..STUN_HEADER)?.try_into().ok()
}

/// The value of USERNAME: `our-fragment:their-fragment` in a browser's check (RFC 8445 section 7.2.2).
pub fn stun_username(datagram: &[u8]) -> Option<&[u8]> {
    stun_attribute(datagram, STUN_USERNAME)
}

/// Whether the controlling side nominates the pair (RFC 8445 section 7.1.1).
pub fn stun_nominates(datagram: &[u8]) -> bool {
    stun_attribute(datagram, STUN_USE_CANDIDATE).is_some()
}

/// Our part of a check's USERNAME.
pub fn local_fragment(username: &[u8]) -> Option<&[u8]> {
    let colon = username.iter().position(|octet| *octet == b':')?;
    username.get(..colon).filter(|part| !part.is_empty())
}

fn stun_attributes(datagram: &[u8]) -> Option<&[u8]> {
    let (header, attributes) = datagram.split_at_checked(STUN_HEADER)?;
    let length = usize::from(u16::from_be_bytes([*header.get(2)?, *header.get(3)?]));
    (header.first()? & 0xC0 == 0
        && header.get(4..8)? == STUN_COOKIE
        && length == attributes.len()
        && length % 4 == 0)
        .then_some(attributes)
}

fn stun_attribute(datagram: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut rest = stun_attributes(datagram)?;
    while let Some((&[t0, t1, l0, l1], after)) = rest.split_first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let value = after.get(..length)?;
        if u16::from_be_bytes([t0, t1]) == wanted {
            return Some(value);
        }
        rest = after.get(length.next_multiple_of(4)..)?;
    }
    None
}

#[derive(Debug, Default)]
struct Known {
    fragments: VecDeque<Vec<u8>>,
    sources: VecDeque<SocketAddr>,
    checks: VecDeque<(SocketAddr, Transaction)>,
}

/// What was learnt of a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Listen(LegKey, Vec<u8>),
    Admit(LegKey, SocketAddr),
    Expect(LegKey, SocketAddr, Transaction),
    Forget(LegKey),
}

/// The tables behind the demultiplexing of one port.
#[derive(Debug, Default)]
pub struct Demux {
    /// What this thread has learnt and the others have not been told; `None` when there are no others.
    changes: Option<Vec<Change>>,
    by_fragment: Table<Vec<u8>, LegKey>,
    by_source: Table<SocketAddr, LegKey>,
    by_check: Table<(SocketAddr, Transaction), LegKey>,
    known: Table<LegKey, Known>,
}

impl Demux {
    /// One whose changes are to be told to others.
    pub fn shared() -> Self {
        Self {
            changes: Some(Vec::new()),
            ..Self::default()
        }
    }

    /// What the others are to be told.
    pub fn take_changes(&mut self) -> Vec<Change> {
        self.changes
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Learns what another thread has learnt.
    pub fn apply(&mut self, change: Change) {
        let changes = self.changes.take();
        match change {
            Change::Listen(leg, fragment) => self.listen(leg, &fragment),
            Change::Admit(leg, source) => self.admit(leg, source),
            Change::Expect(leg, target, transaction) => self.expect(leg, target, transaction),
            Change::Forget(leg) => self.forget(leg),
        }
        self.changes = changes;
    }

    fn note(&mut self, change: Change) {
        if let Some(changes) = &mut self.changes {
            changes.push(change);
        }
    }

    /// Checks that name `fragment` are for `leg` from now on.
    pub fn listen(&mut self, leg: LegKey, fragment: &[u8]) {
        let known = self.known.entry(leg).or_default();
        if known.fragments.iter().any(|known| known == fragment) {
            return;
        }
        if known.fragments.len() == FRAGMENTS_PER_LEG
            && let Some(oldest) = known.fragments.pop_front()
        {
            self.by_fragment.remove(&oldest);
        }
        known.fragments.push_back(fragment.to_vec());
        self.by_fragment.insert(fragment.to_vec(), leg);
        self.note(Change::Listen(leg, fragment.to_vec()));
    }

    /// A check from `source` has passed at `leg`: what else comes from there is the leg's. An
    /// address that another leg had before (a browser may use a port again) changes hands.
    pub fn admit(&mut self, leg: LegKey, source: SocketAddr) {
        if self.by_source.get(&source) == Some(&leg) {
            return;
        }
        let Some(known) = self.known.get_mut(&leg) else {
            return;
        };
        if known.sources.len() == SOURCES_PER_LEG
            && let Some(oldest) = known.sources.pop_front()
            && self.by_source.get(&oldest) == Some(&leg)
        {
            self.by_source.remove(&oldest);
        }
        known.sources.push_back(source);
        self.by_source.insert(source, leg);
        self.note(Change::Admit(leg, source));
    }

    /// `leg` has sent a check to `target` and waits for its answer.
    pub fn expect(&mut self, leg: LegKey, target: SocketAddr, transaction: Transaction) {
        let Some(known) = self.known.get_mut(&leg) else {
            return;
        };
        let check = (target, transaction);
        if self.by_check.insert(check, leg).is_some() {
            return;
        }
        if known.checks.len() == CHECKS_PER_LEG
            && let Some(oldest) = known.checks.pop_front()
        {
            self.by_check.remove(&oldest);
        }
        known.checks.push_back(check);
        self.note(Change::Expect(leg, target, transaction));
    }

    /// Whose datagram this is, and what it is.
    pub fn route(&self, source: SocketAddr, datagram: &[u8]) -> (Class, Option<LegKey>) {
        let class = classify(datagram);
        let leg = match class {
            Class::Stun => stun_username(datagram)
                .and_then(local_fragment)
                .and_then(|fragment| self.by_fragment.get(fragment))
                .or_else(|| match stun_class(datagram) {
                    // A request must name its leg: its integrity is checked with that leg's secret.
                    None | Some(StunClass::Request) => None,
                    Some(_) => self.by_source.get(&source).or_else(|| {
                        let transaction = stun_transaction(datagram)?;
                        self.by_check.get(&(source, transaction))
                    }),
                }),
            Class::Dtls | Class::Rtp | Class::Rtcp => self.by_source.get(&source),
            Class::Other => None,
        };
        (class, leg.copied())
    }

    /// Forgets a leg.
    pub fn forget(&mut self, leg: LegKey) {
        let Some(known) = self.known.remove(&leg) else {
            return;
        };
        self.note(Change::Forget(leg));
        for fragment in known.fragments {
            self.by_fragment.remove(&fragment);
        }
        for source in known.sources {
            if self.by_source.get(&source) == Some(&leg) {
                self.by_source.remove(&source);
            }
        }
        for check in known.checks {
            self.by_check.remove(&check);
        }
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.by_fragment.is_empty()
            && self.by_source.is_empty()
            && self.by_check.is_empty()
            && self.known.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stun(kind: u16, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        for (attribute, value) in attributes {
            body.extend(attribute.to_be_bytes());
            body.extend((value.len() as u16).to_be_bytes());
            body.extend_from_slice(value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        let mut message = kind.to_be_bytes().to_vec();
        message.extend((body.len() as u16).to_be_bytes());
        message.extend(STUN_COOKIE);
        message.extend([7; 12]);
        message.extend(body);
        message
    }

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn first_octets_decide_the_class() {
        assert_eq!(classify(&[]), Class::Other);
        assert_eq!(classify(&[22]), Class::Dtls);
        assert_eq!(classify(&[64, 0, 0, 0]), Class::Other);
        assert_eq!(classify(&[0x80]), Class::Other);
        assert_eq!(classify(&[0x80, 111]), Class::Rtp);
        assert_eq!(classify(&[0x80, 0x80 | 111]), Class::Rtp);
        assert_eq!(classify(&[0x80, 200]), Class::Rtcp);
        assert_eq!(classify(&stun(0x0001, &[])), Class::Stun);
        let mut short = stun(0x0001, &[(STUN_USERNAME, b"a:b")]);
        short.pop();
        assert_eq!(classify(&short), Class::Other, "length does not fit");
        let mut no_cookie = stun(0x0001, &[]);
        no_cookie[4] = 0;
        assert_eq!(classify(&no_cookie), Class::Other);
    }

    #[test]
    fn attributes_are_found_past_padding_and_never_outside() {
        let check = stun(
            0x0001,
            &[
                (0x8022, b"x"),
                (STUN_USERNAME, b"mine:theirs"),
                (STUN_USE_CANDIDATE, b""),
            ],
        );
        assert_eq!(stun_username(&check), Some(&b"mine:theirs"[..]));
        assert!(stun_nominates(&check));
        assert_eq!(stun_class(&check), Some(StunClass::Request));
        assert_eq!(stun_transaction(&check), Some([7; 12]));
        let mut lying = check.clone();
        lying[STUN_HEADER + 3] = 0xFF;
        assert_eq!(stun_username(&lying), None);
        for cut in 0..check.len() {
            assert_eq!(stun_username(&check[..cut]), None);
        }
    }

    #[test]
    fn media_needs_a_passed_check_from_its_very_address() {
        let mut demux = Demux::default();
        let (leg, other) = (LegKey(1), LegKey(2));
        demux.listen(leg, b"mine");
        demux.listen(other, b"other");
        let check = stun(0x0001, &[(STUN_USERNAME, b"mine:theirs")]);
        assert_eq!(demux.route(at(1), &check), (Class::Stun, Some(leg)));
        assert_eq!(demux.route(at(1), &[22, 254]), (Class::Dtls, None));
        demux.admit(leg, at(1));
        assert_eq!(demux.route(at(1), &[22, 254]), (Class::Dtls, Some(leg)));
        assert_eq!(demux.route(at(2), &[0x80, 111]), (Class::Rtp, None));
        assert_eq!(
            demux.route(at(1), &stun(0x0001, &[])),
            (Class::Stun, None),
            "a request without a name has no leg even from a known address"
        );
        demux.admit(other, at(1));
        assert_eq!(demux.route(at(1), &[0x80, 111]), (Class::Rtp, Some(other)));
        demux.forget(leg);
        assert_eq!(demux.route(at(1), &[0x80, 111]), (Class::Rtp, Some(other)));
        demux.forget(other);
        assert!(demux.is_empty());
    }

    #[test]
    fn an_answer_to_our_own_check_passes_before_anything_else() {
        let mut demux = Demux::default();
        let leg = LegKey(1);
        demux.listen(leg, b"mine");
        let answer = stun(0x0101, &[]);
        assert_eq!(demux.route(at(1), &answer), (Class::Stun, None));
        demux.expect(leg, at(1), [7; 12]);
        assert_eq!(demux.route(at(1), &answer), (Class::Stun, Some(leg)));
        assert_eq!(demux.route(at(2), &answer), (Class::Stun, None));
        assert_eq!(
            demux.route(at(1), &[22, 254]),
            (Class::Dtls, None),
            "our own check admits nobody"
        );
        demux.forget(leg);
        assert!(demux.is_empty());
    }

    #[test]
    fn what_one_thread_learns_the_others_know() {
        let (mut here, mut there) = (Demux::shared(), Demux::shared());
        let leg = LegKey(1);
        here.listen(leg, b"mine");
        here.admit(leg, at(1));
        here.admit(leg, at(1));
        here.expect(leg, at(2), [7; 12]);
        let changes = here.take_changes();
        assert_eq!(changes.len(), 3);
        for change in changes {
            there.apply(change);
        }
        assert_eq!(there.take_changes(), [], "what was told is not told on");
        assert_eq!(there.route(at(1), &[0x80, 111]), (Class::Rtp, Some(leg)));
        let answer = stun(0x0101, &[]);
        assert_eq!(there.route(at(2), &answer), (Class::Stun, Some(leg)));
        here.forget(leg);
        here.forget(leg);
        assert_eq!(here.take_changes(), [Change::Forget(leg)]);
        there.apply(Change::Forget(leg));
        assert!(there.is_empty());
    }

    #[test]
    fn tables_are_bounded() {
        let mut demux = Demux::default();
        let leg = LegKey(1);
        for round in 0..100_u16 {
            demux.listen(leg, &round.to_be_bytes());
            demux.admit(leg, at(round + 1));
            demux.expect(leg, at(round + 1), [0; 12]);
        }
        assert_eq!(demux.by_check.len(), CHECKS_PER_LEG);
        assert_eq!(demux.by_fragment.len(), FRAGMENTS_PER_LEG);
        assert_eq!(demux.by_source.len(), SOURCES_PER_LEG);
        assert_eq!(demux.route(at(100), &[22]).1, Some(leg));
        assert_eq!(demux.route(at(1), &[22]).1, None);
    }
}
