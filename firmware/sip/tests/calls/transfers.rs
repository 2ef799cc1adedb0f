//! REFER both ways, and calls that take another's place.

use std::time::Duration;

use causeway_sip::{CallId, Event, ReferId, Referral, Side as By};

use crate::net::{ANSWER, Net, Side::*};
use crate::script::{Script, header, request, response, starts, status};

fn referred(event: Option<Event>) -> (ReferId, Referral) {
    match event {
        Some(Event::Referred {
            refer, referral, ..
        }) => (refer, referral),
        other => panic!("not referred: {other:?}"),
    }
}

fn progress(event: Option<Event>) -> (u16, bool) {
    match event {
        Some(Event::ReferProgress {
            status, is_final, ..
        }) => (status, is_final),
        other => panic!("no progress: {other:?}"),
    }
}

#[test]
fn a_blind_transfer_is_reported_step_by_step() {
    let mut script = Script::new();
    let (call, our_tag) = script.established();
    let headers = "Refer-To: <tel:+49301>\r\nReferred-By: <sip:agent@pbx.example>\r\n";
    script.receive(&request("REFER", 2, &our_tag, headers, ""));
    assert_eq!(script.sent(), Vec::<String>::new());
    let (refer, referral) = referred(script.event());
    assert_eq!(referral.target, "tel:+49301");
    assert_eq!(referral.user, "+49301");
    assert_eq!(referral.replaces, None);
    assert_eq!(
        referral.referred_by.as_deref(),
        Some("<sip:agent@pbx.example>")
    );

    let now = script.now;
    script.endpoint.accept_refer(call, refer, now);
    let sent = script.sent();
    assert_eq!(starts(&sent), ["202", "NOTIFY"]);
    assert_eq!(header(&sent[1], "Event"), "refer");
    assert_eq!(header(&sent[1], "Subscription-State"), "active;expires=180");
    assert!(sent[1].ends_with("\r\n\r\nSIP/2.0 100 Trying\r\n"));
    script.receive(&response(&sent[1], "200 OK", "", "", ""));

    script.endpoint.notify_refer(call, refer, 180, now);
    assert!(script.only().ends_with("SIP/2.0 180 Ringing\r\n"));
    script.endpoint.notify_refer(call, refer, 200, now);
    let last = script.only();
    assert_eq!(
        header(&last, "Subscription-State"),
        "terminated;reason=noresource"
    );
    assert!(last.ends_with("SIP/2.0 200 OK\r\n"));
    // After the last word there is none.
    script.endpoint.notify_refer(call, refer, 200, now);
    assert_eq!(script.sent(), Vec::<String>::new());

    // A second REFER of the same call is told apart by its number.
    script.receive(&request("REFER", 3, &our_tag, headers, ""));
    let (refer, _) = referred(script.event());
    script.endpoint.accept_refer(call, refer, now);
    assert_eq!(header(&script.sent()[1], "Event"), "refer;id=3");
}

#[test]
fn an_attended_transfer_names_the_dialog_to_replace() {
    let mut script = Script::new();
    let (call, our_tag) = script.established();
    let headers = "Refer-To: <sip:200@10.0.0.2?Replaces=a%40b%3Bto-tag%3Dx%3Bfrom-tag%3Dy>\r\n\
                   Refer-Sub: false\r\n";
    script.receive(&request("REFER", 2, &our_tag, headers, ""));
    let (refer, referral) = referred(script.event());
    assert_eq!(referral.target, "sip:200@10.0.0.2");
    let replaces = referral.replaces.unwrap();
    assert_eq!(replaces.to_string(), "a@b;to-tag=x;from-tag=y");
    // Without a subscription there is nothing to tell (RFC 4488).
    let now = script.now;
    script.endpoint.accept_refer(call, refer, now);
    let accepted = script.only();
    assert_eq!(status(&accepted), "202");
    assert_eq!(header(&accepted, "Refer-Sub"), "false");
    script.endpoint.notify_refer(call, refer, 200, now);
    assert_eq!(script.sent(), Vec::<String>::new());
}

#[test]
fn what_cannot_be_a_transfer_is_refused_at_once() {
    let mut script = Script::new();
    let (_, our_tag) = script.established();
    for (at, (headers, expected)) in [
        ("", "400"),
        ("Refer-To: nonsense\r\n", "400"),
        ("Refer-To: <sip:a@b>\r\nRefer-To: <sip:c@d>\r\n", "400"),
        ("Refer-To: <sip:a@b;method=BYE>\r\n", "400"),
        ("Refer-To: <mailto:a@b>\r\n", "416"),
    ]
    .into_iter()
    .enumerate()
    {
        let number = 2 + u32::try_from(at).unwrap();
        script.receive(&request("REFER", number, &our_tag, headers, ""));
        assert_eq!(status(&script.only()), expected, "{headers}");
    }
    assert_eq!(script.event(), None);
    // Four are under way, then it is enough.
    for number in 10..14 {
        let headers = "Refer-To: <sip:a@b>\r\n";
        script.receive(&request("REFER", number, &our_tag, headers, ""));
        referred(script.event());
    }
    script.receive(&request(
        "REFER",
        14,
        &our_tag,
        "Refer-To: <sip:a@b>\r\n",
        "",
    ));
    assert_eq!(status(&script.only()), "500");
}

#[test]
fn a_refer_nobody_answers_is_declined_and_one_that_never_ends_is_ended() {
    let mut script = Script::new();
    let (call, our_tag) = script.established();
    let target = "Refer-To: <sip:a@b>\r\n";
    script.receive(&request("REFER", 2, &our_tag, target, ""));
    referred(script.event());
    script.wait(Duration::from_secs(20));
    assert_eq!(status(&script.only()), "603");

    script.receive(&request("REFER", 3, &our_tag, target, ""));
    let (refer, _) = referred(script.event());
    let now = script.now;
    script.endpoint.accept_refer(call, refer, now);
    let sent = script.sent();
    script.receive(&response(&sent[1], "200 OK", "", "", ""));
    script.wait(Duration::from_millis(180_100));
    let last = script.only();
    assert!(last.ends_with("SIP/2.0 408 Request Timeout\r\n"), "{last}");
    assert!(header(&last, "Subscription-State").starts_with("terminated"));
}

#[test]
fn a_refer_is_declined_when_its_call_ends() {
    let mut script = Script::new();
    let (_, our_tag) = script.established();
    script.receive(&request(
        "REFER",
        2,
        &our_tag,
        "Refer-To: <sip:a@b>\r\n",
        "",
    ));
    script.event();
    script.receive(&request("BYE", 3, &our_tag, "", ""));
    assert_eq!(starts(&script.sent()), ["200", "603"]);
    script.wait(Duration::from_secs(40));
    assert_eq!(script.endpoint.counts().server_transactions, 0);
}

#[test]
fn we_ask_for_a_transfer_and_hear_how_it_goes() {
    let mut net = Net::new();
    let (at_a, at_b) = net.call();
    let refer = net.at(A, |a, now| a.refer(at_a, "tel:+49301", None, now).unwrap());
    net.settle();
    let (asked, referral) = referred(net.event(B));
    assert_eq!(referral.target, "tel:+49301");
    // Who asks is named as the call names it.
    let by = referral.referred_by.as_deref();
    assert_eq!(by, Some("<sip:+4930123@box.example>"));
    net.at(B, |b, now| {
        b.accept_refer(at_b, asked, now);
        b.notify_refer(at_b, asked, 180, now);
    });
    net.settle();
    net.at(B, |b, now| b.notify_refer(at_b, asked, 486, now));
    net.settle();
    let accepted = Event::ReferAccepted { call: at_a, refer };
    assert_eq!(net.expect(A), accepted);
    let steps: Vec<_> = std::iter::from_fn(|| net.event(A))
        .map(|event| {
            assert!(matches!(event, Event::ReferProgress { refer: of, .. } if of == refer));
            progress(Some(event))
        })
        .collect();
    assert_eq!(steps, [(100, false), (180, false), (486, true)]);
    // Refused: the call goes on.
    let refer = net.at(A, |a, now| a.refer(at_a, "sip:200@b", None, now).unwrap());
    net.settle();
    let (asked, _) = referred(net.event(B));
    net.at(B, |b, now| b.reject_refer(at_b, asked, 603, now));
    net.settle();
    assert_eq!(
        net.expect(A),
        Event::ReferProgress {
            call: at_a,
            refer,
            status: 603,
            reason: "Decline".to_owned(),
            is_final: true
        }
    );
    net.at(A, |a, now| a.bye(at_a, None, now));
    net.assert_nothing_left();
}

#[test]
fn a_transfer_the_far_side_falls_silent_about_is_over_after_four_minutes() {
    let mut script = Script::new();
    let (call, our_tag) = script.established();
    let now = script.now;
    script.endpoint.refer(call, "sip:200@b", None, now).unwrap();
    let refer = script.only();
    assert_eq!(header(&refer, "Refer-To"), "<sip:200@b>");
    script.receive(&response(&refer, "202 Accepted", "", "", ""));
    // An event package nobody asked for.
    script.receive(&request("NOTIFY", 2, &our_tag, "Event: talk\r\n", ""));
    assert_eq!(status(&script.only()), "489");
    let state = "Event: refer;id=77\r\nSubscription-State: active\r\n";
    script.receive(&request("NOTIFY", 3, &our_tag, state, "SIP/2.0 100 Trying"));
    assert_eq!(status(&script.only()), "481");
    assert!(matches!(script.event(), Some(Event::ReferAccepted { .. })));
    script.wait(Duration::from_secs(239));
    assert_eq!(script.event(), None);
    script.wait(Duration::from_secs(2));
    assert_eq!(progress(script.event()), (408, true));
}

/// A second INVITE of the script's peer, which replaces.
fn replacing(value: &str) -> String {
    request(
        "INVITE",
        1,
        "",
        &format!("Replaces: {value}\r\n"),
        "v=0\r\n",
    )
    .replace("Call-ID: script", "Call-ID: second")
    .replace("z9hG4bKINVITE1", "z9hG4bKsecond")
}

#[test]
fn an_invite_with_replaces_takes_the_place_of_a_call() {
    let mut script = Script::new();
    let (old, our_tag) = script.established();
    script.receive(&replacing(&format!(
        "script;to-tag={our_tag};from-tag=peer"
    )));
    script.sent();
    let Some(Event::Incoming { call, replaces, .. }) = script.event() else {
        panic!("no call");
    };
    assert_eq!(replaces, Some(old));
    let now = script.now;
    script.endpoint.accept(call, b"v=0\r\n".to_vec(), now);
    let sent = script.sent();
    assert_eq!(starts(&sent), ["200", "BYE"]);
    assert_eq!(header(&sent[1], "Call-ID"), "script");
    script.receive(&response(&sent[1], "200 OK", "", "", ""));
    assert!(matches!(
        script.event(),
        Some(Event::Ended { call, by: By::Local, .. }) if call == old
    ));
}

#[test]
fn what_cannot_be_replaced_is_not() {
    let mut script = Script::new();
    let (_, our_tag) = script.established();
    for (value, expected) in [
        ("script;to-tag=other;from-tag=peer".to_owned(), "481"),
        (format!("script;to-tag={our_tag};from-tag=other"), "481"),
        (
            format!("script;to-tag={our_tag};from-tag=peer;early-only"),
            "486",
        ),
        ("script".to_owned(), "400"),
        (
            format!("script;to-tag={our_tag};from-tag=peer\r\nReplaces: a;to-tag=b;from-tag=c"),
            "400",
        ),
    ] {
        let invite = replacing(&value).replace("z9hG4bKsecond", &format!("z9hG4bK{}", value.len()));
        script.receive(&invite.replace("second", &format!("second{}", value.len())));
        assert_eq!(status(&script.only()), expected, "{value}");
        assert_eq!(script.event(), None);
    }
}

#[test]
fn our_dialog_can_be_named_to_others() {
    let mut net = Net::new();
    let (at_a, _) = net.call();
    let named = net.endpoint(A).as_replaced(at_a).unwrap();
    // B is sent this by a third party, and finds its own dialog.
    let mut invite = net.invite(B);
    invite.headers = vec![("Replaces".to_owned(), named.to_string())];
    let second: CallId = net.at(A, |a, now| a.invite(invite, now).unwrap());
    net.settle();
    let Event::Incoming {
        call,
        replaces: Some(_),
        ..
    } = net.expect(B)
    else {
        panic!("replaces nothing");
    };
    net.at(B, |b, now| b.accept(call, ANSWER.to_vec(), now));
    net.settle();
    let events: Vec<_> = std::iter::from_fn(|| net.event(A)).collect();
    assert!(
        matches!(
            events.as_slice(),
            [Event::Answered { call, .. }, Event::Ended { call: old, .. }]
            | [Event::Ended { call: old, .. }, Event::Answered { call, .. }]
                if *call == second && *old == at_a
        ),
        "{events:?}"
    );
}
