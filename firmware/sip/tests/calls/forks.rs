//! An INVITE that reaches several phones.

use causeway_sip::Event;

use crate::script::{Script, header, response, starts};

const RELIABLE: &str = "Require: 100rel\r\nContact: <sip:early@10.0.0.2:5070>\r\n";

#[test]
fn each_fork_has_its_own_early_dialog_and_the_latest_media_counts() {
    let mut script = Script::new();
    let (call, invite) = script.place(None);
    for (fork, sdp) in [("one", "v=0\r\none"), ("two", "v=0\r\ntwo")] {
        let headers = format!("{RELIABLE}RSeq: 7\r\n");
        script.receive(&response(
            &invite,
            "183 Session Progress",
            fork,
            &headers,
            sdp,
        ));
        let prack = script.only();
        assert!(
            prack.starts_with("PRACK sip:early@10.0.0.2:5070 SIP/2.0\r\n"),
            "{prack}"
        );
        assert_eq!(header(&prack, "RAck"), "7 1 INVITE");
        assert_eq!(header(&prack, "CSeq"), "2 PRACK");
        assert!(header(&prack, "To").ends_with(fork));
        assert!(matches!(
            script.event(),
            Some(Event::Progress { sdp: Some(found), .. }) if found == sdp.as_bytes()
        ));
    }
    // Repeated, and one from the future: neither acknowledged nor told.
    for rseq in [7, 9] {
        let headers = format!("{RELIABLE}RSeq: {rseq}\r\n");
        script.receive(&response(
            &invite,
            "183 Session Progress",
            "one",
            &headers,
            "v=0\r\n",
        ));
        assert_eq!(script.sent().len(), 0);
        assert_eq!(script.event(), None);
    }

    script.receive(&response(
        &invite,
        "200 OK",
        "two",
        "Contact: <sip:two@10.0.0.2>\r\n",
        "",
    ));
    let ack = script.only();
    assert!(ack.starts_with("ACK sip:two@10.0.0.2 "), "{ack}");
    assert_eq!(header(&ack, "CSeq"), "1 ACK");
    assert_eq!(script.event(), Some(Event::Answered { call, sdp: None }));

    // The other phone was picked up as well: acknowledged and ended, once; its 200 again is acknowledged again.
    let late = response(
        &invite,
        "200 OK",
        "one",
        "Contact: <sip:one@10.0.0.2>\r\n",
        "v=0\r\n",
    );
    script.receive(&late);
    let sent = script.sent();
    assert_eq!(starts(&sent), ["ACK", "BYE"]);
    assert!(
        sent.iter()
            .all(|text| header(text, "To").ends_with(";tag=one"))
    );
    script.receive(&late);
    assert_eq!(starts(&script.sent()), ["ACK"]);
    assert_eq!(script.event(), None);
    assert_eq!(script.endpoint.counts().dialogs, 1);

    // The dialog's next request follows the numbers of its PRACK.
    script.endpoint.bye(call, None, script.now);
    assert_eq!(header(&script.only(), "CSeq"), "3 BYE");
}

#[test]
fn a_200_after_the_call_was_given_up_is_ended() {
    let mut script = Script::new();
    let (call, invite) = script.place(None);
    script.receive(&response(&invite, "180 Ringing", "a", "", ""));
    script.event();
    script.endpoint.cancel(call, None, script.now);
    let cancel = script.only();
    assert_eq!(header(&cancel, "Via"), header(&invite, "Via"));
    assert_eq!(header(&cancel, "CSeq"), "1 CANCEL");
    script.wait(std::time::Duration::from_secs(40));
    script.sent();
    assert!(matches!(script.event(), Some(Event::Failed { .. })));
    script.receive(&response(&invite, "200 OK", "a", "", "v=0\r\n"));
    assert_eq!(starts(&script.sent()), ["ACK", "BYE"]);
    assert_eq!(script.event(), None);
}

#[test]
fn another_fork_than_the_one_heard_last_answers() {
    let mut script = Script::new();
    let (call, invite) = script.place(None);
    for (fork, sdp) in [("one", "v=0\r\none"), ("two", "v=0\r\ntwo")] {
        let headers = format!("{RELIABLE}RSeq: 7\r\n");
        let text = response(&invite, "183 Progress", fork, &headers, sdp);
        script.receive(&text);
        script.event();
    }
    script.sent();
    // Its answer came with its 183; the media of the other is on the line.
    script.receive(&response(&invite, "200 OK", "one", "", ""));
    let sdp = Some(b"v=0\r\none".to_vec());
    assert_eq!(script.event(), Some(Event::Answered { call, sdp }));
}

#[test]
fn a_redirection_tells_where_to() {
    let mut script = Script::new();
    let (_, invite) = script.place(None);
    let contacts =
        "Contact: <sip:low@b>;q=0.2, \"x\" <sip:high@b>;q=0.9\r\nContact: sip:first@c\r\n";
    script.receive(&response(&invite, "302 Moved", "p", contacts, ""));
    let Some(Event::Failed { failure, .. }) = script.event() else {
        panic!("not failed");
    };
    assert_eq!(failure.status, Some(302));
    assert_eq!(failure.contacts, ["sip:first@c", "sip:high@b", "sip:low@b"]);
}
