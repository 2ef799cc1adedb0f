//! What the machine is told, on networks of several kinds.

use causeway_appliance::document::validate;
use causeway_appliance::render::{Facts, File, Interface, Rendered, Unready, render};
use causeway_appliance::secrets::Secrets;
use causeway_directory::Config;

fn facts(interfaces: &[(&str, &[&str])]) -> Facts {
    let interface = |(name, addresses): &(&str, &[&str])| Interface {
        name: (*name).to_owned(),
        addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
    };
    Facts {
        interfaces: interfaces.iter().map(interface).collect(),
    }
}

fn rendered(text: &str, facts: &Facts) -> Rendered {
    let own = validate(text)
        .unwrap_or_else(|faults| panic!("{faults:?}"))
        .own;
    let document = text.parse().unwrap();
    render(&document, &own, &Secrets::default(), facts, true)
}

fn file<'a>(rendered: &'a Rendered, path: &str) -> &'a File {
    let found = rendered.files.iter().find(|file| file.path.ends_with(path));
    found.unwrap_or_else(|| panic!("{path}: {rendered:?}"))
}

fn gateway(rendered: &Rendered) -> Config {
    let text = &file(rendered, "causeway.toml").text;
    Config::parse(text).unwrap_or_else(|faults| panic!("{faults:?}\n{text}"))
}

#[test]
fn an_address_that_is_given_is_the_gateways() {
    let there = facts(&[(
        "eth0",
        &["169.254.3.4", "192.0.2.77", "fe80::1", "2001:db8::77"],
    )]);
    let config = gateway(&rendered("", &there));
    assert_eq!(config.sip.udp.to_string(), "192.0.2.77:5060");
    assert_eq!(config.sip.udp6.unwrap().to_string(), "[2001:db8::77]:5060");
    assert_eq!(config.rtp.address6.unwrap().to_string(), "2001:db8::77");
}

#[test]
fn without_an_address_the_gateway_waits() {
    let rendered = rendered("", &facts(&[("eth0", &["fe80::1"])]));
    assert_eq!(rendered.unready, Some(Unready::NoAddress));
    assert!(
        !rendered
            .files
            .iter()
            .any(|file| file.path.ends_with("causeway.toml"))
    );
}

#[test]
fn a_cable_that_is_pulled_takes_no_address_away() {
    let before = facts(&[("eth0", &["192.0.2.77", "2001:db8::77"])]);
    let now = facts(&[("eth0", &[])]).or_before(&before);
    assert_eq!(now, before);
    let other = facts(&[("eth0", &["192.0.2.78"])]).or_before(&before);
    assert_eq!(other, facts(&[("eth0", &["192.0.2.78", "2001:db8::77"])]));
}

const MANAGED: &str = "[network.management]\ninterface = \"eth1\"\naddress = \"dhcp\"\n";

#[test]
fn management_has_its_interface_and_the_others_have_none() {
    let there = facts(&[("eth0", &["192.0.2.77"]), ("eth1", &["198.51.100.9"])]);
    let rendered = rendered(MANAGED, &there);
    let config = gateway(&rendered);
    assert_eq!(
        config.settings.management.unwrap().to_string(),
        "198.51.100.9:443"
    );
    assert_eq!(config.sip.udp.to_string(), "192.0.2.77:5060");
    assert_eq!(
        file(&rendered, "firewall.nft").text,
        "flush set inet box telephony\nadd element inet box telephony { \"eth0\" }\n"
    );
    assert!(
        file(&rendered, "11-management.network")
            .text
            .contains("Name=eth1\n")
    );
}

#[test]
fn management_without_an_address_is_not_in_the_callers_network() {
    let there = facts(&[("eth0", &["192.0.2.77"]), ("eth1", &[])]);
    let config = gateway(&rendered(MANAGED, &there));
    assert_eq!(
        config.settings.management.unwrap().to_string(),
        "127.0.0.1:443"
    );
}

#[test]
fn what_the_document_says_is_not_guessed() {
    let text = "[box]\nhttps = \"192.0.2.10:8443\"\nmedia = \"192.0.2.10:9000\"\n[sip]\nudp = \"192.0.2.10:5070\"\n[rtp]\naddress = \"192.0.2.10\"\nports = \"30000-30999\"\n";
    let there = facts(&[("eth0", &["192.0.2.77", "2001:db8::77"])]);
    let config = gateway(&rendered(text, &there));
    assert_eq!(config.settings.https.to_string(), "192.0.2.10:8443");
    assert_eq!(config.sip.udp.to_string(), "192.0.2.10:5070");
    assert_eq!(config.sip.udp6, None);
    assert!(config.settings.public.is_empty());
}

#[test]
fn a_secret_that_is_gone_costs_one_trunk_and_not_the_box() {
    let text = "[[trunk]]\nname = \"pbx\"\naddress = \"192.0.2.20\"\nusername = \"x\"\npassword = \"secret:00112233445566778899aabbccddeeff\"\n";
    let rendered = rendered(text, &facts(&[("eth0", &["192.0.2.77"])]));
    assert_eq!(rendered.missing_secrets, 1);
    assert_eq!(gateway(&rendered).trunks.len(), 1);
}

#[test]
fn the_log_goes_elsewhere_and_keys_let_in() {
    let key =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1Tf5pPnQw5l5tL9xU5cQ2m8bXb3m1p3q9sRj2kT0aB anna";
    let text = format!("[syslog]\nserver = \"logs.example\"\n[ssh]\nkeys = [\"{key}\"]\n");
    let there = facts(&[("eth0", &["192.0.2.77"])]);
    let shown = rendered(&text, &there);
    assert_eq!(
        file(&shown, "syslog.toml").text,
        "server = \"logs.example:6514\"\n"
    );
    assert_eq!(file(&shown, "authorized_keys").text, format!("{key}\n"));
    let off = rendered(&format!("{text}enabled = false\n"), &there);
    assert!(
        !off.files
            .iter()
            .any(|file| file.path.ends_with("authorized_keys"))
    );
}
