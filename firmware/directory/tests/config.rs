//! The document as an admin writes it, and the faults he is told.

use causeway_directory::*;

const GOOD: &str = r#"
[box]
https = "127.0.0.1:8443"
media = "127.0.0.1:8444"
demo_app = "shop"

[sip]
udp = "127.0.0.1:5060"

[rtp]
address = "127.0.0.1"
ports = "20000-20999"

[[trunk]]
name = "pbx"
address = "127.0.0.1:5070"
accept_from = ["127.0.0.2"]

[[account]]
id = "Anna@example.com"
name = "Anna"

[[number]]
number = "+49 30 555002"
account = "anna@example.com"

[[app]]
key = "shop"
secret_sha256 = ["0000000000000000000000000000000000000000000000000000000000000000"]
origins = ["https://*.shop.example"]
destinations = ["100", "6*"]
accounts = ["*@example.com"]
caller_id = "+4930555001"
"#;

fn faults(text: &str) -> Vec<String> {
    Config::parse(text)
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn a_good_document_answers_questions() {
    let directory = Directory::new(Config::parse(GOOD).unwrap());
    let app = directory.app(&AppKey("shop".into())).unwrap();
    assert!(
        app.destinations
            .iter()
            .any(|d| d.allows(&Destination::parse("600").unwrap()))
    );
    assert_eq!(directory.config().sip.tcp().port(), 5060);
    assert_eq!(directory.config().rtp.ports.pairs(), 500);
    let anna = AccountId::parse("anna@example.com").unwrap();
    assert_eq!(
        directory.account(&anna).unwrap().name.as_deref(),
        Some("Anna")
    );
    for dialled in ["+4930555002", "4930555002", "004930555002"] {
        assert_eq!(
            directory.number(dialled),
            Some(&NumberTarget::Account(anna.clone())),
            "{dialled}"
        );
    }
    assert_eq!(directory.number("1"), None);
    assert_eq!(
        directory
            .trunk_of("127.0.0.2:9".parse().unwrap())
            .unwrap()
            .name
            .get_ref()
            .0,
        "pbx"
    );
    assert!(
        directory
            .trunk_of("192.0.2.1:5060".parse().unwrap())
            .is_none()
    );
    assert_eq!(directory.sip_peers().len(), 2);
}

#[test]
fn faults_name_their_line() {
    let text = GOOD.replace("ports = \"20000-20999\"", "ports = \"x\"");
    assert!(
        faults(&text)[0].starts_with("line 12, column 9: `x` is no port range"),
        "{:?}",
        faults(&text)
    );
    let text = GOOD.replace("accept_from", "acept_from");
    assert!(
        faults(&text)[0].contains("line 17") && faults(&text)[0].contains("acept_from"),
        "{:?}",
        faults(&text)
    );
}

#[test]
fn every_fault_is_told_at_once() {
    let text = GOOD
        .replace("media = \"127.0.0.1:8444\"", "media = \"0.0.0.0:8444\"")
        .replace(
            "account = \"anna@example.com\"",
            "account = \"bob@example.com\"",
        )
        .replace("caller_id = \"+4930555001\"", "caller_id = \"shop\"");
    let faults = faults(&text);
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert!(faults[0].starts_with("line 4, column 1: `media` listens on every address"));
    assert!(faults[1].starts_with("line 25, column 11: there is no [[account]]"));
    assert!(faults[2].starts_with("line 33, column 13: `shop` is no number"));
}

#[test]
fn what_a_trunk_is_told_about_numbers_and_headers_is_checked() {
    let with = |keys: &str| GOOD.replace("accept_from", &format!("{keys}\naccept_from"));
    for (keys, fault) in [
        ("numbering = { format = \"national\" }", "needs `country`"),
        ("numbering = { format = \"swiss\" }", "unknown variant"),
        ("ucid_node = 40000", "`ucid_node` is 1 to 32767"),
        ("user_to_user = \"nortel\"", "\"pd-parameter\""),
        (
            "headers = [{ name = \"Via\", value = \"x\" }]",
            "`Via` is written by the box itself",
        ),
        (
            "headers = [{ name = \"X A\", value = \"x\" }]",
            "is no header name",
        ),
        (
            "headers = [{ name = \"X-A\", value = \"x\\r\\nVia: y\" }]",
            "is one line",
        ),
    ] {
        let faults = faults(&with(keys));
        assert!(
            faults.len() == 1 && faults[0].starts_with("line 17") && faults[0].contains(fault),
            "{keys}: {faults:?}"
        );
    }
    for keys in [
        "user_to_user = false",
        "user_to_user = true",
        "user_to_user = \"isdn\"",
        "caller_id = \"remote-party-id\"",
        "numbering = { format = \"international\" }",
        "headers = [{ name = \"X-Site\", value = \"north\" }]",
    ] {
        assert!(Config::parse(&with(keys)).is_ok(), "{keys}");
    }
}

#[test]
fn a_trunk_over_tls_says_how_the_pbx_is_known() {
    let tls = GOOD.replace("accept_from", "transport = \"tls\"\naccept_from");
    let told = faults(&tls).join("\n");
    assert!(told.contains("how shall the PBX be known"), "{told}");
    assert!(told.contains("TLS needs `tls` in [sip]"), "{told}");
    let lost = GOOD.replace("accept_from", "tls_name = \"pbx\"\naccept_from");
    assert!(faults(&lost)[0].contains("`tls_…` keys need"));
    let sips = GOOD.replace("accept_from", "sips = true\naccept_from");
    assert!(faults(&sips)[0].contains("`sips` needs `transport"));
    let half = GOOD.replace(
        "accept_from",
        "tls_cert = \"/x.pem\"\ntransport = \"tls\"\naccept_from",
    );
    let told = faults(&half).join("\n");
    assert!(
        told.contains("line 17, column 12: `tls_cert` and `tls_key` go together"),
        "{told}"
    );
}

#[test]
fn further_targets_belong_to_their_trunk() {
    let with = |keys: &str| GOOD.replace("accept_from", &format!("{keys}\naccept_from"));
    let text = with("targets = [\"192.0.2.7:5060\", \"192.0.2.8:5070\"]");
    let directory = Directory::new(Config::parse(&text).unwrap());
    let trunk = directory.trunks().next().unwrap();
    assert_eq!(directory.located(trunk).len(), 3);
    for peer in ["192.0.2.7:5060", "192.0.2.8:40000"] {
        let peer: std::net::SocketAddr = peer.parse().unwrap();
        assert!(directory.trunk_of(peer).is_some(), "{peer}");
        assert!(directory.sip_peers().contains(&peer.ip()), "{peer}");
    }
    let address = trunk.address.get_ref();
    for (keys, fault) in [
        (format!("targets = [\"{address}\"]"), "is given twice"),
        (
            "targets = [\"192.0.2.7:1\", \"192.0.2.7:1\"]".to_owned(),
            "is given twice",
        ),
        (
            "targets = [\"0.0.0.0:5060\"]".to_owned(),
            "is no PBX's own address",
        ),
        ("options_s = 1".to_owned(), "0 (off) or 2 to 3600"),
        ("max_calls = 0".to_owned(), "`max_calls` is 1 to 10000"),
        (
            "calls_per_second = 1001".to_owned(),
            "`calls_per_second` is 1 to 1000",
        ),
    ] {
        let faults = faults(&with(&keys));
        assert!(
            faults.len() == 1 && faults[0].contains(fault),
            "{keys}: {faults:?}"
        );
    }
}

#[test]
fn a_number_leads_to_an_account_or_to_an_echo() {
    let with = |keys: &str| {
        let number = format!("[[number]]\nnumber = \"+49 30 555999\"\n{keys}\n\n[[app]]");
        GOOD.replace("[[app]]", &number)
    };
    let directory = Directory::new(Config::parse(&with("echo = true")).unwrap());
    let found = directory.number("004930555999");
    assert_eq!(found, Some(&NumberTarget::Echo));
    for (keys, fault) in [
        (
            "",
            "line 28, column 10: the number `+49 30 555999` leads nowhere",
        ),
        (
            "echo = false",
            "line 28, column 10: the number `+49 30 555999` leads nowhere",
        ),
        (
            "echo = true\naccount = \"anna@example.com\"",
            "line 30, column 11: the number `+49 30 555999` leads to an `account` or",
        ),
        ("echo = \"yes\"", "line 29, column 8: invalid type"),
    ] {
        let faults = faults(&with(keys));
        assert!(
            faults.len() == 1 && faults[0].starts_with(fault),
            "{keys}: {faults:?}"
        );
    }
}

#[test]
fn a_registration_says_whose_account_it_is() {
    let with = |keys: &str| GOOD.replace("accept_from", &format!("{keys}\naccept_from"));
    let named = "username = \"box\"\npassword = \"x\"\n";
    let directory = |keys: &str| Directory::new(Config::parse(&with(keys)).unwrap());
    let own = directory("registration = { user = \"4930\", range = [\"+4930*\"] }");
    assert_eq!(own.trunks().next().unwrap().account(), Some("4930"));
    let usual = directory(&format!("{named}registration = {{}}"));
    assert_eq!(usual.trunks().next().unwrap().account(), Some("box"));
    assert_eq!(directory(named).trunks().next().unwrap().account(), None);
    for (keys, fault) in [
        ("registration = {}", "needs an account"),
        ("registration = { user = \"a@b\" }", "letters, digits"),
        ("registration = { user = \"a\\r\\nVia: x\" }", "is one line"),
        (
            "registration = { user = \"a\", registrar = \"b;c\" }",
            "is a domain or an address",
        ),
        (
            "registration = { user = \"a\", expires_s = 5 }",
            "20 to 86400",
        ),
        ("registration = { user = \"a\", expire = 60 }", "expire"),
        (
            "registration = { user = \"a\", range = [\"x\"] }",
            "no destination pattern",
        ),
    ] {
        let faults = faults(&with(keys));
        assert!(
            faults.len() == 1 && faults[0].starts_with("line 17") && faults[0].contains(fault),
            "{keys}: {faults:?}"
        );
    }
}

#[test]
fn a_trunk_may_be_a_name() {
    let named = GOOD.replace(
        "address = \"127.0.0.1:5070\"",
        "address = \"PBX.example\"\ntargets = [\"192.0.2.9\", \"spare.example:5080\"]",
    );
    let directory = Directory::new(Config::parse(&named).unwrap());
    let trunk = directory.trunks().next().unwrap();
    let places: Vec<String> = trunk.places().map(ToString::to_string).collect();
    assert_eq!(places, ["pbx.example", "192.0.2.9", "spare.example:5080"]);
    let chosen: Vec<usize> = trunk
        .places()
        .map(|p| trunk.transports_to(p).len())
        .collect();
    assert_eq!(
        chosen,
        [2, 1, 1],
        "only a bare name leaves the transport open"
    );
    // What needs no DNS is there at once.
    let peer = "192.0.2.9:5060".parse().unwrap();
    assert_eq!(
        directory.located(trunk),
        [Located {
            address: peer,
            transport: SipTransport::Udp,
            place: 1
        }]
    );
    let found: std::net::SocketAddr = "192.0.2.20:5070".parse().unwrap();
    assert!(directory.trunk_of(found).is_none());
    let tcp = Located {
        address: found,
        transport: SipTransport::Tcp,
        place: 0,
    };
    let moved = directory.relocated(trunk.name.get_ref(), vec![tcp], Vec::new());
    assert!(moved.trunk_of(found).is_some() && moved.trunk_of(peer).is_none());
    assert_eq!(moved.located_at(trunk, found), tcp);
    assert_eq!(moved.located_at(trunk, peer).transport, SipTransport::Udp);
    assert!(moved.sip_peers().contains(&found.ip()));
    // It moves on, and calls still stand there.
    let again = moved.relocated(trunk.name.get_ref(), Vec::new(), vec![tcp]);
    assert!(again.located(trunk).is_empty() && again.trunk_of(found).is_some());
    assert_eq!(again.located_at(trunk, found), tcp);
}

#[test]
fn faults_of_names_have_their_place() {
    let with = |address: &str| GOOD.replace("\"127.0.0.1:5070\"", address);
    for (address, fault) in [
        (
            "\"pbx.example:x\"",
            "line 16, column 11: `pbx.example:x` has no port",
        ),
        (
            "\"192.0.2.300\"",
            "line 16, column 11: `192.0.2.300` is neither",
        ),
        (
            "\"pbx.example\"\ntargets = [\"pbx.example\"]",
            "line 17, column 12: the target pbx.example is given twice",
        ),
    ] {
        let told = faults(&with(address));
        assert!(
            told.len() == 1 && told[0].starts_with(fault),
            "{address}: {told:?}"
        );
    }
    let dns = GOOD.replace(
        "udp = \"127.0.0.1:5060\"",
        "udp = \"127.0.0.1:5060\"\ndns = [\"127.0.0.1:0\"]",
    );
    assert!(
        faults(&dns)[0].starts_with("line 9, column 1: `dns`"),
        "{:?}",
        faults(&dns)
    );
}

#[test]
fn a_domain_is_the_host_part_of_a_uri() {
    for domain in ["pbx;x=y", "pbx>", "pbx?X-Evil=1", "a@b", "", "pbx example"] {
        let text = GOOD.replace(
            "accept_from",
            &format!("domain = \"{domain}\"\naccept_from"),
        );
        let faults = faults(&text);
        assert!(
            faults.len() == 1 && faults[0].contains("`domain` is a domain or an address"),
            "{faults:?}"
        );
    }
}

#[test]
fn no_text_becomes_a_second_line() {
    let evil = "x\\r\\nX-Evil: 1";
    // Every key that takes a text, where it stands in the document.
    let of_trunk = [
        "domain",
        "username",
        "realm",
        "tls_ca",
        "tls_pin_sha256",
        "tls_name",
        "transport",
        "caller_id",
        "reliable",
        "user_to_user",
        "srtp",
        "video",
        "session_timer",
        "dtmf",
    ];
    let of_app = ["caller_name", "codec"];
    let of_account = ["caller_id"];
    let of_box = ["name"];
    let keyed = |keys: &[&str], before: &str| -> Vec<String> {
        keys.iter()
            .map(|key| GOOD.replacen(before, &format!("{key} = \"{evil}\"\n{before}"), 1))
            .collect()
    };
    let mut documents = keyed(&of_trunk, "accept_from");
    documents.extend(keyed(&of_app, "origins = "));
    documents.extend(keyed(&of_account, "name = \"Anna\""));
    documents.extend(keyed(&of_box, "https"));
    for (from, to) in [
        ("\"pbx\"", format!("\"{evil}\"")),
        ("\"Anna\"", format!("\"{evil}\"")),
        ("\"Anna@example.com\"", format!("\"{evil}\"")),
        ("\"+49 30 555002\"", format!("\"{evil}\"")),
        ("\"+4930555001\"", format!("\"{evil}\"")),
        ("\"100\"", format!("\"{evil}\"")),
        ("key = \"shop\"", format!("key = \"{evil}\"")),
        (
            "https://*.shop.example",
            format!("https://*.shop.example{evil}"),
        ),
        (
            "accept_from",
            format!("headers = [{{ name = \"X-A\", value = \"{evil}\" }}]\naccept_from"),
        ),
        (
            "accept_from",
            format!("registration = {{ user = \"u\", registrar = \"{evil}\" }}\naccept_from"),
        ),
        (
            "accept_from",
            format!("numbering = {{ format = \"national\", country = \"{evil}\" }}\naccept_from"),
        ),
    ] {
        documents.push(GOOD.replacen(from, &to, 1));
    }
    for document in documents {
        let faults = faults(&document);
        assert!(!faults.is_empty(), "{document}");
        assert!(
            faults.iter().all(|fault| !fault.contains(char::is_control)),
            "{faults:?}"
        );
    }
}

#[test]
fn both_ip_families_are_listened_on_and_shown() {
    let text = GOOD
        .replace(
            "udp = \"127.0.0.1:5060\"",
            "udp = \"0.0.0.0:5060\"\npublic = \"192.0.2.1\"\ntcp = \"0.0.0.0:5070\"\ntls = \"0.0.0.0:5061\"\n\
             udp6 = \"[::]:5066\"\npublic6 = \"2001:db8::1\"",
        )
        .replace(
            "address = \"127.0.0.1\"\nports",
            "address = \"127.0.0.1\"\naddress6 = \"2001:db8::2\"\nports",
        )
        .replace(
            "accept_from",
            "targets = [\"[2001:db8::9]:5060\"]\naccept_from",
        );
    let config = Config::parse(&text).unwrap();
    let sip = &config.sip;
    let further = sip.listens().nth(1).unwrap();
    assert_eq!(further.udp, "[::]:5066".parse().unwrap());
    assert_eq!(further.tcp, "[::]:5070".parse().unwrap());
    assert_eq!(further.tls, Some("[::]:5061".parse().unwrap()));
    assert!(sip.speaks(IpFamily::V4) && sip.speaks(IpFamily::V6));
    for (peer, shown) in [("192.0.2.9", "192.0.2.1"), ("2001:db8::9", "2001:db8::1")] {
        let shown: std::net::IpAddr = shown.parse().unwrap();
        assert_eq!(sip.shown_to(peer.parse().unwrap()), shown);
    }
    for (family, public) in [(IpFamily::V4, "127.0.0.1"), (IpFamily::V6, "2001:db8::2")] {
        assert_eq!(config.rtp.of(family).public.to_string(), public);
    }

    // One family alone: the first is shown to whoever asks.
    let alone = Config::parse(GOOD).unwrap();
    assert!(!alone.sip.speaks(IpFamily::V6));
    let first: std::net::IpAddr = "127.0.0.1".parse().unwrap();
    assert_eq!(alone.sip.shown_to("2001:db8::9".parse().unwrap()), first);
    assert_eq!(alone.rtp.of(IpFamily::V6).public, first);
    let six = GOOD.replace("127.0.0.1:5060", "[::1]:5060");
    let six = six.replace("address = \"127.0.0.1\"", "address = \"::1\"");
    let six = Config::parse(&six.replace("127.0.0.1:5070", "[::1]:5070")).unwrap();
    assert!(six.sip.speaks(IpFamily::V6) && !six.sip.speaks(IpFamily::V4));
}

#[test]
fn addresses_of_the_wrong_family_are_told() {
    let udp = "udp = \"127.0.0.1:5060\"";
    let udp6 = "udp = \"[::1]:5060\"\nudp6 = \"[::2]:5060\"";
    let rtp = "address = \"127.0.0.1\"\nports";
    let with = |from: &str, keys: &str| GOOD.replacen(from, &format!("{from}\n{keys}"), 1);
    let instead = |from: &str, to: &str| GOOD.replacen(from, to, 1);
    for (text, line, fault) in [
        (
            with(udp, "udp6 = \"127.0.0.2:5060\""),
            9,
            "`udp6` is an IPv6 address",
        ),
        (
            instead(udp, udp6),
            9,
            "`udp` is IPv6 already: `udp6` goes beside an IPv4 `udp`",
        ),
        (
            with(udp, "udp6 = \"[::]:5060\""),
            9,
            "`udp6` is every address, so `public6` must name the one PBXes shall use",
        ),
        (
            with(udp, "udp6 = \"[::1]:5060\"\npublic6 = \"192.0.2.1\""),
            10,
            "`public6` is an IPv6 address",
        ),
        (
            with(udp, "public6 = \"2001:db8::1\""),
            9,
            "`public6` goes with `udp6`",
        ),
        (
            with(udp, "public = \"2001:db8::1\""),
            9,
            "`public` is IPv6 and `udp` is IPv4",
        ),
        (
            with(udp, "tls = \"[::1]:5061\""),
            9,
            "`tls` is IPv6 and `udp` is IPv4",
        ),
        (
            instead(udp, "udp = \"0.0.0.0:5060\""),
            8,
            "`udp` is every address, so `public` must name the one PBXes shall use",
        ),
        (
            instead(rtp, "address = \"0.0.0.0\"\nports"),
            11,
            "`address` is every address, so `public` must name the one PBXes shall send media to",
        ),
        (
            instead(rtp, "address = \"::1\"\naddress6 = \"::2\"\nports"),
            12,
            "`address` is IPv6 already",
        ),
        (
            instead("127.0.0.1:5070", "[2001:db8::9]:5070"),
            16,
            "[2001:db8::9]:5070 is IPv6, which [sip] does not listen on: give it `udp6`",
        ),
    ] {
        let told = faults(&text);
        let start = format!("line {line}, ");
        let fits = told[0].starts_with(&start) && told[0].contains(fault);
        assert!(fits, "{fault}: {told:?}");
    }
}

#[test]
fn the_relay_is_on_unless_it_is_turned_off() {
    let with = |lines: &str| GOOD.replace("[box]\n", &format!("[box]\n{lines}\n"));
    let settings = |lines: &str| Config::parse(&with(lines)).unwrap().settings;
    let usual = settings("");
    assert!(usual.turn && usual.turn_udp.is_none() && usual.turn_host.is_none());
    assert!(!settings("turn = false").turn);
    let set = settings("turn_udp = \"0.0.0.0:3478\"\nturn_host = \"box.example\"");
    assert_eq!(set.turn_udp, Some("0.0.0.0:3478".parse().unwrap()));
    assert_eq!(set.turn_host, WebHost::parse("box.example"));

    let both = faults(&with("turn = false\nturn_udp = \"0.0.0.0:3478\""));
    assert!(both[0].starts_with("line 4"), "{both:?}");
    let url = faults(&with("turn_host = \"https://box.example/\""));
    assert!(url[0].contains("is no host"), "{url:?}");
}
