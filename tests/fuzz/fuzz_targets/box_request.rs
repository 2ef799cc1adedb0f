//! What comes on the box's socket: a line is a request or it is not, and a refusal quotes nothing of it.
#![no_main]

use causeway_appliance::wire::{read_hello, read_request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let line = String::from_utf8_lossy(data);
    if let Ok(author) = read_hello(&line) {
        assert!(!author.is_empty() && author.chars().count() <= 64);
        assert!(!author.chars().any(char::is_control));
    }
    match read_request(&line) {
        // What is a secret, or may be one, is not printed.
        Ok(request) => _ = format!("{request:?}"),
        Err(why) => assert!(why.to_string().len() < 200),
    }
});
