//! Documents that somebody types, setting by setting.

use causeway_appliance::document::{SHAPE, Verdict, validate, verdict};
use causeway_appliance::secrets::{Secrets, is_secret, put_in, readable, take_out};
use causeway_config::Document;
use proptest::prelude::*;
use toml_edit::DocumentMut;

const SETTINGS: &[(&str, &[&str])] = &[
    ("box name", &["lobby", "4711", "Empfang Süd", "true"]),
    ("box ring_s", &["60", "180", "soon"]),
    ("box public", &["203.0.113.10", "2001:db8::1"]),
    (
        "network ipv4 address",
        &["dhcp", "none", "192.0.2.10/24", "192.0.2.10"],
    ),
    ("network ipv4 gateway", &["192.0.2.1", "198.51.100.1"]),
    ("network ipv6 address", &["auto", "none", "2001:db8::10/64"]),
    ("network dns", &["192.0.2.53", "192.0.2.54", "x"]),
    ("network management interface", &["eth1"]),
    ("time server", &["ntp.example", "192.0.2.123"]),
    ("time zone", &["UTC", "Europe/Berlin", "../x"]),
    ("trunk pbx address", &["192.0.2.20", "pbx.example:5060"]),
    ("trunk pbx codecs", &["PCMA", "G722", "GSM"]),
    ("trunk pbx username", &["1234", "box"]),
    ("trunk pbx password", &["hunter2", "\"q\"", "secret:0"]),
    ("trunk pbx options_s", &["0", "30", "1"]),
    ("number 555 echo", &["true", "false"]),
    ("test number", &["100", "+49301234"]),
    ("ssh enabled", &["true", "false"]),
    ("sip dns", &["192.0.2.53:53"]),
    ("nonsense here", &["1"]),
];

fn changes() -> impl Strategy<Value = Vec<(usize, usize, bool)>> {
    prop::collection::vec((0..SETTINGS.len(), 0..4usize, any::<bool>()), 0..24)
}

fn quoted(value: &str) -> String {
    toml_edit::Value::from(value).to_string()
}

fn typed(changes: &[(usize, usize, bool)]) -> Document {
    let mut document = Document::parse("", SHAPE).unwrap();
    for (setting, value, deletes) in changes {
        let (path, values) = SETTINGS[*setting];
        let path: Vec<&str> = path.split(' ').collect();
        let value = values[value % values.len()];
        let _ = match *deletes && value.len().is_multiple_of(2) {
            true => document.delete(&path, None),
            // What a secret is does not hang on what it looks like.
            false if is_secret(&path) => document.set(&path, &quoted(value), |_| Verdict::Good),
            false => document.set(&path, value, verdict),
        };
    }
    document
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// What was written is read as the same settings, and faults point into the document.
    #[test]
    fn a_document_survives_its_text(changes in changes()) {
        let document = typed(&changes);
        let text = document.to_string();
        let again = Document::parse(&text, SHAPE).unwrap();
        prop_assert_eq!(document.show(&[]), again.show(&[]));
        prop_assert!(document.changes_since(&again).is_empty());
        if let Err(faults) = validate(&text) {
            prop_assert!(!faults.is_empty());
            for fault in faults {
                prop_assert!((1..=text.lines().count().max(1)).contains(&fault.line), "{}\n{}", fault, text);
            }
        }
    }

    /// Secrets that are taken out and put in again are where they were, and nothing of them stays behind.
    #[test]
    fn secrets_go_out_and_come_back(changes in changes()) {
        let document: DocumentMut = typed(&changes).to_string().parse().unwrap();
        let mut without = document.clone();
        let mut drawn = 0u8;
        let taken = take_out(&mut without, &Secrets::default(), &mut |octets| {
            drawn += 1;
            octets.fill(drawn);
        }).unwrap();
        prop_assert!(readable(&without).is_empty());
        prop_assert!(!without.to_string().contains("hunter2"));
        let file = taken.to_octets();
        let kept = Secrets::from_octets(&file).unwrap();
        let mut with = without.clone();
        let missing = put_in(&mut with, &|reference| Some(kept.get(reference)?.reveal().to_owned()));
        prop_assert!(missing.is_empty());
        let shown = |document: &DocumentMut| Document::parse(&document.to_string(), Shape::open()).unwrap().show(&[]);
        prop_assert_eq!(shown(&with), shown(&document));
        for end in 0..file.len() {
            prop_assert!(Secrets::from_octets(&file[..end]).is_err());
        }
    }
}

/// A shape that hides nothing.
struct Shape;

impl Shape {
    fn open() -> causeway_config::Shape {
        causeway_config::Shape {
            secrets: &[],
            ..SHAPE
        }
    }
}

#[test]
fn an_empty_document_is_whole() {
    assert_eq!(verdict(""), Verdict::Good);
    let checked = validate("").unwrap();
    assert_eq!(checked.gateway.settings.https.port(), 443);
    assert_eq!(checked.gateway.settings.media.port(), 8444);
}

#[test]
fn a_box_of_ipv6_alone_is_one() {
    let text =
        "[network.ipv4]\naddress = \"none\"\n[network.ipv6]\naddress = \"2001:db8::10/64\"\n";
    let checked = validate(text).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!(checked.gateway.sip.udp.to_string(), "[2001:db8::10]:5060");
    assert_eq!(checked.gateway.settings.https.to_string(), "[::]:443");
}
