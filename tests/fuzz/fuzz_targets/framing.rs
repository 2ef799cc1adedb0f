//! Datagrams in a TCP stream: the frames do not depend on how the octets were cut, and what is read is what was written.
#![no_main]

use causeway_media::framing::{First, HEADER, MAX_DATAGRAM, first, write};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&cut, stream)) = data.split_first() else {
        return;
    };
    let whole = frames(stream, stream.len().max(1));
    let pieces = frames(stream, usize::from(cut).max(1));
    assert_eq!(whole, pieces, "in pieces of {cut}");
    // Written again, the frames are the stream as far as it was read.
    let mut again = Vec::new();
    for datagram in &whole.0 {
        assert!(write(datagram, &mut again));
    }
    assert!(stream.starts_with(&again));
});

/// Every datagram, and whether the stream broke, when the octets come `size` at a time.
fn frames(stream: &[u8], size: usize) -> (Vec<Vec<u8>>, bool) {
    let (mut come, mut datagrams) = (Vec::new(), Vec::new());
    for piece in stream.chunks(size) {
        come.extend(piece);
        loop {
            match first(&come) {
                Ok(First::Frame { datagram, octets }) => {
                    assert!(octets == HEADER + datagram.len() && datagram.len() <= MAX_DATAGRAM);
                    datagrams.push(datagram.to_vec());
                    come.drain(..octets);
                }
                Ok(First::Partial) => break,
                Err(_) => return (datagrams, true),
            }
        }
        assert!(come.len() < HEADER + MAX_DATAGRAM, "{} octets hoarded", come.len());
    }
    (datagrams, false)
}
