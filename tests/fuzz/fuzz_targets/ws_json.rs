//! Frames of the web protocol.
#![no_main]

use causeway_api::wire::parse_client;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    match parse_client(&text) {
        Ok(message) => drop(format!("{message:?}")),
        Err(error) => assert!(!format!("{error:?}").is_empty()),
    }
});
