//! RFC 4028: the call proves itself alive, or ends.

use std::time::Duration;

use causeway_sip::{
    CallId, EndpointConfig, Event, Invite, Refresher, SessionTimer, SessionTimerMode, Side as By,
};

use crate::net::{ANSWER, CHANGED, Net, Side, Side::*, config};
use crate::script::{Script, header, local, request, response, starts, status};

fn every(interval_s: u32, refresher: Option<Refresher>) -> SessionTimer {
    SessionTimer {
        interval_s,
        refresher,
        ..SessionTimer::default()
    }
}

fn call(net: Net, refresher: Option<Refresher>) -> Net {
    call_of(net, refresher).0
}

/// An answered call from A to B: A asks for 120 s.
fn call_of(mut net: Net, refresher: Option<Refresher>) -> (Net, CallId) {
    let mut invite = net.invite(B);
    invite.session_timer = every(120, refresher);
    let at_a = net.at(A, |a, now| a.invite(invite, now).unwrap());
    net.settle();
    let at_b = net.incoming(B);
    net.at(B, |b, now| b.accept(at_b, ANSWER.to_vec(), now));
    net.settle();
    assert!(matches!(net.expect(A), Event::Answered { .. }));
    assert!(matches!(net.expect(B), Event::Confirmed { .. }));
    net.take_exchange();
    (net, at_a)
}

#[test]
fn either_side_refreshes_with_update_and_nobody_hears_of_it() {
    for (refresher, side) in [(Refresher::Us, A), (Refresher::Them, B)] {
        let mut net = call(Net::new(), Some(refresher));
        net.run(Duration::from_secs(59));
        assert_eq!(net.take_exchange(), Vec::<String>::new());
        let other = if side == A { B } else { A };
        for _ in 0..20 {
            net.run(Duration::from_secs(60));
            let expected = [format!("{side:?} UPDATE"), format!("{other:?} 200 UPDATE")];
            assert_eq!(net.take_exchange(), expected);
        }
        net.expect_none(A);
        net.expect_none(B);
    }
}

#[test]
fn a_refresher_that_falls_silent_is_hung_up_on() {
    let mut net =
        call(Net::new(), Some(Refresher::Us)).losing(|side, label| side == A && label == "UPDATE");
    net.run(Duration::from_secs(87));
    net.expect_none(B);
    // 32 s before the end of the interval, or a third of it when that is less.
    net.run(Duration::from_secs(2));
    let Event::Ended {
        by: By::Fault,
        reason: Some(reason),
        ..
    } = net.expect(B)
    else {
        panic!("not ended");
    };
    assert_eq!(reason.cause, Some(408));
    assert_eq!(reason.text.as_deref(), Some("session timer expired"));
    assert!(matches!(
        net.expect(A),
        Event::Ended {
            by: By::Remote,
            reason: Some(_),
            ..
        }
    ));
    net.assert_nothing_left();
}

#[test]
fn off_means_not_a_word_of_it() {
    let mut b = config(B);
    b.session_timer.mode = SessionTimerMode::Off;
    let mut net = call(
        Net::with(config(A), b, causeway_sip::Transport::Udp),
        Some(Refresher::Us),
    );
    let answer = String::from_utf8_lossy(&net.wire[2]).into_owned();
    assert_eq!(status(&answer), "200");
    assert_eq!(header(&answer, "Session-Expires"), "");
    assert_eq!(header(&answer, "Supported"), "100rel, norefersub, replaces");
    net.run(Duration::from_secs(10_000));
    assert_eq!(net.take_exchange(), Vec::<String>::new());
}

#[test]
fn too_short_is_refused_and_asked_again_with_what_is_demanded() {
    let mut b = config(B);
    b.session_timer.min_s = 600;
    let mut net = call(
        Net::with(config(A), b, causeway_sip::Transport::Udp),
        Some(Refresher::Us),
    );
    let starts: Vec<String> = net
        .wire
        .iter()
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        .collect();
    assert_eq!(header(&starts[0], "Session-Expires"), "120;refresher=uac");
    let refusal = starts.iter().find(|text| status(text) == "422").unwrap();
    assert_eq!(header(refusal, "Min-SE"), "600");
    let again = starts
        .iter()
        .rfind(|text| text.starts_with("INVITE"))
        .unwrap();
    assert_eq!(header(again, "CSeq"), "2 INVITE");
    assert_eq!(header(again, "Call-ID"), header(&starts[0], "Call-ID"));
    assert_eq!(header(again, "Session-Expires"), "600;refresher=uac");
    assert_eq!(header(again, "Min-SE"), "600");
    net.run(Duration::from_secs(301));
    assert_eq!(net.take_exchange(), ["A UPDATE", "B 200 UPDATE"]);
}

/// A call that the script's peer has answered; it allows no UPDATE, and the endpoint refreshes each 45 s.
fn answered_by_an_old_phone() -> (Script, CallId, String) {
    let mut script = Script::new();
    let (call, invite) = script.place(None);
    assert_eq!(header(&invite, "Session-Expires"), "1800");
    assert_eq!(header(&invite, "Min-SE"), "90");
    assert_eq!(
        header(&invite, "Supported"),
        "norefersub, replaces, 100rel, timer"
    );
    let headers = "Contact: <sip:100@10.0.0.2:5060>\r\nAllow: INVITE, ACK, BYE\r\n\
                   Require: timer\r\nSession-Expires: 90;refresher=uac\r\n";
    script.receive(&response(&invite, "200 OK", "p", headers, "v=0\r\nanswer"));
    assert_eq!(starts(&script.sent()), ["ACK"]);
    assert!(matches!(script.event(), Some(Event::Answered { .. })));
    script.wait(Duration::from_secs(45));
    let refresh = script.only();
    assert!(refresh.starts_with("INVITE "), "{refresh}");
    // To the byte what the first INVITE had: its version is unchanged.
    assert!(refresh.ends_with("\r\n\r\nv=0\r\noffer"), "{refresh}");
    assert_eq!(header(&refresh, "Session-Expires"), "90;refresher=uac");
    (script, call, refresh)
}

#[test]
fn who_allows_no_update_is_refreshed_by_reinvite_with_the_same_description() {
    let (mut script, _, mut refresh) = answered_by_an_old_phone();
    for _ in 0..5 {
        let headers = "Session-Expires: 90;refresher=uac\r\n";
        script.receive(&response(&refresh, "200 OK", "p", headers, "v=0\r\nanswer"));
        assert_eq!(starts(&script.sent()), ["ACK"]);
        assert_eq!(script.event(), None);
        script.wait(Duration::from_secs(45));
        refresh = script.only();
    }
    // Another answer than before is news after all.
    script.receive(&response(&refresh, "200 OK", "p", "", "v=0\r\nmoved"));
    assert_eq!(starts(&script.sent()), ["ACK"]);
    assert!(matches!(
        script.event(),
        Some(Event::OfferAnswered { sdp, .. }) if sdp == b"v=0\r\nmoved"
    ));
    // The header was forgotten in that answer: we go on.
    script.wait(Duration::from_secs(45));
    assert_eq!(starts(&script.sent()), ["INVITE"]);
}

#[test]
fn an_offer_commanded_during_a_refresh_follows_it() {
    let (mut script, call, refresh) = answered_by_an_old_phone();
    let now = script.now;
    script
        .endpoint
        .offer(call, b"v=0\r\nhold".to_vec(), now)
        .unwrap();
    assert_eq!(script.sent(), Vec::<String>::new());
    script.receive(&response(&refresh, "200 OK", "p", "", "v=0\r\nanswer"));
    let sent = script.sent();
    assert_eq!(starts(&sent), ["ACK", "INVITE"]);
    assert!(sent[1].ends_with("v=0\r\nhold"));
    script.receive(&response(&sent[1], "200 OK", "p", "", "v=0\r\nheld"));
    assert_eq!(starts(&script.sent()), ["ACK"]);
    assert!(matches!(script.event(), Some(Event::OfferAnswered { .. })));
}

#[test]
fn a_refresh_refused_is_tried_again_until_the_timer_expires() {
    let (mut script, _, refresh) = answered_by_an_old_phone();
    script.receive(&response(&refresh, "500 Server Error", "p", "", ""));
    assert_eq!(starts(&script.sent()), ["ACK"]);
    assert_eq!(script.event(), None);
    for _ in 0..4 {
        script.wait(Duration::from_secs(10));
        let again = script.only();
        assert!(again.starts_with("INVITE "), "{again}");
        script.receive(&response(&again, "503 Busy", "p", "", ""));
        script.sent();
    }
    script.wait(Duration::from_secs(5));
    let bye = script.only();
    assert!(bye.starts_with("BYE "), "{bye}");
    assert_eq!(
        header(&bye, "Reason"),
        "SIP;cause=408;text=\"session timer expired\""
    );
    assert!(matches!(
        script.event(),
        Some(Event::Ended { by: By::Fault, .. })
    ));
}

#[test]
fn a_refresh_that_nobody_knows_the_call_of_ends_it() {
    for answer in ["481 Gone", "408 Timeout"] {
        let (mut script, _, refresh) = answered_by_an_old_phone();
        script.receive(&response(&refresh, answer, "p", "", ""));
        assert_eq!(starts(&script.sent()), ["ACK", "BYE"]);
        assert!(matches!(
            script.event(),
            Some(Event::Ended { by: By::Fault, .. })
        ));
    }
}

#[test]
fn an_update_refused_for_what_it_is_becomes_a_reinvite() {
    let mut script = Script::new();
    let (_, invite) = script.place(None);
    let headers = "Contact: <sip:100@10.0.0.2:5060>\r\nAllow: INVITE, ACK, BYE, UPDATE\r\n\
                   Session-Expires: 90;refresher=uac\r\n";
    script.receive(&response(&invite, "200 OK", "p", headers, "v=0\r\nanswer"));
    script.sent();
    script.event();
    script.wait(Duration::from_secs(45));
    let update = script.only();
    assert!(update.starts_with("UPDATE "), "{update}");
    assert_eq!(header(&update, "Content-Length"), "0");
    script.receive(&response(&update, "422 Short", "p", "Min-SE: 200\r\n", ""));
    let longer = script.only();
    assert_eq!(header(&longer, "Session-Expires"), "200;refresher=uac");
    script.receive(&response(&longer, "405 No", "p", "", ""));
    script.wait(Duration::from_secs(10));
    let again = script.only();
    assert!(again.starts_with("INVITE "), "{again}");
    assert_eq!(script.event(), None);
}

#[test]
fn refreshes_of_the_far_side_are_answered_without_the_box() {
    let mut script = Script::new();
    let timer = "Supported: timer\r\nSession-Expires: 300;refresher=uac\r\n";
    script.receive(&request("INVITE", 1, "", timer, "v=0\r\noffer"));
    script.sent();
    let Some(Event::Incoming { call, .. }) = script.event() else {
        panic!("no call");
    };
    let now = script.now;
    script.endpoint.accept(call, b"v=0\r\nanswer".to_vec(), now);
    let answer = script.only();
    assert_eq!(header(&answer, "Session-Expires"), "300;refresher=uac");
    assert_eq!(header(&answer, "Require"), "timer");
    let tag = crate::script::tag(&answer);
    script.receive(&request("ACK", 1, &tag, "", ""));
    script.event();

    script.wait(Duration::from_secs(200));
    script.receive(&request("UPDATE", 2, &tag, timer, ""));
    let refreshed = script.only();
    assert_eq!(status(&refreshed), "200");
    assert_eq!(header(&refreshed, "Session-Expires"), "300;refresher=uac");

    script.wait(Duration::from_secs(200));
    script.receive(&request("INVITE", 3, &tag, timer, "v=0\r\noffer"));
    let sent = script.sent();
    assert_eq!(starts(&sent), ["100", "200"]);
    assert!(sent[1].ends_with("v=0\r\nanswer"), "{}", sent[1]);
    script.receive(&request("ACK", 3, &tag, "", ""));
    assert_eq!(script.event(), None);

    // Too short, in the middle of a call.
    let short = "Supported: timer\r\nSession-Expires: 30\r\n";
    script.receive(&request("UPDATE", 4, &tag, short, ""));
    let refusal = script.only();
    assert_eq!(status(&refusal), "422");
    assert_eq!(header(&refusal, "Min-SE"), "90");

    // The last refresh counts, then it is over.
    script.wait(Duration::from_millis(267_600));
    assert_eq!(script.event(), None);
    script.wait(Duration::from_millis(450));
    assert_eq!(starts(&script.sent()), ["BYE"]);
}

#[test]
fn a_caller_without_timers_is_refreshed_by_us_when_they_are_required() {
    let mut config = EndpointConfig::new([5; 32], local(), local());
    config.session_timer = SessionTimer {
        mode: SessionTimerMode::Required,
        interval_s: 100,
        ..SessionTimer::default()
    };
    let mut script = Script::with(config);
    script.established();
    script.wait(Duration::from_secs(50));
    assert_eq!(starts(&script.sent()), ["INVITE"]);
}

#[test]
fn the_setting_of_a_ringing_call_can_be_its_trunks() {
    let mut net = Net::new();
    let invite = Invite {
        session_timer: every(300, None),
        ..net.invite(B)
    };
    net.at(A, |a, now| a.invite(invite, now).unwrap());
    net.settle();
    let at_b = net.incoming(B);
    net.at(B, |b, now| {
        b.set_session_timer(at_b, every(120, Some(Refresher::Us)), now);
        b.accept(at_b, ANSWER.to_vec(), now);
    });
    net.settle();
    net.take_exchange();
    net.run(Duration::from_secs(61));
    assert_eq!(net.take_exchange(), ["B UPDATE", "A 200 UPDATE"]);
}

#[test]
fn a_hold_refreshes_as_well() {
    let (mut net, at_a) = call_of(Net::new(), Some(Refresher::Us));
    net.run(Duration::from_secs(50));
    net.at(A, |a, now| a.offer(at_a, CHANGED.to_vec(), now).unwrap());
    net.settle();
    let Event::Offer { call, .. } = net.expect(B) else {
        panic!("no offer");
    };
    let sdp = b"v=0\r\nheld".to_vec();
    net.at(B, |b, now| {
        b.answer_offer(call, causeway_sip::AnswerOffer::Accept { sdp }, now);
    });
    net.settle();
    net.take_exchange();
    net.run(Duration::from_secs(59));
    assert_eq!(net.take_exchange(), Vec::<String>::new());
    net.run(Duration::from_secs(2));
    assert_eq!(net.take_exchange(), ["A UPDATE", "B 200 UPDATE"]);
}

#[test]
fn refreshes_survive_a_bad_line() {
    // Every third message is lost, for an hour.
    let mut count = 0;
    let mut net = call(Net::new(), None).losing(move |_: Side, _| {
        count += 1;
        count % 3 == 0
    });
    net.run(Duration::from_secs(3_600));
    net.expect_none(A);
    net.expect_none(B);
}
