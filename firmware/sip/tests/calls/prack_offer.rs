//! An offer in a PRACK (RFC 3262 §5): the 200 to the PRACK holds our answer.

use causeway_sip::{AnswerOffer, CallId, Event};

use crate::script::{Script, header, request, starts, tag};

/// They call and we answer their offer early and reliably: the call, our tag and the PRACK's RAck.
fn answered_early(script: &mut Script) -> (CallId, String, String) {
    script.receive(&request(
        "INVITE",
        1,
        "",
        "Require: 100rel\r\n",
        "v=0\r\nfirst",
    ));
    let Some(Event::Incoming { call, .. }) = script.event() else {
        panic!("no call");
    };
    script.sent();
    let answer = b"v=0\r\nfirst answer".to_vec();
    script
        .endpoint
        .progress(call, 183, Some(answer), script.now);
    let progress = script.only();
    let rack = format!("RAck: {} 1 INVITE\r\n", header(&progress, "RSeq"));
    (call, tag(&progress), rack)
}

fn answer(script: &mut Script, call: CallId) {
    let sdp = b"v=0\r\nsecond answer".to_vec();
    let now = script.now;
    script
        .endpoint
        .answer_offer(call, AnswerOffer::Accept { sdp }, now);
}

#[test]
fn it_is_answered_in_the_200_of_the_prack() {
    let mut script = Script::new();
    let (call, tag, rack) = answered_early(&mut script);
    script.receive(&request("PRACK", 2, &tag, &rack, "v=0\r\nsecond"));
    let offer = Event::Offer {
        call,
        sdp: Some(b"v=0\r\nsecond".to_vec()),
    };
    assert_eq!(script.event(), Some(offer));
    assert_eq!(starts(&script.sent()), Vec::<&str>::new());
    answer(&mut script, call);
    let ok = script.only();
    assert_eq!(header(&ok, "CSeq"), "2 PRACK");
    assert!(ok.ends_with("second answer"), "{ok}");

    // The 200 of the INVITE says what was agreed last, whatever the box still thinks.
    script
        .endpoint
        .accept(call, b"v=0\r\nfirst answer".to_vec(), script.now);
    let ok = script.only();
    assert_eq!(header(&ok, "CSeq"), "1 INVITE");
    assert!(ok.ends_with("second answer"), "{ok}");
    script.receive(&request("ACK", 1, &tag, "", ""));
    assert!(matches!(
        script.event(),
        Some(Event::Confirmed { sdp: None, .. })
    ));
}

#[test]
fn an_acceptance_waits_for_prack_and_answer() {
    let mut script = Script::new();
    let (call, tag, rack) = answered_early(&mut script);
    script
        .endpoint
        .accept(call, b"v=0\r\nfirst answer".to_vec(), script.now);
    assert_eq!(starts(&script.sent()), Vec::<&str>::new());
    script.receive(&request("PRACK", 2, &tag, &rack, "v=0\r\nsecond"));
    assert!(matches!(script.event(), Some(Event::Offer { .. })));
    assert_eq!(starts(&script.sent()), Vec::<&str>::new());
    answer(&mut script, call);
    let sent = script.sent();
    let of: Vec<String> = sent.iter().map(|text| header(text, "CSeq")).collect();
    assert_eq!(of, ["2 PRACK", "1 INVITE"]);
}

#[test]
fn a_refused_one_leaves_the_session_as_it_was() {
    let mut script = Script::new();
    let (call, tag, rack) = answered_early(&mut script);
    script.receive(&request("PRACK", 2, &tag, &rack, "v=0\r\nsecond"));
    assert!(matches!(script.event(), Some(Event::Offer { .. })));
    let refusal = AnswerOffer::Reject {
        status: 488,
        warning: None,
    };
    script.endpoint.answer_offer(call, refusal, script.now);
    assert_eq!(starts(&script.sent()), ["488"]);
    script
        .endpoint
        .accept(call, b"v=0\r\nfirst answer".to_vec(), script.now);
    assert!(script.only().ends_with("first answer"));
}

#[test]
fn one_before_the_first_is_answered_is_refused() {
    let mut script = Script::new();
    script.receive(&request(
        "INVITE",
        1,
        "",
        "Require: 100rel\r\n",
        "v=0\r\nfirst",
    ));
    let Some(Event::Incoming { call, .. }) = script.event() else {
        panic!("no call");
    };
    script.sent();
    script.endpoint.progress(call, 180, None, script.now);
    let ringing = script.only();
    let rack = format!("RAck: {} 1 INVITE\r\n", header(&ringing, "RSeq"));
    script.receive(&request("PRACK", 2, &tag(&ringing), &rack, "v=0\r\nsecond"));
    assert_eq!(starts(&script.sent()), ["488"]);
    assert_eq!(script.event(), None);
}
