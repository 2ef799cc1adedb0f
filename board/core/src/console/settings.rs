//! What `set` and `delete` know: the settings a person at the box needs to bring it into its network and to its PBX.
//!
//! Paths are those of the document. Where a setting is a list, `set` adds a value to it and `delete … VALUE` takes that one
//! out. It is data: whoever drives the console may hand it a longer tree.

mod trunk;

use super::tree::{Kind, Name, Next, Node};

const fn group(name: &'static str, help: &'static str, next: &'static [Node]) -> Node {
    Node::word(name, help, None, next)
}

/// Values are leaves: what a setting's path ends with.
const fn value(label: &'static str, kind: Kind, help: &'static str) -> Node {
    Node::value(label, kind, help, None, &[])
}

const fn choice(name: &'static str, help: &'static str) -> Node {
    group(name, help, &[])
}

const fn number(least: u32, most: u32) -> Kind {
    Kind::Number { least, most }
}

/// A setting with one value.
macro_rules! setting {
    ($name:literal, $help:literal, $label:literal, $kind:expr, $wanted:literal) => {
        group($name, $help, &[value($label, $kind, $wanted)])
    };
}
use setting;

const SECRET: Node = value("", Kind::Secret, "asked for, and not shown");

static YES_OR_NO: [Node; 2] = [choice("false", "no"), choice("true", "yes")];

static BOX: &[Node] = &[
    setting!(
        "https",
        "where browsers reach pages and API",
        "PLACE",
        Kind::Socket,
        "0.0.0.0:443, or [::]:443"
    ),
    setting!(
        "management",
        "where administrators do, and nobody else",
        "PLACE",
        Kind::Socket,
        "192.0.2.10:8443"
    ),
    setting!(
        "max_calls",
        "calls at once",
        "COUNT",
        number(1, 10_000),
        "so many, else 500"
    ),
    setting!(
        "media",
        "the UDP port of browsers' sound and pictures",
        "PLACE",
        Kind::Socket,
        "0.0.0.0:8444"
    ),
    setting!(
        "name",
        "what it is called",
        "NAME",
        Kind::Text(63),
        "shown to people"
    ),
    group("preflight", "a page that tests a caller's way", &YES_OR_NO),
    setting!(
        "public",
        "where browsers reach it, behind NAT (list)",
        "ADDRESS",
        Kind::Address,
        "its public address"
    ),
    setting!(
        "ring_s",
        "how long a call may ring",
        "SECONDS",
        number(10, 600),
        "so long, else 180"
    ),
    setting!(
        "stun",
        "who is asked for the public address (list)",
        "PLACE",
        Kind::Place,
        "stun.example"
    ),
    group("turn", "media also over TCP and TLS", &YES_OR_NO),
    setting!(
        "turn_udp",
        "a UDP port for that, too",
        "PLACE",
        Kind::Socket,
        "0.0.0.0:3478"
    ),
];

static IPV4: [Node; 2] = [
    setting!(
        "address",
        "dhcp, none or 192.0.2.10/24",
        "ADDRESS",
        Kind::Ipv4,
        "dhcp, none or address/prefix"
    ),
    setting!(
        "gateway",
        "the way out",
        "ADDRESS",
        Kind::Address,
        "the router's address"
    ),
];

static IPV6: [Node; 2] = [
    setting!(
        "address",
        "auto, none or 2001:db8::10/64",
        "ADDRESS",
        Kind::Ipv6,
        "auto, none or address/prefix"
    ),
    setting!(
        "gateway",
        "the way out",
        "ADDRESS",
        Kind::Address,
        "the router's address"
    ),
];

static NETWORK: &[Node] = &[
    setting!(
        "dns",
        "a name server (list)",
        "ADDRESS",
        Kind::Address,
        "its address"
    ),
    group("ipv4", "IPv4", &IPV4),
    group("ipv6", "IPv6", &IPV6),
    group(
        "management",
        "a network of its own for administrators",
        &[
            setting!(
                "address",
                "dhcp, none or 192.0.2.10/24",
                "ADDRESS",
                Kind::Ipv4,
                "dhcp, none or address/prefix"
            ),
            setting!(
                "interface",
                "the plug it is on",
                "NAME",
                Kind::Text(15),
                "as show network names it: eth1"
            ),
        ],
    ),
];

static RTP: &[Node] = &[
    setting!(
        "address",
        "where sound of PBXes is taken",
        "ADDRESS",
        Kind::Address,
        "an address of the box"
    ),
    setting!(
        "address6",
        "the same for PBXes of IPv6",
        "ADDRESS",
        Kind::Address,
        "an address of the box"
    ),
    setting!(
        "ports",
        "its UDP ports, two a call",
        "PORTS",
        Kind::Ports,
        "first-last: 20000-20999"
    ),
    setting!(
        "public",
        "what PBXes are told, behind NAT",
        "ADDRESS",
        Kind::Address,
        "the address they reach"
    ),
];

static SIP: &[Node] = &[
    setting!(
        "dns",
        "who is asked for trunks' names (list)",
        "PLACE",
        Kind::Socket,
        "192.0.2.53:53"
    ),
    setting!(
        "public",
        "what PBXes are told, behind NAT",
        "ADDRESS",
        Kind::Address,
        "the address they reach"
    ),
    setting!(
        "tcp",
        "TCP, where not as UDP",
        "PLACE",
        Kind::Socket,
        "192.0.2.10:5060"
    ),
    setting!("tls", "TLS", "PLACE", Kind::Socket, "192.0.2.10:5061"),
    setting!(
        "udp",
        "UDP, and TCP",
        "PLACE",
        Kind::Socket,
        "192.0.2.10:5060"
    ),
    setting!(
        "udp6",
        "the same for PBXes of IPv6",
        "PLACE",
        Kind::Socket,
        "[2001:db8::10]:5060"
    ),
];

/// The settings.
pub static SETTINGS: &[Node] = &[
    group(
        "admin",
        "who administers the box",
        &[group(
            "password",
            "the password of console and web",
            &[SECRET],
        )],
    ),
    group("box", "the box itself", BOX),
    group("network", "addresses of the box", NETWORK),
    group(
        "number",
        "a number that PBXes call",
        &[Node::value(
            "NUMBER",
            Kind::Phone,
            "as the PBX dials it",
            None,
            &[
                setting!(
                    "account",
                    "whose browsers ring",
                    "ACCOUNT",
                    Kind::Text(120),
                    "anna@example.com"
                ),
                group("echo", "the caller hears itself: a test", &YES_OR_NO),
            ],
        )],
    ),
    group("rtp", "sound between box and PBXes", RTP),
    group("sip", "where the box listens for PBXes", SIP),
    group(
        "ssh",
        "this console over the network",
        &[group(
            "enabled",
            "off at first; see ssh key, too",
            &YES_OR_NO,
        )],
    ),
    group(
        "syslog",
        "a log elsewhere",
        &[setting!(
            "server",
            "who keeps it, over TLS",
            "PLACE",
            Kind::Place,
            "logs.example, with :port if not 6514"
        )],
    ),
    group(
        "test",
        "the test call",
        &[setting!(
            "number",
            "who is called",
            "NUMBER",
            Kind::Phone,
            "a number that somebody answers"
        )],
    ),
    group(
        "time",
        "the clock",
        &[
            setting!(
                "server",
                "an NTP server (list)",
                "HOST",
                Kind::Host,
                "a name or an address"
            ),
            setting!(
                "zone",
                "the time zone",
                "ZONE",
                Kind::Zone,
                "Europe/Berlin, or UTC"
            ),
        ],
    ),
    group(
        "trunk",
        "a PBX",
        &[Node {
            name: Name::Value {
                label: "TRUNK",
                kind: Kind::Trunk,
            },
            help: "its name",
            run: None,
            next: Next::Nodes(trunk::TRUNK),
        }],
    ),
    group(
        "update",
        "new software",
        &[setting!(
            "source",
            "where it comes from",
            "ADDRESS",
            Kind::Url,
            "https://updates.example/box"
        )],
    ),
];
