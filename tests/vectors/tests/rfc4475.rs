//! The torture messages of RFC 4475, handed to a whole endpoint: each must be answered, or dropped, as it should.

use causeway_sip::Transport;
use causeway_sip::message::{Message, check, read};
use causeway_vectors::{AnsweringBox, Outcome, corpus, expectations, files};

/// What our box in particular does, where more than one answer is allowed: a table to see changes by.
const PINNED: [(&str, Option<u16>); 50] = [
    // It has a To tag, of a dialog that is not ours.
    ("wsinv", Some(481)),
    ("intmeth", Some(501)),
    ("esc01", Some(200)),
    ("escnull", Some(403)),
    ("esc02", Some(501)),
    ("lwsdisp", Some(200)),
    ("longreq", Some(200)),
    ("dblreq", Some(403)),
    ("semiuri", Some(200)),
    ("transports", Some(200)),
    ("mpart01", Some(405)),
    ("unreason", None),
    ("noreason", None),
    ("badinv01", Some(400)),
    ("clerr", Some(400)),
    ("ncl", Some(400)),
    ("scalar02", Some(400)),
    ("scalarlg", None),
    ("quotbal", Some(400)),
    ("ltgtruri", Some(400)),
    ("lwsruri", Some(400)),
    ("lwsstart", Some(200)),
    ("trws", Some(200)),
    ("escruri", Some(400)),
    ("baddate", Some(200)),
    ("regbadct", Some(400)),
    ("badaspec", Some(200)),
    ("baddn", Some(400)),
    ("badvers", Some(505)),
    ("mismatch01", Some(400)),
    ("mismatch02", Some(400)),
    ("bigcode", None),
    ("badbranch", Some(200)),
    ("insuf", None),
    ("unkscm", Some(416)),
    ("novelsc", Some(416)),
    ("unksm2", Some(403)),
    ("bext01", Some(420)),
    ("invut", Some(415)),
    ("regaut01", Some(403)),
    ("multi01", Some(400)),
    ("mcl01", Some(400)),
    ("bcast", None),
    ("zeromf", Some(200)),
    ("cparam01", Some(403)),
    ("cparam02", Some(403)),
    ("regescrt", Some(403)),
    ("sdp01", Some(406)),
    ("inv2543", Some(200)),
    ("test", None),
];

fn outcomes() -> Option<Vec<(String, Outcome, Vec<u8>)>> {
    let folder = corpus("torture/rfc4475")?;
    let outcomes = files(&folder, ".dat")
        .into_iter()
        .map(|(name, bytes)| {
            let mut gateway = AnsweringBox::new();
            let outcome = gateway.receive(Transport::Udp, &bytes);
            assert!(gateway.is_alive("after"), "{name} stops calls");
            gateway.assert_comes_to_rest();
            (name, outcome, bytes)
        })
        .collect();
    Some(outcomes)
}

#[test]
fn every_message_is_treated_as_expected() {
    let Some(outcomes) = outcomes() else { return };
    let folder = corpus("torture/rfc4475").expect("found before");
    let expected = expectations(&folder);
    assert_eq!(expected.len(), outcomes.len(), "a line for each file");
    let mut wrong = Vec::new();
    for expectation in &expected {
        let (_, outcome, _) = outcomes
            .iter()
            .find(|(name, ..)| *name == expectation.file)
            .expect("the file of the line");
        if !expectation.allows(outcome) {
            wrong.push(format!("{expectation:?}\n    {outcome:?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn our_own_answers_stay_what_they_are() {
    let Some(outcomes) = outcomes() else { return };
    let actual: Vec<_> = PINNED
        .iter()
        .map(|(name, _)| {
            let file = format!("{name}.dat");
            let found = outcomes.iter().find(|(found, ..)| *found == file);
            (*name, found.expect("the file").1.status())
        })
        .collect();
    assert_eq!(actual, PINNED);
}

#[test]
fn responses_are_read_or_dropped() {
    let Some(outcomes) = outcomes() else { return };
    for (name, usable) in [
        ("unreason", true),
        ("noreason", true),
        ("scalarlg", false),
        ("bigcode", false),
    ] {
        let file = format!("{name}.dat");
        let (_, _, bytes) = outcomes
            .iter()
            .find(|(found, ..)| *found == file)
            .expect("the file");
        let read = matches!(read(bytes), Ok(Message::Response(response)) if check::response(&response).is_ok());
        assert_eq!(read, usable, "{name}");
    }
}

#[test]
fn what_is_refused_is_named() {
    let Some(outcomes) = outcomes() else { return };
    let response = |file: &str| {
        let (_, outcome, _) = outcomes
            .iter()
            .find(|(found, ..)| found == file)
            .expect("the file");
        outcome.responses.last().cloned().unwrap_or_default()
    };
    let bext = response("bext01.dat");
    assert!(
        bext.contains("Unsupported: nothingSupportsThis, nothingSupportsThisEither\r\n"),
        "{bext}"
    );
    assert!(response("invut.dat").contains("Accept: application/sdp\r\n"));
    assert!(response("intmeth.dat").contains("Allow: INVITE"));
    assert!(response("multi01.dat").contains("400 Bad Request (From: more than once)"));
    assert!(response("scalar02.dat").contains("400 Bad Request (CSeq: unreadable)"));
}

#[test]
fn a_call_from_a_message_full_of_blanks_can_be_answered() {
    let Some(folder) = corpus("torture/rfc4475") else {
        return;
    };
    let bytes = std::fs::read(folder.join("wsinv.dat")).expect("wsinv.dat");
    // Without its To tag it begins a call.
    let text = String::from_utf8(bytes).expect("UTF-8");
    let text = text.replace(";   tag    = 1918181833n", "");
    let outcome = AnsweringBox::new().receive(Transport::Udp, text.as_bytes());
    assert!(outcome.rang, "{outcome:?}");
    let response = &outcome.responses[0];
    // Three Via values in their order, the first completed with where it came from.
    let vias: Vec<&str> = response
        .lines()
        .filter(|line| line.starts_with("Via: "))
        .collect();
    assert_eq!(
        vias[0],
        "Via: SIP/2.0/UDP 192.0.2.2;branch=390skdjuw;received=127.0.0.1"
    );
    assert_eq!(vias.len(), 2, "{response}");
    assert!(response.contains("\r\nCSeq: 0009 INVITE\r\n"), "{response}");
    assert!(response.contains("98asjd8"), "{response}");
}
