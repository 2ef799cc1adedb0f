//! How long an invitation lasts: `Expires`, and the provisional responses that keep it alive (RFC 3261 §13.3.1).

use std::time::Duration;

use causeway_sip::{CallId, Event};

use crate::script::{Script, header, request, starts, status, tag};

fn ringing(headers: &str) -> (Script, CallId) {
    let mut script = Script::new();
    script.receive(&request("INVITE", 1, "", headers, "v=0\r\n"));
    assert_eq!(starts(&script.sent()), ["100"]);
    let Some(Event::Incoming { call, .. }) = script.event() else {
        panic!("no call");
    };
    (script, call)
}

#[test]
fn an_invitation_that_expires_is_over_as_if_cancelled() {
    let (mut script, call) = ringing("Expires: 30\r\n");
    script.endpoint.progress(call, 180, None, script.now);
    assert_eq!(status(&script.only()), "180");
    script.wait(Duration::from_secs(29));
    assert_eq!(script.sent(), Vec::<String>::new());
    assert_eq!(script.event(), None);
    script.wait(Duration::from_secs(1));
    let refusal = script.only();
    assert_eq!(status(&refusal), "487");
    assert_eq!(
        script.event(),
        Some(Event::Cancelled { call, reason: None })
    );
    script.receive(
        &request("ACK", 1, &tag(&refusal), "", "").replace("z9hG4bKACK1", "z9hG4bKINVITE1"),
    );
    script.wait(Duration::from_secs(60));
    assert_eq!(script.sent(), Vec::<String>::new());
    assert_eq!(script.event(), None);
    assert_eq!(script.endpoint.counts().server_transactions, 0);
}

#[test]
fn an_answered_invitation_expires_no_more() {
    for headers in ["Expires: 5\r\n", "Expires: 0\r\n", "Expires: soon\r\n"] {
        let (mut script, call) = ringing(headers);
        script.wait(Duration::from_secs(4));
        script
            .endpoint
            .accept(call, b"v=0\r\n".to_vec(), script.now);
        let answer = script.only();
        assert_eq!(status(&answer), "200");
        script.receive(&request("ACK", 1, &tag(&answer), "", ""));
        assert!(matches!(script.event(), Some(Event::Confirmed { .. })));
        script.wait(Duration::from_secs(60));
        assert_eq!(script.event(), None);
    }
}

#[test]
fn a_reliable_response_is_said_again_every_minute_too() {
    let (mut script, call) = ringing("Require: 100rel\r\n");
    let sdp = Some(b"v=0\r\nearly".to_vec());
    script.endpoint.progress(call, 183, sdp, script.now);
    let first = script.only();
    assert_eq!(status(&first), "183");
    let prack = |number: u32, rseq: &str| {
        let rack = format!("RAck: {rseq} 1 INVITE\r\n");
        request("PRACK", number, &tag(&first), &rack, "")
    };
    script.receive(&prack(2, &header(&first, "RSeq")));
    assert_eq!(status(&script.only()), "200");
    script.wait(Duration::from_secs(59));
    assert_eq!(script.sent(), Vec::<String>::new());
    script.wait(Duration::from_secs(1));
    let again = script.only();
    assert_eq!(status(&again), "183");
    // The next number, and nothing that is agreed already.
    let number = |text: &str| header(text, "RSeq").parse::<u32>().unwrap();
    assert_eq!(number(&again), number(&first) + 1);
    assert!(again.ends_with("\r\n\r\n"), "{again}");
    script.receive(&prack(3, &header(&again, "RSeq")));
    assert_eq!(status(&script.only()), "200");
    assert_eq!(script.event(), None);
}

#[test]
fn where_the_box_wants_it_a_caller_that_can_gets_reliable_responses() {
    for (headers, wanted, is_reliable) in [
        ("Supported: timer, 100rel\r\n", true, true),
        ("Supported: timer, 100rel\r\n", false, false),
        ("Supported: timer\r\n", true, false),
        ("Require: 100rel\r\n", false, true),
    ] {
        let (mut script, call) = ringing(headers);
        if wanted {
            script.endpoint.prefer_reliable(call, script.now);
        }
        script.endpoint.progress(call, 180, None, script.now);
        let progress = script.only();
        assert_eq!(header(&progress, "Require") == "100rel", is_reliable);
        assert_eq!(header(&progress, "RSeq").is_empty(), !is_reliable);
        script.wait(Duration::from_millis(500));
        assert_eq!(script.sent().len(), usize::from(is_reliable), "{headers}");
    }
}
