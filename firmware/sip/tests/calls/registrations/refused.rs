//! Registrars that refuse, are silent, send elsewhere, or say anything at all.

use super::*;

#[test]
fn too_brief_is_asked_for_longer() {
    let mut office = Office::new();
    let ask = office.only();
    office.answer(&ask, "423 Interval Too Brief", "Min-Expires: 600\r\n");
    let asked = office.only();
    assert_eq!(header(&asked, "Expires"), "600");
    office.answer(&asked, "200 OK", "");
    let (after, _, refresh) = office.next();
    assert!((300..=450).contains(&after.as_secs()), "{after:?}");
    // And never less again.
    assert_eq!(header(&refresh, "Expires"), "600");
    // Nonsense is not followed.
    for headers in [
        "",
        "Min-Expires: 60\r\n",
        "Min-Expires: 99999999999\r\n",
        "Min-Expires: 4000000000\r\n",
    ] {
        let mut office = Office::new();
        let ask = office.only();
        office.answer(&ask, "423 Interval Too Brief", headers);
        office.silent();
        assert_eq!(
            office.why(),
            Some(RegistrationFault::TooBrief { asked_s: 300 })
        );
    }
}

#[test]
fn the_next_registrar_is_asked_on_silence_and_503() {
    let mut office = Office::with([7; 32], Transport::Udp, &[first(), second()]);
    office.only();
    let (after, to, ask) = office.next();
    assert_eq!((after, to), (Duration::from_secs(5), second()));
    office.answer_from(second(), &ask, "200 OK", &contact(300));
    assert_eq!(office.machine.view().registrar, Some(second()));
    // It stays there, until the first is known to be well.
    let (_, to, refresh) = office.next();
    assert_eq!(to, second());
    office.answer_from(second(), &refresh, "200 OK", &contact(300));
    office.machine.target_back(second(), office.now);
    office.wait(Duration::from_secs(1));
    let (to, again) = office.sent.pop().unwrap();
    assert_eq!(to, second(), "it may have forgotten us");
    office.answer_from(second(), &again, "200 OK", &contact(300));
    office.machine.target_back(first(), office.now);
    office.wait(Duration::from_secs(1));
    let (to, again) = office.sent.pop().unwrap();
    assert_eq!(to, first());
    // Both want a pause: the longer one is kept.
    office.answer(
        &again,
        "503 Service Unavailable",
        "Retry-After: 100 (maintenance)\r\n",
    );
    let (to, again) = office.sent.pop().unwrap();
    assert_eq!(to, second());
    office.answer_from(
        second(),
        &again,
        "503 Service Unavailable",
        "Retry-After: 10\r\n",
    );
    let (after, to, _) = office.next();
    assert_eq!((after, to), (Duration::from_secs(100), second()));
    assert_eq!(
        office.machine.view().state,
        RegistrationState::Registered,
        "the old one holds"
    );
}

#[test]
fn an_unreachable_registrar_is_asked_again_within_a_minute_and_the_registration_runs_out() {
    let mut office = Office::with([7; 32], Transport::Tcp, &[first()]).registered(300);
    let (_, _, _) = office.next();
    let mut waits = Vec::new();
    for _ in 0..20 {
        let (transport, now) = (office.transport, office.now);
        office
            .endpoint
            .handle_transport_failed(transport, first(), now);
        office.drain();
        let (after, _, _) = office.next();
        waits.push(after);
    }
    assert!(waits[0] <= Duration::from_secs(2), "{waits:?}");
    assert!(
        waits.iter().all(|w| *w <= Duration::from_secs(60)),
        "{waits:?}"
    );
    assert!(waits[19] >= Duration::from_secs(30), "{waits:?}");
    assert!(office.changes.contains(&RegistrationChange::Expired));
    let view = office.machine.view();
    assert_eq!((view.state, view.until), (RegistrationState::Failed, None));
    assert_eq!(
        view.why.unwrap().to_string(),
        "10.0.0.2:5060 cannot be reached"
    );
    // It is back: no waiting.
    office
        .endpoint
        .handle_transport_failed(office.transport, first(), office.now);
    office.drain();
    office.machine.target_back(first(), office.now);
    let (after, _, ask) = office.next();
    assert!(after <= Duration::from_secs(1), "{after:?}");
    office.answer(&ask, "200 OK", &contact(300));
    assert_eq!(office.machine.view().state, RegistrationState::Registered);
}

#[test]
fn a_redirection_leads_to_a_registrar_of_ours_or_nowhere() {
    let mut office = Office::with([7; 32], Transport::Udp, &[first(), second()]);
    let ask = office.only();
    let moved = "Contact: <sip:192.0.2.66>, <sip:10.0.0.3>\r\n";
    office.answer(&ask, "302 Moved Temporarily", moved);
    let (to, ask) = office.sent.pop().unwrap();
    assert_eq!(to, second());
    // And not back again.
    office.answer_from(
        second(),
        &ask,
        "302 Moved Temporarily",
        "Contact: <sip:10.0.0.2>\r\n",
    );
    office.silent();
    assert_eq!(
        office.why().unwrap().to_string(),
        "the registrar sends the box elsewhere, to sip:10.0.0.2, which is no target of this trunk (302)"
    );
}

#[test]
fn a_refusal_is_told_and_a_target_that_is_back_changes_nothing_about_it() {
    let mut office = Office::new();
    let ask = office.only();
    office.answer(&ask, "403 Forbidden", "Retry-After: 600\r\n");
    assert_eq!(
        office.why().unwrap().to_string(),
        "the registrar refuses: 403 Forbidden"
    );
    office.machine.target_back(first(), office.now);
    let (after, _, _) = office.next();
    assert_eq!(after, Duration::from_secs(600));
}

#[test]
fn whatever_registrars_say_it_asks_neither_too_often_nor_never_again() {
    let statuses = [
        "200 OK",
        "202 Accepted",
        "301 Moved",
        "302 Moved",
        "400 Bad",
        "401 Unauthorized",
        "403 No",
        "407 Proxy",
        "423 Brief",
        "480 Away",
        "500 Oops",
        "503 Busy",
        "503 Busy",
        "606 No",
        "299 Odd",
    ];
    let headers = [
        "",
        MD5,
        "Contact: <sip:10.0.0.3>\r\n",
        "Contact: <sip:10.0.0.2>, <sip:10.0.0.3>\r\n",
        "Min-Expires: 301\r\n",
        "Min-Expires: 0\r\n",
        "Retry-After: 3\r\n",
        "Expires: 0\r\n",
        "Expires: 1\r\n",
        "WWW-Authenticate: Digest realm=\"c\",nonce=\"s\",stale=true\r\n",
        "Contact: *\r\n",
        "Proxy-Authenticate: Digest realm=\"c\",nonce=\"p\",algorithm=SHA-256-sess,qop=auth\r\n",
    ];
    for seed in 0..300u64 {
        let mut dice = seed;
        let mut office = Office::with([3; 32], Transport::Udp, &[first(), second()]);
        let mut asked = 0;
        let begun = office.now;
        while office.now - begun < Duration::from_secs(3_600) {
            let sent = std::mem::take(&mut office.sent);
            asked += sent.len();
            if let Some((to, request)) = sent.last()
                && roll(&mut dice, 5) > 0
            {
                let status = statuses[roll(&mut dice, 15) as usize];
                let said = headers[roll(&mut dice, 12) as usize];
                let more = headers[roll(&mut dice, 12) as usize];
                office.answer_from(*to, request, status, &format!("{said}{more}"));
                continue;
            }
            match roll(&mut dice, 20) {
                0 => office.machine.target_back(first(), office.now),
                1 => office
                    .machine
                    .connection_lost(Transport::Udp, second(), office.now),
                _ => {}
            }
            let due = [
                office.endpoint.poll_timeout(),
                office.machine.poll_timeout(),
            ];
            let at = due.into_iter().flatten().min().expect("it stopped asking");
            office.wait(at.saturating_duration_since(office.now));
        }
        assert!(
            (2..12_000).contains(&asked),
            "seed {seed}: {asked} in an hour"
        );
    }
}
