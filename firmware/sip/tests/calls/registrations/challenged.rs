//! Challenges of registrars: answered rightly, once, and to them alone.

use super::*;

#[test]
fn every_kind_of_challenge_is_answered_rightly() {
    for algorithm in ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess"] {
        for (status, asks, answers) in [
            ("401 Unauthorized", "WWW-Authenticate", "Authorization"),
            (
                "407 Proxy Authentication Required",
                "Proxy-Authenticate",
                "Proxy-Authorization",
            ),
        ] {
            for qop in [",qop=\"auth,auth-int\"", ""] {
                let mut office = Office::new();
                let ask = office.only();
                let challenge = format!(
                    "{asks}: Digest realm=\"c\",nonce=\"n\",opaque=\"o\",algorithm={algorithm}{qop}\r\n"
                );
                office.answer(&ask, status, &challenge);
                let answer = header(&office.only(), answers);
                assert_eq!(part(&answer, "opaque"), "o");
                assert_eq!(
                    part(&answer, "qop"),
                    if qop.is_empty() { "" } else { "auth" }
                );
                assert_right(&answer);
            }
        }
    }
}

#[test]
fn the_stronger_of_two_challenges_is_answered() {
    let mut office = Office::new();
    let ask = office.only();
    let both = format!("{MD5}{}", MD5.replace("MD5", "SHA-256").replace("n1", "n2"));
    office.answer(&ask, "401 Unauthorized", &both);
    let answer = header(&office.only(), "Authorization");
    assert_eq!(part(&answer, "algorithm"), "SHA-256");
    assert_right(&answer);
}

#[test]
fn a_refresh_takes_a_new_nonce_whether_or_not_it_is_called_stale() {
    for stale in ["", ",stale=true"] {
        let mut office = Office::new();
        let ask = office.only();
        office.answer(&ask, "401 Unauthorized", MD5);
        let asked = office.only();
        office.answer(&asked, "200 OK", &contact(300));
        let (_, _, refresh) = office.next();
        assert_eq!(part(&header(&refresh, "Authorization"), "nonce"), "n1");
        let renewed = MD5.replace("\"n1\"", &format!("\"n2\"{stale}"));
        office.answer(&refresh, "401 Unauthorized", &renewed);
        let again = office.only();
        let answer = header(&again, "Authorization");
        assert_eq!(
            (part(&answer, "nonce"), part(&answer, "nc")),
            ("n2".to_owned(), "00000001".to_owned())
        );
        assert_right(&answer);
        office.answer(&again, "200 OK", &contact(300));
        assert_eq!(office.why(), None);
    }
}

#[test]
fn the_next_nonce_of_a_success_is_used() {
    let mut office = Office::new();
    let ask = office.only();
    office.answer(&ask, "401 Unauthorized", MD5);
    let asked = office.only();
    let success = format!(
        "{}Authentication-Info: nextnonce=\"n9\", qop=auth\r\n",
        contact(300)
    );
    office.answer(&asked, "200 OK", &success);
    let (_, _, refresh) = office.next();
    let answer = header(&refresh, "Authorization");
    assert_eq!(
        (part(&answer, "nonce"), part(&answer, "nc")),
        ("n9".to_owned(), "00000001".to_owned())
    );
    assert_right(&answer);
}

#[test]
fn a_wrong_password_is_said_and_tried_ever_more_rarely() {
    let mut office = Office::new();
    let mut longest = Duration::ZERO;
    for attempt in 0..10 {
        let ask = if attempt == 0 {
            office.only()
        } else {
            let (after, _, ask) = office.next();
            let limit = Duration::from_secs(30 << (attempt - 1)).min(Duration::from_secs(1_800));
            assert!(
                after >= limit / 2 && after <= limit,
                "attempt {attempt}: {after:?}"
            );
            longest = longest.max(after);
            ask
        };
        assert_eq!(
            header(&ask, "Authorization"),
            "",
            "nothing is told before it is asked"
        );
        office.answer(&ask, "401 Unauthorized", MD5);
        let asked = office.only();
        office.answer(&asked, "401 Unauthorized", MD5);
        office.silent();
        assert_eq!(
            office.why(),
            Some(RegistrationFault::Credentials {
                status: 401,
                reason: "Unauthorized".to_owned(),
                why: Withheld::Refused
            })
        );
    }
    assert!(longest > Duration::from_secs(900));
    let view = office.machine.view();
    assert_eq!(view.state, RegistrationState::Failed);
    assert_eq!(
        view.why.unwrap().to_string(),
        "the registrar: it does not accept the user name or the password (401 Unauthorized)"
    );
}

#[test]
fn a_challenge_from_elsewhere_is_a_refusal() {
    let mut office = Office::new();
    let ask = office.only();
    let stranger = "10.0.0.66:5060".parse().unwrap();
    office.answer_from(stranger, &ask, "401 Unauthorized", MD5);
    office.silent();
    assert!(matches!(
        office.why(),
        Some(RegistrationFault::Credentials { why: Withheld::Elsewhere(who), .. }) if who == stranger
    ));
}
