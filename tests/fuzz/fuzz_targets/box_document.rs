//! The box's document: faults point into it, secrets come out of it whole, and what is good can be rendered.
#![no_main]

use causeway_appliance::document::validate;
use causeway_appliance::render::{Facts, render};
use causeway_appliance::secrets::{Secrets, readable, take_out};
use libfuzzer_sys::fuzz_target;
use toml_edit::DocumentMut;

fuzz_target!(|data: &[u8]| {
    if let Ok(secrets) = Secrets::from_octets(data) {
        assert!(Secrets::from_octets(&secrets.to_octets()).is_ok());
    }
    let text = String::from_utf8_lossy(data);
    let Ok(mut document) = text.parse::<DocumentMut>() else {
        assert!(validate(&text).is_err());
        return;
    };
    let mut drawn = 0u64;
    let taken = take_out(&mut document, &Secrets::default(), &mut |octets| {
        drawn += 1;
        for (octet, from) in octets.iter_mut().zip(drawn.to_le_bytes().into_iter().cycle()) {
            *octet = from;
        }
    });
    let Ok(taken) = taken else { return };
    assert!(readable(&document).is_empty());
    let text = document.to_string();
    match validate(&text) {
        Ok(checked) => {
            let facts = Facts::stand_in(&checked.own);
            let rendered = render(&document, &checked.own, &taken, &facts, true);
            assert_eq!(rendered.unready, None);
            assert_eq!(rendered.missing_secrets, 0);
            for file in rendered.files.iter().filter(|file| file.path.ends_with(".network")) {
                // A name or an address never becomes a line of its own.
                assert!(file.text.matches("[Match]").count() == 1);
            }
        }
        Err(faults) => {
            assert!(!faults.is_empty());
            for fault in faults {
                assert!(fault.line >= 1 && fault.line <= text.lines().count().max(1) + 1, "{fault}");
            }
        }
    }
});
