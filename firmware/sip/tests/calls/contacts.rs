//! A peer's Contact and Record-Route come back in our requests: what no URI may hold is refused, escaped or left out,
//! and the call goes its defined way (RFC 3261 §12.1, §12.2.1.1, §19.1.1).

use causeway_sip::message::{Message, check, read};
use causeway_sip::{Event, Side as By};

use crate::script::{Script, header, request, response, status};

const CONTACT: &str = "Contact: <sip:100@10.0.0.2:5060>\r\n";

fn line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Whatever we write, we can read.
#[track_caller]
fn is_readable(text: &str) {
    match read(text.as_bytes()) {
        Ok(Message::Request(request)) => drop(check::request(&request).unwrap()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_invite_with_an_unreadable_contact_or_route_begins_no_call() {
    for broken in [
        "Contact: <sip:100@10.0.0.2\r\n",
        "Contact: <sip:1 0@10.0.0.2>\r\n",
        "Contact: *\r\n",
        "Contact: <sip:100@10.0.0.2>, <sip:100@10.0.0.3>\r\n",
        "Contact: <sip:100@10.0.0.2>\r\nRecord-Route: <sip:p x;lr>\r\n",
    ] {
        let mut script = Script::new();
        script.receive(&request("INVITE", 1, "", "", "v=0\r\n").replace(CONTACT, broken));
        assert_eq!(status(&script.only()), "400", "{broken}");
        assert!(matches!(script.event(), Some(Event::Refused { .. })));
        assert_eq!(script.event(), None, "{broken}");
        assert_eq!(script.endpoint.counts().dialogs, 0);
    }
}

#[test]
fn a_contact_with_headers_or_odd_octets_is_called_back_without_them() {
    for (contact, target) in [
        (
            "Contact: <sip:100@10.0.0.2:5060?Replaces=x&Route=y>\r\n",
            "BYE sip:100@10.0.0.2:5060 SIP/2.0",
        ),
        (
            "Contact: <sip:1|0{é}@10.0.0.2;x=^>\r\n",
            "BYE sip:1%7C0%7B%C3%A9%7D@10.0.0.2;x=%5E SIP/2.0",
        ),
        // None at all, as RFC 2543 allowed: the address of From.
        ("", "BYE sip:100@pbx.example SIP/2.0"),
    ] {
        let mut script = Script::new();
        script.receive(&request("INVITE", 1, "", "", "v=0\r\n").replace(CONTACT, contact));
        script.sent();
        let Some(Event::Incoming { call, .. }) = script.event() else {
            panic!("no call");
        };
        script
            .endpoint
            .accept(call, b"v=0\r\n".to_vec(), script.now);
        let tag = crate::script::tag(&script.only());
        script.receive(&request("ACK", 1, &tag, "", ""));
        script.endpoint.bye(call, None, script.now);
        let bye = script.only();
        assert_eq!(line(&bye), target);
        is_readable(&bye);
    }
}

#[test]
fn a_reinvite_or_update_with_an_unreadable_contact_changes_nothing() {
    for method in ["INVITE", "UPDATE"] {
        let mut script = Script::new();
        let (call, tag) = script.established();
        let broken = request(method, 2, &tag, "", "v=0\r\nother")
            .replace(CONTACT, "Contact: <sip:9@10.0.0.9\r\n");
        script.receive(&broken);
        assert_eq!(status(&script.only()), "400");
        assert!(matches!(script.event(), Some(Event::Refused { .. })));
        assert_eq!(script.event(), None);
        // The call stands, at the old target.
        script.endpoint.bye(call, None, script.now);
        assert_eq!(line(&script.only()), "BYE sip:100@10.0.0.2:5060 SIP/2.0");
    }
}

#[test]
fn an_answer_with_an_unreadable_contact_leaves_the_target_that_was_called() {
    for contact in [
        "Contact: <sip:100@10.0.0.2\r\n",
        "Contact: *\r\n",
        "Contact: <sip:\u{1}@10.0.0.2>\r\n",
        "",
    ] {
        let mut script = Script::new();
        let (call, invite) = script.place(None);
        let headers = format!("{contact}Record-Route: <sip:p1;lr>, <sip:p 2;lr>, sip:p3;lr\r\n");
        script.receive(&response(
            &invite,
            "200 OK",
            "theirs",
            &headers,
            "v=0\r\nyes",
        ));
        let ack = script.only();
        assert_eq!(line(&ack), "ACK sip:100@pbx.example SIP/2.0");
        // The proxy whose address nobody can read is left out.
        assert_eq!(header(&ack, "Route"), "<sip:p3;lr>");
        assert!(ack.contains("Route: <sip:p1;lr>\r\n"), "{ack}");
        is_readable(&ack);
        assert!(matches!(script.event(), Some(Event::Answered { .. })));
        script.endpoint.bye(call, None, script.now);
        let bye = script.only();
        is_readable(&bye);
        script.receive(&response(&bye, "200 OK", "", "", ""));
        let Some(Event::Ended { by, .. }) = script.event() else {
            panic!("not ended");
        };
        assert_eq!(by, By::Local);
    }
}

#[test]
fn a_call_to_an_address_with_headers_goes_out_without_them() {
    // As when the contact of a redirection is called (§8.1.3.4): its headers are a stranger's wishes.
    let mut script = Script::new();
    let (_, invite) = script.place(None);
    assert_eq!(line(&invite), "INVITE sip:100@pbx.example SIP/2.0");
    let call = causeway_sip::Invite {
        remote: script.peer,
        transport: causeway_sip::Transport::Udp,
        request_uri: "sip:100@pbx.example?Route=%3Csip:evil%3E".to_owned(),
        from: causeway_sip::Identity {
            display: None,
            uri: "sip:box@box.example".to_owned(),
        },
        to: "sip:100@pbx.example".to_owned(),
        headers: Vec::new(),
        sdp: None,
        credentials: None,
        reliable: causeway_sip::Reliable::Off,
        session_timer: causeway_sip::SessionTimer::default(),
    };
    script.endpoint.invite(call, script.now).unwrap();
    let invite = script.only();
    assert_eq!(line(&invite), "INVITE sip:100@pbx.example SIP/2.0");
    is_readable(&invite);
}

#[test]
fn another_method_with_the_same_number_is_no_merged_request() {
    let mut script = Script::new();
    script.receive(&request("INVITE", 1, "", "", "v=0\r\n"));
    script.sent();
    script.receive(&request("OPTIONS", 1, "", "", ""));
    assert_eq!(status(&script.only()), "200");
}
