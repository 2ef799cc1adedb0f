//! Two who change something at once, documents that come whole, and those that cannot be used.

mod boxd;

use boxd::{Boxd, TRUNK_SECRET};
use serde_json::json;
use std::fs;

#[test]
fn who_comes_second_is_told_by_whom_it_was_changed() {
    let boxd = Boxd::start();
    let mut console = boxd.is_set_up();
    let mut admin = boxd.somebody("anna");
    console.sets("box name", "lobby");
    admin.sets("box name", "hall");
    admin.gets(json!({ "do": "commit", "comment": "renamed" }));
    assert_eq!(console.is_refused(json!({ "do": "commit" })), "moved");
    assert!(
        console.heard.contains("revision 2 by anna"),
        "{}",
        console.heard
    );
    console.gets(json!({ "do": "discard" }));
    console.sets("box name", "lobby");
    console.gets(json!({ "do": "commit" }));
    assert!(boxd.gateway().contains("lobby"));
}

#[test]
fn a_draft_goes_with_who_made_it() {
    let boxd = Boxd::start();
    let mut console = boxd.is_set_up();
    console.sets("box name", "lobby");
    assert_eq!(
        console.gets(json!({ "do": "compare" }))["changes"],
        json!(["+ box name \"lobby\""])
    );
    assert_eq!(
        boxd.somebody("anna").gets(json!({ "do": "compare" }))["changes"],
        json!([])
    );
    console.gets(json!({ "do": "left" }));
    assert_eq!(
        console.gets(json!({ "do": "compare" }))["changes"],
        json!([])
    );
}

#[test]
fn compare_says_beforehand_whether_calls_end() {
    let boxd = Boxd::start();
    let mut console = boxd.is_set_up();
    console.sets("box ring_s", "60");
    assert_eq!(console.gets(json!({ "do": "compare" }))["effect"], "reload");
    console.sets("rtp ports", "30000-30999");
    assert_eq!(
        console.gets(json!({ "do": "compare" }))["effect"],
        "restart"
    );
    assert!(
        console
            .heard
            .contains("CALLS END: the gateway has to be started anew for rtp.ports."),
        "{}",
        console.heard
    );
    console.gets(json!({ "do": "discard" }));
    console.sets("time zone", "UTC");
    assert_eq!(
        console.gets(json!({ "do": "compare" }))["effect"],
        "nothing"
    );
}

#[test]
fn values_are_checked_when_they_are_set() {
    let boxd = Boxd::start();
    let mut console = boxd.is_set_up();
    for (path, value) in [
        (&["network", "ipv4", "gateway"][..], "198.51.100.1"),
        (&["box", "ring_s"], "soon"),
        (&["box", "htps"], "0.0.0.0:443"),
        (&["rtp", "ports"], "20001"),
        (&["trunk", "pbx", "codecs"], "GSM"),
        (&["nonsense"], "1"),
        (&["time", "zone"], "../../etc/passwd"),
        (&["network", "interface"], "eth0\n[Route]"),
        (&["time", "server"], "ntp.example\nserver evil.example"),
        (&["ssh", "keys"], "command=\"sh\" ssh-ed25519 AAAA"),
    ] {
        let code = console.is_refused(json!({ "do": "set", "path": path, "value": value }));
        assert_eq!(code, "invalid", "{path:?}");
    }
    assert_eq!(
        console.gets(json!({ "do": "compare" }))["changes"],
        json!([])
    );
    // Lists grow by one, and shrink by one.
    console.sets("network dns", "192.0.2.55");
    console.gets(json!({ "do": "delete", "path": ["network", "dns", "192.0.2.53"] }));
    assert_eq!(
        console.gets(json!({ "do": "show", "draft": true, "path": ["network", "dns"] }))["settings"],
        json!(["network dns [\"192.0.2.54\", \"192.0.2.55\"]"])
    );
}

#[test]
fn what_was_exported_is_taken_back_with_its_secrets() {
    let boxd = Boxd::start();
    let mut console = boxd.is_set_up();
    let text = console.gets(json!({ "do": "export" }))["text"]
        .as_str()
        .unwrap()
        .to_owned();
    console.gets(json!({ "do": "delete", "path": ["trunk", "pbx"] }));
    console.gets(json!({ "do": "commit" }));
    assert!(!boxd.gateway().contains(TRUNK_SECRET));
    console.gets(json!({ "do": "import", "text": text }));
    console.gets(json!({ "do": "commit" }));
    assert!(boxd.gateway().contains(TRUNK_SECRET));
    // A secret that stands in it readable is put aside.
    let readable = format!(
        "{text}\n[[trunk]]\nname = \"other\"\naddress = \"192.0.2.30\"\nusername = \"x\"\npassword = \"plain-and-readable\"\n"
    );
    console.gets(json!({ "do": "import", "text": readable }));
    console.gets(json!({ "do": "commit" }));
    assert!(boxd.gateway().contains("plain-and-readable"));
    let exported = console.gets(json!({ "do": "export" })).to_string();
    assert!(!exported.contains("plain-and-readable"));
}

#[test]
fn a_faulty_document_is_refused_with_its_lines() {
    let boxd = Boxd::start();
    let mut console = boxd.is_set_up();
    let text = "[network.ipv4]\naddress = \"192.0.2.10/24\"\n\n[[trunk]]\nname = \"pbx\"\naddress = \"192.0.2.20\"\nptime_ms = 25\n";
    assert_eq!(
        console.is_refused(json!({ "do": "import", "text": text })),
        "invalid"
    );
    assert!(
        console
            .heard
            .contains("line 7 (trunk pbx ptime_ms): `ptime_ms` is 10, 20, 30, 40 or 60"),
        "{}",
        console.heard
    );
    assert_eq!(
        console.is_refused(json!({ "do": "import", "text": "[box\n" })),
        "invalid"
    );
}

#[test]
fn the_last_good_one_is_in_force_and_then_none_but_the_fail_safe() {
    let mut boxd = Boxd::start();
    let mut console = boxd.is_set_up();
    console.sets("box name", "lobby");
    console.gets(json!({ "do": "commit" }));
    boxd.killed();
    let revisions = boxd.path("var/lib/causeway-box/revisions");
    fs::write(revisions.join("000002.toml"), "half of it").unwrap();
    boxd.booted_again();
    assert!(boxd.gateway().contains("192.0.2.20") && !boxd.gateway().contains("lobby"));
    let status = boxd.somebody("console").gets(json!({ "do": "status" }));
    assert!(
        status["notes"]
            .to_string()
            .contains("Revision 2 cannot be used"),
        "{status}"
    );

    boxd.killed();
    fs::write(revisions.join("000001.toml"), "").unwrap();
    boxd.booted_again();
    assert!(!boxd.gateway().contains("192.0.2.20"), "no PBX");
    assert!(
        boxd.gateway().contains("admin_key_sha256"),
        "who has the key can use it"
    );
    let network = boxd.file("run/systemd/network/10-box.network");
    assert!(
        network.contains("LinkLocalAddressing=yes") && network.contains("DHCP=no"),
        "{network}"
    );
    // The password still is one, and the box can be set up again.
    let mut console = boxd.somebody("console");
    console.gets(json!({ "do": "check_password", "password": boxd::PASSWORD }));
    console.sets("box name", "again");
    console.gets(json!({ "do": "commit" }));
}

#[test]
fn a_document_without_a_key_of_the_api_keeps_the_one_in_force() {
    let boxd = Boxd::start();
    let mut console = boxd.is_set_up();
    let key = boxd.file("run/causeway/admin-key");
    console.gets(json!({ "do": "import", "text": "[box]\nname = \"hall\"\n[network.ipv4]\naddress = \"192.0.2.10/24\"\n" }));
    console.gets(json!({ "do": "commit" }));
    assert_eq!(boxd.file("run/causeway/admin-key"), key);
    let config = causeway_directory::Config::parse(&boxd.gateway()).unwrap();
    assert!(
        config
            .settings
            .admin_key_sha256
            .unwrap()
            .matches(key.trim()),
        "or the gateway would not start"
    );
}
