//! Both ends of a file transfer with anything at their other end: what they say and keep is bounded, and once over they stay so.

#![no_main]

use causeway_board::transfer::{BLOCK, Header, Received, Receiver, Sender, Sent};
use libfuzzer_sys::fuzz_target;

/// Octets that one event may make an end say: a block and its frame, or a cancellation.
const MOST: usize = BLOCK + 5;

/// What happens: octets of the line, or time.
fn events(data: &[u8]) -> impl Iterator<Item = Result<u8, u64>> {
    let mut data = data.iter();
    std::iter::from_fn(move || {
        // 0xfe begins what is no plain octet: then 0 and a length of time, or 1 or 2 for 0xfe and 0xff.
        Some(match *data.next()? {
            0xfe => match *data.next()? {
                1 => Ok(0xfe),
                2 => Ok(0xff),
                _ => Err(u64::from(*data.next()?) * 100),
            },
            octet => Ok(octet),
        })
    })
}

fn receive(data: &[u8]) {
    let mut now_ms = 0;
    let mut receiver = Receiver::new(now_ms);
    let (mut length, mut taken, mut over) = (None, 0, false);
    for event in events(data) {
        let event = match event {
            Ok(octet) => receiver.handle_octet(octet, now_ms),
            Err(ms) => {
                now_ms += ms;
                receiver.handle_timeout(now_ms)
            }
        };
        assert!(event.is_none() || !over, "an event after the end");
        match event {
            None => {}
            Some(Received::Begin(header)) => {
                assert_eq!(length, None, "a second file");
                assert!(!header.name.is_empty() && !header.name.contains('/'));
                assert!(header.name.chars().all(|c| !c.is_control()));
                length = Some(header.length);
            }
            Some(Received::Data(data)) => {
                assert!((1..=BLOCK).contains(&data.len()));
                taken += data.len() as u64;
                assert!(Some(taken) <= length);
            }
            Some(Received::Whole) => {
                assert_eq!(Some(taken), length);
                over = true;
            }
            Some(Received::Nothing | Received::Failed(_)) => over = true,
        }
        assert_eq!(receiver.taken(), taken);
        let said = std::iter::from_fn(|| receiver.poll_transmit()).count();
        assert!(said <= 16);
        assert_eq!(receiver.poll_timeout().is_none(), over);
    }
}

fn send(length: u64, data: &[u8]) {
    let mut now_ms = 0;
    let Some(header) = Header::new("a/b", length) else {
        return;
    };
    let mut sender = Sender::new(header, now_ms);
    let mut over = false;
    for event in events(data) {
        let mut event = match event {
            Ok(octet) => sender.handle_octet(octet, now_ms),
            Err(ms) => {
                now_ms += ms;
                sender.handle_timeout(now_ms)
            }
        };
        if let Some((from, count)) = sender.wants() {
            assert!(from + count as u64 <= length && count <= BLOCK);
            event = event.or(sender.supply(&[0x18; BLOCK][..count]));
        }
        assert!(event.is_none() || !over, "an event after the end");
        over |= event.is_some();
        if event == Some(Sent::Whole) {
            assert_eq!(sender.given(), length);
        }
        let mut said = 0;
        while let Some(octets) = sender.poll_transmit(now_ms) {
            said += octets.len();
        }
        assert!(said <= MOST);
        assert_eq!(sender.poll_timeout().is_none(), over);
    }
}

fuzz_target!(|data: &[u8]| {
    if let [which, length, rest @ ..] = data {
        if which % 2 == 0 {
            receive(rest);
        } else {
            send(u64::from(*length) * 97, rest);
        }
    }
});
