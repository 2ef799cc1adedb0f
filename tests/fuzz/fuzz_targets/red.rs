//! Redundant audio: whatever is taken apart lies within what came, and what is written is read back.
#![no_main]

use causeway_media::red::{self, MAX_EARLIER};
use causeway_media::rtp::Header;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(read) = red::read(data) {
        let earlier: Vec<_> = read.earlier(Header::default()).collect();
        assert!(earlier.len() <= MAX_EARLIER);
        let octets: usize = earlier.iter().map(|(_, payload)| payload.len()).sum();
        assert!(octets + read.primary.payload.len() < data.len());
    }
    let [kind, high, low, rest @ ..] = data else {
        return;
    };
    let offset = u32::from(u16::from_be_bytes([*high, *low]));
    let before = &rest[..rest.len() / 2];
    let Some(heads) = red::headers(*kind, offset, before.len()) else {
        return;
    };
    let payload = [&heads[..], rest].concat();
    let Ok(read) = red::read(&payload) else {
        panic!("what was written is not read");
    };
    assert_eq!(read.primary.payload, &rest[before.len()..]);
    let header = Header {
        sequence: 1,
        timestamp: offset,
        ..Header::default()
    };
    let earlier: Vec<_> = read.earlier(header).collect();
    assert_eq!(earlier.len(), 1);
    assert_eq!((earlier[0].0.sequence, earlier[0].0.timestamp), (0, 0));
    assert_eq!(earlier[0].1, before);
});
