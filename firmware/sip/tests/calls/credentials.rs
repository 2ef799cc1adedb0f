//! Challenges: answered once, with the ACK of the refusal first and the next number.

use causeway_sip::{Credentials, Event, FailureKind, Transport, TrunkHosts};

use crate::script::{Script, header, response, starts};

fn credentials() -> Option<Credentials> {
    Some(Credentials {
        username: "box".to_owned(),
        password: "geheim".to_owned(),
        realm: None,
        hosts: TrunkHosts::one("10.0.0.2:5060".parse().unwrap(), Transport::Udp),
    })
}

const CHALLENGE: &str = "WWW-Authenticate: Digest realm=\"pbx\",nonce=\"n1\",qop=\"auth\",algorithm=MD5\r\nWWW-Authenticate: Digest realm=\"pbx\",nonce=\"n2\",qop=\"auth\",algorithm=SHA-256\r\n";

#[test]
fn a_challenged_call_is_placed_again_with_the_strongest_answer() {
    let mut script = Script::new();
    let (call, first) = script.place(credentials());
    script.receive(&response(&first, "401 Unauthorized", "x", CHALLENGE, ""));
    let sent = script.sent();
    assert_eq!(starts(&sent), ["ACK", "INVITE"]);
    let (ack, second) = (&sent[0], &sent[1]);
    assert_eq!(header(ack, "CSeq"), "1 ACK");
    assert_eq!(header(ack, "Via"), header(&first, "Via"));
    assert!(header(ack, "To").ends_with(";tag=x"));
    assert_eq!(header(second, "CSeq"), "2 INVITE");
    assert_eq!(header(second, "Call-ID"), header(&first, "Call-ID"));
    assert_eq!(header(second, "From"), header(&first, "From"));
    assert_ne!(header(second, "Via"), header(&first, "Via"));
    let answer = header(second, "Authorization");
    assert!(
        answer.contains("nonce=\"n2\"") && answer.contains("algorithm=SHA-256"),
        "{answer}"
    );
    assert!(second.ends_with("v=0\r\noffer"));

    script.receive(&response(
        second,
        "200 OK",
        "t",
        "Contact: <sip:x@10.0.0.2>\r\n",
        "v=0\r\nanswer",
    ));
    let ack = script.only();
    assert_eq!(
        header(&ack, "Authorization"),
        answer,
        "the ACK carries the same"
    );
    assert!(matches!(script.event(), Some(Event::Answered { .. })));

    // The BYE is challenged by a proxy with a nonce of its own.
    script.endpoint.bye(call, None, script.now);
    let bye = script.only();
    let challenge = "Proxy-Authenticate: Digest realm=\"proxy\",nonce=\"n3\"\r\n";
    script.receive(&response(
        &bye,
        "407 Proxy Authentication Required",
        "t",
        challenge,
        "",
    ));
    let again = script.only();
    assert_eq!(header(&again, "CSeq"), "4 BYE");
    assert!(header(&again, "Proxy-Authorization").contains("nonce=\"n3\""));
    script.receive(&response(&again, "200 OK", "t", "", ""));
    assert!(matches!(script.event(), Some(Event::Ended { .. })));
    assert_eq!(script.endpoint.counts().dialogs, 0);
}

#[test]
fn wrong_credentials_are_not_tried_for_ever() {
    let mut script = Script::new();
    let (_, first) = script.place(credentials());
    script.receive(&response(&first, "401 Unauthorized", "x", CHALLENGE, ""));
    let second = script.sent().remove(1);
    script.receive(&response(&second, "401 Unauthorized", "x", CHALLENGE, ""));
    assert_eq!(starts(&script.sent()), ["ACK"]);
    let Some(Event::Failed { failure, .. }) = script.event() else {
        panic!("not failed");
    };
    assert_eq!(
        (failure.status, failure.kind),
        (Some(401), FailureKind::AuthRefused)
    );
}

#[test]
fn an_old_nonce_is_renewed_but_not_without_end() {
    let mut script = Script::new();
    let (_, mut invite) = script.place(credentials());
    for attempt in 0.. {
        let challenge =
            format!("Proxy-Authenticate: Digest realm=\"pbx\",nonce=\"n{attempt}\",stale=true\r\n");
        script.receive(&response(
            &invite,
            "407 Proxy Authentication Required",
            "x",
            &challenge,
            "",
        ));
        let sent = script.sent();
        if sent.len() == 1 {
            assert_eq!(attempt, 4);
            break;
        }
        invite = sent[1].clone();
    }
    assert!(matches!(script.event(), Some(Event::Failed { .. })));
}

#[test]
fn without_credentials_or_for_another_realm_nothing_is_answered() {
    let mut other = credentials();
    if let Some(other) = &mut other {
        other.realm = Some("elsewhere".to_owned());
    }
    for (credentials, withheld) in [(None, 0), (other, 1)] {
        let mut script = Script::new();
        let (_, first) = script.place(credentials);
        script.receive(&response(&first, "401 Unauthorized", "x", CHALLENGE, ""));
        assert_eq!(starts(&script.sent()), ["ACK"]);
        assert_eq!(script.endpoint.counts().credentials_withheld, withheld);
        let last = std::iter::from_fn(|| script.event()).last();
        assert!(matches!(last, Some(Event::Failed { .. })));
    }
}

#[test]
fn a_re_invite_is_challenged_too() {
    let mut script = Script::new();
    let (call, first) = script.place(credentials());
    script.receive(&response(&first, "200 OK", "t", "", "v=0\r\nanswer"));
    script.sent();
    script.event();
    script
        .endpoint
        .offer(call, b"v=0\r\nhold".to_vec(), script.now)
        .unwrap();
    let offer = script.only();
    script.receive(&response(&offer, "401 Unauthorized", "t", CHALLENGE, ""));
    let sent = script.sent();
    assert_eq!(starts(&sent), ["ACK", "INVITE"]);
    assert_eq!(header(&sent[1], "CSeq"), "3 INVITE");
    assert!(sent[1].ends_with("v=0\r\nhold"));
    script.receive(&response(&sent[1], "200 OK", "t", "", "v=0\r\nheld"));
    assert_eq!(
        script.event(),
        Some(Event::OfferAnswered {
            call,
            sdp: b"v=0\r\nheld".to_vec()
        })
    );
}

/// The dialog of a call whose answer names `contact`, and the BYE we send in it, challenged from `from`.
fn challenged_bye(contact: &str, from: &str) -> (Vec<String>, u64) {
    let mut script = Script::new();
    let (call, first) = script.place(credentials());
    script.receive(&response(&first, "401 Unauthorized", "x", CHALLENGE, ""));
    let second = script.sent().remove(1);
    let contact = format!("Contact: <sip:x@{contact}>\r\n");
    script.receive(&response(&second, "200 OK", "t", &contact, "v=0\r\nanswer"));
    let ack = script.only();
    script.event();
    script.endpoint.bye(call, None, script.now);
    let bye = script.only();
    script.peer = from.parse().unwrap();
    script.receive(&response(&bye, "401 Unauthorized", "t", CHALLENGE, ""));
    let mut sent = script.sent();
    sent.insert(0, ack);
    (sent, script.endpoint.counts().credentials_withheld)
}

#[test]
fn a_challenge_from_elsewhere_in_the_dialog_is_not_answered() {
    let (sent, withheld) = challenged_bye("10.0.0.2", "10.0.0.2:5060");
    assert_eq!((starts(&sent), withheld), (vec!["ACK", "BYE"], 0));
    assert!(!header(&sent[0], "Authorization").is_empty());

    // The answer led the dialog to another host: neither its challenge nor the ACK tells it anything.
    let (sent, withheld) = challenged_bye("10.0.0.66", "10.0.0.66:5060");
    assert_eq!((starts(&sent), withheld), (vec!["ACK"], 1));
    assert_eq!(header(&sent[0], "Authorization"), "");

    // Somebody else answers what went to the trunk.
    let (sent, withheld) = challenged_bye("10.0.0.2", "10.0.0.66:5060");
    assert_eq!((starts(&sent), withheld), (vec!["ACK"], 1));
}

#[test]
fn the_first_challenge_must_be_the_trunks_too() {
    let mut script = Script::new();
    let (_, first) = script.place(credentials());
    script.peer = "10.0.0.66:5060".parse().unwrap();
    script.receive(&response(&first, "401 Unauthorized", "x", CHALLENGE, ""));
    assert_eq!(starts(&script.sent()), ["ACK"]);
    // Said once, in the log and the count.
    assert!(
        matches!(script.event(), Some(Event::Refused { what, .. }) if what.contains("no host of the trunk"))
    );
    assert!(matches!(script.event(), Some(Event::Failed { .. })));
    assert_eq!(script.endpoint.counts().credentials_withheld, 1);
}

#[test]
fn in_a_dialog_of_the_far_side_nothing_is_answered() {
    let mut script = Script::new();
    let (call, _) = script.established();
    script.endpoint.bye(call, None, script.now);
    let bye = script.only();
    script.receive(&response(&bye, "401 Unauthorized", "", CHALLENGE, ""));
    assert_eq!(script.sent(), Vec::<String>::new());
    assert!(matches!(script.event(), Some(Event::Ended { .. })));
}
