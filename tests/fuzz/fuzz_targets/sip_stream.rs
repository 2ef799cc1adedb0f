//! SIP over a stream: the frames do not depend on how the bytes were cut, and nothing is hoarded.
#![no_main]

use causeway_sip::message::stream::{Frame, StreamReader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&cut, stream)) = data.split_first() else {
        return;
    };
    let whole = frames(stream, stream.len().max(1));
    let pieces = frames(stream, usize::from(cut).max(1));
    assert_eq!(
        whole, pieces,
        "frames differ when the stream comes in pieces of {cut}"
    );
});

/// Every frame, and how it ended, when the bytes come `size` at a time.
fn frames(stream: &[u8], size: usize) -> (Vec<String>, bool) {
    let mut reader = StreamReader::new();
    let mut frames = Vec::new();
    for piece in stream.chunks(size) {
        reader.push(piece);
        loop {
            match reader.next_frame() {
                Ok(Some(frame)) => frames.push(show(&frame)),
                Ok(None) => break,
                Err(_) => return (frames, true),
            }
        }
        assert!(
            reader.pending() <= 2 * causeway_sip::message::MAX_MESSAGE + size,
            "{} octets hoarded",
            reader.pending()
        );
    }
    (frames, false)
}

fn show(frame: &Frame) -> String {
    format!("{frame:?}")
}
