//! From what PBXes say to what the doctor says of them.

use super::assess::{Configured, Facts, Sound, findings};
use super::facts::{Exchange, Sdp, UserToUser};
use super::settings::settings;
use causeway_api::doctor::Verdict;
use causeway_api::ladder::{Carrier, SipMessage};

/// `> ` is ours, `< ` theirs; `|` ends a line; a message each 100 ms.
fn exchange(script: &[&str]) -> Exchange {
    let messages: Vec<SipMessage> = script
        .iter()
        .enumerate()
        .map(|(at, line)| SipMessage {
            at_us: i64::try_from(at).unwrap() * 100_000,
            sent: line.starts_with("> "),
            carrier: Carrier::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: "192.0.2.10:5060".parse().unwrap(),
            bytes: line[2..].replace('|', "\r\n").into_bytes().into(),
            cut: 0,
        })
        .collect();
    Exchange::read(&messages)
}

fn trunk() -> Configured {
    Configured {
        name: "pbx".to_owned(),
        address: "192.0.2.10:5060".to_owned(),
        user_to_user: true,
        ptime_ms: 20,
        ..Configured::default()
    }
}

/// The sentences of a verdict, each with what it is about.
fn said(facts: &Facts, verdict: Verdict) -> Vec<String> {
    findings(facts)
        .into_iter()
        .filter(|f| f.verdict == verdict)
        .map(|f| format!("{}: {}", f.about, f.sentence))
        .collect()
}

fn has(sentences: &[String], part: &str) {
    assert!(
        sentences.iter().any(|s| s.contains(part)),
        "{part} is not in {sentences:#?}"
    );
}

/// As Asterisk with chan_pjsip: no 183, UPDATE and timers, no echo of User-to-User.
fn asterisk() -> Facts {
    Facts {
        trunk: trunk(),
        udp: Some(exchange(&[
            "> OPTIONS sip:x SIP/2.0|To: <sip:x>|CSeq: 1 OPTIONS||",
            "< SIP/2.0 200 OK|CSeq: 1 OPTIONS|Accept: application/sdp, application/dialog-info+xml|Allow: OPTIONS, INVITE, UPDATE, BYE|Supported: 100rel, timer, replaces|Server: Asterisk PBX 22||",
        ])),
        tcp: Some(exchange(&[
            "> OPTIONS sip:x SIP/2.0|To: <sip:x>|CSeq: 1 OPTIONS||",
        ])),
        call: Some(exchange(&[
            "> INVITE sip:600@x SIP/2.0|To: <sip:600@x>|CSeq: 1 INVITE|User-to-User: xxxx;encoding=hex|Session-Expires: 1800||",
            "< SIP/2.0 100 Trying|CSeq: 1 INVITE||",
            "< SIP/2.0 200 OK|To: <sip:600@x>;tag=a|CSeq: 1 INVITE|Allow: OPTIONS, INVITE, UPDATE|Supported: timer|Session-Expires: 1800;refresher=uac||v=0|c=IN IP4 192.0.2.10|m=audio 10000 RTP/AVP 8 101|a=rtpmap:101 telephone-event/8000|a=ptime:20|",
            "> ACK sip:600@x SIP/2.0|To: <sip:600@x>;tag=a|CSeq: 1 ACK||",
            "> INVITE sip:600@x SIP/2.0|To: <sip:600@x>;tag=a|CSeq: 2 INVITE||",
            "< SIP/2.0 200 OK|To: <sip:600@x>;tag=a|CSeq: 2 INVITE||v=0|m=audio 10000 RTP/AVP 8|",
            "> BYE sip:600@x SIP/2.0|To: <sip:600@x>;tag=a|CSeq: 3 BYE||",
            "< SIP/2.0 200 OK|CSeq: 3 BYE||",
        ])),
        sound: Some(Sound {
            packets: 98,
            first_ms: Some(24),
            from: Some("192.0.2.10:10000".to_owned()),
            as_negotiated: true,
        }),
        reliable: Some(exchange(&[
            "> INVITE sip:600@x SIP/2.0|To: <sip:600@x>|CSeq: 1 INVITE||",
            "< SIP/2.0 420 Bad Extension|CSeq: 1 INVITE|Unsupported: 100rel||",
        ])),
        offerless: Some(exchange(&[
            "> INVITE sip:600@x SIP/2.0|To: <sip:600@x>|CSeq: 1 INVITE||",
            "< SIP/2.0 200 OK|CSeq: 1 INVITE||v=0|m=audio 10002 RTP/AVP 0 8|",
        ])),
        srtp: Some(exchange(&[
            "> INVITE sip:600@x SIP/2.0|To: <sip:600@x>|CSeq: 1 INVITE||",
            "< SIP/2.0 488 Not Acceptable Here|CSeq: 1 INVITE|Warning: 304 x \"Media type not available\"||",
        ])),
    }
}

#[test]
fn an_asterisk_is_well_but_for_what_it_does_not_do() {
    let facts = asterisk();
    assert_eq!(said(&facts, Verdict::Problem), Vec::<String>::new());
    let good = said(&facts, Verdict::Ok);
    for part in [
        "The PBX answers over UDP, after 100 ms",
        "OPTIONS is answered with 200 OK",
        "Asterisk PBX 22",
        "The number answers after 200 ms",
        "answers with PCMA",
        "payload type 101",
        "Sound comes 24 ms",
        "holds the call is answered",
        "It takes UPDATE",
        "session timer: It keeps a session timer: 1800;refresher=uac",
        "offerless INVITE: A call without an offer is answered with one",
    ] {
        has(&good, part);
    }
    let notices = said(&facts, Verdict::Notice);
    has(&notices, "demands PRACK (420)");
    has(
        &notices,
        "SRTP: It does not take SRTP: 488 Not Acceptable Here; 304",
    );
    has(&notices, "User-to-User was taken and does not come back");
    assert_eq!(
        settings(&facts),
        "[[trunk]]\nname = \"pbx\"\naddress = \"192.0.2.10:5060\"\ntransport = \"udp\"\n\
         codecs = [\"PCMA\", \"PCMU\"]\nptime_ms = 20\n\
         reliable = \"off\"  # it does not do 100rel\nsrtp = \"off\"\n"
    );
}

/// As a session border controller that sends 183 with SDP reliably and takes SRTP.
#[test]
fn a_border_controller_with_early_media_prack_and_srtp() {
    let facts = Facts {
        trunk: trunk(),
        udp: Some(exchange(&[
            "> OPTIONS sip:x SIP/2.0|To: <sip:x>|CSeq: 1 OPTIONS||",
            "< SIP/2.0 200 OK|CSeq: 1 OPTIONS|Server: Cisco-SIPGateway/IOS-17|k: timer,|  resource-priority, replaces||",
        ])),
        call: Some(exchange(&[
            "> INVITE sip:600@x SIP/2.0|To: <sip:600@x>|CSeq: 1 INVITE|User-to-User: xxxx||",
            "< SIP/2.0 183 Session Progress|To: <sip:600@x>;tag=a|CSeq: 1 INVITE|Require: 100rel|RSeq: 77|User-to-User: xxxx||v=0|c=IN IP4 192.0.2.10|m=audio 10000 RTP/AVP 0|a=ptime:30|",
            "> PRACK sip:600@x SIP/2.0|To: <sip:600@x>;tag=a|CSeq: 2 PRACK||",
            "< SIP/2.0 200 OK|CSeq: 2 PRACK||",
            "< SIP/2.0 200 OK|To: <sip:600@x>;tag=a|CSeq: 1 INVITE||",
            "> INVITE sip:600@x SIP/2.0|To: <sip:600@x>;tag=a|CSeq: 3 INVITE||",
            "< SIP/2.0 403 Forbidden|CSeq: 3 INVITE||",
            "< INVITE sip:box SIP/2.0|CSeq: 101 INVITE||",
        ])),
        sound: Some(Sound {
            packets: 60,
            first_ms: Some(5),
            from: Some("198.51.100.9:2000".to_owned()),
            as_negotiated: false,
        }),
        srtp: Some(exchange(&[
            "> INVITE sip:600@x SIP/2.0|To: <sip:600@x>|CSeq: 1 INVITE||",
            "< SIP/2.0 200 OK|CSeq: 1 INVITE||v=0|m=audio 10002 RTP/SAVP 8|a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:xxxx|",
        ])),
        ..Facts::default()
    };
    let good = said(&facts, Verdict::Ok);
    has(&good, "It supports timer, resource-priority, replaces");
    has(&good, "the 183 has a session description");
    has(&good, "PRACK is taken");
    has(&good, "comes back in the responses");
    has(&good, "It takes SRTP");
    let problems = said(&facts, Verdict::Problem);
    has(&problems, "no telephone-event");
    has(&problems, "refused with 403: hold will not work");
    let notices = said(&facts, Verdict::Notice);
    has(&notices, "packets of 30 ms; the trunk is set to 20 ms");
    has(
        &notices,
        "from 198.51.100.9:2000, which is not what was agreed",
    );
    has(&notices, "re-INVITEs of its own");
    let proposed = settings(&facts);
    for line in [
        "codecs = [\"PCMU\", \"PCMA\"]",
        "ptime_ms = 30",
        "reliable = \"supported\"",
        "srtp = \"required\"",
    ] {
        assert!(proposed.contains(line), "{proposed}");
    }
}

#[test]
fn credentials_missing_refused_and_taken() {
    let challenged = [
        "> INVITE sip:600@x SIP/2.0|To: <sip:600@x>|CSeq: 1 INVITE||",
        "< SIP/2.0 401 Unauthorized|CSeq: 1 INVITE|WWW-Authenticate: Digest realm=\"the \\realm\", nonce=\"n\", algorithm=SHA-256||",
    ];
    let again = [
        "> INVITE sip:600@x SIP/2.0|To: <sip:600@x>|CSeq: 2 INVITE|Authorization: Digest realm=\"r\"||",
        "< SIP/2.0 401 Unauthorized|CSeq: 2 INVITE|WWW-Authenticate: Digest realm=\"r\", nonce=\"n2\"||",
    ];
    let mut facts = Facts {
        trunk: trunk(),
        call: Some(exchange(&challenged)),
        ..Facts::default()
    };
    has(
        &said(&facts, Verdict::Problem),
        "(SHA-256), and the trunk has none",
    );
    assert!(settings(&facts).contains("username = \"\"  # the PBX asks"));
    assert!(
        settings(&facts).contains("realm = \"the \\\\realm\""),
        "{}",
        settings(&facts)
    );

    facts.trunk.has_credentials = true;
    has(&said(&facts, Verdict::Problem), "and the box gave none");
    facts.call = Some(exchange(&[challenged, again].concat()));
    has(
        &said(&facts, Verdict::Problem),
        "refuses the trunk's credentials",
    );
    let good = [again[0], "< SIP/2.0 486 Busy Here|CSeq: 2 INVITE||"];
    facts.call = Some(exchange(&[challenged, good].concat()));
    has(&said(&facts, Verdict::Ok), "and takes the trunk's");
    has(
        &said(&facts, Verdict::Notice),
        "does not answer now: 486 Busy Here",
    );
}

#[test]
fn nobody_there() {
    let silent = [
        "> OPTIONS sip:x SIP/2.0|To: <sip:x>|CSeq: 1 OPTIONS||",
        "> OPTIONS sip:x SIP/2.0|To: <sip:x>|CSeq: 1 OPTIONS||",
    ];
    let answered = ["< SIP/2.0 405 Method Not Allowed|CSeq: 1 OPTIONS||"];
    let mut facts = Facts {
        trunk: trunk(),
        udp: Some(exchange(&silent)),
        tcp: Some(exchange(&[])),
        ..Facts::default()
    };
    assert_eq!(facts.udp.as_ref().unwrap().repeated, 1);
    let problems = said(&facts, Verdict::Problem);
    assert_eq!(problems.len(), 1);
    has(
        &problems,
        "Nothing comes back over UDP from 192.0.2.10:5060",
    );
    // Only the other transport is answered: the settings say so.
    facts.tcp = Some(exchange(&[&silent[..1], &answered[..]].concat()));
    assert!(settings(&facts).contains("transport = \"tcp\"  # the other one"));
    has(
        &said(&facts, Verdict::Notice),
        "It would answer over TCP too",
    );
    has(&said(&facts, Verdict::Notice), "name a number");
}

#[test]
fn user_to_user_that_breaks_the_call() {
    let facts = Facts {
        trunk: trunk(),
        call: Some(exchange(&[
            "> INVITE sip:600@x SIP/2.0|To: <sip:600@x>|CSeq: 1 INVITE|User-to-User: xxxx||",
            "< SIP/2.0 400 Bad Request|CSeq: 1 INVITE||",
        ])),
        ..Facts::default()
    };
    assert_eq!(
        facts.call.as_ref().unwrap().user_to_user,
        UserToUser::Silent
    );
    has(&said(&facts, Verdict::Problem), "Try user_to_user = false");
    assert!(settings(&facts).contains("\nuser_to_user = false"));
}

#[test]
fn what_a_pbx_writes_stays_text() {
    let facts = Facts {
        trunk: trunk(),
        udp: Some(exchange(&[
            "> OPTIONS sip:x SIP/2.0|To: <sip:x>|CSeq: 1 OPTIONS||",
            "< SIP/2.0 401 No|CSeq: 1 OPTIONS|Server: a\u{1b}[2Jb|WWW-Authenticate: Digest realm=\"x\u{7}\"||",
        ])),
        ..Facts::default()
    };
    for finding in findings(&facts) {
        assert!(!finding.sentence.contains(char::is_control), "{finding:?}");
    }
    assert!(!settings(&facts).contains(|c: char| c.is_control() && c != '\n'));
}

#[test]
fn descriptions_in_odd_shapes() {
    assert_eq!(Sdp::read(""), None);
    assert_eq!(Sdp::read("v=0\r\nm=video 1 RTP/AVP 99\r\n"), None);
    let sdp = Sdp::read(
        "v=0\r\nc=IN IP4 192.0.2.1\r\nm=video 0 RTP/AVP 99\r\nm=audio 4000 RTP/AVP 96 101 8\r\n\
         a=rtpmap:96 opus/48000/2\r\na=rtpmap:101 Telephone-Event/8000\r\nm=audio 0 RTP/AVP 0\r\nc=IN IP4 192.0.2.2\r\n",
    )
    .unwrap();
    assert_eq!(sdp.codecs, ["OPUS", "PCMA"]);
    assert_eq!(sdp.telephone_event.as_deref(), Some("101"));
    assert_eq!(
        (sdp.address.as_str(), sdp.others, sdp.refused),
        ("192.0.2.1", 2, false)
    );
    assert!(Sdp::read("m=audio 0 RTP/AVP 0\n").unwrap().refused);
}
