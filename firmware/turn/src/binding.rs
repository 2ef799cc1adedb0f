//! Asking a STUN server which address it sees (RFC 8489 section 2): what a box behind a NAT is known by outside.
//!
//! Over UDP a question is sent again until it is answered, ever less often (section 6.2.1).

use crate::message::{Class, Message, Transaction, Writer, attribute, method, read_address};
use std::net::SocketAddr;
use std::time::Duration;

/// When a question is sent, counted from the first time.
pub const SEND_AT: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(500),
    Duration::from_millis(1_500),
    Duration::from_millis(3_500),
    Duration::from_millis(7_500),
];
/// When it is given up.
pub const GIVE_UP_AT: Duration = Duration::from_millis(9_500);

/// The question. `transaction` is drawn at random for each: nobody who has not seen it can answer.
pub fn request(transaction: Transaction) -> Vec<u8> {
    Writer::new(Class::Request, method::BINDING, transaction).finish(None)
}

/// The address in the answer; none when it is no answer to this question, or names no address that anybody could be at.
pub fn mapped(answer: &[u8], transaction: &Transaction) -> Option<SocketAddr> {
    let answer = Message::parse(answer).ok()?;
    let ours = answer.class == Class::Success
        && answer.method == method::BINDING
        && answer.transaction == *transaction;
    let value = answer
        .attribute(attribute::XOR_MAPPED_ADDRESS)
        .filter(|_| ours)?;
    let address = read_address(value, transaction)?;
    let ip = address.ip();
    let nobodys = ip.is_unspecified() || ip.is_loopback() || ip.is_multicast();
    (!nobodys && address.port() != 0).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Transaction = [7; 12];

    fn answer(class: Class, transaction: Transaction, address: &str) -> Vec<u8> {
        Writer::new(class, method::BINDING, transaction)
            .address(attribute::XOR_MAPPED_ADDRESS, address.parse().unwrap())
            .finish(None)
    }

    #[test]
    fn the_answer_to_ones_own_question_tells_the_address() {
        let question = request(ASKED);
        let read = Message::parse(&question).unwrap();
        assert_eq!((read.class, read.method), (Class::Request, method::BINDING));
        for address in ["203.0.113.10:4000", "[2001:db8::1]:4000"] {
            let answer = answer(Class::Success, ASKED, address);
            assert_eq!(mapped(&answer, &ASKED), address.parse().ok());
        }
    }

    #[test]
    fn anything_else_tells_nothing() {
        let good = answer(Class::Success, ASKED, "203.0.113.10:4000");
        assert_eq!(mapped(&good, &[8; 12]), None, "somebody else's");
        for class in [Class::Request, Class::Indication, Class::Error] {
            let answer = answer(class, ASKED, "203.0.113.10:4000");
            assert_eq!(mapped(&answer, &ASKED), None, "{class:?}");
        }
        for nobody in [
            "0.0.0.0:4000",
            "127.0.0.1:4000",
            "224.0.0.1:4000",
            "[::]:4000",
            "203.0.113.10:0",
        ] {
            let answer = answer(Class::Success, ASKED, nobody);
            assert_eq!(mapped(&answer, &ASKED), None, "{nobody}");
        }
        for cut in 0..good.len() {
            assert_eq!(mapped(&good[..cut], &ASKED), None);
        }
        let bare = Writer::new(Class::Success, method::BINDING, ASKED).finish(None);
        assert_eq!(mapped(&bare, &ASKED), None);
    }
}
