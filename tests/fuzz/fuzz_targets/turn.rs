//! The TURN server's core: octets as datagrams and as a stream, and requests of arbitrary attributes with a good credential.
#![no_main]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use causeway_turn::credential::long_term_key;
use causeway_turn::frame;
use causeway_turn::message::{Class, Integrity, Message, Writer, attribute};
use causeway_turn::{Desk, Now, Peers, Secret, Session, Step};
use libfuzzer_sys::fuzz_target;

const UNIX: u64 = 1_800_000_000;

fuzz_target!(|data: &[u8]| {
    let media = [
        SocketAddr::from(([203, 0, 113, 10], 8444)),
        "[2001:db8::10]:8444".parse().unwrap(),
    ];
    let desk = Desk {
        secret: Secret::new([7; 32]),
        peers: Peers::new(media.to_vec()),
    };
    let client = SocketAddr::from(([192, 0, 2, 1], 4000));
    let issued = desk.secret.issue("aa", UNIX);
    let key = long_term_key(&issued.username, desk.secret.realm(), &issued.password);
    let mut session = Session::new(client);
    let mut now = Now {
        clock: Instant::now(),
        unix: UNIX,
    };

    // As a stream: it advances or is broken.
    let mut rest = data;
    while let Ok(Some(length)) = frame::length(rest) {
        assert!((4..=frame::MAX_FRAME).contains(&length));
        let Some((_, after)) = rest.split_at_checked(length) else {
            break;
        };
        rest = after;
    }

    // As a talk: [kind, method, length] and octets of attributes, signed; or raw octets.
    let mut rest = data;
    while let [kind, method, length, after @ ..] = rest {
        let (part, after) = after.split_at(usize::from(*length).min(after.len()));
        rest = after;
        let seconds = u64::from(kind >> 3) * 8;
        now.clock += Duration::from_secs(seconds);
        now.unix += seconds;
        let octets = match kind & 3 {
            0 => part.to_vec(),
            1 => {
                let mut out = Vec::new();
                frame::write_channel(0x4000 | u16::from(*method), part, &mut out);
                out
            }
            class => {
                let class = if class == 2 { Class::Request } else { Class::Indication };
                let mut writer = Writer::new(class, u16::from(method & 15), [*method; 12]);
                let mut attributes = part;
                while let [kind, length, after @ ..] = attributes {
                    let (value, after) = after.split_at(usize::from(length & 31).min(after.len()));
                    attributes = after;
                    writer = match kind {
                        // Addresses that are right are hard to hit upon.
                        0xFE => writer.address(attribute::XOR_PEER_ADDRESS, media[0]),
                        0xFF => writer.address(attribute::XOR_PEER_ADDRESS, media[1]),
                        kind => writer.attribute(u16::from(*kind), value),
                    };
                }
                let integrity = if kind & 4 == 0 { Integrity::Sha1 } else { Integrity::Sha256 };
                let nonce = desk.secret.nonce(client, now.unix);
                writer
                    .attribute(attribute::USERNAME, issued.username.as_bytes())
                    .attribute(attribute::REALM, desk.secret.realm().as_bytes())
                    .attribute(attribute::NONCE, nonce.as_bytes())
                    .finish(Some((&key, integrity)))
            }
        };
        match session.handle(&octets, &desk, now) {
            Step::Relay { peer, datagram } => {
                assert!(session.has_allocation() && peer < media.len());
                assert!(datagram.len() <= octets.len());
            }
            Step::Open(opening) => {
                assert!(!session.has_allocation() && opening.peer < media.len());
                let reply = if method & 16 == 0 {
                    session.opened(media[opening.peer], &desk, now.clock)
                } else {
                    session.not_opened(causeway_turn::Refusal::QuotaReached)
                };
                assert!(Message::parse(&reply).unwrap().is_whole(&key));
            }
            Step::Freed(reply) => {
                assert!(!session.has_allocation() && Message::parse(&reply).is_ok());
            }
            Step::Reply { message, known, .. } => {
                let reply = Message::parse(&message).unwrap();
                assert!(known || message.len() < 200);
                assert_eq!(known, reply.integrity().is_some());
            }
            Step::Dropped(_) => {}
        }
        for peer in 0..3 {
            let mut out = Vec::new();
            if session.relayed(peer, b"datagram", &desk, now.clock, &mut out) {
                assert!(session.has_allocation() && frame::read(&out).is_some());
            }
        }
    }
});
