//! A box out of its carton: what the wizard is told becomes a whole configuration, and no secret of it is ever seen again.

mod boxd;

use boxd::{Boxd, PASSWORD, TRUNK_SECRET, first_set_up};
use causeway_directory::Config;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

#[test]
fn the_wizards_answers_are_a_whole_configuration() {
    let boxd = Boxd::start();
    assert_eq!(
        boxd.gateway(),
        "",
        "nothing answers before there is a password"
    );
    assert!(boxd.path("run/causeway/set-up").exists());

    let mut console = boxd.is_set_up();

    let text = boxd.gateway();
    let config = Config::parse(&text).unwrap_or_else(|faults| panic!("{faults:?}\n{text}"));
    assert_eq!(config.settings.https.to_string(), "0.0.0.0:443");
    assert_eq!(config.settings.media.to_string(), "0.0.0.0:8444");
    assert_eq!(
        config.settings.public,
        ["192.0.2.10".parse::<std::net::IpAddr>().unwrap()]
    );
    assert_eq!(config.sip.udp.to_string(), "192.0.2.10:5060");
    assert_eq!(
        (config.rtp.ports.first, config.rtp.ports.last),
        (20_000, 20_999)
    );
    let trunk = config.trunks[0].get_ref();
    assert_eq!(trunk.username.as_deref(), Some("4711"));
    assert_eq!(trunk.password.as_ref().unwrap().reveal(), TRUNK_SECRET);

    // The key of the API is the one whose hash the gateway knows.
    let key = boxd.file("run/causeway/admin-key");
    assert!(
        config
            .settings
            .admin_key_sha256
            .unwrap()
            .matches(key.trim())
    );
    let mode = |path: &str| fs::metadata(boxd.path(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("run/causeway/causeway.toml"), 0o640);
    assert_eq!(mode("run/causeway/admin-key"), 0o640);
    assert_eq!(mode("var/lib/causeway-box/secrets"), 0o600);
    assert_eq!(mode("var/lib/causeway-box/admin-password"), 0o600);

    let network = boxd.file("run/systemd/network/10-box.network");
    for line in [
        "Address=192.0.2.10/24",
        "Gateway=192.0.2.1",
        "DNS=192.0.2.53",
        "DNS=192.0.2.54",
        "DHCP=no",
    ] {
        assert!(
            network.lines().any(|found| found == line),
            "{line}:\n{network}"
        );
    }
    assert_eq!(
        boxd.file("run/causeway/chrony/box.sources"),
        "server ntp.example iburst\n"
    );
    assert_eq!(
        fs::read_link(boxd.path("run/causeway/zone")).unwrap(),
        Path::new("/usr/share/zoneinfo/Europe/Berlin")
    );
    assert!(!boxd.path("run/causeway/set-up").exists());
    let actions = boxd.actions();
    let last: Vec<&str> = actions.lines().rev().take(3).collect();
    assert_eq!(
        last,
        ["StartGateway", "ReloadTime", "ReloadNetwork"],
        "{actions}"
    );

    console.gets(json!({ "do": "check_password", "password": PASSWORD }));
    assert_eq!(
        console.is_refused(json!({ "do": "check_password", "password": "a sentence is bad" })),
        "wrong_password"
    );
}

#[test]
fn it_is_the_same_after_a_start() {
    let mut boxd = Boxd::start();
    boxd.is_set_up();
    let before = boxd.gateway();
    boxd.killed();
    boxd.booted_again();
    assert_eq!(boxd.gateway(), before);
    assert!(boxd.actions().contains("StartGateway"));
    boxd.somebody("console")
        .gets(json!({ "do": "check_password", "password": PASSWORD }));
}

#[test]
fn nobody_sets_it_up_without_a_password() {
    let boxd = Boxd::start();
    let mut console = boxd.somebody("console");
    let mut request = first_set_up();
    let settings = request["settings"].as_array_mut().unwrap();
    settings.remove(0);
    assert_eq!(console.is_refused(request.clone()), "invalid");
    request["settings"].as_array_mut().unwrap().insert(
        0,
        json!({ "path": ["admin", "password"], "value": "short", "secret": true }),
    );
    assert_eq!(console.is_refused(request), "invalid");
    assert_eq!(boxd.gateway(), "");
    assert_eq!(
        console.gets(json!({ "do": "revisions" }))["revisions"],
        json!([])
    );
}

#[test]
fn the_questions_asked_again_replace_what_was_answered() {
    let boxd = Boxd::start();
    let mut console = boxd.is_set_up();
    let setting = |path: &str, value: &str| json!({ "path": path.split(' ').collect::<Vec<_>>(), "value": value });
    console.gets(json!({ "do": "set_up", "settings": [
        setting("network ipv4 address", "dhcp"),
        setting("network ipv6 address", "none"),
        setting("time server", "ntp2.example"),
        setting("time zone", "UTC"),
        setting("trunk pbx address", "192.0.2.21"),
        setting("trunk pbx transport", "tcp"),
    ]}));
    let shown = console.gets(json!({ "do": "show" }));
    let shown: Vec<&str> = shown["settings"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(
        shown.contains(&"network ipv4 address \"dhcp\""),
        "{shown:#?}"
    );
    assert!(
        shown.contains(&"time server [\"ntp2.example\"]"),
        "{shown:#?}"
    );
    assert!(
        !shown.iter().any(|line| line.contains("gateway")
            || line.contains("dns")
            || line.contains("username")),
        "{shown:#?}"
    );
}

#[test]
fn secrets_are_never_in_what_the_box_says() {
    let boxd = Boxd::start();
    let mut console = boxd.is_set_up();
    let key = boxd.file("run/causeway/admin-key");
    console.gets(json!({ "do": "set", "path": ["trunk", "pbx", "password"], "value": "another-secret", "secret": true }));
    for request in [
        json!({ "do": "show" }),
        json!({ "do": "show", "draft": true }),
        json!({ "do": "compare" }),
        json!({ "do": "export" }),
        json!({ "do": "export", "draft": true }),
        json!({ "do": "status" }),
        json!({ "do": "banner" }),
        json!({ "do": "commit", "comment": "another" }),
        json!({ "do": "revisions" }),
        json!({ "do": "export", "number": 1 }),
        json!({ "do": "rollback", "number": 1 }),
        json!({ "do": "compare" }),
    ] {
        console.gets(request);
    }
    // A request that is none may be a secret misspelt.
    console.is_refused(json!({ "do": "set", "path": "x", "value": TRUNK_SECRET }));
    console.is_refused(
        json!({ "do": "set", "path": ["trunk", "pbx", "passwort"], "value": TRUNK_SECRET }),
    );
    assert!(console.heard.len() > 1000);
    for secret in [TRUNK_SECRET, "another-secret", PASSWORD, key.trim()] {
        assert!(
            !console.heard.contains(secret),
            "{secret}:\n{}",
            console.heard
        );
    }
    // Nor in the revisions on the disk.
    for entry in fs::read_dir(boxd.path("var/lib/causeway-box/revisions")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(
            !text.contains(TRUNK_SECRET) && !text.contains("another-secret"),
            "{text}"
        );
    }
}

#[test]
fn a_rollback_finds_the_secret_of_its_time() {
    let boxd = Boxd::start();
    let mut console = boxd.is_set_up();
    console.gets(json!({ "do": "set", "path": ["trunk", "pbx", "password"], "value": "another-secret", "secret": true }));
    console.gets(json!({ "do": "commit" }));
    assert!(boxd.gateway().contains("another-secret"));
    console.gets(json!({ "do": "rollback", "back": 1 }));
    console.gets(json!({ "do": "commit", "comment": "back" }));
    assert!(boxd.gateway().contains(TRUNK_SECRET) && !boxd.gateway().contains("another-secret"));
}
