//! Tokens: only what we signed passes.
#![no_main]

use causeway_api::token::{TokenKey, verify};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let key = TokenKey::new([7; 32]);
    let text = String::from_utf8_lossy(data);
    assert!(verify(&key, &text, 0).is_err(), "a forged token passed");
});
