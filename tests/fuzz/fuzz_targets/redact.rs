//! Texts that leave the box: whatever stands around a secret, it does not get out.
#![no_main]

use causeway_maintenance::redact::redact;
use libfuzzer_sys::fuzz_target;

const KNOWN: &str = "tulip-bed";
/// Parts that carry a secret in the ways of several programs.
const WAYS: [(&str, &str); 8] = [
    ("password=", ""),
    ("password = \"", "\""),
    ("{\"token\":\"", "\"}"),
    ("Authorization: Digest response=\"", "\""),
    ("a=ice-pwd:", ""),
    ("inline:", "|2^31"),
    ("https://anna:", "@updates.example/"),
    ("-----BEGIN PRIVATE KEY-----\n", "\n-----END PRIVATE KEY-----"),
];

fuzz_target!(|data: &[u8]| {
    let (way, data) = data.split_first().unwrap_or((&0, &[]));
    let (before, after) = data.split_at(data.len() / 2);
    let (open, close) = WAYS[usize::from(*way) % WAYS.len()];
    let mut text = before.to_vec();
    text.extend_from_slice(b"\n");
    text.extend_from_slice(open.as_bytes());
    text.extend_from_slice(b"ZZtopZZ");
    text.extend_from_slice(close.as_bytes());
    text.extend_from_slice(b"\n");
    text.extend_from_slice(after);
    text.extend_from_slice(KNOWN.as_bytes());
    let given = String::from_utf8_lossy(&text).matches("ZZtopZZ").count();
    let out = redact(&text, &[KNOWN]);
    assert!(!out.contains(KNOWN));
    // What the fuzzer wrote itself need not be in a secret's place.
    assert!(out.matches("ZZtopZZ").count() < given, "{out}");
    assert_eq!(out.matches('\n').count(), String::from_utf8_lossy(&text).matches('\n').count());
});
