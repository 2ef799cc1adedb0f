//! A browser's offer, and the answer to it.
#![no_main]

use causeway_media::sdp::browser::{WebCodecPolicy, choose, finish_answer, inspect};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    if let Ok(offer) = inspect(&text) {
        for policy in [
            WebCodecPolicy::Opus,
            WebCodecPolicy::G711,
            WebCodecPolicy::Preferred,
        ] {
            if let Ok(format) = choose(&offer, policy) {
                let finished = finish_answer(&text, (format, None));
                assert!(
                    finished.len() <= 3 * text.len() + 4096,
                    "the answer grew to {}",
                    finished.len()
                );
            }
        }
    }
});
