//! What an update says of itself, before anybody trusts it.
#![no_main]

use causeway_maintenance::update::bundle::{Manifest, Tree, check, signature_at};
use causeway_maintenance::update::source::Source;
use causeway_maintenance::update::{UpdateError, Version};
use libfuzzer_sys::fuzz_target;
use std::io::Cursor;

fuzz_target!(|data: &[u8]| {
    let _ = Manifest::parse(data);
    let text = String::from_utf8_lossy(data);
    if let Some(version) = Version::parse(&text) {
        // It becomes the name of a folder.
        assert!(!version.as_str().contains('/'));
        assert!(version.order(&version).is_eq());
    }
    let _ = Source::parse(&text);
    let _ = UpdateError::from_rauc(&text, "a board").to_string();
    if let Ok(at) = signature_at(&mut Cursor::new(data)) {
        let tree = Tree {
            size: 4096,
            salt: vec![1; 32],
            root: [2; 32],
        };
        assert!(at < data.len() as u64);
        let _ = check(&mut Cursor::new(data), &tree, &mut |_| true);
    }
});
