//! The browsers' shared port: what a datagram is, and whose.
#![no_main]

use std::net::SocketAddr;

use libfuzzer_sys::fuzz_target;

/// Stands where the program's own key stands beside its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegKey(pub u64);

/// The same of the program's table; how it hashes changes nothing.
type Table<K, V> = std::collections::HashMap<K, V>;

/// The box's own reader, compiled here alone: the program around it needs no instrumenting.
#[allow(dead_code)]
#[path = "../../../firmware/gateway/src/media/demux.rs"]
mod demux;

use demux::{
    Class, Demux, classify, local_fragment, stun_class, stun_nominates, stun_transaction,
    stun_username,
};

fuzz_target!(|data: &[u8]| {
    let class = classify(data);
    let _ = (
        stun_class(data),
        stun_transaction(data),
        stun_nominates(data),
    );
    let named = stun_username(data).and_then(local_fragment);
    let mut demux = Demux::default();
    demux.listen(LegKey(1), b"abcd");
    let source = SocketAddr::from(([192, 0, 2, 1], 4000));
    let (routed, leg) = demux.route(source, data);
    assert_eq!(routed, class);
    // Nothing but a check that names a leg reaches one from an address not admitted.
    if leg.is_some() {
        assert_eq!(class, Class::Stun);
        assert_eq!(named, Some(&b"abcd"[..]));
    }
});
