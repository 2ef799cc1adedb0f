//! Entries of the journal on their way to a syslog server.
#![no_main]

use causeway_maintenance::syslog::record::{LONGEST, Record};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(record) = Record::parse(data) else {
        return;
    };
    let frame = std::str::from_utf8(&record.frame).expect("text");
    let (length, message) = frame.split_once(' ').expect("a length");
    assert_eq!(length.parse(), Ok(message.len()));
    assert!(message.len() <= LONGEST);
    assert!(message.starts_with('<'));
    assert!(!record.cursor.is_empty() && !record.cursor.contains('\n'));
});
