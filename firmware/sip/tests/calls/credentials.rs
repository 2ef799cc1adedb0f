//! Challenges: answered once, with the ACK of the refusal first and the next number.

use causeway_sip::{Credentials, Event, FailureKind};

use crate::script::{Script, header, response, starts};

fn credentials() -> Option<Credentials> {
    Some(Credentials {
        username: "box".to_owned(),
        password: "geheim".to_owned(),
        realm: None,
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
    for credentials in [None, other] {
        let mut script = Script::new();
        let (_, first) = script.place(credentials);
        script.receive(&response(&first, "401 Unauthorized", "x", CHALLENGE, ""));
        assert_eq!(starts(&script.sent()), ["ACK"]);
        assert!(matches!(script.event(), Some(Event::Failed { .. })));
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
