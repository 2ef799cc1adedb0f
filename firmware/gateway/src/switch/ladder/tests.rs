//! What is kept, what is not, and how much.

use super::*;
use causeway_api::ladder::SipMessage;
use causeway_directory::Config;

const TRUNK: &str = "192.0.2.10:5060";
const LOCAL: &str = "192.0.2.1:5060";

fn directory() -> Directory {
    let text = format!(
        "[box]\nhttps = \"127.0.0.1:1\"\nmedia = \"127.0.0.1:2\"\n[sip]\nudp = \"{LOCAL}\"\n\
         [rtp]\naddress = \"127.0.0.1\"\nports = \"20000-20099\"\n[[trunk]]\nname = \"pbx\"\naddress = \"{TRUNK}\"\n"
    );
    Directory::new(Config::parse(&text).unwrap())
}

fn input(remote: &str, text: &str) -> SipInput {
    SipInput::Message {
        transport: Transport::Udp,
        local: LOCAL.parse().unwrap(),
        remote: remote.parse().unwrap(),
        bytes: text.as_bytes().to_vec(),
    }
}

fn request(method: &str, call_id: &str) -> String {
    format!("{method} sip:1@x SIP/2.0\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n\r\n")
}

fn transmit(text: &str) -> Transmit {
    Transmit {
        transport: Transport::Udp,
        remote: TRUNK.parse().unwrap(),
        bytes: text.as_bytes().to_vec(),
    }
}

#[test]
fn a_call_is_found_by_its_sip_call_id_whichever_came_first() {
    let (directory, mut ladders) = (directory(), Ladders::default());
    // Ours: known before its INVITE goes out.
    ladders.assign("out@x", "c1");
    ladders.sent(
        &directory,
        LOCAL.parse().unwrap(),
        &transmit(&request("INVITE", "out@x")),
    );
    ladders.received(
        &directory,
        &input(TRUNK, "SIP/2.0 200 OK\r\ni: out@x\r\n\r\n"),
    );
    // Theirs: the INVITE is there first.
    ladders.received(&directory, &input(TRUNK, &request("INVITE", "in@x")));
    ladders.assign("in@x", "c2");
    let lines = |call: &str| -> Vec<(bool, String)> {
        let ladder = ladders.of_call(call).unwrap();
        ladder
            .messages
            .iter()
            .map(|m| (m.sent, m.first_line()))
            .collect()
    };
    assert_eq!(
        lines("c1"),
        [
            (true, "INVITE sip:1@x SIP/2.0".to_owned()),
            (false, "SIP/2.0 200 OK".to_owned())
        ]
    );
    assert_eq!(lines("c2"), [(false, "INVITE sip:1@x SIP/2.0".to_owned())]);
    assert!(ladders.of_call("c3").is_none());
    assert!(ladders.of_trunk("pbx").messages.is_empty());
}

#[test]
fn outside_calls_the_trunk_keeps_them_and_strangers_have_no_place() {
    let (directory, mut ladders) = (directory(), Ladders::default());
    ladders.received(&directory, &input(TRUNK, &request("OPTIONS", "o@x")));
    // Refused before it became a call.
    ladders.received(&directory, &input(TRUNK, &request("INVITE", "refused@x")));
    ladders.received(
        &directory,
        &input("203.0.113.5:5060", &request("INVITE", "s@x")),
    );
    ladders.received(
        &directory,
        &input("203.0.113.5:5060", &request("OPTIONS", "t@x")),
    );
    ladders.received(&directory, &input(TRUNK, "no SIP at all"));
    let kept: Vec<String> = ladders
        .of_trunk("pbx")
        .messages
        .iter()
        .map(SipMessage::first_line)
        .collect();
    assert_eq!(kept, ["OPTIONS sip:1@x SIP/2.0", "INVITE sip:1@x SIP/2.0"]);
    assert_eq!(ladders.dialogs.len(), 1);
}

#[test]
fn no_secret_is_ever_held() {
    let (directory, mut ladders) = (directory(), Ladders::default());
    ladders.assign("out@x", "c1");
    let text = "INVITE sip:1@x SIP/2.0\r\nCall-ID: out@x\r\nAuthorization: Digest username=\"u\", response=\"S3CRET\", \
                cnonce=\"S3CRET\"\r\nUser-to-User: S3CRET;encoding=hex\r\n\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:S3CRET\r\n";
    ladders.sent(&directory, LOCAL.parse().unwrap(), &transmit(text));
    ladders.received(
        &directory,
        &input(
            TRUNK,
            &text.replace("INVITE", "OPTIONS").replace("out@x", "p@x"),
        ),
    );
    let all = format!("{ladders:?}{:?}", ladders.of_call("c1"));
    assert!(ladders.blocks.contain(b"username") && !ladders.blocks.contain(b"S3CRET"));
    // Debug shows bytes as numbers: look for both.
    let bytes = format!("{:?}", b"S3CRET");
    assert!(!all.contains("S3CRET") && !all.contains(bytes.trim_matches(['[', ']'])));
    let shown = ladders.of_call("c1").unwrap().messages[0].text();
    assert!(
        shown.contains("username=\"u\"") && shown.len() == text.len(),
        "{shown}"
    );
}

#[test]
fn a_long_call_keeps_its_beginning_and_its_end() {
    let (directory, mut ladders) = (directory(), Ladders::default());
    ladders.assign("out@x", "c1");
    for n in 0..200 {
        let text = format!("INFO sip:{n}@x SIP/2.0\r\nCall-ID: out@x\r\n\r\n");
        ladders.received(&directory, &input(TRUNK, &text));
    }
    let ladder = ladders.of_call("c1").unwrap();
    assert_eq!((ladder.messages.len(), ladder.omitted), (64, 136));
    let first_lines: Vec<String> = ladder.messages.iter().map(SipMessage::first_line).collect();
    assert_eq!(first_lines[15], "INFO sip:15@x SIP/2.0");
    assert_eq!(first_lines[16], "INFO sip:152@x SIP/2.0");
    assert_eq!(first_lines[63], "INFO sip:199@x SIP/2.0");
}

#[test]
fn large_messages_are_cut_and_bounded() {
    let (directory, mut ladders) = (directory(), Ladders::default());
    ladders.assign("out@x", "c1");
    for _ in 0..64 {
        let text = format!(
            "INFO sip:1@x SIP/2.0\r\nCall-ID: out@x\r\n\r\n{}",
            "z".repeat(60_000)
        );
        ladders.received(&directory, &input(TRUNK, &text));
    }
    let ladder = ladders.of_call("c1").unwrap();
    assert!(
        ladder
            .messages
            .iter()
            .all(|m| m.bytes.len() == LONGEST_MESSAGE && m.cut > 43_000)
    );
    assert!(
        ladders.bytes() <= 128 * 1024 && ladders.bytes() > 64 * 1024,
        "{}",
        ladders.bytes()
    );
    assert!(ladder.omitted > 50);
}

#[test]
fn a_trunk_keeps_the_newest_of_large_messages_too() {
    let (directory, mut ladders) = (directory(), Ladders::default());
    for n in 0..40 {
        let text = format!(
            "OPTIONS sip:{n}@x SIP/2.0\r\nCall-ID: o{n}@x\r\n\r\n{}",
            "z".repeat(16_000)
        );
        ladders.received(&directory, &input(TRUNK, &text));
    }
    let ladder = ladders.of_trunk("pbx");
    let last = ladder.messages.last().map(SipMessage::first_line);
    assert_eq!(last.as_deref(), Some("OPTIONS sip:39@x SIP/2.0"));
    // 128 KiB hold eight of them.
    assert_eq!((ladder.messages.len(), ladder.omitted), (8, 32));
}

#[test]
fn the_box_forgets_ended_calls_before_running_ones() {
    let (directory, mut ladders) = (directory(), Ladders::default());
    ladders.most_bytes = 20_000;
    for n in 0..1_000 {
        let (sip, call) = (format!("{n}@x"), format!("c{n}"));
        ladders.assign(&sip, &call);
        ladders.sent(
            &directory,
            LOCAL.parse().unwrap(),
            &transmit(&request("INVITE", &sip)),
        );
        // The first goes on.
        if n > 0 {
            ladders.ended(&call);
        }
        assert!(ladders.bytes() <= 20_000);
    }
    assert!(ladders.of_call("c0").is_some());
    assert!(ladders.of_call("c1").is_none());
    assert!(ladders.of_call("c999").is_some());
    assert!(ladders.over.len() < 200 && ladders.dialogs.len() < 200);

    // A flood of calls that never become ours is bounded too.
    for n in 0..1_000 {
        ladders.received(
            &directory,
            &input(TRUNK, &request("INVITE", &format!("f{n}@x"))),
        );
    }
    assert!(ladders.bytes() <= 20_000 && ladders.over.len() < 300);
    assert!(ladders.of_call("c0").is_some());
}

#[test]
fn what_a_message_went_by_is_told() {
    let (directory, mut ladders) = (directory(), Ladders::default());
    ladders.assign("out@x", "c1");
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        let message = Transmit {
            transport,
            ..transmit(&request("INVITE", "out@x"))
        };
        ladders.sent(&directory, LOCAL.parse().unwrap(), &message);
    }
    let ladder = ladders.of_call("c1").unwrap();
    let carriers: Vec<&str> = ladder.messages.iter().map(|m| m.carrier.name()).collect();
    assert_eq!(carriers, ["udp", "tcp", "tls"]);
}
