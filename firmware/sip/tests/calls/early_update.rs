//! An offer in an early dialog.

use causeway_sip::{AnswerOffer, CallId, Event, FailureKind};

use crate::script::{Script, header, response, starts};

/// We call, they answer our offer early and reliably, and offer anew in an UPDATE.
fn updated(script: &mut Script) -> (CallId, String) {
    let (call, invite) = script.place(None);
    script.receive(&response(
        &invite,
        "183 Session Progress",
        "one",
        "Require: 100rel\r\nRSeq: 1\r\nContact: <sip:early@10.0.0.2:5070>\r\n",
        "v=0\r\nearly",
    ));
    let prack = script.only();
    script.receive(&response(&prack, "200 OK", "", "", ""));
    assert!(matches!(script.event(), Some(Event::Progress { .. })));

    let update = format!(
        "UPDATE sip:causeway@10.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bKu\r\n\
         From: {};tag=one\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 1 UPDATE\r\nContact: <sip:early@10.0.0.2:5070>\r\n\
         Content-Type: application/sdp\r\nContent-Length: 10\r\n\r\nv=0\r\noffer",
        header(&invite, "To"),
        header(&invite, "From"),
        header(&invite, "Call-ID"),
    );
    script.receive(&update);
    assert!(matches!(script.event(), Some(Event::Offer { .. })));
    (call, invite)
}

#[test]
fn what_an_update_agreed_stands_when_the_200_says_nothing() {
    let mut script = Script::new();
    let (call, invite) = updated(&mut script);
    let sdp = b"v=0\r\nanswer".to_vec();
    script
        .endpoint
        .answer_offer(call, AnswerOffer::Accept { sdp }, script.now);
    assert_eq!(starts(&script.sent()), ["200"]);
    script.receive(&response(
        &invite,
        "200 OK",
        "one",
        "Contact: <sip:one@10.0.0.2>\r\n",
        "",
    ));
    assert_eq!(starts(&script.sent()), ["ACK"]);
    // And not the answer of the 183, as if another fork had spoken.
    assert_eq!(script.event(), Some(Event::Answered { call, sdp: None }));
}

#[test]
fn an_update_that_nobody_answered_ends_with_the_call() {
    let mut script = Script::new();
    // Their UPDATE waits for our answer when the call fails.
    let (call, invite) = updated(&mut script);
    script.receive(&response(&invite, "486 Busy Here", "one", "", ""));
    assert_eq!(starts(&script.sent()), ["ACK", "487"]);
    let Some(Event::Failed {
        call: failed,
        failure,
    }) = script.event()
    else {
        panic!("the call has not failed");
    };
    assert_eq!((failed, failure.kind), (call, FailureKind::Rejected));

    script.wait(std::time::Duration::from_secs(64));
    assert_eq!(script.endpoint.counts().server_transactions, 0);
}
