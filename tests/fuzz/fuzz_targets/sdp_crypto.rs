//! What stands behind `a=crypto:`. What is read is written so that it is read as the same.
#![no_main]

use causeway_media::sdp::crypto::CryptoLine;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    if let Ok(line) = CryptoLine::read(&text) {
        assert_eq!(CryptoLine::read(&line.write()), Ok(line));
    }
});
