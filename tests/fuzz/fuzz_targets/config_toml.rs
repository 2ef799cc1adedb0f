//! The configuration document: faults point into the document.
#![no_main]

use causeway_directory::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    if let Err(errors) = Config::parse(&text) {
        assert!(!errors.is_empty());
        for error in errors {
            assert!(
                error.line >= 1 && error.line <= text.lines().count().max(1) + 1,
                "{error}"
            );
        }
    }
});
