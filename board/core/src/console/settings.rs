//! What `set` and `delete` know: the settings a person at the box needs to bring it into its network and to its PBX.
//!
//! It is data: whoever drives the console may hand it a longer tree.

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

const SECRET: Node = value("", Kind::Secret, "asked for, and not shown");

static TRUNK: &[Node] = &[
    group(
        "address",
        "where the PBX listens",
        &[value(
            "PLACE",
            Kind::Place,
            "192.0.2.20, pbx.example, with :port if need be",
        )],
    ),
    group("password", "the secret for when the PBX asks", &[SECRET]),
    group(
        "transport",
        "how SIP travels",
        &[
            choice("tcp", "TCP"),
            choice("tls", "TLS"),
            choice("udp", "UDP"),
        ],
    ),
    group(
        "username",
        "the user for when the PBX asks",
        &[value("USER", Kind::Text(64), "as the PBX knows the box")],
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
    group(
        "box",
        "the box itself",
        &[
            group(
                "name",
                "what it is called",
                &[value("NAME", Kind::Text(63), "shown to people")],
            ),
            group(
                "public",
                "where browsers reach it, behind NAT",
                &[value("ADDRESS", Kind::Address, "its public address")],
            ),
        ],
    ),
    group(
        "network",
        "addresses of the box",
        &[
            group(
                "dns",
                "a name server",
                &[value("ADDRESS", Kind::Address, "its address")],
            ),
            group(
                "ipv4",
                "IPv4",
                &[
                    group(
                        "address",
                        "dhcp, none or 192.0.2.10/24",
                        &[value("ADDRESS", Kind::Ipv4, "dhcp, none or address/prefix")],
                    ),
                    group(
                        "gateway",
                        "the way out",
                        &[value("ADDRESS", Kind::Address, "the router's address")],
                    ),
                ],
            ),
            group(
                "ipv6",
                "IPv6",
                &[
                    group(
                        "address",
                        "auto, none or 2001:db8::10/64",
                        &[value("ADDRESS", Kind::Ipv6, "auto, none or address/prefix")],
                    ),
                    group(
                        "gateway",
                        "the way out",
                        &[value("ADDRESS", Kind::Address, "the router's address")],
                    ),
                ],
            ),
        ],
    ),
    group(
        "test",
        "the test call",
        &[group(
            "number",
            "who is called",
            &[value(
                "NUMBER",
                Kind::Phone,
                "a number that somebody answers",
            )],
        )],
    ),
    group(
        "time",
        "the clock",
        &[
            group(
                "server",
                "an NTP server",
                &[value("HOST", Kind::Host, "a name or an address")],
            ),
            group(
                "zone",
                "the time zone",
                &[value("ZONE", Kind::Zone, "Europe/Berlin, or UTC")],
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
            next: Next::Nodes(TRUNK),
        }],
    ),
];
