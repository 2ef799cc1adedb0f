//! Calls that are given up while the peer is silent.

use std::time::Duration;

use causeway_sip::{Event, Failure};

use crate::script::{Script, header, response, starts};

fn failure(event: Option<Event>) -> Failure {
    match event {
        Some(Event::Failed { failure, .. }) => failure,
        other => panic!("not failed: {other:?}"),
    }
}

#[test]
fn a_silent_peer_keeps_no_call() {
    let mut script = Script::new();
    let (call, _) = script.place(None);
    let now = script.now;
    script.endpoint.abandon(call, None, now);
    assert_eq!(failure(script.event()).status, Some(487));
    let counts = script.endpoint.counts();
    assert_eq!((counts.dialogs, counts.client_transactions), (0, 1));
    // The transaction waits for its timer B, and nobody hears of that.
    script.wait(Duration::from_secs(33));
    assert_eq!(script.endpoint.counts().client_transactions, 0);
    assert_eq!(script.event(), None);
}

#[test]
fn who_rings_after_all_is_cancelled_once() {
    let mut script = Script::new();
    let (call, invite) = script.place(None);
    let now = script.now;
    script.endpoint.abandon(call, None, now);
    script.event();
    script.receive(&response(&invite, "100 Trying", "", "", ""));
    let cancel = script.only();
    assert_eq!(starts(std::slice::from_ref(&cancel)), ["CANCEL"]);
    script.receive(&response(&invite, "180 Ringing", "x", "", ""));
    assert_eq!(script.sent(), Vec::<String>::new());
    script.receive(&response(&cancel, "200 OK", "x", "", ""));
    script.receive(&response(&invite, "487 Request Terminated", "x", "", ""));
    assert_eq!(starts(&script.sent()), ["ACK"]);
    script.wait(Duration::from_secs(33));
    assert_eq!(script.endpoint.counts().client_transactions, 0);
    assert_eq!(script.event(), None);
}

#[test]
fn who_answers_after_all_is_hung_up() {
    let mut script = Script::new();
    let (call, invite) = script.place(None);
    let now = script.now;
    script.endpoint.abandon(call, None, now);
    script.event();
    let contact = "Contact: <sip:100@10.0.0.2>\r\n";
    script.receive(&response(&invite, "200 OK", "x", contact, "v=0\r\n"));
    assert_eq!(starts(&script.sent()), ["ACK", "BYE"]);
}

#[test]
fn one_that_rings_is_cancelled_as_ever() {
    let mut script = Script::new();
    let (call, invite) = script.place(None);
    script.receive(&response(&invite, "180 Ringing", "x", "", ""));
    let now = script.now;
    script.endpoint.abandon(call, None, now);
    assert_eq!(starts(&script.sent()), ["CANCEL"]);
    assert_eq!(script.endpoint.counts().dialogs, 1);
}

#[test]
fn what_did_not_fit_is_told() {
    let mut script = Script::new();
    let (_, invite) = script.place(None);
    let warning =
        "Warning: 305 pbx.example:5060 \"Incompatible \\\"media\\\" format\", 399 x \"more\"\r\n";
    script.receive(&response(
        &invite,
        "488 Not Acceptable Here",
        "x",
        warning,
        "",
    ));
    script.sent();
    while let Some(event) = script.event() {
        if let Event::Failed { failure, .. } = event {
            let warning = failure.warning.unwrap();
            assert_eq!(warning.code, 305);
            assert_eq!(warning.text, "Incompatible \"media\" format");
            return;
        }
    }
    panic!("not failed: {}", header(&invite, "CSeq"));
}

#[test]
fn what_does_not_fit_us_is_told() {
    let mut script = Script::new();
    script.receive(&crate::script::request("INVITE", 1, "", "", "v=0\r\noffer"));
    script.sent();
    let Some(Event::Incoming { call, .. }) = script.event() else {
        panic!("no call");
    };
    let now = script.now;
    let warning = causeway_sip::Warning {
        code: 305,
        text: "no codec in common".to_owned(),
    };
    script.endpoint.warn(call, warning, now);
    script.endpoint.reject(call, 488, None, now);
    let refusal = script.only();
    assert_eq!(
        header(&refusal, "Warning"),
        "305 causeway \"no codec in common\""
    );
}
