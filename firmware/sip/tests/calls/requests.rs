//! Requests of a peer, in and out of a call, well and ill-behaved.

use std::time::Duration;

use causeway_sip::{AcceptFrom, AnswerOffer, EndpointConfig, Event, Peers, Side as By, Transport};

use crate::script::{Script, header, local, request, response, starts, status, tag};

#[test]
fn responses_go_to_where_the_request_came_from() {
    let mut script = Script::new();
    script.peer = "10.0.0.9:33333".parse().unwrap();
    script.receive(&request("OPTIONS", 1, "", "", ""));
    let sent = script.transmits();
    assert_eq!(sent[0].remote, script.peer);
    let text = String::from_utf8(sent[0].bytes.clone()).unwrap();
    assert_eq!(
        header(&text, "Via"),
        "SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bKOPTIONS1;rport=33333;received=10.0.0.9"
    );
    for (name, value) in [
        (
            "Allow",
            "INVITE, ACK, CANCEL, BYE, PRACK, UPDATE, INFO, OPTIONS, REFER, NOTIFY",
        ),
        ("Accept", "application/sdp"),
        ("Supported", "100rel, norefersub, replaces, timer"),
    ] {
        assert_eq!(header(&text, name), value);
    }
}

#[test]
fn a_repeated_request_gets_the_same_response() {
    let mut script = Script::new();
    let options = request("OPTIONS", 1, "", "", "");
    script.receive(&options);
    let first = script.only();
    script.receive(&options);
    assert_eq!(script.only(), first);

    let invite = request("INVITE", 2, "", "", "v=0\r\n");
    script.receive(&invite);
    script.receive(&invite);
    assert_eq!(starts(&script.sent()), ["100", "100"]);
    assert!(matches!(script.event(), Some(Event::Incoming { .. })));
    assert_eq!(script.event(), None);
}

#[test]
fn the_same_invite_over_another_path_is_merged() {
    let mut script = Script::new();
    let invite = request("INVITE", 1, "", "", "v=0\r\n");
    script.receive(&invite);
    script.sent();
    script.receive(&invite.replace("z9hG4bKINVITE1", "z9hG4bKother"));
    assert_eq!(status(&script.only()), "482");
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    for (text, expected, name, value) in [
        (
            request("REGISTER", 1, "", "", ""),
            "403",
            "Server",
            "Causeway",
        ),
        (
            request("MESSAGE", 1, "", "", ""),
            "405",
            "Allow",
            "INVITE, ACK, CANCEL, BYE, PRACK, UPDATE, INFO, OPTIONS, REFER, NOTIFY",
        ),
        (
            request("SUBSCRIBE", 1, "", "", ""),
            "405",
            "Server",
            "Causeway",
        ),
        (
            request("REFER", 1, "", "Refer-To: <sip:9@h>\r\n", ""),
            "403",
            "Server",
            "Causeway",
        ),
        (
            // Waiting messages of somebody who never subscribed, as Asterisk sends them.
            request("NOTIFY", 1, "", "Event: message-summary\r\n", ""),
            "481",
            "Server",
            "Causeway",
        ),
        (
            request("FROBNICATE", 1, "", "", ""),
            "501",
            "Server",
            "Causeway",
        ),
        (
            request("INVITE", 1, "", "Require: gruu, 100rel\r\n", ""),
            "420",
            "Unsupported",
            "gruu",
        ),
        (
            request("INVITE", 1, "", "Content-Type: text/plain\r\n", "hello"),
            "415",
            "Accept",
            "application/sdp",
        ),
        (
            request("INVITE", 1, "", "Content-Encoding: gzip\r\n", "v=0\r\n"),
            "415",
            "Accept-Encoding",
            "identity",
        ),
        (
            request("INVITE", 1, "", "Accept: text/plain\r\n", "v=0\r\n"),
            "406",
            "Server",
            "Causeway",
        ),
        (
            request("INVITE", 1, "", "", "").replace("Max-Forwards: 70", "Max-Forwards: 0"),
            "483",
            "Server",
            "Causeway",
        ),
        (
            request("INVITE", 1, "", "", "").replace("sip:causeway@10.0.0.1:5060", "http://x"),
            "416",
            "Server",
            "Causeway",
        ),
        (request("BYE", 1, "", "", ""), "481", "Server", "Causeway"),
        (
            request("BYE", 1, "unknown", "", ""),
            "481",
            "Server",
            "Causeway",
        ),
        (
            request("INVITE", 1, "unknown", "", ""),
            "481",
            "Server",
            "Causeway",
        ),
        (
            request("CANCEL", 1, "", "", ""),
            "481",
            "Server",
            "Causeway",
        ),
        (
            request("PRACK", 1, "unknown", "RAck: 1 1 INVITE\r\n", ""),
            "481",
            "Server",
            "Causeway",
        ),
    ] {
        let mut script = Script::new();
        script.receive(&text);
        let sent = script.only();
        assert_eq!(status(&sent), expected, "{text}");
        assert_eq!(header(&sent, name), value, "{text}");
        assert!(header(&sent, "To").contains(";tag="), "{sent}");
        while let Some(event) = script.event() {
            assert!(matches!(event, Event::Refused { .. }), "{event:?}");
        }
        script.wait(Duration::from_secs(100));
        assert_eq!(script.endpoint.poll_timeout(), None);
    }
}

#[test]
fn inside_a_call() {
    let mut script = Script::new();
    let (call, tag) = script.established();
    let relay = "Content-Type: application/dtmf-relay\r\n";
    for (cseq, (method, headers, body, expected)) in (2..).zip([
        ("INFO", relay, "Signal=5\r\nDuration=160\r\n", "200"),
        ("INFO", "", "", "200"),
        ("INFO", relay, "Signal=nonsense", "400"),
        (
            "INFO",
            "Content-Type: application/unknown+xml\r\n",
            "<x/>",
            "415",
        ),
        ("OPTIONS", "", "", "200"),
        ("REFER", "", "", "400"),
        ("NOTIFY", "Event: refer\r\n", "", "481"),
        ("MESSAGE", "", "", "405"),
        ("UPDATE", "", "", "200"),
        ("PRACK", "RAck: 1 1 INVITE\r\n", "", "481"),
        ("BYE", "Require: magic\r\n", "", "420"),
    ]) {
        script.receive(&request(method, cseq, &tag, headers, body));
        assert_eq!(status(&script.only()), expected, "{method} {headers}{body}");
    }
    assert_eq!(
        script.event(),
        Some(Event::Dtmf {
            call,
            digit: '5',
            duration_ms: 160
        })
    );
    assert_eq!(script.event(), None);
    // A number of the past, and a tag that is not the caller's.
    script.receive(&request("INFO", 3, &tag, "", "").replace("z9hG4bKINFO3", "z9hG4bKlate"));
    assert_eq!(status(&script.only()), "500");
    script.receive(&request("INFO", 30, &tag, "", "").replace("tag=peer", "tag=stranger"));
    assert_eq!(status(&script.only()), "481");
    let reason = "Reason: SIP;cause=200, Q.850;cause=16;text=\"Normal\"\r\n";
    script.receive(&request("BYE", 40, &tag, reason, ""));
    assert_eq!(status(&script.only()), "200");
    let Some(Event::Ended {
        by: By::Remote,
        reason: Some(reason),
        ..
    }) = script.event()
    else {
        panic!("not ended");
    };
    assert_eq!(
        (reason.protocol.as_str(), reason.cause),
        ("Q.850", Some(16))
    );
}

#[test]
fn an_update_with_an_offer_is_answered_by_the_box() {
    let mut script = Script::new();
    let (call, tag) = script.established();
    script.receive(&request("UPDATE", 2, &tag, "", "v=0\r\nupdate"));
    assert_eq!(script.sent().len(), 0);
    assert_eq!(
        script.event(),
        Some(Event::Offer {
            call,
            sdp: Some(b"v=0\r\nupdate".to_vec())
        })
    );
    // Another before the answer.
    script.receive(&request("INVITE", 3, &tag, "", "v=0\r\n"));
    let overlapping = script.only();
    assert_eq!(status(&overlapping), "500");
    assert!(header(&overlapping, "Retry-After").parse::<u32>().unwrap() <= 10);
    let ack = request("ACK", 3, &tag, "", "");
    script.receive(&ack.replace("z9hG4bKACK3", "z9hG4bKINVITE3"));
    let answer = AnswerOffer::Accept {
        sdp: b"v=0\r\nfine".to_vec(),
    };
    script.endpoint.answer_offer(call, answer, script.now);
    let answered = script.only();
    assert_eq!(status(&answered), "200");
    assert!(answered.ends_with("v=0\r\nfine"));
    // UPDATE has no ACK, so nothing is repeated.
    script.wait(Duration::from_secs(40));
    assert_eq!(script.sent().len(), 0);
}

#[test]
fn an_offerless_re_invite_gets_our_offer_and_brings_the_answer_in_its_ack() {
    let mut script = Script::new();
    let (call, tag) = script.established();
    script.receive(&request("INVITE", 2, &tag, "", ""));
    assert_eq!(starts(&script.sent()), ["100"]);
    assert_eq!(script.event(), Some(Event::Offer { call, sdp: None }));
    let offer = AnswerOffer::Accept {
        sdp: b"v=0\r\nours".to_vec(),
    };
    script.endpoint.answer_offer(call, offer, script.now);
    assert!(script.only().ends_with("v=0\r\nours"));
    // While our offer is open theirs is refused.
    script.receive(&request("INVITE", 3, &tag, "", "v=0\r\ntheirs"));
    assert_eq!(status(&script.only()), "491");
    script.receive(&request("ACK", 2, &tag, "", "v=0\r\nanswer"));
    assert_eq!(
        script.event(),
        Some(Event::OfferAnswered {
            call,
            sdp: b"v=0\r\nanswer".to_vec()
        })
    );
}

#[test]
fn an_offerless_call_brings_the_answer_in_its_ack() {
    let mut script = Script::new();
    script.receive(&request("INVITE", 1, "", "", ""));
    script.sent();
    let Some(Event::Incoming {
        call, sdp: None, ..
    }) = script.event()
    else {
        panic!("no call");
    };
    script
        .endpoint
        .accept(call, b"v=0\r\nours".to_vec(), script.now);
    let tag = tag(&script.only());
    script.receive(&request("ACK", 1, &tag, "", "v=0\r\nanswer"));
    assert_eq!(
        script.event(),
        Some(Event::Confirmed {
            call,
            sdp: Some(b"v=0\r\nanswer".to_vec())
        })
    );
}

#[test]
fn a_cancelled_re_invite_leaves_the_call() {
    let mut script = Script::new();
    let (call, tag) = script.established();
    script.receive(&request("INVITE", 2, &tag, "", "v=0\r\n"));
    script.sent();
    script.event();
    let cancel = request("CANCEL", 2, &tag, "", "").replace("z9hG4bKCANCEL2", "z9hG4bKINVITE2");
    script.receive(&cancel);
    assert_eq!(starts(&script.sent()), ["200", "487"]);
    assert_eq!(script.event(), None);
    script
        .endpoint
        .offer(call, b"v=0\r\n".to_vec(), script.now)
        .unwrap();
    assert_eq!(starts(&script.sent()), ["INVITE"]);
}

#[test]
fn a_caller_may_end_the_early_dialog_with_bye() {
    let mut script = Script::new();
    script.receive(&request("INVITE", 1, "", "", "v=0\r\n"));
    let Some(Event::Incoming { call, .. }) = script.event() else {
        panic!("no call");
    };
    script.endpoint.progress(call, 180, None, script.now);
    let tag = tag(&script.sent()[1]);
    script.receive(&request("BYE", 2, &tag, "", ""));
    assert_eq!(starts(&script.sent()), ["200", "487"]);
    assert!(matches!(script.event(), Some(Event::Cancelled { .. })));
}

#[test]
fn requests_follow_the_route_but_not_to_strangers() {
    for (routes, contact, accept_from, expected_uri, expected_remote) in [
        // The contact is a literal.
        (
            "",
            "<sip:x@10.0.0.7:5090>",
            vec![],
            "sip:x@10.0.0.7:5090",
            "10.0.0.7:5090",
        ),
        // It has a name: back to where the call came from.
        (
            "",
            "<sip:x@phone.example>",
            vec![],
            "sip:x@phone.example",
            "10.0.0.2:5060",
        ),
        // It is outside the addresses we speak with, or no address of a host.
        (
            "",
            "<sip:x@10.0.0.7>",
            vec!["10.0.0.2"],
            "sip:x@10.0.0.7",
            "10.0.0.2:5060",
        ),
        (
            "",
            "<sip:x@255.255.255.255>",
            vec![],
            "sip:x@255.255.255.255",
            "10.0.0.2:5060",
        ),
        (
            "",
            "<sip:x@224.0.0.1>",
            vec![],
            "sip:x@224.0.0.1",
            "10.0.0.2:5060",
        ),
        // A proxy wants to stay in the path.
        (
            "Record-Route: <sip:10.0.0.5:5061;lr>\r\n",
            "<sip:x@10.0.0.7>",
            vec![],
            "sip:x@10.0.0.7",
            "10.0.0.5:5061",
        ),
    ] {
        let mut config = EndpointConfig::new([5; 32], local(), local());
        if !accept_from.is_empty() {
            let mut peers = Peers::default();
            for ip in accept_from {
                peers.allow_clear(ip.parse().unwrap());
            }
            config.accept_from = AcceptFrom::Only(peers);
        }
        let mut script = Script::with(config);
        let invite =
            request("INVITE", 1, "", routes, "v=0\r\n").replace("<sip:100@10.0.0.2:5060>", contact);
        script.receive(&invite);
        let Some(Event::Incoming { call, .. }) = script.event() else {
            panic!("no call");
        };
        script
            .endpoint
            .accept(call, b"v=0\r\n".to_vec(), script.now);
        let accepted = script.sent().pop().unwrap();
        assert_eq!(
            header(&accepted, "Record-Route"),
            header(routes, "Record-Route")
        );
        script.receive(&request("ACK", 1, &tag(&accepted), "", ""));
        script.endpoint.bye(call, None, script.now);
        let bye = script.transmits().pop().unwrap();
        let text = String::from_utf8(bye.bytes).unwrap();
        assert!(
            text.starts_with(&format!("BYE {expected_uri} SIP/2.0\r\n")),
            "{text}"
        );
        assert_eq!(bye.remote.to_string(), expected_remote, "{contact}");
        assert_eq!(bye.transport, Transport::Udp);
    }
}

#[test]
fn strays_are_dropped_and_counted() {
    let mut script = Script::new();
    script.receive(&request("ACK", 1, "unknown", "", ""));
    let mut foreign = request("OPTIONS", 1, "", "", "");
    foreign = response(&foreign, "200 OK", "x", "", "");
    script.receive(&foreign);
    script.receive("\r\n\r\n");
    script.receive("nonsense");
    script.receive("INVITE sip:a@b SIP/2.0\r\n\r\n");
    assert_eq!(script.sent().len(), 0);
    let counts = script.endpoint.counts();
    assert_eq!(
        (counts.discarded, counts.malformed, counts.received),
        (3, 2, 5)
    );
}

#[test]
fn a_flood_of_transactions_is_refused_without_keeping_state() {
    let mut config = EndpointConfig::new([5; 32], local(), local());
    config.max_transactions = 10;
    let mut script = Script::with(config);
    for number in 0..50 {
        let text = request("OPTIONS", number, "", "", "")
            .replace("Call-ID: script", &format!("Call-ID: {number}"));
        script.receive(&text);
    }
    let sent = script.sent();
    assert_eq!(sent.iter().filter(|text| status(text) == "200").count(), 10);
    assert_eq!(sent.iter().filter(|text| status(text) == "503").count(), 40);
    assert_eq!(script.endpoint.counts().server_transactions, 10);
    assert_eq!(script.endpoint.counts().overloaded, 40);
}

#[test]
fn refusals_are_reported_at_most_ten_times_a_second() {
    let mut script = Script::new();
    for _ in 0..100 {
        script.receive("nonsense");
    }
    let reported = std::iter::from_fn(|| script.event()).count();
    assert_eq!(reported, 10);
    script.wait(Duration::from_secs(1));
    script.receive("nonsense");
    assert!(matches!(script.event(), Some(Event::Refused { .. })));
}

#[test]
fn an_odd_reason_phrase_and_redirection_are_plain_failures() {
    for (line, expected) in [("302 ", ""), ("486 = 2**3 * 5**2 но", "= 2**3 * 5**2 но")] {
        let mut script = Script::new();
        let (_, invite) = script.place(None);
        let contact = "Contact: <sip:elsewhere@10.0.0.3>\r\n";
        script.receive(&response(&invite, line, "x", contact, ""));
        assert_eq!(starts(&script.sent()), ["ACK"]);
        let Some(Event::Failed { failure, .. }) = script.event() else {
            panic!("not failed");
        };
        assert_eq!(failure.reason, expected);
    }
}
