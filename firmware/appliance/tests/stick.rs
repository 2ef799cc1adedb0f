//! A stick labelled CONFIG at a real box service: a folder stands for it.

mod boxd;

use boxd::{Boxd, PASSWORD, eventually};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::json;
use std::fs;

const DOCUMENT: &str = "[admin]\npassword = \"a sentence is good\"\n\n[box]\nname = \"lobby\"\n\n[network.ipv6]\naddress = \"none\"\n\n[[trunk]]\nname = \"pbx\"\naddress = \"192.0.2.20\"\nusername = \"4711\"\npassword = \"trunk-secret\"\n";

fn puts_in(boxd: &Boxd, document: &str, signature: Option<&[u8]>) {
    let stick = boxd.path("dev/disk/by-label/CONFIG");
    let _ = fs::remove_dir_all(&stick);
    let made = boxd.path("stick");
    fs::create_dir_all(&made).unwrap();
    fs::write(made.join("causeway.toml"), document).unwrap();
    if let Some(signature) = signature {
        fs::write(made.join("causeway.toml.sig"), signature).unwrap();
    }
    fs::create_dir_all(stick.parent().unwrap()).unwrap();
    fs::rename(made, stick).unwrap();
}

/// What is written beside the document, once it is.
fn result(boxd: &Boxd) -> String {
    let path = "dev/disk/by-label/CONFIG/causeway-result.txt";
    eventually("a result on the stick", || boxd.file(path).ends_with('\n'));
    boxd.file(path)
}

#[test]
fn a_box_without_an_administrator_takes_it_whole() {
    let boxd = Boxd::start();
    puts_in(&boxd, DOCUMENT, None);
    let said = result(&boxd);
    assert!(
        said.contains("was taken") && said.contains("Revision 1 is in force"),
        "{said}"
    );
    assert!(boxd.gateway().contains("trunk-secret"));
    let mut console = boxd.somebody("console");
    console.gets(json!({ "do": "check_password", "password": PASSWORD }));
    let exported = console.gets(json!({ "do": "export" })).to_string();
    assert!(
        !exported.contains("trunk-secret") && !exported.contains("admin]"),
        "{exported}"
    );
    assert!(!said.contains("trunk-secret") && !said.contains(PASSWORD));
}

#[test]
fn a_document_without_a_password_or_with_a_fault_is_refused() {
    let boxd = Boxd::start();
    puts_in(&boxd, "[box]\nname = \"lobby\"\n", None);
    assert!(result(&boxd).contains("needs [admin]"));
    puts_in(&boxd, &format!("{DOCUMENT}ptime_ms = 25\n"), None);
    let said = result(&boxd);
    assert!(said.contains("ptime_ms"), "{said}");
    assert_eq!(boxd.gateway(), "");
}

#[test]
fn a_configured_box_takes_what_a_key_it_knows_has_signed() {
    let boxd = Boxd::start();
    let mut console = boxd.is_set_up();
    puts_in(&boxd, DOCUMENT, None);
    assert!(result(&boxd).contains("not signed"));

    let pair = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(pair.as_ref()).unwrap();
    let hex = |octets: &[u8]| {
        octets
            .iter()
            .map(|o| format!("{o:02x}"))
            .collect::<String>()
    };
    console.sets("usb signers", &hex(pair.public_key().as_ref()));
    console.gets(json!({ "do": "commit" }));

    let other = DOCUMENT.replace("lobby", "hall");
    puts_in(&boxd, &other, Some(pair.sign(DOCUMENT.as_bytes()).as_ref()));
    assert!(
        result(&boxd).contains("not signed"),
        "a signature of another document"
    );
    puts_in(
        &boxd,
        &other,
        Some(hex(pair.sign(other.as_bytes()).as_ref()).as_bytes()),
    );
    assert!(result(&boxd).contains("was taken"));
    assert!(boxd.gateway().contains("hall"));

    // It stays in its socket over a change and a start: what was changed since stays.
    console.sets("box name", "garden");
    console.gets(json!({ "do": "commit" }));
    puts_in(&boxd, &other, Some(pair.sign(other.as_bytes()).as_ref()));
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert!(boxd.gateway().contains("garden"));
}
