//! The settings of a PBX that can be written at a console; `firmware/TRUNKS.md` tells what each is for.

use super::super::tree::{Kind, Node};
use super::{SECRET, YES_OR_NO, choice, group, number, setting, value};

pub(super) static TRUNK: &[Node] = &[
    setting!(
        "accept_from",
        "who else may call over it (list)",
        "ADDRESS",
        Kind::Address,
        "an address of the PBX"
    ),
    setting!(
        "address",
        "where the PBX listens",
        "PLACE",
        Kind::Place,
        "192.0.2.20, pbx.example, with :port if need be"
    ),
    group(
        "caller_id",
        "which header tells who calls",
        &[
            choice("from", "From alone"),
            choice("p-asserted-identity", "P-Asserted-Identity, too"),
            choice("p-preferred-identity", "P-Preferred-Identity, too"),
            choice("remote-party-id", "Remote-Party-ID, too"),
        ],
    ),
    setting!(
        "calls_per_second",
        "calls that may begin in a second",
        "COUNT",
        number(1, 1000),
        "so many, else any"
    ),
    group(
        "codecs",
        "how sound is coded, the dearest first (list)",
        &[
            choice("G722", "wideband"),
            choice("PCMA", "G.711 A-law"),
            choice("PCMU", "G.711 mu-law"),
        ],
    ),
    group("comfort_noise", "silence is not sent", &YES_OR_NO),
    setting!(
        "domain",
        "the host in From and To",
        "HOST",
        Kind::Host,
        "else the address"
    ),
    group(
        "dtmf",
        "how digits travel",
        &[
            choice("auto", "telephone events, else tones"),
            choice("inband", "tones"),
            choice("info", "INFO requests"),
            choice("rfc4733", "telephone events"),
        ],
    ),
    group("hide_caller", "callers are anonymous", &YES_OR_NO),
    setting!(
        "max_calls",
        "calls at once",
        "COUNT",
        number(1, 10_000),
        "so many, else any"
    ),
    setting!(
        "media_timeout_s",
        "silence after which a call is dead",
        "SECONDS",
        number(0, 3600),
        "so long, else 60; 0: never"
    ),
    setting!(
        "numbers",
        "who is called over it (list)",
        "PATTERN",
        Kind::Text(64),
        "+4930*, or * for everybody"
    ),
    setting!(
        "options_s",
        "how often the PBX is asked if it is there",
        "SECONDS",
        number(0, 3600),
        "so often, else every 4; 0: never"
    ),
    group("password", "the secret for when the PBX asks", &[SECRET]),
    group(
        "ptime_ms",
        "milliseconds of sound in a packet",
        &[
            choice("10", "10 ms"),
            choice("20", "20 ms"),
            choice("30", "30 ms"),
            choice("40", "40 ms"),
            choice("60", "60 ms"),
        ],
    ),
    setting!(
        "realm",
        "whose questions are answered",
        "REALM",
        Kind::Text(120),
        "as the PBX calls itself"
    ),
    group(
        "registration",
        "the box registers with the PBX",
        &[
            setting!(
                "expires_s",
                "for how long",
                "SECONDS",
                number(20, 86_400),
                "so long, else 300"
            ),
            setting!(
                "range",
                "numbers of the account (list)",
                "PATTERN",
                Kind::Text(64),
                "+493055500*, or * for any"
            ),
            setting!(
                "registrar",
                "where the account is",
                "HOST",
                Kind::Host,
                "else the trunk's domain"
            ),
            setting!(
                "user",
                "the account",
                "USER",
                Kind::Text(64),
                "else the trunk's username"
            ),
        ],
    ),
    group(
        "reliable",
        "acknowledged ringing (RFC 3262)",
        &[
            choice("off", "no"),
            choice("required", "or no call"),
            choice("supported", "when the PBX wants"),
        ],
    ),
    group(
        "session_timer",
        "proof that calls live (RFC 4028)",
        &[
            choice("off", "no"),
            choice("required", "or no call"),
            choice("supported", "when the PBX wants"),
        ],
    ),
    group(
        "srtp",
        "encrypted sound",
        &[
            choice("off", "no"),
            choice("optional", "the PBX decides"),
            choice("required", "or no call"),
        ],
    ),
    setting!(
        "targets",
        "further places of this PBX (list)",
        "PLACE",
        Kind::Place,
        "who is tried after address"
    ),
    setting!(
        "tls_name",
        "the name in the PBX's certificate",
        "HOST",
        Kind::Host,
        "else its domain or address"
    ),
    setting!(
        "tls_pin_sha256",
        "the PBX's certificate itself",
        "SHA256",
        Kind::Text(95),
        "64 hexadecimal digits"
    ),
    group(
        "transport",
        "how SIP travels",
        &[
            choice("tcp", "TCP"),
            choice("tls", "TLS"),
            choice("udp", "UDP"),
        ],
    ),
    setting!(
        "username",
        "the user for when the PBX asks",
        "USER",
        Kind::Text(64),
        "as the PBX knows the box"
    ),
    group(
        "video",
        "pictures",
        &[choice("h264", "when both sides want"), choice("off", "no")],
    ),
    setting!(
        "video_kbps",
        "kilobits a second of them",
        "KBPS",
        number(64, 20_000),
        "so many, else 1500"
    ),
];
