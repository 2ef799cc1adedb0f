//! What of a new document a running box follows, and what waits for a restart.

use causeway_directory::{Config, TrunkName};

const RUNNING: &str = r#"
[box]
https = "127.0.0.1:8443"
media = "127.0.0.1:8444"

[sip]
udp = "127.0.0.1:5060"

[rtp]
address = "127.0.0.1"
ports = "20000-20999"

[[trunk]]
name = "pbx"
address = "127.0.0.1:5070"
"#;

fn running() -> Config {
    Config::parse(RUNNING).unwrap()
}

/// The running document with one line of a section replaced or added.
fn with(section: &str, line: &str) -> Config {
    let key = line.split('=').next().unwrap().trim();
    let mut text = String::new();
    let mut here = false;
    for old in RUNNING.lines() {
        if old.starts_with('[') {
            here = old == section;
        }
        let replaced = here && old.split('=').next().unwrap().trim() == key;
        if !replaced {
            text += old;
            text += "\n";
        }
        if old == section {
            text += line;
            text += "\n";
        }
    }
    Config::parse(&text).unwrap()
}

#[test]
fn what_calls_look_up_counts_at_once() {
    for (section, line) in [
        ("[box]", "name = \"north\""),
        ("[box]", "public = [\"203.0.113.7\"]"),
        ("[box]", "ice_tcp = [\"203.0.113.7:443\"]"),
        ("[box]", "turn_host = \"box.example\""),
        ("[box]", "preflight = false"),
        ("[box]", "max_calls = 5"),
        ("[box]", "ring_s = 20"),
        ("[rtp]", "public = \"203.0.113.7\""),
        ("[[trunk]]", "address = \"127.0.0.1:5099\""),
        ("[[trunk]]", "name = \"other\""),
    ] {
        let wanted = with(section, line);
        assert!(
            Config::restart_needed(&running(), &wanted).is_empty(),
            "{line}"
        );
    }
    let same = Config::restart_needed(&running(), &running());
    assert!(same.is_empty());
}

#[test]
fn what_a_socket_was_opened_with_waits() {
    for (section, line, name) in [
        ("[box]", "https = \"127.0.0.1:443\"", "box.https"),
        ("[box]", "management = \"127.0.0.2:8443\"", "box.management"),
        ("[box]", "media = \"127.0.0.1:1\"", "box.media"),
        ("[box]", "media_threads = 2", "box.media_threads"),
        ("[box]", "stun = [\"stun.example\"]", "box.stun"),
        ("[box]", "turn = false", "box.turn"),
        ("[box]", "turn_udp = \"127.0.0.1:3478\"", "box.turn_udp"),
        ("[box]", "ice_tcp = []", "box.ice_tcp"),
        ("[box]", "public = [\"2001:db8::1\"]", "box.public"),
        ("[sip]", "udp = \"127.0.0.1:5062\"", "sip.udp"),
        ("[sip]", "tcp = \"127.0.0.1:5062\"", "sip.tcp"),
        ("[sip]", "tls = \"127.0.0.1:5061\"", "sip.tls"),
        ("[sip]", "public = \"203.0.113.7\"", "sip.public"),
        ("[sip]", "dns = [\"127.0.0.1:53\"]", "sip.dns"),
        ("[rtp]", "address = \"127.0.0.2\"", "rtp.address"),
        ("[rtp]", "ports = \"21000-21999\"", "rtp.ports"),
    ] {
        let wanted = with(section, line);
        assert_eq!(Config::restart_needed(&running(), &wanted), [name]);
        let followed = wanted.until_restart(&running());
        let left = Config::restart_needed(&running(), &followed);
        assert!(left.is_empty(), "{name} is as it was, not {left:?}");
    }
}

#[test]
fn management_is_not_where_callers_are() {
    let same = RUNNING.replace("media =", "management = \"127.0.0.1:8443\"\nmedia =");
    let faults = Config::parse(&same).unwrap_err();
    assert_eq!((faults[0].line, faults.len()), (4, 1), "{faults:?}");
}

#[test]
fn the_other_family_waits() {
    let six = RUNNING.replace("[rtp]", "udp6 = \"[::1]:5060\"\n[rtp]\naddress6 = \"::1\"");
    let six = Config::parse(&six).unwrap();
    let waits = ["sip.udp6", "rtp.address6"];
    assert_eq!(Config::restart_needed(&running(), &six), waits);
    assert_eq!(Config::restart_needed(&six, &running()), waits);
}

#[test]
fn what_can_be_followed_is_followed_beside_what_waits() {
    let wanted = RUNNING.replace(":8443", ":443").replace("5070", "5099");
    let wanted = Config::parse(&wanted).unwrap();
    assert_eq!(Config::restart_needed(&running(), &wanted), ["box.https"]);
    let followed = wanted.until_restart(&running());
    assert_eq!(followed.settings.https.port(), 8443);
    let trunk = followed.trunks[0].get_ref();
    assert_eq!(*trunk.name.get_ref(), TrunkName("pbx".into()));
    assert_eq!(trunk.address.get_ref().to_string(), "127.0.0.1:5099");
}
